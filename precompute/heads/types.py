"""What a head is made from, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from core import heads
from core.kinds import Pool
from core.types import ConceptBank, Head
from precompute.banks import vectors
from precompute.intake import Build, Texts


@dataclass(frozen=True)
class Fitted:
    head: Head
    """of a head that is not linear: all zero, only its classes count"""
    classes: Integer[np.ndarray, " y"]
    """class_id of each row of the head"""
    about: str
    rest: Float[np.ndarray, "n y"] | None = None
    """of a residual head, in logits"""
    unlike: Float[np.ndarray, "n y"] | None = None
    """logits of a head that is no linear function of the scores; None: it is"""
    thresholds: Float[np.ndarray, " y"] | None = None
    """of a multi-label set, the probability from which on an image is taken for each label; None:
    it is taken for its most probable class"""
    gap: float | None = None
    """of a sparse layer, see `core.heads.Trained`; None: of no such layer"""
    refit: Callable[[Float[np.ndarray, "n k"]], Fitted] | None = None
    """the same made from other scores of the same shape: how its random control comes about"""

    @property
    def linear(self) -> bool:
        return self.unlike is None


@dataclass(frozen=True)
class Kind:
    """A way to make a head: a line of `precompute.heads.HEADS`."""

    make: Callable[..., Fitted]
    """(given, **params); raises ValueError, with the reason, where there can be none"""
    title: str
    """the kind's name for people"""
    about: str
    """one sentence for people"""
    parameters: tuple[Callable[..., Any], ...] = ()
    """the functions whose parameters a recipe may set, where they are not those of `make`"""


@dataclass(frozen=True)
class HeadInput:
    """What a head may be made from."""

    build: Build
    bank: ConceptBank
    scores: Float[np.ndarray, "n k"]
    label_of: Integer[np.ndarray, " k"]
    """labelled concept that each concept is fitted to or named for; -1: none"""
    texts: Texts = field(default_factory=Texts)
    pool: Pool = "mean"
    """what the scores are read from"""

    @property
    def vectors(self) -> Float[np.ndarray, "n d"]:
        """Of every image, the activation that its scores are read from."""
        return vectors(self.build, self.pool)


def choose_on_val(
    build: Build,
    fit: Callable[[float], tuple[Head, Integer[np.ndarray, " y"]]],
    x: Float[np.ndarray, "n k"],
) -> tuple[float, int]:
    """The inverse strength that is best on the val split, and on how many images; see
    `core.heads.choose_strength`, and of a multi-label set `core.heads.choose_strength_each`. `x`:
    rows of every image."""
    rows = build.chosen_on
    if build.targets is not None:
        on_val = replace(build.targets, y=build.targets.y[rows])
        return heads.choose_strength_each(fit, x[rows], on_val)
    return heads.choose_strength(fit, x[rows], build.class_of[rows])


def settled(
    given: HeadInput,
    settings: heads.SparseSettings,
    fit: Callable[[float], tuple[Head, Integer[np.ndarray, " y"]]],
) -> tuple[heads.SparseSettings, str]:
    """Settings with the strength that `fit` is best with on the val split, if the recipe says
    none, and a clause that says so, "" where it was not chosen."""
    if settings.c or settings.per_class:
        return settings, ""
    c, n = choose_on_val(given.build, fit, given.scores)
    told = f", penalised as is best on {n:,} val images (c = {c:g})"
    return replace(settings, c=c), told if n else ""


def one_class(build: Build, what: str) -> None:
    """Raises ValueError where an image can carry several labels, of which `what` knows nothing."""
    if build.targets is not None:
        raise ValueError(
            f"{what} tells one class an image from the others by a softmax, and here an image can "
            'carry several labels; use a head of kind "sparse" or "hybrid"'
        )


def labelled(build: Build) -> Integer[np.ndarray, " m"]:
    """Train images that carry a label. Raises ValueError when they are too few to train on."""
    rows = build.train[build.class_of[build.train] >= 0]
    n_classes = len(np.unique(build.class_of[rows]))
    if n_classes == 0:
        raise ValueError("no train image carries a label, so nothing can be trained on labels")
    if len(rows) < 3 * n_classes:
        raise ValueError(
            f"{len(rows)} labelled train images of {n_classes} classes are too few to train on "
            '(it takes 3 a class on average); a head of kind "backbone" needs no labels'
        )
    return rows
