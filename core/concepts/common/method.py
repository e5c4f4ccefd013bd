"""What the app and the pipeline know of a way to find concepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.kinds import Pool
from core.types import ConceptBank


@dataclass(frozen=True)
class Method:
    fit: Callable[..., ConceptBank]
    bank: Callable[..., ConceptBank]
    """rebuilds a bank from its tensors"""
    title: str
    """the method's name for people"""
    about: str
    """one sentence for people: what a concept of this method is"""
    code_unit: str
    """what a code measures"""
    pool: Pool = "mean"
    """how an image's codes become its score, over its tokens"""
    image_wise: bool = False
    """a token's codes depend on the other tokens of its image, so `encode` takes whole images"""
    asks_model: bool = False
    """its fit runs the model on crops, so it gets `FitData.crops`"""
