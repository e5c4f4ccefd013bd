"""What is known of n images before any of their concepts is corrected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Integer

from core.types import Head


@dataclass(frozen=True)
class Situation:
    head: Head
    scores: Float[np.ndarray, "n k"]
    presence: Float[np.ndarray, "n k"]
    """probability that the concept is present, 0..1; see core.intervention.presence"""
    present: Float[np.ndarray, " k"]
    """the score a present concept typically has; the difference to `absent` is its reach"""
    absent: Float[np.ndarray, " k"]
    rest: Float[np.ndarray, "n y"] | None = None
    """of a residual head"""
    truth: Float[np.ndarray, "n k"] | None = None
    """1 present, 0 absent, NaN unknown"""
    values: Float[np.ndarray, "n k"] | None = None
    """scores that correcting would set, from a strategy; what is unknown keeps its score"""
    classes: Integer[np.ndarray, " n"] | None = None
    """the head's row that is right for the image"""
    targets: Float[np.ndarray, "n y"] | None = None
    """of a sigmoid head in place of `classes`: 1 shown, 0 absent, NaN unknown, by its rows"""
    groups: Integer[np.ndarray, " k"] | None = None
    """id of each concept's group, corrected together; None: every concept alone"""
    seed: int = 0

    def group_members(self) -> Float64[np.ndarray, "k g"] | None:
        """1 where the concept is in the group, groups by ascending id."""
        if self.groups is None:
            return None
        return (self.groups[:, None] == np.unique(self.groups)).astype(np.float64)
