"""What an energy-based concept bottleneck says once some concepts are set: the others move too.

Xu et al. 2024, ICLR, "Energy-Based Concept Bottleneck Models" (arXiv 2401.14142). Concepts c and
the class y of an image x have p(c, y | x) ~ exp(-(l_c sum_k E_k(x, c_k) + l_y E_class(x, y) +
l_g E_global(c, y))). Here, with a concept's score s_k = E_k(x, absent) - E_k(x, present),

    -E_global(c, y) = class_bias_y + sum_k c_k (concept_bias_k + weight_yk) + c' pair c / 2

so everything the paper marginalises (propositions 3.2 to 3.5) is a sum over classes, exact where
`pair` is 0; with pair terms, each class's concepts are a mean field. The paper infers by gradient
on soft c and y; natural-gradient steps on the free energy are the fixed point solved here. The
released code chooses concept embeddings by a hard threshold, through which no gradient passes, so
there the other concepts never move after an intervention; this does the soft mix the paper means.

    read(tensors) -> Energies                       # a stored bank's tensors, as numpy arrays
    follow(energies, scores, edits, class_logits=None) -> Followed(scores, moved, present, classes)
    given_class(energies), given_concept(energies), given_both(energies)     # tables 0..1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from core import bottleneck

_STEPS, _TOL = 200, 1e-10
_SURE = 12.0
"""log odds of a concept that is known: e^-12 is 6e-6"""


@dataclass(frozen=True)
class Energies:
    """A trained global energy, all in logits; float64."""

    weight: Float64[np.ndarray, "y k"]
    class_bias: Float64[np.ndarray, " y"]
    concept_bias: Float64[np.ndarray, " k"]
    pair: Float64[np.ndarray, "k k"]
    """symmetric, zero diagonal"""
    classes: Integer[np.ndarray, " y"]
    """class_id of each row"""
    shares: tuple[float, float] = (1.0, 1.0)
    """l_c, l_g: how much concept and global energies count; l_y is inside `class_logits`"""


class Followed(NamedTuple):
    scores: Float64[np.ndarray, "n k"]
    """the edited ones as set; the others moved by what the edit changes of their log odds"""
    moved: Bool[np.ndarray, "n k"]
    """concepts that followed, by more than the threshold; never the edited ones"""
    present: Float64[np.ndarray, "n k"]
    """probability of each concept after the edit, 0..1"""
    classes: Float64[np.ndarray, "n y"]
    """probability of each class after the edit; rows sum to 1"""


def read(tensors: Mapping[str, np.ndarray]) -> Energies:
    """From the tensors of a bank of method `energy` (`safetensors.numpy.load` on bank.tensors).

    Raises ValueError for the tensors of another method.
    """
    names = ("global_weight", "global_class", "global_concept", "global_pair")
    if any(name not in tensors for name in names):
        raise ValueError(
            "this bank has no global energy, so concepts cannot follow each other by it; "
            "choose a bank of method energy"
        )
    weight, class_bias, concept_bias, pair = (tensors[n].astype(np.float64) for n in names)
    concept, _, joint = (float(value) for value in tensors["shares"])
    classes = tensors["head_classes"].astype(np.int64)
    return Energies(weight, class_bias, concept_bias, pair, classes, (concept, joint))


def follow(
    energies: Energies,
    scores: Float[np.ndarray, "n k"],
    edits: Mapping[int, float],
    *,
    class_logits: Float[np.ndarray, "n y"] | None = None,
    threshold: float = 0.1,
) -> Followed:
    """Scores after `edits` {column: score}; a score is the log odds of the concept's presence.

    An edited concept is held at the presence its score says, 1 / (1 + exp(-score)). Every other
    score moves by the difference that the edit makes to its log odds given the image and all edits,
    so that no edit moves nothing. `class_logits` are -l_y E_class of each image, in the order of
    `energies.classes`, which is the rest of a head of kind `energy`; without them classes rest on
    the concepts alone. `threshold` is in log odds. Raises what `core.bottleneck.intervene` does.
    """
    edited = bottleneck.intervene(scores.astype(np.float64), edits)
    n, k = scores.shape
    own = np.zeros((n, len(energies.class_bias))) if class_logits is None else class_logits
    held = np.zeros(k, dtype=bool)
    held[list(edits)] = True
    before, _ = _inferred(energies, scores.astype(np.float64), own, np.zeros(k, dtype=bool))
    after, classes = _inferred(energies, edited, own, held)
    change = np.where(held, 0.0, after - before)
    moved = np.abs(change) > threshold
    return Followed(edited + change, moved, _sigmoid(after), classes)


def given_class(energies: Energies) -> Float64[np.ndarray, "y k"]:
    """p(c_k | y), proposition 3.2."""
    return _by_class(energies, _no_evidence(energies), _nobody(energies))[0][0]


def given_concept(energies: Energies) -> Float64[np.ndarray, "k k"]:
    """Row j, column i: p(c_i = 1 | c_j = 1), proposition 3.4; the diagonal is 1."""
    found, weight = _pairs(energies)
    return np.einsum("jyi,jy->ji", found, weight)


def given_both(energies: Energies) -> Float64[np.ndarray, "y k k"]:
    """p(c_i = 1 | c_j = 1, y), proposition 3.5, by class, row j, column i."""
    return _pairs(energies)[0].transpose(1, 0, 2)


def _pairs(energies: Energies) -> tuple[Float64[np.ndarray, "k y k"], Float64[np.ndarray, "k y"]]:
    """Presence given that concept j is there and the class is y; and p(y | c_j = 1)."""
    k = len(energies.concept_bias)
    found, weight = np.zeros((k, *energies.weight.shape)), np.zeros((k, len(energies.weight)))
    for j in range(k):
        held = _nobody(energies)
        held[j] = True
        present, bound = _by_class(energies, np.where(held, _SURE, 0.0)[None], held)
        found[j], weight[j] = np.where(held, 1.0, present[0]), bottleneck.probabilities(bound[0])
    return found, weight


def _no_evidence(energies: Energies) -> Float64[np.ndarray, "1 k"]:
    return np.zeros((1, len(energies.concept_bias)))


def _nobody(energies: Energies) -> Bool[np.ndarray, " k"]:
    return np.zeros(len(energies.concept_bias), dtype=bool)


def _inferred(
    energies: Energies,
    scores: Float64[np.ndarray, "n k"],
    class_logits: Float[np.ndarray, "n y"],
    held: Bool[np.ndarray, " k"],
) -> tuple[Float64[np.ndarray, "n k"], Float64[np.ndarray, "n y"]]:
    """Log odds of every concept and probability of every class, image by image.

    Summing over classes is exact; only within a class are concepts taken to be independent.
    """
    evidence = np.where(held, scores, energies.shares[0] * scores)
    present, bound = _by_class(energies, evidence, held)
    classes = bottleneck.probabilities(bound + class_logits)
    on = np.einsum("ny,nyk->nk", classes, present)
    # summed apart: 1 - on has lost its digits where a concept is all but certain
    off = np.einsum("ny,nyk->nk", classes, 1 - present)
    tiny = np.finfo(np.float64).tiny
    odds = np.log(np.maximum(on, tiny)) - np.log(np.maximum(off, tiny))
    return np.where(held, scores, odds), classes


def _by_class(
    energies: Energies, evidence: Float64[np.ndarray, "n k"], held: Bool[np.ndarray, " k"]
) -> tuple[Float64[np.ndarray, "n y k"], Float64[np.ndarray, "n y"]]:
    """Presence of each concept were the class y, and minus that class's free energy.

    `held` concepts keep the presence that their evidence alone says.
    """
    share = energies.shares[1]
    pull = share * (energies.concept_bias + energies.weight)
    pair = share * energies.pair
    field = evidence[:, None] + np.where(held, 0.0, pull)
    present = _sigmoid(field)
    if pair.any():
        for _ in range(_STEPS):
            # half a step: parallel full steps can swing between two states for ever
            target = _sigmoid(field + np.where(held, 0.0, present @ pair))
            step = target - present
            present = present + step / 2
            if np.abs(step).max(initial=0.0) < _TOL:
                break
    entropy = -(_xlogx(present) + _xlogx(1 - present))
    inner = (present * np.where(held, pull, field)).sum(-1)
    inner += ((present @ pair) * present).sum(-1) / 2
    bound = inner + np.where(held, 0.0, entropy).sum(-1) + share * energies.class_bias
    return present, bound


def _sigmoid(x: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    return np.exp(-np.logaddexp(0.0, -x))


def _xlogx(p: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)
