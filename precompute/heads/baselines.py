"""Accuracies that every head is read beside: the backbone's own, and a plain linear probe's."""

from __future__ import annotations

from typing import Any

import numpy as np

from precompute import heads
from precompute.intake import ActivationStore, Classes, Log, Scene


def put_baselines(
    scene: Scene,
    activations: ActivationStore,
    classes: Classes,
    predicted: np.ndarray | None,
    log: Log,
) -> list[dict[str, Any]]:
    """Accuracies of the backbone and of a plain linear probe on its pooled activations."""
    split = activations.rows["split"].to_numpy()
    out = []
    if predicted is not None:
        rows = heads.accuracies(predicted, scene.class_of, split, countable=classes.of_output)
        out += [{"model": "backbone", "target": "label", **row} for row in rows]
    try:
        with log.timed("linear probe", len(scene.train), "images"):
            probe = heads.probe(scene, activations.pooled())
    except ValueError as error:
        log.notice("heads", "linear probe", error)
        return out
    rows = heads.accuracies(probe.predicted, scene.class_of, split, countable=probe.classes)
    return [*out, *({"model": "linear probe", "target": "label", **row} for row in rows)]
