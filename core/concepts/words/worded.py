"""Words as concepts: which of a vocabulary tell the train images apart, and how alike both are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Integer

from core.types import FitData, TextSide

_BLOCK = 2048
"""words compared at once"""


def side(data: FitData, *, method: str) -> TextSide:
    """Raises ValueError without words, or with too few images to fit anything to them."""
    if data.text is None:
        raise ValueError(
            f"{method} learns concepts from words, and this build has none; name a vocabulary and "
            "a CLIP-like model in the recipe's [text] table (if it has one, the notice on texts "
            "says why it could not be used)"
        )
    if len(data.pooled) < 8:
        raise ValueError(
            f"{method} needs 8 train images or more to fit to words, not {len(data.pooled)}"
        )
    return data.text


def varied_words(text: TextSide, n: int) -> Integer[np.ndarray, " m"]:
    """The `n` words (all, if fewer or n is 0) whose cosine to the train images varies most."""
    spreads = [
        (text.images_in @ text.words_in[start : start + _BLOCK].T).std(0)
        for start in range(0, len(text.words), _BLOCK)
    ]
    order = np.argsort(-np.concatenate(spreads), kind="stable")
    return np.sort(order[: n or len(order)])


def cosines(text: TextSide, chosen: Integer[np.ndarray, " m"]) -> Float32[np.ndarray, "n m"]:
    """Of train images and the chosen words."""
    return (text.images_in @ text.words_in[chosen].T).astype(np.float32)
