"""CRAFT: parts of what the model makes of crops, each explained again by finer parts.

Crops of the train images are enlarged to the model's input, their activations averaged over tokens
and factorised, A ~ U W with U, W >= 0 (Fel et al. 2023, arXiv 2211.10154, section 3.1); a token's
codes are its non-negative least-squares weights on W. The strongest crops of a concept are
factorised once more at an earlier layer (recursion, section 3.2; `craft_tree`). How
much a class rests on a concept is said by total Sobol indices (section 3.3; core.importance.sobol).
Where the released code cuts off the right and lower rim of an image that the steps do not reach,
here they are shortened until it is covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from core.concepts.common.stored import Stored
from core.concepts.factors import craft_tree, implicit, nmf
from core.types import Crops, FitData

_LOOKED_AT = 2_000
"""tokens looked at for negative activations, which a crop's mean may hide"""


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows, non-negative; of banks per class, class after class"""
    owners: Int[Tensor, " k"]
    """class_id of the only class whose crops the concept was fitted on; -1: all"""
    crops: Float[Tensor, "c 7"]
    """the strongest crop of each of a concept's strongest images: concept, row of the train image,
    x0, y0, x1, y1 (fractions of the upright image), code; strongest first"""
    subs: Float[Tensor, "s 4"]
    """sub-concepts: concept, share of the codes, crops it is strongest on, and the relative error
    of the factorisation it belongs to"""
    sub_crops: Float[Tensor, "e 7"]
    """as `crops`, with the row of `subs` first"""
    sub_layer: UInt8[Tensor, " b"]
    """the earlier layer's name in UTF-8; empty: no sub-concepts"""
    n_attributed: Int[Tensor, ""]
    """images of each concept whose score is to be attributed to their pixels"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"] | None:
        """None for banks per class: each class's concepts rebuild the whole token anew."""
        if (self.owners >= 0).any():
            return None
        return torch.zeros(self.directions.shape[1])

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Each token's codes on every dictionary by itself, in units of activation.

        Differentiable with respect to x, see `core.concepts.factors.implicit`.
        """
        codes = [
            implicit.codes(x, self.directions[self.owners == owner])
            for owner in self.owners.unique()
        ]
        return torch.cat(codes, dim=-1)


def fit(
    data: FitData,
    *,
    n_concepts: int = 24,
    seed: int = 0,
    patch: float = 0.3,
    stride: float = 0.8,
    max_crops: int = 4_000,
    per_class: bool = False,
    n_parents: int = 32,
    n_sub: int = 4,
    sub_layer: str = "",
    n_attributed: int = 6,
    max_iter: int = 200,
    tol: float = 2e-5,
) -> Bank:
    """Factorise at most `max_crops` crops, spread evenly over the train images.

    patch: a crop's side as a share of the model's input (the paper's 64 of 224 pixels are 0.29);
    stride: the largest step, as a share of the patch. per_class: one dictionary of `n_concepts` for
    the train images of each class. The `n_parents` strongest concepts are each split into `n_sub`
    (0: none) at `sub_layer`, by default the nearest earlier layer that is never negative. The build
    attributes each concept's score on its `n_attributed` strongest images (0: none), which takes
    18 passes with gradients an image.
    Raises ValueError without crops, for signed activations, for more concepts than the crops'
    rank, for crops that are all equal, and per class where images have none.
    """
    if not (0 < patch <= 1 and 0 < stride <= 1 and max_crops >= 1):
        raise ValueError(
            f"patch = {patch} and stride = {stride} are shares, above 0 and at most 1, and "
            f"max_crops = {max_crops} must be 1 or more"
        )
    if min(n_parents, n_sub, n_attributed) < 0:
        raise ValueError(
            f"n_parents = {n_parents}, n_sub = {n_sub} and n_attributed = {n_attributed} must be "
            "0 or more"
        )
    if data.crops is None:
        raise ValueError(
            "CRAFT runs the model on crops of the images, and here there are only activations; "
            "use nmf, which factorises the tokens themselves"
        )
    nmf.refuse_negative(data.tokens.sample(_LOOKED_AT, seed=seed), title="CRAFT")
    crops = data.crops.take(patch=patch, stride=stride, n=max_crops, seed=seed)
    data.progress(f"{len(crops.image)} crops of {len(np.unique(crops.image))} images")
    directions, owners = [], []
    for owner, rows in _dictionaries(data, crops, per_class=per_class).items():
        x = crops.activations[torch.from_numpy(rows)]
        title = "CRAFT on crops" + (f" of class {owner}" if per_class else "")
        nmf.refuse(x, n_concepts=n_concepts, title=title)
        found, _ = nmf.factorise(
            x, n_concepts, seed=seed, max_iter=max_iter, tol=tol, progress=data.progress
        )
        directions.append(found)
        owners.append(torch.full((n_concepts,), owner))
    none = torch.zeros(0, 7, dtype=torch.float64)
    bare = Bank(
        torch.cat(directions),
        torch.cat(owners),
        none,
        none[:, :4],
        none,
        _text(""),
        torch.tensor(n_attributed),
    )
    codes = _own(bare.encode(crops.activations), bare.owners, data, crops)
    tree = craft_tree.grow(
        data, crops, codes, n_parents=n_parents, n_sub=n_sub, layer=sub_layer, seed=seed
    )
    return Bank(
        bare.directions,
        bare.owners,
        craft_tree.shown(crops, codes),
        tree.subs,
        tree.crops,
        _text(tree.layer),
        bare.n_attributed,
    )


def _dictionaries(data: FitData, crops: Crops, *, per_class: bool) -> dict[int, np.ndarray]:
    """Rows of `crops` for each dictionary, by class_id; -1: a single one."""
    if not per_class:
        return {-1: np.arange(len(crops.image))}
    if data.classes is None:
        raise ValueError("no train image carries a class, so per_class must be false")
    of_crop = data.classes[crops.image]
    return {int(c): np.flatnonzero(of_crop == c) for c in np.unique(of_crop) if c >= 0}


def _own(
    codes: Float[Tensor, "c k"], owners: Int[Tensor, " k"], data: FitData, crops: Crops
) -> Float[Tensor, "c k"]:
    """Codes on crops of other classes than a concept's own at zero: it was not made for them."""
    if data.classes is None or not (owners >= 0).any():
        return codes
    of_crop = torch.from_numpy(data.classes[crops.image])
    return codes * (of_crop[:, None] == owners)


def _text(layer: str) -> UInt8[Tensor, " b"]:
    return torch.tensor(list(layer.encode()), dtype=torch.uint8)
