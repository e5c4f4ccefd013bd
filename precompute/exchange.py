"""The flags that bring in what was trained elsewhere, what they add to a recipe, and the commands
that hand on what was made here.

The names of the hub are looked up here, so that the recipe says which files were read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

_WEIGHTS = ("*.safetensors", "*.pt", "*.pth", "*.npz", "*.npy", "*.json", "*.txt", "*.csv", "*.md")
"""what is fetched of a repository of the hub"""
FORMS = ("parquet", "dataset", "fiftyone")
"""what a whole store can be written as"""
_PARAMS: dict[str, type[str] | type[int] | type[float]] = {
    "rule": str,
    "top_k": int,
    "hook": str,
    "scale": float,
}
"""parameters of an imported autoencoder that a flag can give"""


def add_flags(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="FILE",
        help="a dictionary or bottleneck that was trained elsewhere: a file, its folder, or "
        "OWNER/NAME[/FOLDER] of the hub, with ,top_k=32 and the like after it where the file does "
        "not say; may be given several times (see docs/import.md)",
    )


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Export, push and pull."""
    export = commands.add_parser("export", help="write a bank or a store for other programs")
    export.add_argument("db", metavar="STORE", help="the store to read; it stays as it is")
    export.add_argument("--to", type=Path, required=True, help="new folder")
    export.add_argument("--bank", default="", help="title of a bank: for SAELens, with a card")
    export.add_argument(
        "--as",
        dest="form",
        choices=FORMS,
        help="the whole store: its tables as Parquet, its images for the library datasets, or its "
        "images and heat maps for FiftyOne",
    )
    push = commands.add_parser("push", help="upload an exported folder to the Hugging Face hub")
    push.add_argument("folder", type=Path, help="that the command export wrote")
    push.add_argument("repository", help="OWNER/NAME; made private unless it is there")
    push.add_argument("--public", action="store_true", help="make a new repository public")
    pull = commands.add_parser("pull", help="fetch a repository of the Hugging Face hub")
    pull.add_argument("repository", help="OWNER/NAME")
    pull.add_argument("--to", type=Path, required=True, help="new folder")
    pull.add_argument("--dataset", action="store_true", help="of a data set, not of a model")


def banks_of(imports: list[str], *, alone: bool = False, pool: str = "") -> str:
    """TOML of a bank for each, and of the heads that it can have; `alone`: beside random
    directions, since no other bank is named. `pool`: what scores are read from, of all of them; "":
    as each says of itself.

    Raises ValueError naming what is no such file, and why.
    """
    from core.concepts import kind_of  # torch takes seconds to import; --help does not wait

    lines: list[str] = []
    titles: set[str] = set()
    for each in imports:
        given, params = _split(each)
        path = _located(given)
        kind = kind_of(path, rule=str(params.get("rule", "")), top_k=int(params.get("top_k", 0)))
        title = _title(given, titles)
        titles.add(title)
        said = ", ".join(f"{n} = {json.dumps(v)}" for n, v in {"path": str(path), **params}.items())
        lines += ["", "[[banks]]", f"method = {json.dumps(kind.method)}"]
        lines += [f"name = {json.dumps(title)}", f"params = {{ {said} }}"]
        lines += [f"pool = {json.dumps(pool or kind.pool)}"] if pool or kind.pool else []
        heads = ["sparse"] + ["backbone"] * kind.reconstructs + ["own"] * kind.reads_classes
        for head in heads:
            lines += ["", "[[heads]]", f"bank = {json.dumps(title)}", f'kind = "{head}"']
    if lines and alone:
        lines += ["", "[[banks]]", 'method = "random"']
        lines += [f"pool = {json.dumps(pool)}"] if pool else []
    return "\n".join([*lines, ""]) if lines else ""


def _split(each: str) -> tuple[str, dict[str, str | int | float]]:
    """What is imported, and the parameters after it."""
    given, *rest = each.split(",")
    params: dict[str, str | int | float] = {}
    for one in rest:
        name, equals, value = one.partition("=")
        if not equals or name.strip() not in _PARAMS:
            raise ValueError(
                f"--import {each}: after a comma comes NAME=VALUE with a name of "
                f"{', '.join(_PARAMS)}, not {one!r}"
            )
        try:
            params[name.strip()] = _PARAMS[name.strip()](value.strip())
        except ValueError as error:
            raise ValueError(f"--import {each}: {name} must be a number, not {value!r}") from error
    return given, params


def _title(given: str, taken: set[str]) -> str:
    """The file's or folder's name, or that of the folder that holds a file; numbered if taken."""
    path = Path(given)
    stem = path.parent.name if path.suffix and path.parent.name else path.name
    name = stem or given
    return name if name not in taken else f"{name} {sum(t.startswith(name) for t in taken) + 1}"


def _located(given: str) -> Path:
    """On disk: as it is there, or fetched from the hub."""
    path = Path(given).expanduser()
    if path.exists():
        return path.resolve()
    parts = given.split("/")
    if len(parts) < 2 or not all(parts) or path.suffix or given.startswith((".", "~")):
        raise ValueError(
            f"--import {given}: there is no such file or folder; name one, or OWNER/NAME of a "
            "repository of the hub, with the folder within it if there are several"
        )
    from huggingface_hub import snapshot_download

    inner = "/".join(parts[2:])
    wanted = [f"{inner}/{kind}" if inner else kind for kind in _WEIGHTS]
    try:
        root = snapshot_download("/".join(parts[:2]), allow_patterns=wanted)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n", maxsplit=1)[0]
        raise ValueError(
            f"--import {given}: it is neither a file or folder here nor could it be fetched from "
            f"the hub: {reason}"
        ) from error
    return Path(root) / inner
