"""What every head rests on: shares of its logits, clusters of images, dominant concepts."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Float64, Integer

from core import bottleneck
from core.importance import METHODS
from core.sampling import evenly_by_split
from core.types import Head
from data import write
from precompute.explain import fidelity
from precompute.heads import Fitted
from precompute.intake import Build

KEPT = 64
"""concepts a class in `importance`"""
PLACED = 300
"""images a class in `cluster`: their thumbs travel to the browser"""


def put_importance(
    con: duckdb.DuckDBPyConnection,
    build: Build,
    head_id: int,
    title: str,
    fitted: Fitted,
    scores: Float[np.ndarray, "n k"],
) -> list[str]:
    """All tables of one head but `fidelity`.

    Returns the methods of `core.importance` whose values were written: all but those that give on
    this head what `linear` gives. None for a head without weights, whose logits nothing explains.
    """
    if not fitted.linear:
        return []
    with build.log.timed(f"explain {title}", len(scores), "images"):
        same = fidelity.coinciding(fitted, scores, build.split, seed=build.seed)
        methods = [name for name in METHODS if name not in set(same["method"])]
        tables = {**_tables(fitted, scores, build, methods), "same_importance": [same]}
        for name, frames in tables.items():
            write.frame(con, name, pd.concat(frames, ignore_index=True), head_id=head_id)
    return methods


def _tables(
    fitted: Fitted,
    scores: Float[np.ndarray, "n k"],
    build: Build,
    methods: Sequence[str],
) -> dict[str, list[pd.DataFrame]]:
    """Rows without the head."""
    logits = bottleneck.logits(fitted.head, scores, fitted.rest)
    best = logits.argmax(1)
    tables: dict[str, list[pd.DataFrame]] = {}
    said = bottleneck.taken(logits, fitted.thresholds, fitted.head.link)
    for y in np.flatnonzero(said.any(0)):
        rows = np.flatnonzero(said[:, y])
        parts = bottleneck.contributions(fitted.head, scores[rows], int(y))
        found = _class(parts, logits[rows, y], build.rows.iloc[rows])
        x = torch.from_numpy(scores[rows].astype(np.float64))
        function = fidelity.logit(fitted.head, int(y))
        found["importance"] = pd.concat(
            shares(name, METHODS[name].run(function, x, seed=build.seed).numpy())
            for name in methods
        )
        for name, frame in found.items():
            tables.setdefault(name, []).append(frame.assign(class_id=fitted.classes[y]))
    top = dominant(fitted.head, scores, best)
    tables["dominance"] = [_dominance(fitted, top, fitted.classes[best], build)]
    return tables


def _class(
    parts: Float64[np.ndarray, "n k"], logit: Float64[np.ndarray, " n"], images: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    shown = evenly_by_split(images["split"].to_numpy(), PLACED)
    place, kept = plane(parts[shown])
    best = largest(parts[shown])
    facts = {
        "n": len(parts),
        "logit": logit.mean(),
        "fixed": (logit - parts.sum(1)).mean(),
        "n_concepts": int(parts.any(0).sum()),
        "layout": "pca",
        "variance": np.nan if kept is None else kept,
    }
    cluster = {
        "image_id": images["image_id"].to_numpy()[shown],
        "x": place[:, 0],
        "y": place[:, 1],
        "concept_id": pd.array(np.where(best < 0, 0, best), dtype="UInt32"),
        "value": parts[shown].max(1),
    }
    frame = pd.DataFrame(cluster)
    frame.loc[best < 0, "concept_id"] = pd.NA
    return {
        "explanation": pd.DataFrame([facts]),
        "cluster": frame,
    }


def shares(method: str, parts: Float64[np.ndarray, "n k"]) -> pd.DataFrame:
    """Rows of `importance`, largest first; none where nothing contributes."""
    sizes = np.abs(parts).sum(0)
    order = np.argsort(-sizes, kind="stable")[:KEPT]
    order = order[sizes[order] > 0]
    return pd.DataFrame(
        {
            "concept_id": order,
            "method": [method] * len(order),
            "value": parts.mean(0)[order],
            "share": sizes[order] / max(sizes.sum(), 1e-300),
            "n": [len(parts)] * len(order),
        }
    )


def plane(parts: Float64[np.ndarray, "n k"]) -> tuple[Float64[np.ndarray, "n 2"], float | None]:
    """The two directions of largest variance, and the share of it that they keep.

    Principal components and not UMAP: a store has a plane for every class of every head, and a
    UMAP takes about a second each. Signs are fixed by the largest loading, so builds agree.
    """
    centred = parts - parts.mean(0)
    # a column that does not vary only costs time
    centred = centred[:, np.ptp(centred, axis=0) > 1e-12]
    if not centred.size:
        return np.zeros((len(parts), 2)), None
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    n = min(2, len(sizes))
    largest = right[np.arange(n), np.abs(right[:n]).argmax(1)]
    out = np.zeros((len(parts), 2))
    out[:, :n] = left[:, :n] * sizes[:n] * np.sign(largest)
    return out, float((sizes[:n] ** 2).sum() / (sizes**2).sum())


def largest(parts: Float64[np.ndarray, "n k"]) -> Integer[np.ndarray, " n"]:
    """Column of each row's largest value; -1 where none is positive, so that nothing is added."""
    return np.where(parts.max(1) > 0, parts.argmax(1), -1)


def dominant(
    head: Head, scores: Float[np.ndarray, "n k"], best: Integer[np.ndarray, " n"]
) -> Integer[np.ndarray, " n"]:
    """Of each image the concept that adds most to the logit of class index `best`, or -1."""
    top = np.zeros(len(best), dtype=np.int64)
    for y in np.unique(best):
        rows = np.flatnonzero(best == y)
        top[rows] = largest(bottleneck.contributions(head, scores[rows], int(y)))
    return top


def _dominance(
    fitted: Fitted,
    top: Integer[np.ndarray, " n"],
    predicted: Integer[np.ndarray, " n"],
    build: Build,
) -> pd.DataFrame:
    frame, truth = pd.DataFrame({"split": build.split, "concept_id": top}), build.class_of
    known = np.isin(truth, fitted.classes)
    frame["right"] = np.where(known, predicted == truth, np.nan)
    groups = frame[top >= 0].groupby(["split", "concept_id"])["right"]
    table = groups.agg(n="size", n_labelled="count", reliability="mean").reset_index()
    # no rows, where no concept adds anything to any logit, would leave the shares without a type
    of_split = table["split"].map(frame["split"].value_counts()).astype(np.float64)
    table["prevalence"] = table["n"] / of_split
    return table
