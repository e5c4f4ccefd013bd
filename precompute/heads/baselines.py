"""Accuracies that every head is read beside: the backbone's own, and a plain linear probe's."""

from __future__ import annotations

from typing import Any

import numpy as np

from precompute.heads.judged import accuracies, probe
from precompute.intake import Build


def put_baselines(build: Build, predicted: np.ndarray | None) -> list[dict[str, Any]]:
    """Accuracies of the backbone and of a plain linear probe on its pooled activations.

    `predicted`: class_id that the backbone gives each image; None: it does not classify.
    """
    if build.targets is not None:
        return []  # no single class is right, see `label_metrics`
    out, truth = [], build.class_of
    if predicted is not None:
        rows = accuracies(predicted, truth, build.split, countable=build.output_classes)
        out += [{"model": "backbone", "target": "label", **row} for row in rows]
    with build.log.attempt("heads", "linear probe"):
        with build.log.timed("linear probe", len(build.train), "images"):
            fitted = probe(build)
        rows = accuracies(fitted.predicted, truth, build.split, countable=fitted.classes)
        out += [{"model": "linear probe", "target": "label", **row} for row in rows]
    return out
