"""Random directions in a bank's place that rebuild tokens as well as so few of them can."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.metrics import dictionary, reconstruction
from core.types import ConceptBank
from precompute.banks.encode import Codes


@dataclass(frozen=True)
class RandomDictionary:
    directions: Float[Tensor, "k d"]
    centre: Float[Tensor, " d"]
    """subtracted before coding: the mean token where the bank has something to subtract, else 0"""
    n_codes: int
    """for each token, as many as the bank uses on average"""

    def codes(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """By least squares, of either sign."""
        return reconstruction.control_codes(x - self.centre, self.directions, n_codes=self.n_codes)

    def rebuilt(self, codes: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        return codes @ self.directions + self.centre


def random_dictionary(
    bank: ConceptBank, codes: Codes, mean: Float[Tensor, " d"], *, seed: int
) -> RandomDictionary:
    """As many directions as the bank has. `mean`: of tokens."""
    centred = bank.offset is not None and bool((bank.offset != 0).any())
    return RandomDictionary(
        dictionary.random_like(bank.directions, seed=seed),
        mean if centred else torch.zeros(bank.directions.shape[1]),
        max(1, round(codes.l0)),
    )
