"""How much scores tell beyond their own concept, and how much of the task they carry.

Oracle and niche impurity scores: Espinosa Zarlenga et al. 2023, arXiv 2301.10367. Completeness:
Yeh et al. 2020, arXiv 1910.07969. Fits small networks: not for the app.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Integer
from torch import Tensor

from core.measure import Measure
from core.metrics.association import auc

_DECAY = 1e-4
_RATE = 0.02


@dataclass(frozen=True)
class Split:
    """Scores and their labels (1 or 0; an image with an unknown label is left out)."""

    scores: Float[np.ndarray, "n k"]
    labels: Float[np.ndarray, "n k"]


@dataclass(frozen=True)
class Impurity:
    oracle: Measure
    """OIS, 0 (scores tell of other concepts what labels tell) to 1"""
    niche: Measure
    """NIS, AUC of a concept from the scores that do not go with it, 0..1"""
    purity: Float64[np.ndarray, "k k"]
    """[i, j]: test AUC of concept j from score i"""
    reference: Float64[np.ndarray, "k k"]
    """the same from label i"""
    concepts: Integer[np.ndarray, " k"]
    """columns judged: those with both kinds of image in both splits"""


def impurity(train: Split, test: Split, *, seed: int = 0, n_steps: int = 100) -> Impurity:
    """Networks learn on `train`, AUCs are of `test`.

    The chance of both measures is that of independent scores which tell their own concept as well:
    the same scores, shuffled among the images that share the label of their concept. Labels go
    together, so even such scores tell of other concepts, and weak ones tell less than labels do.
    One network of 32 units reads score i and answers for all concepts at once, where the paper
    fits one for every pair. From a label, which has two values, the best answer is known without
    fitting. Raises ValueError when fewer than two concepts can be judged.
    """
    train, test = _known(train), _known(test)
    kept = np.flatnonzero(_both_kinds(train.labels) & _both_kinds(test.labels))
    if len(kept) < 2:
        raise ValueError(
            f"{len(kept)} concepts have images of both kinds in both splits; leakage is between "
            "concepts, so at least two are needed"
        )
    mean, spread = train.scores[:, kept].mean(0), train.scores[:, kept].std(0)
    spread = np.where(spread > 0, spread, 1.0)
    x = (train.scores[:, kept].astype(np.float64) - mean) / spread
    x_test = (test.scores[:, kept].astype(np.float64) - mean) / spread
    y, y_test = train.labels[:, kept], test.labels[:, kept]
    # the order of a two-valued input can only be kept or turned round; train says which
    kept_way = np.where(auc(y, y) >= 0.5, 1.0, -1.0)
    reference = 0.5 + kept_way * (auc(y_test, y_test) - 0.5)
    alone, alone_test = independent(x, y, seed=seed), independent(x_test, y_test, seed=seed + 1)

    def purities(of: np.ndarray, of_test: np.ndarray) -> np.ndarray:
        single = _fit(of.T[:, :, None], y, (32,), n_steps, seed)
        # one row of AUCs for each score
        return np.stack([np.diag(auc(answer, y_test)) for answer in single(of_test.T[:, :, None])])

    def oracle(found: np.ndarray) -> float:
        return float(np.linalg.norm(reference - found) / (len(kept) / 2))

    purity, pure = purities(x, x_test), purities(alone, alone_test)
    return Impurity(
        oracle=Measure(oracle(purity), oracle(pure), len(kept)),
        niche=Measure(
            _niche(x, y, x_test, y_test, seed=seed, n_steps=n_steps),
            _niche(alone, y, alone_test, y_test, seed=seed, n_steps=n_steps),
            len(kept),
        ),
        purity=purity,
        reference=reference,
        concepts=kept,
    )


def independent(
    scores: Float[np.ndarray, "n k"], labels: Float[np.ndarray, "n k"], *, seed: int
) -> Float[np.ndarray, "n k"]:
    """Each column shuffled among the rows that share its label: what it tells of its own label
    stays, and beyond that it tells nothing."""
    rng, out = np.random.default_rng(seed), scores.copy()
    for j, column in enumerate(labels.T):
        for label in (0, 1):
            mine = np.flatnonzero(column == label)
            out[mine, j] = scores[rng.permutation(mine), j]
    return out


def _niche(
    x: Float64[np.ndarray, "n k"],
    y: Float[np.ndarray, "n k"],
    x_test: Float64[np.ndarray, "m k"],
    y_test: Float[np.ndarray, "m k"],
    *,
    seed: int,
    n_steps: int,
) -> float:
    """One network reads all scores; those of a concept's niche are then held at their mean.

    The niche at b holds the scores that correlate with the concept by more than b; the mean AUC is
    integrated over b = 0, 0.05, ..., 1.
    """
    model = _fit(x[None], y, (20, 20), n_steps, seed)
    n_concepts = x.shape[1]
    centred = y - y.mean(0)
    scale = len(x) * np.outer(np.where(x.std(0) > 0, x.std(0), 1.0), y.std(0))
    correlation = np.abs((x - x.mean(0)).T @ centred) / scale
    steps = np.linspace(0, 1, 21)
    heights = np.zeros((len(steps), n_concepts))
    for j in range(n_concepts):
        # a niche that loses nothing between two steps gives the same answer
        inside = correlation[:, j] > steps[:, None]
        niches, place = np.unique(inside, axis=0, return_inverse=True)
        outside = np.where(niches[:, None], 0.0, x_test)
        answers = np.stack([model(part[None])[0][:, j] for part in outside], 1)
        heights[:, j] = auc(answers, y_test[:, [j]])[place.ravel(), 0]
    return float(np.trapezoid(heights.mean(1), steps))


@dataclass(frozen=True)
class _Networks:
    """Several small networks of one shape, run and trained together."""

    layers: list[tuple[Tensor, Tensor]]
    """weight (g, in, out) and bias (g, 1, out) of each"""

    def logits(self, x: Float[Tensor, "g n i"]) -> Float[Tensor, "g n o"]:
        for weight, bias in self.layers[:-1]:
            x = torch.relu(torch.baddbmm(bias, x, weight))
        weight, bias = self.layers[-1]
        return torch.baddbmm(bias, x, weight)

    @torch.no_grad()
    def __call__(self, x: Float64[np.ndarray, "g n i"]) -> Float[np.ndarray, "g n o"]:
        return self.logits(torch.from_numpy(x).float()).numpy()


def _fit(
    x: Float64[np.ndarray, "g n i"],
    y: Float[np.ndarray, "n k"],
    hidden: Sequence[int],
    n_steps: int,
    seed: int,
) -> _Networks:
    """Adam on all images at once; every group has a network of its own, all the same answers."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [x.shape[2], *hidden, y.shape[1]]
    layers = []
    for i, o in pairwise(sizes):
        reach = (6 / (i + o)) ** 0.5
        weight = (2 * torch.rand(len(x), i, o, generator=generator) - 1) * reach
        bias = (2 * torch.rand(len(x), 1, o, generator=generator) - 1) * reach
        layers.append((weight.requires_grad_(), bias.requires_grad_()))
    networks = _Networks(layers)
    wanted = torch.from_numpy(y).float().expand(len(x), -1, -1)
    tokens = torch.from_numpy(x).float()
    optimiser = torch.optim.Adam(
        [p for pair in layers for p in pair], lr=_RATE, weight_decay=_DECAY
    )
    with torch.enable_grad():
        for _ in range(n_steps):
            optimiser.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                networks.logits(tokens), wanted
            )
            (len(x) * loss).backward()  # each network as if it were alone
            optimiser.step()
    return networks


def _known(split: Split) -> Split:
    rows = ~np.isnan(split.labels).any(1)
    return Split(split.scores[rows], split.labels[rows])


def _both_kinds(labels: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, " k"]:
    return (labels == 1).any(0) & (labels == 0).any(0)


def completeness(concepts: float, model: float, *, chance: float) -> float:
    """Share of the model's accuracy above chance that the concepts alone reach; can pass 1.

    All three are accuracies, 0..1; chance is that of the most frequent class, where it is 0. NaN
    where the model itself is no better than chance.
    """
    return (concepts - chance) / (model - chance) if model > chance else float("nan")
