"""Concept activation vectors: one linear probe per labelled concept.

CAV (Kim et al. 2018, arXiv 1711.11279): the normal of a linear separator between activations of
images with and without a concept. The code is the signed distance to that separator,
(w . x + b) / |w|, as the post-hoc CBM does (Yuksekgonul et al. 2023, arXiv 2205.15480). It is
affine in x, so the mean of a map is exactly the score of the pooled activation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from core.types import FitData


@dataclass(frozen=True)
class Bank:
    directions: Float[Tensor, "k d"]
    """unit rows"""
    bias: Float[Tensor, " k"]
    """in units of activation: distance of the origin to each separator"""
    measured: list[dict[str, float]] = field(default_factory=list)
    signed = True
    offset = None

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        return x @ self.directions.T + self.bias

    def tensors(self) -> dict[str, Tensor]:
        return {"directions": self.directions, "bias": self.bias}

    def facts(self) -> list[dict[str, float]]:
        """label (index into Labels.names), train_accuracy, test_accuracy, train_auc, test_auc,
        base_rate (share of test images that show it). Test values are NaN without both kinds."""
        return self.measured


def fit(
    data: FitData, *, n_concepts: int = 0, seed: int = 0, c: float = 0.1, min_each: int = 5
) -> Bank:
    """A probe for every labelled concept with at least `min_each` images of either kind.

    `c` is the inverse L2 strength of the logistic regression on standardised pooled activations;
    classes are weighed evenly. n_concepts > 0 keeps that many, those with the most even labels.
    Raises ValueError without labels, or when no concept varies enough.
    """
    if data.labels is None:
        raise ValueError(
            "cav needs labelled concepts, and this data set has none; use nmf or sae, or give "
            "concept columns in a manifest"
        )
    labels = data.labels
    eligible = [j for j in range(len(labels.names)) if _enough(labels.train[:, j], min_each)]
    if not eligible:
        raise ValueError(
            f"none of the {len(labels.names)} labelled concepts is both present and absent in at "
            f"least {min_each} train images; lower min_each or label more images"
        )
    if n_concepts:
        evenness = [abs(np.nanmean(labels.train[:, j]) - 0.5) for j in eligible]
        keep = sorted(np.argsort(evenness, kind="stable")[:n_concepts])
        eligible = [eligible[i] for i in keep]
    rows, biases, measured = [], [], []
    for done, j in enumerate(eligible):
        data.progress(f"probe {done + 1} of {len(eligible)}: {labels.names[j]}")
        w, b, numbers = _probe(data, j, c=c, seed=seed)
        norm = np.linalg.norm(w)
        rows.append(w / norm)
        biases.append(b / norm)
        measured.append({"label": float(j), **numbers})
    return Bank(
        directions=torch.from_numpy(np.stack(rows).astype(np.float32)),
        bias=torch.from_numpy(np.array(biases, dtype=np.float32)),
        measured=measured,
    )


def _enough(column: Float[np.ndarray, " n"], least: int) -> bool:
    return bool(min((column == 1).sum(), (column == 0).sum()) >= least)


def _probe(
    data: FitData, j: int, *, c: float, seed: int
) -> tuple[Float[np.ndarray, " d"], float, dict[str, float]]:
    assert data.labels is not None
    known = ~np.isnan(data.labels.train[:, j])
    x, y = data.pooled[known], data.labels.train[known, j] == 1
    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=c, class_weight="balanced", max_iter=500, random_state=seed),
    ).fit(x, y)
    scaler, probe = model[0], model[1]
    w = (probe.coef_[0] / scaler.scale_).astype(np.float64)
    b = float(probe.intercept_[0] - w @ scaler.mean_)
    known_test = ~np.isnan(data.labels.test[:, j])
    x_test, y_test = data.pooled_test[known_test], data.labels.test[known_test, j] == 1
    train_accuracy, train_auc = _quality(x @ w + b, y)
    test_accuracy, test_auc = _quality(x_test @ w + b, y_test)
    return (
        w,
        b,
        {
            "train_accuracy": train_accuracy,
            "test_accuracy": test_accuracy,
            "train_auc": train_auc,
            "test_auc": test_auc,
            "base_rate": float(y_test.mean()) if len(y_test) else float("nan"),
        },
    )


def _quality(margin: Float[np.ndarray, " n"], y: Bool[np.ndarray, " n"]) -> tuple[float, float]:
    if len(y) == 0:
        return float("nan"), float("nan")
    accuracy = float(accuracy_score(y, margin > 0))
    return accuracy, float(roc_auc_score(y, margin)) if 0 < y.sum() < len(y) else float("nan")
