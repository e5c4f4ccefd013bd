"""CRAFT's recursion: the strongest crops of a concept, factorised again one layer earlier.

A concept of a late layer may join what an earlier one keeps apart (Fel et al. 2023, arXiv
2211.10154, section 3.2): its crops, seen there, fall into sub-concepts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.token_sample import numerical_rank
from core.concepts.factors import nmf, nnls
from core.types import Crops, FitData

SHOWN = 12
"""crops kept of a concept, for people; of a sub-concept half as many"""
STRONGEST = 120
"""crops of a concept that are factorised again, at most ..."""
FLOOR = 1 / 3
"""... and only those whose code is at least this share of the largest: weaker ones show other
things"""
FEWEST = 3
"""crops needed for each sub-concept asked for"""


@dataclass(frozen=True)
class Tree:
    """The fields `subs`, `sub_crops` and `sub_layer` of `craft.Bank`."""

    subs: Float[Tensor, "s 4"]
    crops: Float[Tensor, "e 7"]
    layer: str


def shown(crops: Crops, codes: Float[Tensor, "c k"], *, most: int = SHOWN) -> Float[Tensor, "e 7"]:
    """The strongest crop of each of a column's strongest images, column after column.

    Rows: column, row of the image, x0, y0, x1, y1, code; codes of 0 are left out.
    """
    found = []
    for k, code in enumerate(codes.T.numpy()):
        order = _strongest(code, len(code))
        # crops of one image overlap: a second one would show nothing new
        _, first = np.unique(crops.image[order], return_index=True)
        kept = order[np.sort(first)[:most]]
        column = np.full(len(kept), k)
        found.append(np.column_stack([column, crops.image[kept], crops.box[kept], code[kept]]))
    return torch.from_numpy(np.concatenate(found).astype(np.float64))


def grow(
    data: FitData,
    crops: Crops,
    codes: Float[Tensor, "c k"],
    *,
    n_parents: int,
    n_sub: int,
    layer: str,
    seed: int,
) -> Tree:
    """Split the `n_parents` concepts with the largest sums of codes into `n_sub` each.

    A concept whose crops are too few, or of lower rank than `n_sub`, stays whole. Raises ValueError
    for a layer that does not exist or is signed.
    """
    none = Tree(torch.zeros(0, 4), torch.zeros(0, 7), "")
    sums = codes.sum(0).numpy()
    parents = np.sort(np.argsort(-sums, kind="stable")[:n_parents])
    groups = {}
    for k in parents.tolist():
        code = codes[:, k].numpy()
        rows = _strongest(code, STRONGEST)
        rows = rows[code[rows] >= FLOOR * code.max()]
        if len(rows) >= FEWEST * n_sub:
            groups[k] = rows
    if not groups or n_sub == 0 or data.crops is None:
        return none
    union = np.unique(np.concatenate(list(groups.values())))
    found = data.crops.earlier(crops, union, layer=layer)
    if found is None:
        return none
    name, seen = found
    nmf.refuse_negative(seen, title=f"CRAFT at layer {name}")
    subs, kept, n = [], [], 0
    for k, rows in groups.items():
        x = seen[np.searchsorted(union, rows)]
        if numerical_rank(x, most=n_sub) < n_sub:
            continue
        parts, error = nmf.factorise(
            x, n_sub, seed=seed, max_iter=200, tol=1e-4, progress=lambda _: None
        )
        weights = nnls.nnls_codes(x, parts)
        weights = weights[:, weights.sum(0).argsort(descending=True)]
        share = weights.sum(0) / weights.sum().clamp_min(nnls.EPS)
        largest = weights.argmax(1).bincount(minlength=n_sub)
        same = torch.ones(n_sub)
        subs.append(torch.stack([k * same, share, largest * same, error * same], dim=1))
        mine = Crops(crops.activations[rows], crops.image[rows], crops.box[rows])
        best = shown(mine, weights, most=SHOWN // 2)
        best[:, 0] += n
        kept.append(best)
        n += n_sub
        data.progress(f"concept {k} split into {n_sub} at {name}")
    if not subs:
        return none
    return Tree(torch.cat(subs), torch.cat(kept), name)


def _strongest(code: Float[np.ndarray, " c"], n: int) -> np.ndarray:
    """Rows of the n largest positive codes, largest first."""
    order = np.argsort(-code, kind="stable")[:n]
    return order[code[order] > 0]
