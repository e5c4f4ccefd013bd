"""Concept banks. A method is one module with `fit` and a frozen `Bank`; adding one is a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from core.concepts import cav, nmf, sae
from core.types import ConceptBank

__all__ = ["METHODS", "Method", "restore"]


@dataclass(frozen=True)
class Method:
    fit: Callable[..., ConceptBank]
    bank: Callable[..., ConceptBank]
    """rebuilds a bank from its tensors"""
    code_unit: str
    about: str


METHODS: dict[str, Method] = {
    "nmf": Method(
        nmf.fit, nmf.Bank, "activation", "non-negative parts that add up to the activation"
    ),
    "sae": Method(
        sae.fit, sae.Bank, "activation", "sparse latents of which a few rebuild each token"
    ),
    "cav": Method(
        cav.fit, cav.Bank, "distance to the separator", "one linear probe per labelled concept"
    ),
}


def restore(method: str, tensors: dict[str, Tensor]) -> ConceptBank:
    """A stored bank, ready to encode. Raises ValueError for a method this program lacks."""
    if method not in METHODS:
        raise ValueError(f"unknown concept method {method!r}; known: {', '.join(METHODS)}")
    return METHODS[method].bank(**tensors)
