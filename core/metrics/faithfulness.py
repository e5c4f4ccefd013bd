"""Do maps mark what an answer rests on? Show or hide what they mark, and ask the model again.

Insertion and deletion: Petsiuk et al. 2018, arXiv 1806.07421. Average drop and increase:
Chattopadhyay et al. 2018, arXiv 1710.11063; gain: Zhang et al. 2023, arXiv 2301.07002.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float64, Integer
from torch import Tensor
from torch.nn import functional

from core.saliency import cell_of_pixels

Answers = Callable[[Float[Tensor, "b 3 H W"]], Float[np.ndarray, " b"]]
"""the probability asked about, of each image"""
BLUR = 16
"""the blurred image's Gaussian is the shorter side over this wide"""


def blurred(pixels: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b 3 H W"]:
    """What insertion starts from: colours stay, shapes go."""
    sigma = min(pixels.shape[2:]) / BLUR
    reach = min(round(3 * sigma), min(pixels.shape[2:]) - 1)
    at = torch.arange(-reach, reach + 1, dtype=pixels.dtype)
    weight = torch.exp(-(at**2) / (2 * sigma**2))
    weight = (weight / weight.sum()).expand(3, 1, 1, -1)
    padded = functional.pad(pixels, (reach, reach, reach, reach), mode="reflect")
    rows = functional.conv2d(padded, weight, groups=3)
    return functional.conv2d(rows, weight.transpose(2, 3), groups=3)


def stepwise(
    start: Float[Tensor, "3 H W"],
    end: Float[Tensor, "3 H W"],
    order: Integer[np.ndarray, "h w"],
    *,
    n_steps: int,
) -> Float[Tensor, "s 3 H W"]:
    """From `start` to `end` in n_steps + 1 pictures, cell after cell.

    `order` numbers the cells 0.. in which they change; each step changes about as many.
    """
    h, w = order.shape
    rows, columns = cell_of_pixels(start.shape[1], h), cell_of_pixels(start.shape[2], w)
    rank = torch.from_numpy(np.ascontiguousarray(order))[rows][:, columns]
    upto = torch.linspace(0, h * w, n_steps + 1).round()
    changed = rank[None] < upto[:, None, None]
    return torch.where(changed[:, None], end, start)


def by_value(values: Float[np.ndarray, "h w"], *, seed: int) -> Integer[np.ndarray, "h w"]:
    """Places of the cells from the highest value on; equal ones in a random order."""
    mixed = np.random.default_rng(seed).permutation(values.size)
    order = np.empty(values.size, dtype=np.int64)
    order[mixed[np.argsort(-values.ravel()[mixed], kind="stable")]] = np.arange(values.size)
    return rearrange(order, "(h w) -> h w", h=len(values))


def at_random(shape: tuple[int, int], *, seed: int) -> Integer[np.ndarray, "h w"]:
    """Places of the cells in random order: the control."""
    return np.random.default_rng(seed).permutation(shape[0] * shape[1]).reshape(shape)


def masked(
    pixels: Float[Tensor, "3 H W"], values: Float[np.ndarray, "h w"]
) -> Float[Tensor, "3 H W"]:
    """The image times max(map, 0) / max(map), in normalised pixels: what is not marked turns into
    the mean colour. A map without positive values marks nothing."""
    positive = np.maximum(values, 0)
    share = torch.from_numpy(positive / max(float(positive.max()), 1e-300)).to(pixels.dtype)
    size = (pixels.shape[1], pixels.shape[2])
    mask = functional.interpolate(share[None, None], size=size, mode="bilinear")[0]
    return pixels * mask


def shuffled(values: Float[np.ndarray, "h w"], *, seed: int) -> Float[np.ndarray, "h w"]:
    """The same values elsewhere: the control of `masked`."""
    return np.random.default_rng(seed).permutation(values.ravel()).reshape(values.shape)


@dataclass(frozen=True)
class Confidence:
    """How keeping only what a map marks changes the probability of what it explains."""

    drop: Float64[np.ndarray, " n"]
    """max(before - after, 0) / before, 0..1; NaN where before is 0"""
    gain: Float64[np.ndarray, " n"]
    """max(after - before, 0) / (1 - before), 0..1; NaN where before is 1"""
    increase: Float64[np.ndarray, " n"]
    """1 where after is larger"""


def confidence_change(
    before: Float[np.ndarray, " n"], after: Float[np.ndarray, " n"]
) -> Confidence:
    """Average drop, gain and increase, image by image; their means are the published numbers."""
    y, o = before.astype(np.float64), after.astype(np.float64)
    nowhere = np.full(len(y), np.nan)
    return Confidence(
        drop=np.divide(np.maximum(y - o, 0), y, out=nowhere.copy(), where=y > 0),
        gain=np.divide(np.maximum(o - y, 0), 1 - y, out=nowhere.copy(), where=y < 1),
        increase=(o > y).astype(np.float64),
    )
