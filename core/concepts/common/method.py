"""What the app and the pipeline know of a way to find concepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.types import ConceptBank


@dataclass(frozen=True)
class Method:
    fit: Callable[..., ConceptBank]
    bank: Callable[..., ConceptBank]
    """rebuilds a bank from its tensors"""
    code_unit: str
    about: str
    pool: str = "mean"
    """how an image's codes become its score: "mean" or "max" over tokens"""
    image_wise: bool = False
    """a token's codes depend on the other tokens of its image, so `encode` takes whole images"""
