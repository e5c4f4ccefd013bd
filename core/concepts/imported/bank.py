"""A bank that encodes as another program's autoencoder does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from core.concepts.common.concept_layer import lines_of, packed
from core.concepts.common.selection import kept
from core.concepts.common.stored import Stored
from core.concepts.factors.nnls import nnls_codes
from core.concepts.imported.foreign import NORMS, RULES, Foreign, Promise
from core.types import Head, Readout

_EPS = 1e-5
"""added to a token's deviation, as SAELens does"""
_SIGNED = {"topk_signed", "topk_absolute", "projection", "coordinates"}


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows"""
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder_bias: Float[Tensor, " d"]
    rule: Tensor
    """0-d, index into `foreign.RULES`"""
    limit: Float[Tensor, " k"]
    """as in `foreign.Foreign`; 0 where there is none"""
    centred: Tensor
    """0-d boolean: whether decoder_bias is subtracted before encoding"""
    magnitude: Float[Tensor, " k"]
    """"gated": how much steeper the codes are than the gate; else 1"""
    magnitude_bias: Float[Tensor, " k"]
    strength: Float[Tensor, " k"]
    """the length that the decoder's rows had; the codes carry it"""
    norm: Tensor
    """0-d, index into `foreign.NORMS`"""
    squashed: Tensor
    """0-d boolean: whether codes go through a hyperbolic tangent"""
    promised: Float[Tensor, " two"]
    """FVU and L0 that the file states; below 0: it does not"""
    format_text: UInt8[Tensor, " f"]
    """the program that wrote the file, and the model that it names"""
    read_weight: Float[Tensor, "y k"] | None = None
    """logit per unit of score; None: no classes were learned"""
    read_about: UInt8[Tensor, " a"] | None = None
    concept_text: UInt8[Tensor, " b"] | None = None
    class_text: UInt8[Tensor, " c"] | None = None

    @property
    def signed(self) -> bool:
        return self._rule in _SIGNED

    @property
    def offset(self) -> Float[Tensor, " d"] | None:
        """None: directions that a token is only compared with."""
        return None if self._rule == "projection" else self.decoder_bias

    @property
    def format(self) -> str:
        """The program that wrote the file, for people."""
        return lines_of(self.format_text)[0]

    @property
    def promise(self) -> Promise:
        fvu, l0 = (None if v < 0 else v for v in self.promised.tolist())
        return Promise(fvu, l0, "".join(lines_of(self.format_text)[1:]))

    @property
    def names(self) -> tuple[str, ...]:
        return () if self.concept_text is None else lines_of(self.concept_text)

    @property
    def readout(self) -> Readout | None:
        if self.read_weight is None:
            return None
        classes = () if self.class_text is None else lines_of(self.class_text)
        about = "" if self.read_about is None else "\n".join(lines_of(self.read_about))
        weight = self.read_weight.numpy()
        return Readout(Head(weight, torch.zeros(len(weight)).numpy()), classes, about)

    def offsets(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """What codes @ directions lack of each token's reconstruction: where a token is rescaled
        first, the decoder's bias is scaled back with it."""
        middle, unit = self._rescaling(x)
        return self.decoder_bias * unit + middle

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """In units of activation; non-negative but for rules whose codes have signs."""
        if self._rule == "nnls":
            return nnls_codes(x - self.decoder_bias, self.directions)
        middle, unit = self._rescaling(x)
        eps = _EPS if NORMS[int(self.norm)] == "layer_norm" else 0.0
        codes = self._codes((x - middle) / (unit + eps))
        return self.strength * (torch.tanh(codes) if bool(self.squashed) else codes) * unit

    @property
    def _rule(self) -> str:
        return RULES[int(self.rule)]

    def _rescaling(
        self, x: Float[Tensor, "*n d"]
    ) -> tuple[Float[Tensor, "*n 1"], Float[Tensor, "*n 1"]]:
        """What is taken off each token, and what it is divided by."""
        norm = NORMS[int(self.norm)]
        flat = x.new_zeros(*x.shape[:-1], 1)
        if norm == "layer_norm":
            middle = x.mean(-1, keepdim=True)
            return middle, (x - middle).std(-1, keepdim=True)
        if norm == "constant_norm_rescale":
            return flat, x.norm(dim=-1, keepdim=True).clamp_min(1e-12) / x.shape[-1] ** 0.5
        return flat, flat + 1

    def _codes(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """In the units that the autoencoder was trained with."""
        rule = self._rule
        along = (x - self.decoder_bias if bool(self.centred) else x) @ self.encoder.T
        if rule == "gated":
            size = torch.relu(along * self.magnitude + self.magnitude_bias)
            return size * (along + self.encoder_bias > 0)
        pre = along + self.encoder_bias
        if rule in ("projection", "coordinates"):
            return pre
        if rule == "topk_absolute":
            return pre * (kept(pre.abs(), int(self.limit[0])) > 0)
        if rule == "topk_signed":
            return kept(pre, int(self.limit[0]))
        pre = torch.relu(pre)
        if rule == "topk":
            return kept(pre, int(self.limit[0]))
        return pre * (pre > self.limit)


def of(foreign: Foreign) -> Bank:
    """`foreign.scale` must be folded into its weights."""
    k = len(foreign.decoder)
    strength = foreign.decoder.norm(dim=1)
    none = torch.full((k,), 0.0)
    readout = foreign.readout
    promise = (foreign.promise.fvu, foreign.promise.l0)
    return Bank(
        # a latent that adds nothing may point anywhere: it stays at zero strength
        directions=torch.where(
            strength[:, None] > 0,
            foreign.decoder / strength[:, None].clamp_min(1e-30),
            foreign.decoder.shape[1] ** -0.5,
        ),
        encoder=foreign.encoder,
        encoder_bias=foreign.encoder_bias,
        decoder_bias=foreign.decoder_bias,
        rule=torch.tensor(RULES.index(foreign.rule)),
        limit=none.clone() if foreign.limit is None else foreign.limit.float(),
        centred=torch.tensor(foreign.centred),
        magnitude=none + 1 if foreign.magnitude is None else foreign.magnitude,
        magnitude_bias=none.clone() if foreign.magnitude_bias is None else foreign.magnitude_bias,
        strength=strength,
        norm=torch.tensor(NORMS.index(foreign.norm)),
        squashed=torch.tensor(foreign.squashed),
        promised=torch.tensor([-1.0 if v is None else float(v) for v in promise]),
        format_text=packed((foreign.format, foreign.promise.model)),
        read_weight=None if readout is None else torch.from_numpy(readout.head.weight).float(),
        read_about=None if readout is None else packed((readout.about,)),
        concept_text=packed(foreign.names) if foreign.names else None,
        class_text=_classes(readout),
    )


def _classes(readout: Readout | None) -> UInt8[Tensor, " c"] | None:
    if readout is None or not isinstance(readout.classes, tuple) or not readout.classes:
        return None
    return packed(readout.classes)
