"""Numbers and pictures as text that the browser's typed arrays and images read."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from einops import rearrange
from jaxtyping import Float, Int64, Integer, Shaped

from core import maps
from data.queries.images import Codes, ImageFacts


def b64(values: Shaped[np.ndarray, ...], dtype: str) -> str:
    """Little-endian, in the given NumPy type."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.dtype(dtype)).tobytes()).decode()


def steps(values: Integer[np.ndarray, ...]) -> str:
    """Stored values of maps, which still await their scale; `i16` of `js/codes.js` reads them."""
    return b64(values, maps.STEP.str)


def jpeg(stored: bytes) -> str:
    """A data URI, as an image's `src` takes it."""
    return "data:image/jpeg;base64," + base64.b64encode(stored).decode()


def picture(facts: ImageFacts, stored: bytes) -> dict[str, Any]:
    """An image as the browser's overlays take it; `stored` is its JPEG."""
    return {
        "id": facts.image_id,
        "src": jpeg(stored),
        "width": facts.width,
        "height": facts.height,
        "box": list(facts.box),
    }


def active(codes: Codes, n_concepts: int) -> Int64[np.ndarray, " k"]:
    """Ids of the concepts that have a code on the image; all of a dense bank's."""
    if codes.concept is None:
        return np.arange(n_concepts)
    return np.unique(codes.concept).astype(np.int64)


def codes(
    row: Codes,
    concept_ids: Int64[np.ndarray, " k"],
    *,
    scale: Float[np.ndarray, " k"],
    n_tokens: int,
) -> dict[str, Any]:
    """An image's codes of the concepts named, ids ascending; `js/codes.js` unpacks them."""
    if row.concept is None or row.token is None:
        dense = rearrange(row.value, "(k t) -> k t", t=n_tokens)[concept_ids]
        starts = np.arange(len(concept_ids) + 1) * n_tokens
        return _packed(starts, None, dense, scale)
    kept = np.isin(row.concept, concept_ids)
    owner = row.concept[kept]
    starts = np.append(np.searchsorted(owner, concept_ids), len(owner))
    return _packed(starts, row.token[kept], row.value[kept], scale)


def _packed(
    starts: Shaped[np.ndarray, ...],
    tokens: Shaped[np.ndarray, ...] | None,
    values: Shaped[np.ndarray, ...],
    scale: Shaped[np.ndarray, ...],
) -> dict[str, Any]:
    return {
        "starts": b64(starts, "<u4"),
        "tokens": None if tokens is None else b64(tokens, maps.INDEX.str),
        "values": steps(values),
        "scales": b64(scale, "<f8"),
    }
