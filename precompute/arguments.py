"""The command line, and how its flags become a recipe."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from core import recipe as recipes
from core.kinds import Pool
from core.recipe import BackboneSpec, BankSpec, HeadSpec, Recipe
from data.store import ARTIFACTS
from precompute import exchange

FAMILY = BackboneSpec.family
READERS = {
    "images": "folder",
    "manifest": "manifest",
    "cub": "cub",
    "dataset": "huggingface",
    "shards": "webdataset",
}
"""flag to the reader of what it names"""


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(
        prog="python -m precompute",
        description="Compute concepts, maps, heads and saliency of a vision model into one store.",
    )
    commands = out.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="render birds, build the store of a small model")
    demo.add_argument("--train", action="store_true", help="train the model anew first")
    _common(demo)

    run = commands.add_parser("run", help="build the store of a recipe, or of --images and --model")
    run.add_argument("recipe", nargs="?", help="TOML file; instead of --images and --model")
    run.add_argument("--images", help="folder: class sub-folders, train/test splits, or flat")
    run.add_argument(
        "--manifest",
        help="CSV, XLSX or Parquet instead of a folder (see data/datasets/manifest.py)",
    )
    run.add_argument("--cub", help="CUB-200-2011 folder instead of a folder")
    run.add_argument("--dataset", help="data set of the library datasets: local folder or hub name")
    run.add_argument(
        "--shards", help="WebDataset: tar file, folder or pattern such as {00..12}.tar"
    )
    run.add_argument("--model", help="Hugging Face image model: local directory or hub name")
    run.add_argument("--family", default=FAMILY, help=f"of the model (default: {FAMILY})")
    run.add_argument("--layer", default="", help="dotted module name; see the command `layers`")
    run.add_argument("--size", help="HEIGHTxWIDTH fed to the model, e.g. 224x336")
    run.add_argument(
        "--banks",
        default="",
        help="comma-separated, e.g. nmf,sae (default: what fits images and model)",
    )
    run.add_argument("--concepts", type=int, default=0, help="concepts of each of --banks")
    run.add_argument(
        "--pool",
        default="",
        choices=get_args(Pool),
        help="what an image's scores are read from, of each of --banks and --import: the mean of "
        "its maps, their largest values, or its CLS token (default: as fits method and model)",
    )
    run.add_argument(
        "--saliency",
        default="default",
        help="comma-separated methods, or none (default: grad_cam of a model that classifies)",
    )
    run.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="of the data set's reader, e.g. layout=classes; may be repeated",
    )
    run.add_argument("--limit", type=int, default=0, help="use at most N images (0: all)")
    run.add_argument("--seed", type=int, default=0, help="of everything drawn at random")
    run.add_argument("--name", default="", help="of the store (default: the folder's name)")
    exchange.add_flags(run)
    run.add_argument("--list-layers", action="store_true", help="print the model's layers and stop")
    _common(run)

    layers = commands.add_parser("layers", help="print a model's layers with grid and width")
    layers.add_argument("model", help="Hugging Face image model: local directory or hub name")
    layers.add_argument("--family", default=FAMILY, help=f"of the model (default: {FAMILY})")
    layers.add_argument("--size", help="HEIGHTxWIDTH fed to the model, e.g. 224x336")

    name = commands.add_parser("name", help="name a store's concepts from another vocabulary")
    name.add_argument("db", metavar="STORE", help="stays as it is; the result is a new store")
    name.add_argument("--vocabulary", required=True, help="text file, one word or phrase a line")
    name.add_argument(
        "--text-model",
        default="",
        help="CLIP or SigLIP directory (default: as the store was built)",
    )
    name.add_argument(
        "--template", default="", help='e.g. "a photo of a {}" (default: as the store was built)'
    )
    name.add_argument("--out", type=Path, help="folder of the new store (default: the old one's)")
    name.add_argument("--device", default="cpu", help="torch device, e.g. cuda")

    exchange.add_commands(commands)

    doctor = commands.add_parser("doctor", help="check a store")
    doctor.add_argument("db", metavar="STORE", help="the file to check")

    clean = commands.add_parser(
        "clean", help="list what builds have left on disk and none uses now"
    )
    clean.add_argument("--out", type=Path, default=ARTIFACTS, help="folder for stores and work")
    clean.add_argument(
        "--remove", action="store_true", help="delete it; a build that stopped then begins anew"
    )
    return out


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--open", action="store_true", help="open the app at once, on the build and then its store"
    )
    command.add_argument("--out", type=Path, default=ARTIFACTS, help="folder for stores and work")
    command.add_argument("--device", default="cpu", help="torch device, e.g. cuda")
    command.add_argument("--dry-run", action="store_true", help="print rows and bytes to come")
    command.add_argument(
        "--keep-work", action="store_true", help="keep activations for further recipes"
    )


def from_text(text: str) -> Recipe:
    return recipes.parse(text)


def recipe(options: argparse.Namespace) -> tuple[Recipe, str]:
    """The recipe and its text. Raises ValueError when flags and file contradict or too few."""
    if options.pool and not options.banks and not options.imports:
        raise ValueError(
            "--pool says what scores of each of --banks and --import are read from; name them too"
        )
    if options.recipe:
        given = [f for f in (*READERS, "model") if getattr(options, f)]
        if given:
            raise ValueError(f"a recipe file and --{given[0]} exclude each other")
        path = Path(options.recipe)
        if not path.is_file():
            raise ValueError(f"there is no recipe at {path}")
        text = path.read_text(encoding="utf-8")
        text += exchange.banks_of(
            options.imports, alone=not from_text(text).banks, pool=options.pool
        )
        return from_text(text), text
    sources = [name for name in READERS if getattr(options, name)]
    if len(sources) != 1 or not options.model:
        raise ValueError(
            "run needs a recipe file, or --model and one of --images, --manifest, --cub, --dataset "
            "and --shards"
        )
    text = _as_toml(options, sources[0])
    text += exchange.banks_of(options.imports, alone=not options.banks, pool=options.pool)
    return from_text(text), text


def size(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(p.isdigit() and int(p) > 0 for p in parts):
        raise ValueError(f"--size must be HEIGHTxWIDTH in pixels, such as 224x336, not {text!r}")
    return int(parts[0]), int(parts[1])


def _reader_options(given: Sequence[str]) -> list[str]:
    """Lines of the recipe. Raises ValueError for what is not KEY=VALUE."""
    out = []
    for one in given:
        key, separator, value = one.partition("=")
        if not separator or not key.isidentifier():
            raise ValueError(f"--option must be KEY=VALUE, such as layout=classes, not {one!r}")
        plainly = value in ("true", "false") or re.fullmatch(r"0|[1-9]\d*", value)
        out.append(f"options.{key} = {value if plainly else json.dumps(value)}")
    return out


def _as_toml(options: argparse.Namespace, source: str) -> str:
    """The recipe that the flags stand for, written out, so that the store can show it."""
    path = Path(getattr(options, source))
    if source != "dataset" or path.exists():  # else a hub name
        path = path.resolve()
    stem = path.stem
    if source == "shards":
        stem = re.split(r"[{*?[]", stem)[0].rstrip("-_.") or path.parent.name
    name = options.name or stem
    banks = [b.strip() for b in options.banks.split(",") if b.strip()]
    if options.concepts and not banks:
        raise ValueError("--concepts says how many concepts each of --banks has; name them too")
    methods = [m.strip() for m in options.saliency.split(",") if m.strip() not in {"", "none"}]
    lines = [
        f"name = {json.dumps(name)}",
        f"seed = {options.seed}",
        "",
        "[dataset]",
        f'reader = "{READERS[source]}"',
        f"path = {json.dumps(str(path))}",
        f"limit = {options.limit}",
        *_reader_options(options.option),
        "",
        "[backbone]",
        f"model = {json.dumps(options.model)}",
        f"layer = {json.dumps(options.layer)}",
    ]
    if options.family != FAMILY:
        lines.append(f"family = {json.dumps(options.family)}")
    wanted = size(options.size)
    if wanted:
        lines.append(f"size = [{wanted[0]}, {wanted[1]}]")
    for method in banks:
        spec = BankSpec(method, n_concepts=0 if method == "cav" else options.concepts)
        lines += ["", "[[banks]]", f'method = "{spec.method}"', f"n_concepts = {spec.n_concepts}"]
        lines += [f'pool = "{options.pool}"'] if options.pool else []
        kinds = ["sparse"] if method == "cav" else ["sparse", "backbone"]
        for kind in kinds:
            head = HeadSpec(spec.title, kind)
            lines += ["", "[[heads]]", f'bank = "{head.bank}"', f'kind = "{head.kind}"']
    lines += ["", "[saliency]", f"methods = {json.dumps(methods)}", ""]
    return "\n".join(lines)
