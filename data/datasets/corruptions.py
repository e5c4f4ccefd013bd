"""Held-out images once more, blurred, darkened and so on: a further split whose pairs are known.

After Hendrycks & Dietterich 2019 (arXiv 1903.12261), each kind at one strength.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from core.kinds import FITTED, TEST
from data.datasets.types import Dataset
from data.images import UnusableImage, encode_jpeg

RADIUS = 0.015
"""of the blur, as a share of the longer side"""
NOISE = 0.12
"""standard deviation, as a share of the full range"""
DARK, FLAT = 0.4, 0.3
"""factors of brightness and of contrast"""
QUALITY = 8
"""of the JPEG, 1..95"""


@dataclass(frozen=True)
class Corruption:
    apply: Callable[[Image.Image, np.random.Generator], Image.Image]
    """of an upright RGB image, to one of the same size"""
    about: str


def _blur(image: Image.Image, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return image.filter(ImageFilter.GaussianBlur(RADIUS * max(image.size)))


def _noise(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    values = np.asarray(image, dtype=np.float32)
    drawn = rng.normal(scale=255 * NOISE, size=values.shape).astype(np.float32)
    return Image.fromarray(np.clip(values + drawn, 0, 255).round().astype(np.uint8))


def _dark(image: Image.Image, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return ImageEnhance.Brightness(image).enhance(DARK)


def _flat(image: Image.Image, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return ImageEnhance.Contrast(image).enhance(FLAT)


def _grey(image: Image.Image, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return ImageOps.grayscale(image).convert("RGB")


def _jpeg(image: Image.Image, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    small = encode_jpeg(image, long_side=max(image.size), quality=QUALITY)
    with Image.open(io.BytesIO(small), formats=("JPEG",)) as read:
        return read.convert("RGB")


CORRUPTIONS: dict[str, Corruption] = {
    "blur": Corruption(_blur, f"Gaussian blur, radius {100 * RADIUS:g} % of the longer side"),
    "noise": Corruption(
        _noise, f"Gaussian noise, standard deviation {100 * NOISE:g} % of the full range, clipped"
    ),
    "dark": Corruption(_dark, f"brightness times {DARK:g}"),
    "contrast": Corruption(_flat, f"contrast times {FLAT:g}"),
    "grey": Corruption(_grey, "without colour"),
    "jpeg": Corruption(_jpeg, f"compressed as JPEG of quality {QUALITY}"),
}


def check_corruptions(kinds: Sequence[str]) -> None:
    """Raises ValueError for a kind that is not there or is named twice."""
    for kind in kinds:
        if kind not in CORRUPTIONS:
            raise ValueError(f"unknown corruption {kind!r}; known: {', '.join(CORRUPTIONS)}")
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"corruptions names one kind twice: {', '.join(kinds)}")


def corrupted(dataset: Dataset, kinds: Sequence[str], folder: Path, *, seed: int) -> Dataset:
    """`dataset` and, for each kind, its held-out images once more in a split such as `test+blur`.

    Held out is the split `test`, or whatever is not `train` or `val` where there is none. Copies
    lie as PNG below `folder` and are made only if they are not there; the same seed makes the same
    ones. They keep labels, labelled concepts, parts and masks. An image that cannot be read has no
    copy. Raises ValueError where nothing is held out, and as `check` does.
    """
    check_corruptions(kinds)
    if not kinds:
        return dataset
    images = dataset.images
    splits = images["split"]
    held_out = images[splits == TEST] if (splits == TEST).any() else images[~splits.isin(FITTED)]
    if held_out.empty:
        raise ValueError("corruptions alter held-out images, but no image is held out")
    parts, links, elsewhere = [images], [], dict(dataset.elsewhere)
    n = int(images["image_id"].max()) + 1
    for kind in kinds:
        rows = held_out.assign(
            file=held_out["split"] + f"+{kind}/" + held_out["file"] + ".png",
            split=held_out["split"] + f"+{kind}",
        )
        paths = [folder / file for file in rows["file"]]
        work = partial(_make, dataset, kind, seed=seed)
        with ThreadPoolExecutor(2) as pool:
            made = list(pool.map(work, held_out["file"], paths))
        rows, paths = rows[made], [p for p, fine in zip(paths, made, strict=True) if fine]
        originals = rows["image_id"].to_numpy()
        rows = rows.assign(image_id=np.arange(n, n + len(rows)))
        n += len(rows)
        parts.append(rows)
        elsewhere |= dict(zip(rows["file"], paths, strict=True))
        links.append(
            pd.DataFrame(
                {
                    "image_id": rows["image_id"].to_numpy(),
                    "original_id": originals,
                    "kind": kind,
                    "about": CORRUPTIONS[kind].about,
                }
            )
        )
    altered = pd.concat(links, ignore_index=True)
    known: dict[str, Any] = {
        name: _with_copies(getattr(dataset, name), altered)
        for name in ("image_labels", "carried", "parts", "masks")
    }
    return replace(
        dataset,
        images=pd.concat(parts, ignore_index=True),
        altered=altered,
        elsewhere=elsewhere,
        **known,
    )


def _make(dataset: Dataset, kind: str, file: str, path: Path, *, seed: int) -> bool:
    """Whether the copy is there; written under another name first, so that it is whole."""
    if path.exists():
        return True
    try:
        image = dataset.open(file)
    except UnusableImage:
        return False  # reading the original will say why
    rng = np.random.default_rng([seed, zlib.crc32(f"{kind} {file}".encode())])
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.{os.getpid()}")
    CORRUPTIONS[kind].apply(image, rng).save(making, "PNG", compress_level=1)
    os.replace(making, path)
    return True


def _with_copies(table: pd.DataFrame, altered: pd.DataFrame) -> pd.DataFrame:
    """The rows of the originals once more, under their copies' ids."""
    if table.empty:
        return table
    links = altered[["image_id", "original_id"]].rename(columns={"image_id": "copy"})
    rows = links.merge(table, left_on="original_id", right_on="image_id")
    copies = rows.assign(image_id=rows["copy"])[list(table.columns)]
    return pd.concat([table, copies.astype(table.dtypes.to_dict())], ignore_index=True)
