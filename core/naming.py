"""Names for concepts that were discovered, from concepts that were labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer

MIN_AUC = 0.75
MIN_MARGIN = 0.02


@dataclass(frozen=True)
class Match:
    """Per concept; -1 and NaN where there is no candidate at all."""

    best: Integer[np.ndarray, " k"]
    second: Integer[np.ndarray, " k"]
    named: Bool[np.ndarray, " k"]


def match(
    train_auc: Float[np.ndarray, "k l"],
    *,
    min_auc: float = MIN_AUC,
    min_margin: float = MIN_MARGIN,
) -> Match:
    """The labelled concept that each score separates best on train images, and the runner-up.

    A concept takes the name when its AUC reaches `min_auc` (chance 0.5) and leads the runner-up by
    `min_margin`; otherwise it stays unnamed. What is shown beside the name must be measured on
    other images, because the best of many is chosen here.
    """
    n_concepts, n_labels = train_auc.shape
    values = np.where(np.isnan(train_auc), -np.inf, train_auc)
    if n_labels == 0:
        nothing = np.full(n_concepts, -1)
        return Match(nothing, nothing.copy(), np.zeros(n_concepts, dtype=bool))
    order = np.argsort(-values, axis=1, kind="stable")
    best = order[:, 0]
    top = values[np.arange(n_concepts), best]
    second = order[:, 1] if n_labels > 1 else np.full(n_concepts, -1)
    runner_up = values[np.arange(n_concepts), second] if n_labels > 1 else np.full(n_concepts, 0.5)
    named = (top >= min_auc) & (top >= runner_up + min_margin)
    best = np.where(np.isfinite(top), best, -1)
    second = np.where(np.isfinite(runner_up), second, -1)
    return Match(best, second, named)
