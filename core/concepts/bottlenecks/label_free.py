"""Label-free concept bottleneck: a concept layer that agrees with what a CLIP-like model says.

Oikarinen et al. 2023 (arXiv 2304.06129). P holds the cosines of images and words, q_k = W_k x the
layer's output for word k over the images. W maximises the mean over words of the cos-cubed
similarity

    sim(q, P_k) = z(q)^3 . z(P_k)^3 / (|z(q)^3| |z(P_k)^3|),   z: standardised over the images,

whose cubes make the most activated images count. Then every output is standardised over the train
images, and that is folded into the layer: a score is in standard deviations. Words that the layer
cannot follow are left out, by their similarity on the val images or, where there are too few, on
train images set aside for it, and so are, on demand, words that no image resembles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from core.concepts.bottlenecks.training import Schedule, generator_of
from core.concepts.common import concept_layer
from core.concepts.common.concept_layer import Bank
from core.concepts.words import worded
from core.types import FitData, TextSide

__all__ = ["Bank", "fit"]

_LOOK = 20
"""steps between two looks at the images to judge by"""
_NEAREST = 5
"""images that a word has to resemble"""
_FEWEST = 8
"""val images on which the layer is judged while it learns, at least"""


@torch.inference_mode(mode=False)
def fit(
    data: FitData,
    *,
    n_concepts: int = 0,
    seed: int = 0,
    least_similarity: float = 0.45,
    least_cosine: float = 0.0,
    candidates: int = 1000,
    set_aside: float = 0.2,
    steps: int = 1000,
    batch: int = 4096,
    lr: float = 1e-2,
) -> Bank:
    """Fit to `candidates` words at most, those whose cosine to the train images varies most.

    `least_similarity` is the cos-cubed similarity (-1..1) that a concept needs, the paper's 0.45,
    on the val images or, without 8 of those, on a share `set_aside` of the train images;
    `least_cosine` the mean cosine of a word's 5 nearest train images (the paper's 0.25 for
    ImageNet; it depends on the text model, so 0 here: all pass). n_concepts > 0 keeps that many of
    what is left, the best followed. Each word's training stops where it follows those images best.
    Raises ValueError without words, and when no word is left.
    """
    if not 0 < set_aside < 1 or steps < 1:
        raise ValueError(
            f"set_aside must lie between 0 and 1 and steps be 1 or more, not {set_aside}, {steps}"
        )
    text = worded.side(data, method="label_free")
    chosen = worded.varied_words(text, candidates)
    p = worded.cosines(text, chosen)
    nearest = np.sort(p, axis=0)[-_NEAREST:].mean(0)
    chosen, p = chosen[nearest >= least_cosine], p[:, nearest >= least_cosine]
    if not len(chosen):
        raise ValueError(
            f"no word has a mean cosine of {least_cosine} to its {_NEAREST} nearest images (the "
            f"best has {nearest.max():.3g}); lower least_cosine"
        )
    pooled, p, own, aside, judges = _sides(data, text, chosen, p, set_aside=set_aside, seed=seed)
    mean, spread = pooled[own].mean(0), pooled[own].std(0)
    x = torch.from_numpy(((pooled - mean) / np.where(spread > 0, spread, 1)).astype("f4"))
    w, similar = _follow(
        x,
        torch.from_numpy(p),
        own=own,
        aside=aside,
        schedule=Schedule(steps, batch, lr, seed),
        progress=data.progress,
    )
    kept = np.flatnonzero(similar >= least_similarity)
    if not len(kept):
        raise ValueError(
            f"the layer follows no word to a similarity of {least_similarity} on {len(aside)} "
            f"{judges} (the best has {similar.max():.3g} of 1); lower least_similarity, or use a "
            "vocabulary that is about these images"
        )
    if n_concepts:
        kept = np.sort(kept[np.argsort(-similar[kept], kind="stable")[:n_concepts]])
    data.progress(
        f"{len(kept)} of {len(text.words)} words kept, similarity {similar[kept].mean():.2f}"
    )
    weight = w[kept] / np.where(spread > 0, spread, 1)
    q = data.pooled @ weight.T
    size = np.where(q.std(0) > 0, q.std(0), 1.0)
    names = tuple(text.words[i] for i in chosen[kept])
    return concept_layer.of(weight / size[:, None], -q.mean(0) / size, names=names)


class _Sides(NamedTuple):
    """Images to learn from and images to judge by."""

    pooled: Float[np.ndarray, "n d"]
    p: Float[np.ndarray, "n k"]
    own: Integer[np.ndarray, " m"]
    aside: Integer[np.ndarray, " a"]
    judges: str
    """what the images to judge by are, in words"""


def _sides(
    data: FitData,
    text: TextSide,
    chosen: Integer[np.ndarray, " k"],
    p: Float[np.ndarray, "n k"],
    *,
    set_aside: float,
    seed: int,
) -> _Sides:
    val = data.pooled_val
    if val is not None and text.images_in_val is not None and len(val) >= _FEWEST:
        said = (text.images_in_val @ text.words_in[chosen].T).astype(np.float32)
        n = len(data.pooled)
        pooled = np.concatenate([data.pooled, val])
        own, aside = np.arange(n), np.arange(n, len(pooled))
        return _Sides(pooled, np.concatenate([p, said]), own, aside, "images of the val split")
    order = np.random.default_rng(seed).permutation(len(p))
    n_aside = max(3, round(set_aside * len(p)))
    aside, own = np.sort(order[:n_aside]), np.sort(order[n_aside:])
    return _Sides(data.pooled, p, own, aside, "images set aside")


def similarity(q: Float[Tensor, "n k"], p: Float[Tensor, "n k"]) -> Float[Tensor, " k"]:
    """Cos-cubed, column by column, -1..1; 0 for a column that does not vary."""
    q, p = (_standardised(part) ** 3 for part in (q, p))
    return (q * p).sum(0) / (q.norm(dim=0) * p.norm(dim=0)).clamp_min(1e-12)


def _standardised(x: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    centred = x - x.mean(0)
    return centred / centred.square().mean(0).sqrt().clamp_min(1e-8)


def _follow(
    x: Float[Tensor, "n d"],
    p: Float[Tensor, "n k"],
    *,
    own: Integer[np.ndarray, " m"],
    aside: Integer[np.ndarray, " a"],
    schedule: Schedule,
    progress: Callable[[str], None],
) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, " k"]]:
    """The layer, and each word's similarity on the images to judge by."""
    generator = generator_of(schedule)
    w = torch.randn(p.shape[1], x.shape[1], generator=generator) / math.sqrt(x.shape[1])
    optimiser = torch.optim.Adam([w.requires_grad_()], lr=schedule.lr)
    rows = torch.from_numpy(own)
    best, best_w = torch.full((p.shape[1],), -torch.inf), w.detach().clone()
    for step in range(schedule.steps):
        part = rows
        if len(rows) > schedule.batch:
            drawn = torch.randperm(len(rows), generator=generator)
            part = rows[drawn[: schedule.batch]]
        with torch.enable_grad():
            loss = -similarity(x[part] @ w.T, p[part]).sum()
            optimiser.zero_grad()
            loss.backward()
        optimiser.step()
        if step % _LOOK and step != schedule.steps - 1:
            continue
        with torch.no_grad():
            found = similarity(x[aside] @ w.T, p[aside])
        # words share nothing, so each stops where it is best
        better = found > best
        best, best_w = torch.where(better, found, best), best_w.where(~better[:, None], w.detach())
        if not math.isfinite(loss.item()):
            raise ValueError(f"label_free diverged at step {step + 1}; lower lr = {schedule.lr}")
        progress(f"step {step + 1} of {schedule.steps}, held-out similarity {found.mean():.3f}")
    return best_w.double().numpy(), best.double().numpy()
