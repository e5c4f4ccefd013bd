"""Which concepts to ask a person about first: one usefulness an image and concept.

Larger is more useful and concepts are corrected in DESCENDING order, the convention of Shin et al.
2023 (arXiv 2302.14260), whose names are in brackets. What a concept is set to is a strategy's
business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Integer

from core import bottleneck
from core.intervention import lookahead
from core.intervention.situation import Situation


class Policy(NamedTuple):
    usefulness: Callable[[Situation], Float64[np.ndarray, "n k"]]
    about: str
    """for people: which concepts come first"""
    needs_truth: bool = False
    """no honest choice without ground truth; shown as a bound, not as advice"""
    drawn: bool = False
    """depends on the situation's seed, so that one order says little: many are drawn"""


def random(s: Situation) -> Float64[np.ndarray, "n k"]:
    """(rand) A seeded order for every image."""
    return np.random.default_rng(s.seed).random(s.scores.shape)


def uncertainty(s: Situation) -> Float64[np.ndarray, "n k"]:
    """(ucp) Bits, 0..1: entropy of whether the concept is present."""
    p = s.presence.astype(np.float64)
    return bottleneck.entropy(np.stack([p, 1 - p], axis=-1))


def concept_loss(s: Situation) -> Float64[np.ndarray, "n k"]:
    """(lcp) Squared error of the presence, 0..1; a concept of unknown truth comes last."""
    assert s.truth is not None
    return np.where(np.isnan(s.truth), -1.0, (s.presence - s.truth) ** 2)


def contribution(s: Situation) -> Float64[np.ndarray, "n k"]:
    """(cctp) |score| x sum of |weight| over classes, in logits."""
    return np.abs(s.scores.astype(np.float64)) * np.abs(s.head.weight).sum(0)


def influence(s: Situation) -> Float64[np.ndarray, "n k"]:
    """How far the predicted class's logit moves between the concept's absent and present value; of
    a sigmoid head, which predicts no one class, how far all labels' logits do, summed."""
    if s.head.link == "sigmoid":
        reach = np.abs(s.present - s.absent) * np.abs(s.head.weight.astype(np.float64)).sum(0)
        return np.broadcast_to(reach, s.scores.shape).copy()
    predicted = bottleneck.logits(s.head, s.scores, s.rest).argmax(1)
    return np.abs(s.head.weight[predicted].astype(np.float64) * (s.present - s.absent))


def cooperative(s: Situation) -> Float64[np.ndarray, "n k"]:
    """Uncertainty x influence: doubtful concepts that matter.

    The two criteria of CooP (Chauhan et al. 2023, arXiv 2212.07430), there added with tuned
    weights; their product needs none.
    """
    return uncertainty(s) * influence(s)


POLICIES: dict[str, Policy] = {
    "cooperative": Policy(cooperative, "doubtful concepts that matter: uncertainty × influence"),
    "uncertainty": Policy(uncertainty, "the concepts the head is least sure of"),
    "contribution": Policy(contribution, "the concepts that add most to any class"),
    "expected gain": Policy(
        lookahead.expected_gain, "the concepts expected to settle the decision most"
    ),
    "random": Policy(random, "any order", drawn=True),
    "greedy": Policy(
        lookahead.greedy,
        "knows the right class: an upper bound, not advice",
        needs_truth=True,
    ),
    "concept loss": Policy(
        concept_loss,
        "knows the labels, and takes what is furthest from them: a bound, not advice",
        needs_truth=True,
    ),
}
"""in the order in which people see them"""


def order(name: str, s: Situation) -> Integer[np.ndarray, "n g"]:
    """Groups of every image, most useful first; a group is as useful as its members on average.

    Groups are numbered in the order of their ids (without grouping: the concepts); ties go to the
    lower number. Where a policy needs a concept's present and absent level and they are unknown
    (NaN), it is left out of its group's average, and comes last where it stands alone. Raises
    ValueError for an unknown policy, or one that lacks its ground truth.
    """
    if name not in POLICIES:
        raise ValueError(f"no policy {name!r}; choose from {', '.join(POLICIES)}")
    policy = POLICIES[name]
    if policy.needs_truth and s.truth is None:
        raise ValueError(f"the policy {name!r} needs ground truth, and these images have none")
    useful = policy.usefulness(s)
    member = s.group_members()
    if member is not None:
        known = ~np.isnan(useful)
        total, n = np.where(known, useful, 0.0) @ member, known @ member
        useful = np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)
    return np.argsort(-useful, axis=1, kind="stable")
