"""All that a build knows of one bank, handed on as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core.kinds import Pool
from core.recipe import BankSpec
from core.types import ConceptBank, FitData
from precompute.banks.control import ControlCodes
from precompute.banks.encode import Codes
from precompute.banks.fit import FittedBank
from precompute.intake import Texts


@dataclass(frozen=True)
class Description:
    """Frames without bank_id, named for their tables."""

    concept: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledScores:
    """Concepts with the labels they stand for: a bank's own, or random directions instead."""

    scores: Float[np.ndarray, "n k"]
    label_of: Integer[np.ndarray, " k"]
    """labelled_id that a concept is named for; -1: unnamed"""
    probes: bool
    """fitted to labels"""
    codes: Callable[[int], Float[np.ndarray, "t k"]]
    """of one image; the last one asked for is kept"""
    worded: bool = False
    """fitted to words: a score has no side, but a concept may be the word of a label"""
    sided: bool = True
    """of probes: a positive score says that the concept is there (a likeness does not)"""


@dataclass(frozen=True)
class BankRun:
    """One bank of a build: what it was fitted on, what came of it, and what is said of it."""

    bank_id: int
    spec: BankSpec
    data: FitData
    folder: Path
    """of what is made on the way"""
    fitted: FittedBank
    codes: Codes
    control: ControlCodes
    """of random directions in the bank's place"""
    control_names: pd.DataFrame | None
    """what these are named for, the naming columns of `concept`; None: there are no labels"""
    description: Description
    concepts: LabelledScores
    texts: Texts

    @property
    def title(self) -> str:
        return self.spec.title

    @property
    def bank(self) -> ConceptBank:
        return self.fitted.bank

    @property
    def pool(self) -> Pool:
        """What an image's score is read from."""
        return self.codes.pool
