"""What an autoencoder from elsewhere comes down to, whatever program wrote its file."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.imported.opening import Opened
from core.types import Readout

RULES = (
    "relu",
    "topk",
    "threshold",
    "jumprelu",
    "gated",
    "topk_signed",
    "nnls",
    "projection",
    "coordinates",
    "topk_absolute",
)
"""what makes a pre-activation a code: its positive part; the largest few of these; all above one
number; all above a number each; a gate of its own; the largest few, of either sign. Dictionaries
without an encoder: non-negative least squares; the token along each direction; the same, of
orthonormal directions, which also rebuild the token. Last, the few of largest magnitude"""
NORMS = ("none", "constant_norm_rescale", "layer_norm")
"""how every token is rescaled first: not at all; to norm sqrt(d); to mean 0 and deviation 1"""
ALONE = "dictionary"
"""in place of SAELens' architecture: directions without an encoder, which this program writes"""
ESTIMATED = 0.0
"""a scale that the file leaves to the data: sqrt(d) over the mean norm of its tokens"""


@dataclass(frozen=True)
class Asked:
    """What the recipe says of the file; "" and 0: nothing."""

    rule: str = ""
    top_k: int = 0
    scale: float = 0.0


@dataclass(frozen=True)
class Promise:
    """What a checkpoint says of itself; None: it does not."""

    fvu: float | None = None
    """share of token variance that it leaves unexplained, 0 or more"""
    l0: float | None = None
    """non-zero codes a token"""
    model: str = ""
    """the backbone that it was trained on, as the checkpoint calls it; "": it does not say"""


@dataclass(frozen=True)
class Foreign:
    """Codes are rule(encoder @ (x - decoder_bias, where centred) + encoder_bias), of tokens that
    are rescaled by `norm` and `scale` first; codes @ decoder + decoder_bias rebuilds those."""

    format: str
    """the program that wrote it, for people"""
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder: Float[Tensor, "k d"]
    decoder_bias: Float[Tensor, " d"]
    rule: str = "relu"
    limit: Float[Tensor, " k"] | None = None
    """of rules that keep the largest how many, the same for all; of "threshold" and "jumprelu" what
    codes must exceed; None: there is none"""
    centred: bool = True
    layer: str = ""
    """where it was trained, in this program's words; "": the file does not say"""
    hook: str = ""
    """where it was trained, in SAELens' words"""
    magnitude: Float[Tensor, " k"] | None = None
    """of "gated": how much steeper the codes are than the gate"""
    magnitude_bias: Float[Tensor, " k"] | None = None
    squashed: bool = False
    """codes go through a hyperbolic tangent"""
    norm: str = "none"
    scale: float = 1.0
    """of all tokens alike; `ESTIMATED`: from the data"""
    promise: Promise = field(default_factory=Promise)
    names: tuple[str, ...] = ()
    readout: Readout | None = None


def matrix(
    opened: Opened, key: str, shape: tuple[int, int], *, turned: bool = False
) -> Float[Tensor, "a b"]:
    """The matrix under `key` as `shape`; `turned`: the file holds its transpose.

    Raises ValueError naming file, key and both shapes.
    """
    tensor = opened.tensors[key]
    stored = shape[::-1] if turned else shape
    if tuple(tensor.shape) != stored:
        raise ValueError(
            f"{opened.file}: {key} has shape {tuple(tensor.shape)}, but with the other weights of "
            f"this file it must be {stored}"
        )
    return (tensor.T if turned else tensor).contiguous()


def vector(opened: Opened, key: str, n: int) -> Float[Tensor, " n"]:
    """The n numbers under `key`. Raises ValueError naming file, key and shape."""
    tensor = opened.tensors[key]
    if tensor.numel() != n:
        raise ValueError(
            f"{opened.file}: {key} has shape {tuple(tensor.shape)}, but with the other weights of "
            f"this file it must hold {n} numbers"
        )
    return tensor.reshape(n)


def lacking(opened: Opened, keys: tuple[str, ...], what: str) -> None:
    """Raises ValueError when some of `keys` are missing."""
    missing = [key for key in keys if key not in opened.tensors]
    if missing:
        raise ValueError(
            f"{opened.file} looks like {what}, but lacks {', '.join(missing)}; it has "
            f"{', '.join(sorted(opened.tensors))}"
        )


def counted(opened: Opened, asked: Asked, said: int, k: int) -> Float[Tensor, " k"]:
    """The limit of a "topk" rule. Raises ValueError without a number, for two that differ and for
    one outside 1..k."""
    if asked.top_k and said and asked.top_k != said:
        raise ValueError(
            f"the recipe says top_k = {asked.top_k}, but {opened.file} says {said}; leave top_k "
            "out of the bank's params"
        )
    top_k = asked.top_k or said
    if not 0 < top_k <= k:
        raise ValueError(
            f"{opened.file} keeps the top_k largest codes of a token, but does not say how many; "
            f"write top_k = NUMBER, from 1 to {k}, in the bank's params"
            if not top_k
            else f"{opened.file}: top_k must lie between 1 and its {k} latents, not {top_k}"
        )
    return torch.full((k,), float(top_k))
