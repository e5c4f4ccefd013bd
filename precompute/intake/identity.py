"""Names for work and stores: same inputs, same name."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from core.recipe import Recipe
from core.types import Backbone
from data.datasets import Dataset
from data.store import SCHEMA_VERSION

_ENDS = 16_384
"""bytes hashed at either end of a file"""
_PACKAGES = ("torch", "transformers", "scikit-learn", "umap-learn", "duckdb", "numpy", "pillow")


def short_hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


def fingerprint_store(recipe: Recipe, images: str, backbone: Backbone) -> str:
    """`images` is what `fingerprint_data` says of the data set."""
    files = [bank.params.get("path") for bank in recipe.banks]
    files += [head.params.get("path") for head in recipe.heads]
    files += [recipe.text.vocabulary, recipe.text.vectors]
    if Path(recipe.text.model).is_dir():  # else a hub name
        files.append(recipe.text.model)
    named = [str(f) for f in files if f]
    return short_hash(
        recipe.canonical(),
        images,
        backbone.fingerprint,
        str(SCHEMA_VERSION),
        *(fingerprint_files(Path(name)) for name in named),
    )


def fingerprint_files(path: Path) -> str:
    """Of a file, or of all files right inside a folder: names, sizes and both ends."""
    files = sorted(f for f in path.iterdir() if f.is_file()) if path.is_dir() else [path]
    return short_hash(*(f"{file.name} {hashlib.sha256(_ends(file)).hexdigest()}" for file in files))


def fingerprint_data(dataset: Dataset) -> str:
    """Of the images' names, sizes and both ends of their bytes, and of all known of them."""
    digest = hashlib.sha256(dataset.name.encode())
    for row in dataset.images.to_dict("records"):
        digest.update(f"{row['image_id']} {row['file']} {row['label']} {row['split']}\n".encode())
        digest.update(_ends(dataset.path(row["file"])))
    for frame in (
        dataset.skipped,
        dataset.labelled,
        dataset.image_labels,
        dataset.class_labels,
        dataset.parts,
        dataset.masks,
    ):
        plain = frame.map(str) if len(frame) < 1_000 else frame.astype(str)
        digest.update(pd.util.hash_pandas_object(plain, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _ends(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            first = file.read(_ENDS)
            file.seek(max(0, size - _ENDS))
            return str(size).encode() + first + file.read(_ENDS)
    except OSError:
        return b"unreadable"
