"""Whether importances say what a head does: each method beside random orders of its concepts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from core.importance import METHODS, Function, LinearLogit
from core.importance.fidelity import deletion, insertion, mu_fidelity
from core.types import Head

SHUFFLES = 4
"""random orders an image behind each control"""


def judge(
    head: Head,
    scores: Float[np.ndarray, "n k"],
    best: Integer[np.ndarray, " n"],
    *,
    seed: int,
) -> tuple[pd.DataFrame, dict[int, Float64[np.ndarray, "m k"]]]:
    """Rows of `fidelity` without the head, and the Sobol indices by class index.

    `best` is each image's predicted class index, whose logit is explained. For a linear head
    gradient x input, integrated gradients and occlusion equal `linear`; their rows show it.
    """
    rows: dict[tuple[str, str], list[np.ndarray]] = {}
    sobol = {}
    for y in np.unique(best):
        weight = torch.from_numpy(head.weight[y].astype(np.float64))
        function = LinearLogit(weight, float(head.bias[y]))
        x = torch.from_numpy(scores[best == y].astype(np.float64))
        for name, method in METHODS.items():
            importance = method.run(function, x, seed=seed)
            for metric, pairs in _tested(function, x, importance, seed).items():
                rows.setdefault((name, metric), []).append(pairs)
            if name == "sobol":
                sobol[int(y)] = importance.numpy()
    found = []
    for (name, metric), parts in rows.items():
        pairs = np.concatenate(parts)
        pairs = pairs[~np.isnan(pairs).any(1)]
        if len(pairs):
            value, random = pairs.mean(0)
            found.append((name, metric, value, random, len(pairs)))
    names = ["method", "metric", "value", "random", "n"]
    return pd.DataFrame(found, columns=names), sobol


def _tested(
    function: Function, x: Float[Tensor, "n k"], importance: Float[Tensor, "n k"], seed: int
) -> dict[str, Float64[np.ndarray, "n 2"]]:
    """By metric, each image's value and its mean over random orders of its importances."""
    generator = torch.Generator().manual_seed(seed)
    orders = [
        torch.rand(importance.shape, generator=generator).argsort(dim=1) for _ in range(SHUFFLES)
    ]
    asked = [importance, *(importance.gather(1, order) for order in orders)]
    measured = {
        "C-insertion": np.stack([insertion(function, x, i) for i in asked]),
        "C-deletion": np.stack([deletion(function, x, i) for i in asked]),
        "C-muFidelity": mu_fidelity(function, x, torch.stack(asked), seed=seed),
    }
    return {name: np.stack([v[0], v[1:].mean(0)], axis=1) for name, v in measured.items()}
