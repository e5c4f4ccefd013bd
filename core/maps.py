"""Concept activation maps: codes laid out on the token grid, as stored and as shown.

CoAM (Aysel, Cai & Prügel-Bennett 2025, arXiv 2501.19271) maps a concept by applying its vector to
every position instead of to the pooled feature. Here a map is a bank's code at every token, so for
a CAV it is that map in margin units, for a dictionary the code itself; and where a score is the
mean of its codes, every map averages to its score.

Stored values are 16-bit: code = value * scale, with one scale a concept over the whole store, so
maps of different images compare and an absent concept looks absent.
"""

from __future__ import annotations

import numpy as np
from einops import rearrange
from jaxtyping import Float, Float64, Int16, Integer

STEP = np.dtype("<i2")
"""a stored value; the schema, the writer, the forecast and the browser all hold this type"""
INDEX = np.dtype("<u2")
"""the number of a concept or of a token, as it is stored beside a value"""
LEVELS = int(np.iinfo(STEP).max)
"""largest quantised magnitude"""


def scales(largest: Float[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """One step per concept from the largest |code| anywhere; 0 where a concept never fires."""
    return largest.astype(np.float64) / LEVELS


def quantise(
    codes: Float[np.ndarray, "*n k"], scale: Float[np.ndarray, " k"]
) -> Int16[np.ndarray, "*n k"]:
    """Nearest step; off by half a step at most.

    Raises ValueError when a code is larger than its scale can hold: a map is never clipped.
    """
    # a scale of 0 holds nothing but 0
    steps = np.where(scale > 0, codes / np.where(scale > 0, scale, 1.0), np.where(codes, np.inf, 0))
    rounded = np.rint(steps)
    if rounded.size and np.abs(rounded).max() > LEVELS:
        raise ValueError(
            f"a code is {np.abs(rounded).max():.0f} steps of its concept's scale, over the "
            f"{LEVELS} that 16 bits hold; the scale must come from the largest |code| of the store"
        )
    return rounded.astype(STEP)


def quantise_alike(
    values: Float[np.ndarray, "*n"],
) -> tuple[Int16[np.ndarray, "*n"], float]:
    """Steps of maps that share one scale, and that scale: the largest magnitude of them all fills
    it. Zeros have the scale 0."""
    scale = scales(np.array([np.abs(values).max()]))
    # in the precision of the maps, for the scale is theirs alone
    return quantise(values[..., None], scale.astype(values.dtype))[..., 0], float(scale[0])


def restore(
    concept: Integer[np.ndarray, " n"] | None,
    token: Integer[np.ndarray, " n"] | None,
    value: Integer[np.ndarray, " n"],
    scale: Float64[np.ndarray, " k"],
    *,
    n_tokens: int,
) -> Float64[np.ndarray, "k t"]:
    """One image's codes from a row of the table `code`. No ids: dense, concept by concept."""
    n_concepts = len(scale)
    if concept is None or token is None:
        dense = rearrange(value, "(k t) -> k t", k=n_concepts, t=n_tokens)
        return dense * scale[:, None]
    codes = np.zeros((n_concepts, n_tokens))
    codes[concept, token] = value * scale[concept]
    return codes
