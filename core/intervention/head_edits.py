"""Edits of the head itself: a concept removed everywhere, a weight masked, scaled or set.

Removing a concept is the model editing of Yuksekgonul et al. 2023 (arXiv 2205.15480).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from core.metrics.perturbation import keep_strongest
from core.types import Head


class HeadEdit(NamedTuple):
    """One step of an edit set; the app stores these."""

    kind: str
    """key of EDITS"""
    concept: int | None = None
    class_row: int | None = None
    """row of the head; None: all classes"""
    value: float | None = None
    """factor, weight or number kept, by kind"""


def prune(head: Head, edit: HeadEdit) -> Head:
    """The concept counts for no class."""
    return _changed(head, edit._replace(class_row=None), lambda w: w * 0)


def scale(head: Head, edit: HeadEdit) -> Head:
    """The weight (all classes: the column) times a factor; 0 masks it."""
    factor = _number(edit)
    return _changed(head, edit, lambda w: w * factor)


def set_weight(head: Head, edit: HeadEdit) -> Head:
    """The weight (all classes: the column) becomes the value, in logits per unit of score."""
    weight = _number(edit)
    return _changed(head, edit, lambda w: w * 0 + weight)


_EDITS: dict[str, Callable[[Head, HeadEdit], Head]] = {
    "prune": prune,
    "scale": scale,
    "set": set_weight,
}
KEEP = "keep"
"""at most so many concepts a class, those that move its logit most"""


def apply(
    head: Head, edits: Sequence[HeadEdit], deviation: Float[np.ndarray, " k"] | None = None
) -> Head:
    """A new head with the edits in order; the one given is untouched.

    deviation: of each concept's scores, by which the strongest weights are told.
    Raises ValueError for a kind that does not exist, or "keep" without deviations; IndexError for a
    concept or class that does not exist.
    """
    for edit in edits:
        if edit.kind == KEEP:
            if deviation is None:
                raise ValueError("which weights are strongest cannot be told without scores")
            head = keep_strongest(head, deviation, n=int(_number(edit)))
        elif edit.kind in _EDITS:
            head = _EDITS[edit.kind](head, edit)
        else:
            raise ValueError(f"no edit {edit.kind!r}; choose from {', '.join((*_EDITS, KEEP))}")
    return head


def _number(edit: HeadEdit) -> float:
    if edit.value is None or not np.isfinite(edit.value):
        raise ValueError(f"the edit {edit.kind!r} needs a finite value, got {edit.value}")
    return edit.value


def _changed(head: Head, edit: HeadEdit, change: Callable[[np.ndarray], np.ndarray]) -> Head:
    n_classes, n_concepts = head.weight.shape
    if edit.concept is None or not 0 <= edit.concept < n_concepts:
        raise IndexError(f"no concept {edit.concept}: the head has 0..{n_concepts - 1}")
    if edit.class_row is not None and not 0 <= edit.class_row < n_classes:
        raise IndexError(f"no class {edit.class_row}: the head has 0..{n_classes - 1}")
    rows = slice(None) if edit.class_row is None else edit.class_row
    weight = head.weight.copy()
    weight[rows, edit.concept] = change(weight[rows, edit.concept])
    return replace(head, weight=weight)
