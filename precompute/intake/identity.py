"""Names for work and stores: same inputs, same name."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from core.recipe import Recipe
from core.types import Backbone
from data.datasets import Dataset
from data.store import SCHEMA_VERSION
from precompute.intake.contents import content_hash, content_hashes

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
    """Of a file, or of all files right inside a folder: names and whole contents."""
    files = sorted(f for f in path.iterdir() if f.is_file()) if path.is_dir() else [path]
    return short_hash(*(f"{file.name} {content_hash(file)}" for file in files))


def fingerprint_data(dataset: Dataset, folder: Path) -> str:
    """Of the images' names and whole contents, and of all known of them.

    `folder` keeps what the files held, so that only those that changed are read another time.
    """
    digest = hashlib.sha256(dataset.name.encode())
    rows = dataset.images.to_dict("records")
    known = folder / f"{short_hash(str(dataset.root.absolute()))}.json"
    held = content_hashes([dataset.path(row["file"]) for row in rows], known)
    for row, content in zip(rows, held, strict=True):
        line = f"{row['image_id']} {row['file']} {row['label']} {row['split']} {content}\n"
        digest.update(line.encode())
    frames = (
        dataset.skipped,
        dataset.labelled,
        dataset.image_labels,
        dataset.class_labels,
        dataset.parts,
        dataset.masks,
        *((dataset.carried, pd.DataFrame({"label": dataset.labels})) if dataset.labels else ()),
    )
    for frame in frames:
        plain = pd.DataFrame({name: _texts(frame[name]) for name in frame})
        digest.update(pd.util.hash_pandas_object(plain, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _texts(column: pd.Series) -> pd.Series:
    """Whole: the text of an array leaves its middle out, that of a list does not."""
    if column.dtype == object:
        column = column.map(lambda held: held.tolist() if isinstance(held, np.ndarray) else held)
    return column.astype(str)
