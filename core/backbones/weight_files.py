"""The files of a checkpoint's folder, looked at before anything is made of them.

Weights are safetensors, inside the folder and whole; settings are JSON objects, and ask for no more
than the weights hold.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_LFS = b"version https://git-lfs"
_PICKLES = ("*.bin", "*.pt*", "*.ckpt")
_FEW = 10_000
"""classes that cost nothing to list"""


def check_folder(path: Path) -> None:
    """Raises FileNotFoundError or ValueError for a folder that cannot be opened as a checkpoint."""
    if not (path / CONFIG).is_file():
        raise FileNotFoundError(
            f"{path} has no config.json, so it is not a Hugging Face model directory; save the "
            "model with save_pretrained"
        )
    config = settings(path / CONFIG)
    if config.get("transformers_weights"):
        raise ValueError(
            f"{path / CONFIG} names its weights itself (transformers_weights); delete that entry, "
            f"and call them {WEIGHTS}"
        )
    held = shapes(weight_files(path)).values()
    widest = max((side for shape in held for side in shape), default=0)
    for name, value in _counts(config):
        if name == "num_labels" and value > max(widest, _FEW):
            raise ValueError(
                f"{path / CONFIG} asks for {value:,} classes, and no tensor of the weights has "
                f"more than {widest:,} rows; use the config.json that belongs to them"
            )
        if name.endswith(("layers", "depth", "depths", "blocks")) and value > len(held):
            raise ValueError(
                f"{path / CONFIG} asks for {value:,} layers ({name}), and the weights hold "
                f"{len(held):,} tensors; use the config.json that belongs to them"
            )


def settings(file: Path) -> dict[str, Any]:
    """What a JSON file holds. Raises ValueError where that is no JSON object."""
    try:
        held = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{file} cannot be read as JSON ({error}); copy it from the model's original checkpoint"
        ) from error
    if not isinstance(held, dict):
        raise ValueError(
            f"{file} holds {type(held).__name__}, and must hold one JSON object, {{...}}; copy it "
            "from the model's original checkpoint"
        )
    return held


def weight_files(path: Path) -> list[Path]:
    """The one file of weights, or those that its index names. Raises as `check_folder` does."""
    if (path / WEIGHTS).is_file():
        return [path / WEIGHTS]
    if (path / INDEX).is_file():
        return [path / name for name in named_in(path / INDEX, path)]
    others = sorted(file.name for file in path.glob("*.safetensors") if file.is_file())
    if others:
        raise FileNotFoundError(
            f"{path} has no {WEIGHTS}, but {', '.join(others[:3])}. If that holds its weights, "
            f"call it {WEIGHTS}, or put {INDEX} beside it"
        )
    pickles = sorted(file.name for pattern in _PICKLES for file in path.glob(pattern))
    if pickles:
        raise ValueError(
            f"{path} has its weights only as a pickle ({pickles[0]}); safetensors are required, "
            "because loading a pickle can run code. Load it once where you trust it and call "
            "model.save_pretrained(directory), which writes model.safetensors"
        )
    raise FileNotFoundError(f"{path} has a config.json but no weights; put {WEIGHTS} beside it")


def named_in(index: Path, folder: Path | None = None) -> list[str]:
    """Names of the files that an index says the weights are in.

    Raises ValueError for an index that names anything but safetensors beside it, FileNotFoundError
    for a file that is not in `folder`, where one is given.
    """
    places = settings(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise ValueError(
            f"{index} has no weight_map, which says which file each tensor is in; save the model "
            "with save_pretrained"
        )
    for name in places.values():
        plain = isinstance(name, str) and name == Path(name).name == name.replace("\\", "/")
        if not plain or not name.endswith(".safetensors"):
            raise ValueError(
                f"{index} names {name!r}; weights must be .safetensors files beside it, because "
                "loading anything else can run code or read files that are not the model's"
            )
    names = sorted(set(places.values()))
    absent = [name for name in names if folder is not None and not (folder / name).is_file()]
    if absent:
        raise FileNotFoundError(
            f"{index} names {', '.join(absent[:3])}, which is not in {folder}; download all "
            f"{len(names)} files of the weights"
        )
    return names


def shapes(files: list[Path]) -> dict[str, list[int]]:
    """Of every tensor by name, from the files' headers alone. Raises ValueError for others."""
    found: dict[str, list[int]] = {}
    for file in files:
        try:
            with safe_open(file, framework="numpy") as opened:
                names = opened.keys()
                found |= {name: opened.get_slice(name).get_shape() for name in names}
        except (SafetensorError, OSError) as error:
            with file.open("rb") as raw:
                pointer = raw.read(len(_LFS)) == _LFS
            what = (
                "it is a pointer of Git LFS, and `git lfs pull` fetches what it stands for"
                if pointer
                else f"{error}. Copy or download it once more"
            )
            raise ValueError(f"{file} is no whole safetensors file: {what}") from error
    return found


def _counts(held: Any, name: str = "") -> list[tuple[str, int]]:
    """Every whole number of the settings with its key; those of a list have the list's."""
    if isinstance(held, dict):
        return [pair for key, value in held.items() for pair in _counts(value, str(key))]
    if isinstance(held, list):
        return [pair for value in held for pair in _counts(value, name)]
    return [(name, held)] if isinstance(held, int) else []
