"""How faithfully a bank's codes give tokens back, and how sparse those codes are.

Measures of dictionary learning for concepts as in Fel et al. 2023 (arXiv 2306.07304, section 3).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from core.types import ConceptBank, Rescales

NEAREST = 10
"""which neighbour's distance counts"""


def rebuilt(
    bank: ConceptBank, x: Float[Tensor, "*n d"], codes: Float[Tensor, "*n k"]
) -> Float[Tensor, "*n d"]:
    """The tokens `x` as the bank gives them back; it must reconstruct."""
    added = bank.offsets(x) if isinstance(bank, Rescales) else bank.offset
    assert added is not None
    return codes @ bank.directions + added


def relative_l2(x: Float[Tensor, "n d"], rebuilt: Float[Tensor, "n d"]) -> float:
    """|x - rebuilt| / |x|, Frobenius norms; 0 is exact. NaN when every token is zero."""
    size = x.double().square().sum().sqrt()
    return float((x.double() - rebuilt.double()).square().sum().sqrt() / size)


def r2(x: Float[Tensor, "n d"], rebuilt: Float[Tensor, "n d"]) -> float:
    """Share of variance about the mean token, at most 1; the mean token itself has 0.

    NaN when all tokens are equal.
    """
    spread = (x.double() - x.double().mean(0)).square().sum()
    return float(1 - (x.double() - rebuilt.double()).square().sum() / spread)


def l0(codes: Float[Tensor, "n k"]) -> float:
    """Mean number of non-zero codes a token."""
    return float((codes != 0).sum(1).double().mean())


def hoyer(codes: Float[Tensor, "n k"]) -> float:
    """Mean of (sqrt(k) - l1/l2) / (sqrt(k) - 1) over tokens with a code: 1 one code, 0 all equal.

    Hoyer 2004 (JMLR 5), section 3.1. NaN with a single concept or without any code.
    """
    k = codes.shape[1]
    size = codes.double().norm(dim=1)
    kept = size > 0
    if k < 2 or not kept.any():
        return float("nan")
    ratio = codes[kept].double().abs().sum(1) / size[kept]
    return float(((k**0.5 - ratio) / (k**0.5 - 1)).mean())


def wasserstein(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> float:
    """1-D Wasserstein-1 distance of a channel's values, mean over channels; unit of activation.

    Between samples of equal size it is the mean distance of the sorted values.
    """
    return float((x.sort(0).values.double() - y.sort(0).values.double()).abs().mean())


def neighbour_distance(queries: Float[Tensor, "m d"], real: Float[Tensor, "n d"]) -> float:
    """Mean distance of queries to their 10th nearest real token; unit of activation.

    Deep nearest neighbours (Sun et al. 2022, arXiv 2204.06507), without normalising: a
    reconstruction may be zero. NaN with fewer real tokens than that.
    """
    if len(real) < NEAREST:
        return float("nan")
    near = torch.cdist(queries, real).topk(NEAREST, dim=1, largest=False).values
    return float(near[:, -1].double().mean())


def readout_accuracy(
    pooled: Float[np.ndarray, "n d"],
    readout: tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]],
    outputs: Integer[np.ndarray, " n"],
) -> float:
    """Share of pooled activations whose highest logit is the given output, 0..1."""
    weight, bias = readout
    return float(((pooled @ weight.T + bias).argmax(1) == outputs).mean())
