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
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from core.concepts.bottlenecks import supervised
from core.concepts.common.stored import Stored
from core.types import FitData


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows"""
    bias: Float[Tensor, " k"]
    """in units of activation: distance of the origin to each separator"""
    measured: list[dict[str, float]] = field(default_factory=list)
    """label (index into Labels.names), train_accuracy, test_accuracy, train_auc, test_auc,
    base_rate (share of test images that show it). Test values are NaN without both kinds."""
    signed = True
    offset = None

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        return x @ self.directions.T + self.bias


def fit(
    data: FitData, *, n_concepts: int = 0, seed: int = 0, c: float = 0.1, min_each: int = 5
) -> Bank:
    """A probe for every labelled concept with at least `min_each` images of either kind.

    `c` is the inverse L2 strength of the logistic regression on standardised pooled activations;
    classes are weighed evenly. n_concepts > 0 keeps that many, those with the most even labels.
    Raises ValueError without labels, or when no concept varies enough.
    """
    chosen = supervised.learnable(data, n_concepts=n_concepts, min_each=min_each, title="cav")
    assert data.labels is not None
    rows, biases = [], []
    for done, j in enumerate(chosen):
        data.progress(f"probe {done + 1} of {len(chosen)}: {data.labels.names[j]}")
        w, b = _probe(data, j, c=c, seed=seed)
        norm = np.linalg.norm(w)
        rows.append(w / norm)
        biases.append(b / norm)
    directions, bias = np.stack(rows), np.array(biases)
    scores = (x @ directions.T + bias for x in (data.pooled, data.pooled_test))
    return Bank(
        directions=torch.from_numpy(directions.astype(np.float32)),
        bias=torch.from_numpy(bias.astype(np.float32)),
        measured=supervised.facts(data.labels, chosen, *scores),
    )


def _probe(data: FitData, j: int, *, c: float, seed: int) -> tuple[Float[np.ndarray, " d"], float]:
    assert data.labels is not None
    known = ~np.isnan(data.labels.train[:, j])
    x, y = data.pooled[known], data.labels.train[known, j] == 1
    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=c, class_weight="balanced", max_iter=500, random_state=seed),
    ).fit(x, y)
    scaler, probe = model[0], model[1]
    w = (probe.coef_[0] / scaler.scale_).astype(np.float64)
    return w, float(probe.intercept_[0] - w @ scaler.mean_)
