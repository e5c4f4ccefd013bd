"""How long and how fast an autoencoder is trained, and what of it a recipe can set."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypedDict, get_args, get_type_hints, is_typeddict


@dataclass(frozen=True)
class Plan:
    """The same plan and tokens give the same weights.

    Adam's rate rises over the first 5 % of the steps and falls linearly over the last 20 %.
    """

    n_steps: int = 1500
    batch: int = 1024
    """tokens a step"""
    lr: float = 1e-3
    """Adam's, at its height"""
    revive_every: int = 250
    """latents silent for so many steps are revived"""
    seed: int = 0


class Pace(TypedDict, total=False):
    """What a `fit` passes on to its `Plan`, where it has an `lr` of its own."""

    n_steps: int
    batch: int
    revive_every: int


class Training(Pace, total=False):
    """What a `fit` passes on to its `Plan`."""

    lr: float


def parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Keyword-only parameters with their defaults, among them those that a `fit` passes on."""
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            found[name] = parameter.default
        elif parameter.kind is parameter.VAR_KEYWORD:
            passed = [t for t in get_args(get_type_hints(function)[name]) if is_typeddict(t)]
            names = {key for t in passed for key in get_type_hints(t)}
            found |= {field.name: field.default for field in fields(Plan) if field.name in names}
    return found
