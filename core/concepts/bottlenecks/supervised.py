"""Which labelled concepts a method trained on them can learn, and how well it did."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float32, Integer
from sklearn.metrics import accuracy_score, roc_auc_score
from torch import Tensor

from core import heads
from core.concepts.bottlenecks.training import Classes
from core.types import FitData, Labels


def learnable(data: FitData, *, n_concepts: int, min_each: int, title: str) -> list[int]:
    """Columns of `data.labels` both present and absent in `min_each` train images or more.

    n_concepts > 0 keeps that many, those with the most even labels. Raises ValueError without
    labels, for activations that are all equal, and when no concept varies enough.
    """
    if data.labels is None:
        raise ValueError(
            f"{title} needs labelled concepts, and this data set has none; use nmf or sae, or give "
            "concept columns in a manifest"
        )
    train = data.labels.train
    least = np.minimum((train == 1).sum(0), (train == 0).sum(0))
    found = np.flatnonzero(least >= min_each)
    if not len(found):
        raise ValueError(
            f"none of the {len(data.labels.names)} labelled concepts is both present and absent in "
            f"at least {min_each} train images; lower min_each or label more images"
        )
    _refuse_equal(data, title=title)
    if n_concepts:
        evenness = np.abs(np.nanmean(train[:, found], axis=0) - 0.5)
        found = np.sort(found[np.argsort(evenness, kind="stable")[:n_concepts]])
    return [int(j) for j in found]


def _refuse_equal(data: FitData, *, title: str) -> None:
    """Whatever tells concepts, it is not the same for every image."""
    if (data.pooled == data.pooled[:1]).all():
        raise ValueError(
            f"{title} tells concepts by activations, but those of all {len(data.pooled)} train "
            "images are equal; choose another layer, or give images that differ"
        )


def class_rows(data: FitData, *, title: str) -> tuple[Integer[Tensor, " n"], Integer[Tensor, " y"]]:
    """Each train image's row among the classes that occur (-1: unlabelled), and their class_ids.

    Raises ValueError when fewer than two classes are labelled, and for a multi-label set.
    """
    if data.targets is not None:
        raise ValueError(
            f"{title} tells one class an image from the others, and here an image can carry "
            "several labels; use cbm, sparse_cbm or sl_cbm, or a head of kind sparse on any bank"
        )
    known = np.array([-1]) if data.classes is None else data.classes
    present = np.unique(known[known >= 0])
    if len(present) < 2 or data.classes is None:
        raise ValueError(
            f"{title} learns classes together with concepts, so it needs train images of two "
            f"labelled classes or more; there are {len(present)}"
        )
    rows = np.where(data.classes >= 0, np.searchsorted(present, data.classes), -1)
    return torch.from_numpy(rows.astype(np.int64)), torch.from_numpy(present.astype(np.int64))


def classes_of(data: FitData, *, title: str) -> tuple[Classes, Integer[Tensor, " y"]]:
    """What a read-out is trained on, of a multi-label set as well; and the class_ids of its rows.

    Raises ValueError when fewer than two classes are labelled, or no label can be learnt.
    """
    if data.targets is None:
        rows, ids = class_rows(data, title=title)
        return Classes(rows, len(ids)), ids
    chosen = heads.learnable(data.targets)
    several = torch.from_numpy(data.targets.y[:, chosen].astype(np.float32))
    ids = torch.from_numpy(data.targets.classes[chosen].astype(np.int64))
    return Classes(torch.full((len(several),), -1), len(ids), several), ids


def targets(labels: Labels, chosen: list[int]) -> Float32[Tensor, "n k"]:
    """1 present, 0 absent, NaN unknown."""
    return torch.from_numpy(labels.train[:, chosen].astype(np.float32))


def facts(
    labels: Labels,
    chosen: list[int],
    train: Float[np.ndarray, "n k"],
    test: Float[np.ndarray, "m k"] | None = None,
    *,
    sided: bool = True,
) -> list[dict[str, float]]:
    """Rows of `ConceptBank.facts`. `sided`: a positive score says that the concept is there.

    Without `sided` there is no accuracy, and without the test scores no test value: those keys are
    left out.
    """
    rows = []
    for i, j in enumerate(chosen):
        row = {"label": float(j), **_quality("train", train[:, i], labels.train[:, j], sided)}
        if test is not None:
            row |= _quality("test", test[:, i], labels.test[:, j], sided)
            row["base_rate"] = float(np.nanmean(labels.test[:, j])) if len(test) else float("nan")
        rows.append(row)
    return rows


def _quality(
    split: str, score: Float[np.ndarray, " n"], label: Float[np.ndarray, " n"], sided: bool
) -> dict[str, float]:
    known = ~np.isnan(label)
    x, y = score[known], label[known] == 1
    both = 0 < y.sum() < len(y)
    out = {f"{split}_auc": float(roc_auc_score(y, x)) if both else float("nan")}
    if sided:
        out[f"{split}_accuracy"] = float(accuracy_score(y, x > 0)) if len(y) else float("nan")
    return out
