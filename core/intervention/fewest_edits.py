"""A flip by editing several concepts, each within the range it was observed in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from core.intervention.smallest_edit import LEAD, reach, row, size
from core.types import Head


class Step(NamedTuple):
    concept: int
    change: float


def several(
    head: Head,
    logits: Float[np.ndarray, " y"],
    scores: Float[np.ndarray, " k"],
    *,
    low: Float[np.ndarray, " k"],
    high: Float[np.ndarray, " k"],
    target: int | None = None,
    most: int = 10,
) -> list[Step] | None:
    """A flip by changing few concepts within their ranges, greedily; None if `most` do not do.

    Each step takes the concept whose change within its range helps most, the last one only as far
    as needed. Towards one rival that is the fewest concepts possible, so without `target`, where
    every rival is tried and the shortest list wins (ties: the smaller sum of |change|), so is the
    result. With `target` the help is to its lead over its strongest rival. Raises ValueError for an
    endless range.
    """
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("every concept needs a finite range to be edited in")
    predicted = int(logits.argmax())
    if target == predicted:
        return []
    down, up = reach(scores, low, high)
    if target is not None:
        rivals = np.delete(np.arange(len(logits)), row(head, target))
        return _towards(_race(head, logits, target, rivals), down, up, most)
    best: list[Step] | None = None
    for rival in np.delete(np.arange(len(logits)), predicted):
        race = _race(head, logits, int(rival), np.array([predicted]))
        found = _towards(race, down, up, most if best is None else len(best))
        if found is not None and (best is None or _cost(found) < _cost(best)):
            best = found
    return best


class _Race(NamedTuple):
    """The target against each of r rivals."""

    lead: Float[np.ndarray, " r"]
    """logits; less than 0: behind"""
    lean: Float[np.ndarray, "k r"]
    """lead gained per unit of a concept's score"""


def _race(
    head: Head, logits: Float[np.ndarray, " y"], target: int, rivals: Integer[np.ndarray, " r"]
) -> _Race:
    weight = head.weight.astype(np.float64)
    lead = logits[target].astype(np.float64) - logits[rivals] - LEAD * size(logits)
    return _Race(lead, (weight[target] - weight[rivals]).T)


def _towards(
    race: _Race, down: Float[np.ndarray, " k"], up: Float[np.ndarray, " k"], most: int
) -> list[Step] | None:
    """Steps until the target leads all rivals; `down` and `up`: how far each concept may go."""
    lead, lean = race
    steps: list[Step] = []
    free = np.ones(len(lean), dtype=bool)
    while lead.min() < 0:
        if len(steps) == most:
            return None
        ends = np.stack([lead + lean * down[:, None], lead + lean * up[:, None]]).min(-1)
        ends[:, ~free] = -np.inf
        side, concept = np.unravel_index(ends.argmax(), ends.shape)
        if ends[side, concept] <= lead.min():
            return None
        change = float((down, up)[side][concept])
        if ends[side, concept] >= 0:
            # every rival that is ahead must be caught up with, and no other let past
            needed = np.where(lead < 0, -lead / np.where(lead < 0, lean[concept], 1.0), 0.0)
            change = float(needed[np.abs(needed).argmax()])
        lead = lead + change * lean[concept]
        steps.append(Step(int(concept), change))
        free[concept] = False
        if ends[side, concept] >= 0:
            break
    return steps


def _cost(steps: list[Step]) -> tuple[int, float]:
    return len(steps), sum(abs(step.change) for step in steps)
