"""Do saliency maps and concept maps mark what an answer rests on? Metrics of asking the model again
with what they mark shown, or hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Integer
from torch import Tensor

from core.backbones import link_of
from core.bottleneck import probabilities
from core.intervention import presence
from core.kinds import Pool
from core.measure import mean_of
from core.metrics import faithfulness
from core.metrics.perturbation import curve_area
from core.sampling import evenly
from core.types import Backbone, ConceptBank
from precompute.banks import BankRun, scores_of
from precompute.intake import Build, pixels_of
from precompute.quality import MetricRow

STEPS = 10
"""of insertion and deletion"""
PAIRS = 4
"""of image and concept, a bank, for each image of `[saliency] faithfulness`"""
_BATCH = 64


def of_saliency(columns: Mapping[str, list[Any]], build: Build, *, method: str) -> list[MetricRow]:
    """`columns` are those of the table `saliency`; on some of its images, held-out ones if any."""
    split = dict(zip(build.image_ids, build.split, strict=True))
    judged = set(build.held_out_splits.split(" + "))
    every = np.arange(len(columns["image_id"]))
    held_out = [i for i in every if split[columns["image_id"][i]] in judged]
    pool = np.array(held_out or every, dtype=np.int64)
    chosen = pool[evenly(len(pool), build.recipe.saliency.faithfulness)]
    if not len(chosen):
        return []
    pixels = pixels_of(build, [int(columns["image_id"][i]) for i in chosen])
    found: dict[str, list[tuple[float, float]]] = {}
    soft = faithfulness.blurred(pixels)
    for place, i in enumerate(chosen):
        shape = (columns["map_h"][i], columns["map_w"][i])
        # only the order and the ratios of a map's values count, and its step is positive
        values = np.asarray(columns["value"][i], dtype=np.float64).reshape(shape)
        one, seed = pixels[place], build.seed + int(i)
        orders = [
            faithfulness.by_value(values, seed=seed),
            faithfulness.at_random(shape, seed=seed),
        ]
        series = [
            faithfulness.stepwise(start, end, order, n_steps=STEPS)
            for start, end in ((soft[place], one), (one, torch.zeros_like(one)))
            for order in orders
        ]
        kept = [
            faithfulness.masked(one, v) for v in (values, faithfulness.shuffled(values, seed=seed))
        ]
        p = _class(build.backbone, torch.cat([*series, torch.stack(kept)]), columns["output"][i])
        insertion, deletion = rearrange(p[:-2], "(c o s) -> c o s", c=2, o=2)
        for name, curves in (("insertion", insertion), ("deletion", deletion)):
            area = curve_area(curves)
            found.setdefault(name, []).append((float(area[0]), float(area[1])))
        before = np.repeat(insertion[:1, -1], 2)
        for name, pair in _confidence(before, p[-2:]).items():
            found.setdefault(name, []).append((float(pair[0]), float(pair[1])))
    names = " + ".join(dict.fromkeys(str(split[columns["image_id"][i]]) for i in chosen))
    return [
        MetricRow("backbone", name, mean_of(*np.array(pairs).T), names, (("method", method),))
        for name, pairs in found.items()
    ]


def concept_faithfulness(run: BankRun, build: Build) -> list[MetricRow]:
    """Concepts named for a label, on held-out images that show it.

    Y is the probability that the concept is present, from its score by a logistic curve fitted to
    the train images' labels (the paper takes the sigmoid of a score that is a logit).
    """
    concepts = run.concepts
    labels, n = build.presence, build.recipe.saliency.faithfulness
    named = np.flatnonzero(concepts.label_of >= 0)
    if labels is None or not len(named) or not len(build.held_out) or not n:
        return []
    truth = labels[:, concepts.label_of[named]]
    known = presence.fit(concepts.scores[build.train][:, named], truth[build.train])
    told = np.flatnonzero((known.n_present > 0) & (known.n_absent > 0) & (known.slope > 0))
    pairs = _pairs(truth[build.held_out], told, most=PAIRS * n, seed=build.seed)
    if not pairs:
        return []
    rows = build.held_out[[row for row, _ in pairs]]
    ids = build.image_ids[rows].tolist()
    images = dict(zip(rows.tolist(), pixels_of(build, ids), strict=True))
    kept: list[Tensor] = []
    for row, (_, place) in zip(rows, pairs, strict=True):
        values = concepts.codes(int(row))[:, named[place]].reshape(build.grid).astype(np.float64)
        other = faithfulness.shuffled(values, seed=build.seed + int(row))
        kept += [faithfulness.masked(images[int(row)], v) for v in (values, other)]
    places = np.array([place for _, place in pairs])
    scores = _scores(build.backbone, run.bank, torch.stack(kept), pool=run.pool)
    after = known.probability(scores[:, named])
    before = known.probability(concepts.scores[rows][:, named])[np.arange(len(rows)), places]
    after = rearrange(after[np.arange(len(after)), places.repeat(2)], "(n c) -> c n", c=2)
    ours, control = (_confidence(before, part) for part in after)
    return [
        MetricRow("bank", name, mean_of(values, control[name]), build.held_out_splits)
        for name, values in ours.items()
    ]


def _pairs(
    truth: Float[np.ndarray, "m c"], told: Integer[np.ndarray, " j"], *, most: int, seed: int
) -> list[tuple[int, int]]:
    """Row and column of labels that are present, in order; the concepts take turns."""
    rng = np.random.default_rng(seed)
    queues = [(j, rng.permutation(np.flatnonzero(truth[:, j] == 1))) for j in told]
    if len(queues) > most:
        queues = [queues[i] for i in evenly(len(queues), most)]
    turns = [
        (int(rows[turn]), int(j))
        for turn in range(max((len(rows) for _, rows in queues), default=0))
        for j, rows in queues
        if turn < len(rows)
    ]
    return sorted(turns[:most])


def _confidence(
    before: Float[np.ndarray, " n"], after: Float[np.ndarray, " n"]
) -> dict[str, Float[np.ndarray, " n"]]:
    found = faithfulness.confidence_change(before, after)
    return {"average_drop": found.drop, "average_gain": found.gain, "increase": found.increase}


def _class(
    backbone: Backbone, pixels: Float[Tensor, "n 3 H W"], output: int
) -> Float[np.ndarray, " n"]:
    """Probability of one class, as the backbone has it."""
    found = []
    for part in pixels.split(_BATCH):
        logits = backbone.forward(part).logits
        assert logits is not None  # without logits there was nothing to explain
        known = probabilities(logits.double().cpu().numpy(), link_of(backbone))
        found.append(known[:, output])
    return np.concatenate(found)


@torch.inference_mode()
def _scores(
    backbone: Backbone, bank: ConceptBank, pixels: Float[Tensor, "n 3 H W"], *, pool: Pool
) -> Float[np.ndarray, "n k"]:
    found = []
    for part in pixels.split(_BATCH):
        found.append(scores_of(bank, backbone.forward(part), pool).double().numpy())
    return np.concatenate(found)
