"""Concept banks. A method is one module with `fit` and a frozen `Bank`, and one line in the METHODS
of its family: factorisations, autoencoders, words, bottlenecks, and banks from elsewhere."""

from __future__ import annotations

from torch import Tensor

from core.concepts import bottlenecks, factors, imported, sae, words
from core.concepts.bottlenecks.energy import Bank as EnergyBank
from core.concepts.common.method import Method
from core.concepts.common.token_sample import numerical_rank
from core.concepts.factors.attribution import ScoredBackbone
from core.concepts.factors.craft import Bank as CraftBank
from core.concepts.factors.hierarchical_semi_nmf import Bank as HierarchicalBank
from core.concepts.factors.nnls import nnls_codes
from core.concepts.imported.bank import Bank as ImportedBank
from core.concepts.imported.exported import exported
from core.concepts.imported.kinds import kind_of
from core.concepts.sae.matryoshka import Bank as MatryoshkaBank
from core.concepts.sae.plan import parameters
from core.concepts.words.worded import varied_words
from core.types import ConceptBank

__all__ = [
    "METHODS",
    "CraftBank",
    "EnergyBank",
    "HierarchicalBank",
    "ImportedBank",
    "MatryoshkaBank",
    "Method",
    "ScoredBackbone",
    "exported",
    "kind_of",
    "nnls_codes",
    "numerical_rank",
    "parameters",
    "restore",
    "varied_words",
]

METHODS: dict[str, Method] = {
    **factors.METHODS,
    **sae.METHODS,
    **words.METHODS,
    **bottlenecks.METHODS,
    **imported.METHODS,
}


def restore(method: str, tensors: dict[str, Tensor]) -> ConceptBank:
    """A stored bank, ready to encode. Raises ValueError for a method this program lacks."""
    if method not in METHODS:
        raise ValueError(f"unknown concept method {method!r}; known: {', '.join(METHODS)}")
    return METHODS[method].bank(**tensors)
