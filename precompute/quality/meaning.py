"""Do a bank's concepts mean anything? Means over them, beside random directions judged alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core.metrics import concept_quality
from core.metrics.statistics import SHOWN
from core.sampling import evenly
from precompute.banks import Codes, ControlCodes
from precompute.intake import Scene
from precompute.naming import label_scores
from precompute.quality.rows import Figure

MASKED = 100
"""images of either side whose masks judge the maps of random directions, at most"""
DEALT = 64
"""concepts that chance is the mean of, at most, evenly spread over the bank"""
_BLOCK = 256
"""directions judged at once"""


def figures(
    concept: pd.DataFrame,
    codes: Codes,
    drawn: ControlCodes | None,
    scene: Scene,
    pooled: Float[np.ndarray, "n d"],
) -> Iterable[Figure]:
    """Rows of `quality` from the rows of `concept`. `pooled`: activations of every image.

    The control are random directions, each under the label that it matches best, by the functions
    that name concepts; `drawn` None: the bank is a control itself, and has none. Chance of names:
    the bank's scores with the labels dealt out to other images, on train and on held-out images
    apart.
    """
    scores = drawn.scores.toarray() if drawn is not None else np.zeros((len(pooled), 0))
    silent = _mean(np.all(scores <= 0, axis=0))
    yield Figure("dead", _mean(concept["n_active"] == 0), len(concept), control=silent)
    if scene.labels is not None:
        yield from _names(concept, codes, drawn, scene)
    known = scene.held_out[scene.class_of[scene.held_out] >= 0]
    control = {
        "separability": concept_quality.separability(
            scores[known], scene.class_of[known], seed=scene.seed
        ),
        "monosemanticity": alike(scores, pooled),
    }
    for name, values in control.items():
        judged = concept[concept[name].notna()]
        yield _figure(name, judged[name], values, _mean(judged[f"{name}_chance"]))


def _names(
    concept: pd.DataFrame, codes: Codes, drawn: ControlCodes | None, scene: Scene
) -> Iterable[Figure]:
    k = codes.n_concepts
    some = evenly(k, DEALT)
    luck = named(codes, codes.scores.toarray(), dealt(scene), some)
    control = luck.iloc[:0]
    if drawn is not None:
        control = named(drawn, drawn.scores.toarray(), thinned(scene), np.arange(k))
    share, drawn_share, luck_share = (
        _mean(frame["name_source"] != "unnamed") for frame in (concept, control, luck)
    )
    yield Figure("named", share, len(concept), control=drawn_share, chance=luck_share)
    yield _figure("name_auc", concept["name_auc"], control["name_auc"], _mean(luck["name_auc"]))
    if concept["name_iou"].notna().any():
        chance = _mean(concept["name_iou_chance"])
        yield _figure("iou", concept["name_iou"], control["name_iou"], chance)


def named(
    codes: Codes,
    scores: Float[np.ndarray, "n k"],
    scene: Scene,
    ids: Integer[np.ndarray, " j"],
) -> pd.DataFrame:
    """The naming columns of `concept` for some of a bank's concepts, as if fitted to no label."""
    parts = []
    for start in range(0, len(ids), _BLOCK):
        block = ids[start : start + _BLOCK]
        frame = pd.DataFrame({"concept_id": block})
        label_scores([], codes, scores[:, block], block, scene, frame)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def dealt(scene: Scene) -> Scene:
    """Each image with the labels of another of its side, train or held-out; without masks."""
    assert scene.labels is not None
    rng = np.random.default_rng(scene.seed)
    train, test = (rng.permutation(side) for side in (scene.labels.train, scene.labels.test))
    labels = replace(scene.labels, train=train, test=test)
    masks = ("masked", "covered", "masked_train", "covered_train")
    return replace(scene, labels=labels, **{name: getattr(scene, name)[:0] for name in masks})


def thinned(scene: Scene) -> Scene:
    """With the masks of MASKED images of either side at most, evenly spread."""
    masked, covered = _some(scene.masked, scene.covered)
    masked_train, covered_train = _some(scene.masked_train, scene.covered_train)
    return replace(
        scene,
        masked=masked,
        covered=covered,
        masked_train=masked_train,
        covered_train=covered_train,
    )


def _some(
    images: Integer[np.ndarray, " m"], covered: Float[np.ndarray, "mt l"]
) -> tuple[Integer[np.ndarray, " s"], Float[np.ndarray, "st l"]]:
    if len(images) <= MASKED:
        return images, covered
    kept = evenly(len(images), MASKED)
    by_image = covered.reshape(len(images), -1, covered.shape[1])
    return images[kept], by_image[kept].reshape(-1, covered.shape[1])


def alike(
    scores: Float[np.ndarray, "n k"], pooled: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, " k"]:
    """Monosemanticity: mean cosine of the images of highest positive score, as many as shown."""
    n = min(SHOWN["top"], len(scores))
    top = np.argpartition(-scores, n - 1, axis=0)[:n]
    return np.array(
        [
            concept_quality.mean_cosine(pooled[rows[own[rows] > 0]])
            for rows, own in zip(top.T, scores.T, strict=True)
        ]
    )


def _mean(values: pd.Series | np.ndarray) -> float:
    """Of what is there; NaN of nothing."""
    return float(pd.Series(values, dtype=float).mean()) if len(values) else math.nan


def _figure(
    measure: str, values: pd.Series, control: pd.Series | np.ndarray, chance: float
) -> Figure:
    """Over the concepts that have one."""
    n = int(values.notna().sum())
    return Figure(measure, _mean(values), n, control=_mean(control), chance=chance)
