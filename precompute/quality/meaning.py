"""Do a bank's concepts mean anything? Means over them, beside random directions judged alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core.kinds import NameSource
from core.metrics import concept_quality
from core.metrics.statistics import SHOWN
from core.sampling import evenly
from precompute.banks import Codes, ControlCodes
from precompute.intake import Build, Masks
from precompute.naming import label_scores
from precompute.quality.concept_measures import separable
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
    build: Build,
    names: pd.DataFrame | None,
) -> Iterable[Figure]:
    """Rows of `quality` from the rows of `concept`.

    The control are its directions, each under the label that it matches best, `names` of
    `control_names`; `drawn` None: the bank is a control itself, and has none. Chance of names:
    the bank's scores with the labels dealt out to other images, on train and on held-out images
    apart.
    """
    scores = drawn.scores.toarray() if drawn is not None else np.zeros((len(build.pooled), 0))
    silent = _mean(np.all(scores <= 0, axis=0))
    yield Figure("dead", _mean(concept["n_active"] == 0), len(concept), control=silent)
    if build.labels is not None:
        yield from _names(concept, codes, None if drawn is None else names, build)
    control = {
        "separability": separable(scores, build)[0],
        "monosemanticity": alike(scores, build.pooled),
    }
    for name, values in control.items():
        judged = concept[concept[name].notna()]
        yield _figure(name, judged[name], values, _mean(judged[f"{name}_chance"]))


def _names(
    concept: pd.DataFrame, codes: Codes, names: pd.DataFrame | None, build: Build
) -> Iterable[Figure]:
    some = evenly(codes.n_concepts, DEALT)
    luck = named(codes, codes.scores.toarray(), dealt(build), some)
    control = luck.iloc[:0] if names is None else names
    share, drawn_share, luck_share = (
        _mean(frame["name_source"] != NameSource.UNNAMED) for frame in (concept, control, luck)
    )
    yield Figure("named", share, len(concept), control=drawn_share, chance=luck_share)
    yield _figure("name_auc", concept["name_auc"], control["name_auc"], _mean(luck["name_auc"]))
    if concept["name_iou"].notna().any():
        chance = _mean(concept["name_iou_chance"])
        yield _figure("iou", concept["name_iou"], control["name_iou"], chance)


def control_names(drawn: ControlCodes, build: Build) -> pd.DataFrame | None:
    """The naming columns of `concept` for a control, by at most `MASKED` masks a side; None: there
    are no labels."""
    if build.labels is None:
        return None
    return named(drawn, drawn.scores.toarray(), thinned(build), np.arange(drawn.n_concepts))


def named(
    codes: Codes,
    scores: Float[np.ndarray, "n k"],
    build: Build,
    ids: Integer[np.ndarray, " j"],
) -> pd.DataFrame:
    """The naming columns of `concept` for some of a bank's concepts, as if fitted to no label."""
    parts = []
    for start in range(0, len(ids), _BLOCK):
        block = ids[start : start + _BLOCK]
        frame = pd.DataFrame({"concept_id": block})
        label_scores([], codes, scores[:, block], block, build, frame)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def dealt(build: Build) -> Build:
    """Each image with the labels of another of its side, train or held-out; without masks."""
    assert build.labels is not None
    rng = np.random.default_rng(build.seed)
    train, test = (rng.permutation(side) for side in (build.labels.train, build.labels.test))
    labels = replace(build.labels, train=train, test=test)
    return replace(
        build, labels=labels, masks=_some(build.masks, 0), masks_train=_some(build.masks_train, 0)
    )


def thinned(build: Build) -> Build:
    """With the masks of MASKED images of either side at most, evenly spread."""
    return replace(
        build, masks=_some(build.masks, MASKED), masks_train=_some(build.masks_train, MASKED)
    )


def _some(masks: Masks, most: int) -> Masks:
    """Of so many images at most, evenly spread."""
    images, covered = masks
    if len(images) <= most:
        return masks
    kept = evenly(len(images), most)
    by_image = covered.reshape(len(images), -1, covered.shape[1])
    return Masks(images[kept], by_image[kept].reshape(-1, covered.shape[1]))


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
