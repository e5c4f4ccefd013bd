"""What a build will write, before it is built: rows and bytes, from a few images and one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL.Image import Image
from torch import Tensor

from core.counted import counted
from core.maps import INDEX, STEP
from core.recipe import BankSpec, Recipe
from core.sampling import evenly, evenly_by_split
from core.types import Activations
from data.datasets import Dataset
from data.images import UnusableImage, encode_jpeg
from precompute.defaults import complete
from precompute.intake import PICTURE, THUMB, labels_of, open_sources
from precompute.recipe_check import check_recipe

_PROBED = 16
"""images decoded to estimate picture sizes"""
_DENSE, _SPARSE, _SCORE = STEP.itemsize, STEP.itemsize + 2 * INDEX.itemsize, 18
"""bytes of a dense code, of a sparse one with its ids, of a row of `score`"""
_NMF_SHARE = 0.4
"""share of NMF codes that are not zero, typical of ReLU features"""


@dataclass(frozen=True)
class _Line:
    what: str
    rows: int
    n_bytes: int


def forecast(recipe: Recipe, *, out: Path, device: str) -> str:
    """A table for people. Trains the demo's model if the recipe asks for it and it is not there.

    Raises ValueError where the build would refuse the recipe, or when no probed image can be read.
    """
    check_recipe(recipe)
    sources = open_sources(recipe, out=out, device=device)
    n = len(sources.dataset.images)
    pictures, pixels = _probe(sources.dataset, sources.backbone.preprocess)
    seen = sources.backbone.forward(pixels)
    t, d = seen.tokens.shape[1:]
    recipe = complete(
        recipe,
        sources.backbone,
        lambda: seen.tokens.flatten(0, 1).cpu(),
        n_tokens=n * t,
        n_classes=sources.dataset.images["label"].nunique(),
        labels=labels_of(
            sources.dataset, sources.dataset.images, train=np.arange(n), test=np.arange(0)
        ),
    )
    lines = [
        _Line("images and pictures", n, int(n * pictures)),
        *_banks(recipe, sources.dataset, seen, n),
    ]
    if sources.backbone.outputs:
        lines.append(_Line("predictions", n, n * len(sources.backbone.outputs) * 4))
        explained = len(
            evenly_by_split(sources.dataset.images["split"].to_numpy(), recipe.saliency.limit)
        )
        n_maps = explained * len(recipe.saliency.methods)
        lines.append(_Line("saliency", n_maps, n_maps * t * STEP.itemsize))
    scratch = n * t * d * 4
    table = [f"{'':<28}{'rows':>14}{'size':>12}"]
    table += [f"{line.what:<28}{line.rows:>14,}{_size(line.n_bytes):>12}" for line in lines]
    table += [
        f"{'store, about':<28}{'':>14}{_size(sum(line.n_bytes for line in lines)):>12}",
        f"{'scratch while building':<28}{'':>14}{_size(scratch):>12}",
        f"grid {seen.grid.h} x {seen.grid.w}, {d} numbers a token, {counted(n, 'image')}",
    ]
    return "\n".join(table)


def _probe(
    dataset: Dataset, preprocess: Callable[[Sequence[Image]], Tensor]
) -> tuple[float, Tensor]:
    """Mean bytes of an image's pictures, and the pixels of one image."""
    rows = evenly(len(dataset.images), _PROBED)
    sizes, pixels = [], None
    for file in dataset.images["file"].iloc[rows]:
        try:
            image = dataset.open(file)
        except UnusableImage:
            continue
        sizes.append(
            len(encode_jpeg(image, long_side=THUMB, quality=82))
            + len(encode_jpeg(image, long_side=PICTURE, quality=90))
        )
        pixels = preprocess([image]) if pixels is None else pixels
    if pixels is None:
        raise ValueError(f"none of {len(rows)} images tried can be read")
    return float(np.mean(sizes)), pixels


def _banks(recipe: Recipe, dataset: Dataset, seen: Activations, n: int) -> list[_Line]:
    out = []
    for spec in recipe.banks:
        k, codes = _codes(spec, dataset, seen.tokens.shape[1])
        out.append(_Line(f"maps of {spec.title}", n, int(n * codes)))
        listed = min(k, int(codes / _SPARSE)) if spec.method == "sae" else k
        out.append(_Line(f"scores of {spec.title}", n * listed, n * listed * _SCORE))
    return out


def _codes(spec: BankSpec, dataset: Dataset, n_tokens: int) -> tuple[int, float]:
    """Concepts, and bytes of one image's codes."""
    if spec.method == "sae":
        k = spec.n_concepts or 256
        return k, n_tokens * int(spec.params.get("top_k", 8)) * _SPARSE
    if spec.method == "nmf":
        k = spec.n_concepts or 24
        return k, n_tokens * k * min(_DENSE, _NMF_SHARE * _SPARSE)
    k = spec.n_concepts or len(dataset.labelled)
    return k, n_tokens * k * _DENSE


def _size(n_bytes: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"
