"""The CLS token of a layer: whether there is one, whether anything reads it, and whether the logits
are linear in it. Each is established by trying it, on probe images.

The CLS token is the first of the tokens that a network puts in front of its patches; registers and
a distillation token follow it in every family.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.backbones import layers
from core.backbones.default_layer import Run, changed_by, changed_by_others
from core.backbones.layers import Layout
from core.backbones.resume import Resumed
from core.types import Backbone

NAMES = ("cls_token", "class_embedding", "class_token")
"""parameters that become a CLS token"""
TOLERANCE = 1e-3
"""of the spread of what a change of the CLS token does to the logits"""
_SHARES = 12
"""a classifier that averages several layers takes a whole number of twelfths of each"""


class Reads(NamedTuple):
    """What the network's answer still depends on at a layer; the answer is the logits, or the last
    hidden state of an encoder without a classifier."""

    patches: bool
    """whether another image's patch tokens change it"""
    cls: bool
    """whether another image's CLS token does; False without one"""
    no_cls: str
    """why no image can be scored by a CLS token here, a clause for people; "": one can"""
    alone: bool = False
    """whether in the end, after the last layer that gives tokens, the CLS token is read and no
    other, neither a patch nor, as by DeiT with a teacher, a distillation token: what patches say
    reaches the answer through it alone"""


@runtime_checkable
class ReadsCls(Protocol):
    """A backbone that knows its CLS token: the first of `Activations.extra`, where there is one."""

    def reads(self) -> Reads: ...

    def cls_readout(self) -> tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]] | None:
        """(W, b) when logits = W cls + b + what does not depend on the CLS token; else None."""
        ...


def no_cls(backbone: Backbone) -> str:
    """Why no image can be scored by a CLS token of the backbone at its layer; "": one can."""
    if isinstance(backbone, ReadsCls):
        return backbone.reads().no_cls
    return "its family does not say that it has a CLS token"


def has(network: nn.Module, layout: Layout) -> bool:
    """Whether the first token in front of the patches is a CLS token."""
    names = (name.rpartition(".")[2] for name, _ in network.named_parameters())
    return layout.n_extra > 0 and any(name in NAMES for name in names)


def reads(
    network: nn.Module,
    run: Run,
    pixels: Float[Tensor, "2 3 H W"],
    *,
    layer: str,
    layout: Layout,
) -> Reads:
    """`run(pixels)` runs the network."""
    patches, first = changed_by(network, run, pixels, name=layer, layout=layout)
    if not has(network, layout):
        return Reads(patches, False, "it has no CLS token there")
    if not first:
        return Reads(patches, False, "nothing that follows reads its CLS token there")
    found = layers.survey(network, pixels, run)
    last = [name for name, (one, _) in found.items() if has(network, one)][-1]
    layout = found[last][0]
    alone = changed_by(network, run, pixels, name=last, layout=layout) == (False, True)
    others = alone and changed_by_others(network, run, pixels, name=last, layout=layout)
    return Reads(patches, True, "", alone and not others)


def find(
    stopped: Resumed,
) -> tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]] | None:
    """(W, b) when logits = W cls + b + rest, where the rest does not depend on the CLS token.

    The images' CLS tokens are exchanged, all else stays, and the change of the logits is fitted by
    shares of the network's own linear layers, or of some of their columns, where a layer reads more
    beside the CLS token (its classes from CLS and mean patch, as of DINOv2; the mean of two
    classifiers, as of DeiT with a teacher). None where a fit leaves more than rounding.
    """
    cls = stopped.extra[:, 0]
    with torch.no_grad():
        before = stopped(stopped.tokens).double()
        moved = stopped(stopped.tokens, cls=cls.roll(1, dims=0)).double() - before
    change = (cls.roll(1, dims=0) - cls).double()
    parts = _parts(stopped.network, n_classes=before.shape[1], width=cls.shape[1])
    if not parts or not moved.abs().max() > 0:
        return None
    each = torch.stack([(change @ weight.T).flatten() for _, weight in parts], dim=1)
    shares = torch.linalg.lstsq(each.cpu(), moved.flatten()[:, None].cpu(), driver="gelsd").solution
    shares = shares[:, 0].to(change)
    whole = (shares * _SHARES).round() / _SHARES
    shares = torch.where((shares - whole).abs() < TOLERANCE, whole, shares)
    error = (each @ shares - moved.flatten()).abs().max()
    allowed = TOLERANCE * moved.std(dim=0).mean() + 1e-6 * before.abs().max()
    if error > allowed:
        return None
    out = torch.zeros_like(parts[0][1])
    bias = torch.zeros_like(out[:, 0])
    for share, (module, weight) in zip(shares, parts, strict=True):
        out += share * weight
        if module.bias is not None and share:
            bias += share * module.bias.detach().double()
    return out.float().cpu().numpy(), bias.float().cpu().numpy()


def _parts(
    network: nn.Module, *, n_classes: int, width: int
) -> list[tuple[nn.Linear, Float[Tensor, "y d"]]]:
    """Linear layers to as many numbers as there are classes, by blocks of columns of the width."""
    return [
        (module, weight)
        for module in network.modules()
        if isinstance(module, nn.Linear)
        and module.out_features == n_classes
        and module.in_features % width == 0
        for weight in module.weight.detach().double().split(width, dim=1)
    ]
