"""What a bank's scores are read from: the mean of a map, its largest value, or the CLS token."""

from __future__ import annotations

from typing import cast, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.backbones import ReadsCls, no_cls
from core.concepts import METHODS
from core.kinds import Pool
from core.recipe import BankSpec, Recipe
from core.types import Activations, Backbone, ConceptBank
from precompute.intake import Build

Readout = tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]]


def pool_of(spec: BankSpec) -> Pool:
    """What the recipe says, which `check_pool` has looked at, else what is the method's own."""
    return cast(Pool, spec.pool) if spec.pool else METHODS[spec.method].pool


def check_pool(spec: BankSpec) -> None:
    """Raises ValueError for a `pool` that does not exist, or that the method cannot have."""
    own = METHODS[spec.method].pools
    if not spec.pool or spec.pool in own:
        return
    if spec.pool not in get_args(Pool):
        raise ValueError(
            f"bank {spec.title!r}: pool must be one of {', '.join(get_args(Pool))}, "
            f"not {spec.pool!r}"
        )
    raise ValueError(
        f"bank {spec.title!r}: pool cannot be {spec.pool!r}, for the concepts of {spec.method} are "
        f"learned by what their scores are read from; it can be {' or '.join(map(repr, own))}"
    )


def check_cls(recipe: Recipe, backbone: Backbone) -> None:
    """Raises ValueError where a bank is to be scored by a CLS token that is not there or not read,
    before any work is done."""
    asked = [bank.title for bank in recipe.banks if bank.pool == "cls"]
    why = no_cls(backbone) if asked else ""
    if why:
        raise ValueError(
            f'bank {asked[0]!r} is to be scored by the CLS token (pool = "cls"), but backbone '
            f'{backbone.name!r} cannot be at layer {backbone.layer!r}: {why}. Use pool = "mean" '
            'or "max", or a layer before the last pooling of a model that reads its CLS token'
        )


def vectors(build: Build, pool: Pool) -> Float[np.ndarray, "n d"]:
    """Of every image, what its score is the code of where codes are linear: its mean token, or its
    CLS token."""
    if pool != "cls":
        return build.pooled
    assert build.cls is not None, "`check_cls` has looked"
    return build.cls


def readout_of(backbone: Backbone, pool: Pool) -> Readout | None:
    """(W, b) of logits that are linear in the mean token, or in the CLS token; None: they are not.

    Beside the CLS token logits may rest on other tokens, too, which then stay as they are.
    """
    if pool != "cls":
        return backbone.linear_readout()
    return backbone.cls_readout() if isinstance(backbone, ReadsCls) else None


def scores_of(bank: ConceptBank, seen: Activations, pool: Pool) -> Float[Tensor, "b k"]:
    """Scores of images, on the CPU."""
    if pool == "cls":
        return bank.encode(seen.extra[:, 0].float().cpu())
    codes = bank.encode(seen.tokens.float().cpu())
    return codes.amax(1) if pool == "max" else codes.mean(1)


def cls_scores(bank: ConceptBank, cls: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
    """Codes of CLS tokens: a score each."""
    found: Float[np.ndarray, "n k"] = bank.encode(torch.from_numpy(cls)).numpy()
    return found
