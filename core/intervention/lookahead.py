"""Policies that try every concept out before choosing one.

Both work on blocks of images small enough for the processor's cache: a table image x concept x
class of logit changes is the whole cost, and it is made once.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from core import bottleneck
from core.intervention.situation import Situation

_SINGLE = 60.0
"""sums are then at least exp(-60), and single precision loses only terms below exp(-87)"""


def _blocks(s: Situation, numbers: int) -> list[slice]:
    """Rows such that a table has about that many numbers."""
    n, k = s.scores.shape
    size = max(1, numbers // max(1, k * len(s.head.bias)))
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def expected_gain(s: Situation) -> Float64[np.ndarray, "n k"]:
    """Bits by which learning the concept is expected to settle the class.

    Entropy now minus the mean entropy once it is set to its present or absent value, weighted by
    how likely either is; can be negative. Of a sigmoid head the entropies of its labels are summed,
    as independent ones' are. (EUDTP of Shin et al. 2023, arXiv 2302.14260.)
    """
    weight = s.head.weight.astype(np.float64).T
    out = np.empty(s.scores.shape)
    several = s.head.link == "sigmoid"
    for rows in _blocks(s, 1 << 16):
        scores, likely = s.scores[rows].astype(np.float64), s.presence[rows].astype(np.float64)
        z = bottleneck.logits(s.head, scores, None if s.rest is None else s.rest[rows])
        now = bottleneck.entropy(bottleneck.probabilities(z, s.head.link), s.head.link)[:, None]
        then = np.zeros_like(scores)
        for value, share in ((s.present, likely), (s.absent, 1 - likely)):
            moved = (value - scores)[:, :, None] * weight
            moved += z[:, None]
            if several:
                p = bottleneck.sigmoid(moved)
                then += share * bottleneck.entropy(p, "sigmoid") * np.log(2)
                continue
            moved -= moved.max(-1, keepdims=True)
            powers = np.exp(moved)
            total = powers.sum(-1)
            moved *= powers
            then += share * (np.log(total) - moved.sum(-1) / total)
        out[rows] = now - then / np.log(2)
    return out


def greedy(s: Situation) -> Float64[np.ndarray, "n k"]:
    """Minus the step at which to correct each concept: always the one (or the group) that then
    makes the true class most probable, given those corrected before. An upper bound for policies
    that look one step ahead; needs `values` and `classes`.

    With r_y = exp(z_y - z_true) and e = exp(change of z_y - z_true), the probability after a
    correction is 1 / sum_y r_y e_y: one product a step, no exponential of the table. Of a sigmoid
    head it is the concept that makes the known labels together most probable; needs `targets`.
    """
    if s.targets is not None:
        return _greedy_each(s, s.targets)
    if s.values is None or s.classes is None:
        raise ValueError("the greedy policy needs the values to set and the true classes")
    weight = s.head.weight.astype(np.float64).T
    member = s.group_members()
    out = np.empty(s.scores.shape)
    for rows in _blocks(s, 1 << 19):
        true, here = s.classes[rows], np.arange(rows.stop - rows.start)
        scores = s.scores[rows].astype(np.float64)
        z = bottleneck.logits(s.head, scores, None if s.rest is None else s.rest[rows])
        ahead = z - z[here, true][:, None]
        change = weight - weight[:, true].T[:, :, None]
        change *= (s.values[rows] - scores)[:, :, None]
        if member is not None:
            change = np.matmul(member.T, change)
        # a common factor an image keeps the powers in range and the choice as it is
        top, bottom = change.max((1, 2), keepdims=True), change.min()
        # half the bytes is half the time; what a wide range would lose needs double precision
        precision = np.float32 if top.max() - bottom < _SINGLE else np.float64
        powers = np.exp((change - top).astype(precision))
        step_of = np.empty(change.shape[:2])
        taken = np.zeros(change.shape[:2])
        for step in range(change.shape[1]):
            r = np.exp((ahead - ahead.max(1, keepdims=True)).astype(precision))
            odds = np.matmul(powers, r[:, :, None])[:, :, 0]
            odds += taken
            pick = odds.argmin(1)
            step_of[here, pick] = step
            taken[here, pick] = np.inf
            ahead += change[here, pick]
        out[rows] = -(step_of if member is None else step_of @ member.T)
    return out


def _greedy_each(s: Situation, targets: Float[np.ndarray, "n y"]) -> Float64[np.ndarray, "n k"]:
    """Labels are independent given the scores, so their probabilities multiply: the concept of
    least summed log(1 + exp(-+z)) is taken, + for a label that is shown."""
    if s.values is None:
        raise ValueError("the greedy policy needs the values to set")
    weight = s.head.weight.astype(np.float64).T
    member = s.group_members()
    out = np.empty(s.scores.shape)
    for rows in _blocks(s, 1 << 16):
        # +1 shown, -1 absent, 0 unknown: a constant, which chooses nothing
        sign = np.nan_to_num(2 * targets[rows] - 1)
        here = np.arange(rows.stop - rows.start)
        scores = s.scores[rows].astype(np.float64)
        z = bottleneck.logits(s.head, scores, None if s.rest is None else s.rest[rows]) * sign
        change = weight * sign[:, None] * (s.values[rows] - scores)[:, :, None]
        if member is not None:
            change = np.matmul(member.T, change)
        step_of = np.empty(change.shape[:2])
        taken = np.zeros(change.shape[:2])
        for step in range(change.shape[1]):
            loss = np.logaddexp(0, -(z[:, None] + change)).sum(-1) + taken
            pick = loss.argmin(1)
            step_of[here, pick] = step
            taken[here, pick] = np.inf
            z += change[here, pick]
        out[rows] = -(step_of if member is None else step_of @ member.T)
    return out
