"""What the app and the pipeline know of a way to find concepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

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
    """what an image's score is read from where neither recipe nor model says"""
    pools: tuple[Pool, ...] = get_args(Pool)
    """what it may be read from; fewer where the concepts are learned by their scores"""
    follows_model: bool = True
    """whether its concepts are learned from CLS tokens where scores are read from them, so that
    these may be where they are read from by default"""
    image_wise: bool = False
    """a token's codes depend on the other tokens of its image, so `encode` takes whole images"""
    asks_model: bool = False
    """its fit runs the model on crops, so it gets `FitData.crops`"""
