"""How well each label of a multi-label set is told: rows of `label_metric`, and their means."""

from __future__ import annotations

from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core import heads as core_heads
from core.bottleneck import logits, probabilities
from core.kinds import Link
from core.measure import Measure
from core.metrics import label_ranking, learnability, macro_ranking
from core.types import Head
from data import write
from precompute.heads.several import targets_of
from precompute.heads.types import choose_on_val
from precompute.intake import Build


class Told(NamedTuple):
    """What a model says of labels."""

    model: str
    """"backbone", "linear probe" or the name of a head"""
    classes: Integer[np.ndarray, " y"]
    """class_ids"""
    probs: Float[np.ndarray, "n y"]
    """of every image, 0..1"""
    head_id: int | None = None


def put_label_baselines(
    con: duckdb.DuckDBPyConnection, build: Build, logits: Float[np.ndarray, "n y"] | None
) -> None:
    """Of a multi-label set, what the backbone and a plain linear probe on its pooled activations
    make of the labels. `logits`: of the backbone; None: it does not classify."""
    if build.targets is None:
        return
    if logits is not None and np.isin(build.output_classes, build.targets.classes).any():
        probs = probabilities(logits, build.link)
        put_told(con, build, Told("backbone", build.output_classes, probs))
    with (
        build.log.attempt("heads", "linear probe"),
        build.log.timed("linear probe", len(build.train), "images"),
    ):
        head, present = _probe(build)
        probs = probabilities(_logits(head, build.pooled), head.link)
        _put_metrics(con, build, Told("linear probe", present, probs))


def _logits(head: Head, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n y"]:
    return logits(head, x)


def _probe(build: Build) -> tuple[Head, Integer[np.ndarray, " y"]]:
    targets, pooled = targets_of(build), build.pooled[build.train]

    def fit(strength: float) -> tuple[Head, np.ndarray]:
        return core_heads.fit_probe_each(pooled, targets, c=strength, seed=build.seed)

    return fit(choose_on_val(build, fit, build.pooled)[0])


def put_told(con: duckdb.DuckDBPyConnection, build: Build, told: Told) -> Float[np.ndarray, " y"]:
    """Writes what a model makes of labels, and which of them it says each image shows; returns
    the thresholds of its classes."""
    thresholds = _put_metrics(con, build, told)
    row, column = np.nonzero(told.probs >= thresholds)
    write.frame(
        con,
        "label_prediction",
        pd.DataFrame(
            {
                "image_id": build.image_ids[row],
                "class_id": told.classes[column],
                "prob": told.probs[row, column],
            }
        ),
        **({} if told.head_id is None else {"head_id": told.head_id}),
    )
    return thresholds


def _put_metrics(
    con: duckdb.DuckDBPyConnection, build: Build, told: Told
) -> Float[np.ndarray, " y"]:
    chosen = [_threshold(build, told, i) for i in range(len(told.classes))]
    rows = [
        {"model": told.model, "split": split, "class_id": int(told.classes[i]), **facts}
        | {"threshold": chosen[i][0], "threshold_n": chosen[i][1]}
        for split in dict.fromkeys(build.split)
        for i in range(len(told.classes))
        if (facts := _facts(build, told, i, split, chosen[i][0]))
    ]
    if rows:
        own = {} if told.head_id is None else {"head_id": told.head_id}
        write.frame(con, "label_metric", pd.DataFrame(rows), **own)
        means = [
            {"model": told.model, "split": split, "n": mean.n, "chance": mean.chance}
            | dict(zip(("auc", "auc_lo", "auc_hi"), mean.area, strict=True))
            | dict(zip(("ap", "ap_lo", "ap_hi"), mean.precision, strict=True))
            for split in dict.fromkeys(build.split)
            if (mean := macro(build, told.classes, told.probs, split)).n
        ]
        if means:
            write.frame(con, "label_mean", pd.DataFrame(means), **own)
    return np.array([threshold for threshold, _ in chosen])


def _known(
    build: Build, class_id: int, rows: Integer[np.ndarray, " m"]
) -> tuple[Integer[np.ndarray, " k"], np.ndarray]:
    """The rows where a label is known, and whether they show it."""
    assert build.targets is not None
    at = np.flatnonzero(build.targets.classes == class_id)
    if not len(at):
        return rows[:0], np.zeros(0, dtype=bool)
    y = build.targets.y[rows, at[0]]
    return rows[~np.isnan(y)], y[~np.isnan(y)] == 1


def thresholds_of(
    build: Build, classes: Integer[np.ndarray, " y"], logits: Float[np.ndarray, "n y"], link: Link
) -> Float[np.ndarray, " y"] | None:
    """From which probability on classes are said of an image of a multi-label set, chosen on val;
    None: each image is of one class."""
    if build.targets is None:
        return None
    told = Told("", classes, probabilities(logits, link))
    return np.array([_threshold(build, told, i)[0] for i in range(len(classes))])


def _threshold(build: Build, told: Told, i: int) -> tuple[float, int]:
    """Chosen on the val images where the label is known, and how many these are."""
    rows, shown = _known(build, int(told.classes[i]), build.chosen_on)
    found = label_ranking.best_threshold(told.probs[rows, i], shown)
    return (label_ranking.USUAL, 0) if found is None else (found, len(rows))


def _facts(build: Build, told: Told, i: int, split: str, threshold: float) -> dict[str, Any]:
    """Columns of the table; none where the label is unknown in the whole split."""
    rows, shown = _known(build, int(told.classes[i]), np.flatnonzero(build.split == split))
    if not len(rows):
        return {}
    probs = told.probs[rows, i]
    area, precise = ranked(probs, shown)
    rates = label_ranking.rates(probs, shown, threshold)
    return {
        "n": len(rows),
        "n_positive": int(shown.sum()),
        **dict(zip(("auc", "auc_lo", "auc_hi"), area, strict=True)),
        **dict(zip(("ap", "ap_lo", "ap_hi"), precise, strict=True)),
        "recall": rates.recall,
        "specificity": rates.specificity,
        "predictive_value": rates.precision,
    }


def ranked(
    scores: Float[np.ndarray, " n"], shown: np.ndarray
) -> tuple[learnability.Interval, learnability.Interval]:
    """Area under the ROC curve and average precision; NaN where there is one kind only."""
    if not shown.any() or shown.all():
        nothing = learnability.Interval(float("nan"), float("nan"), float("nan"))
        return nothing, nothing
    return label_ranking.area(scores, shown), label_ranking.average_precision(scores, shown)


class Macro(NamedTuple):
    """Means over the labels of which a split has at least `macro_ranking.LEAST` images of both
    kinds; NaN where there is none."""

    area: learnability.Interval
    """under the ROC curve; chance 0.5"""
    precision: learnability.Interval
    chance: float
    """of the mean average precision: the mean share of images with a label"""
    n: int
    """labels"""

    @property
    def measures(self) -> tuple[Measure, Measure]:
        """Area and precision without their intervals."""
        return (
            Measure(self.area.value, 0.5 if self.n else float("nan"), self.n),
            Measure(self.precision.value, self.chance, self.n),
        )


def macro(
    build: Build,
    classes: Integer[np.ndarray, " y"],
    probs: Float[np.ndarray, "n y"],
    split: str,
) -> Macro:
    rows = np.flatnonzero(build.split == split)
    y = np.full((len(rows), len(classes)), np.nan)
    for i, class_id in enumerate(classes):
        known, shown = _known(build, int(class_id), rows)
        y[np.searchsorted(rows, known), i] = shown
    found = macro_ranking.areas(probs[rows], y)
    judged = ~np.isnan(found.values)
    return Macro(
        macro_ranking.mean(found),
        macro_ranking.mean(macro_ranking.precisions(probs[rows], y)),
        float(np.nanmean(y[:, judged], axis=0).mean()) if judged.any() else float("nan"),
        found.n,
    )
