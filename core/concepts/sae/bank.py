"""What every sparse autoencoder is: a dictionary, an encoder and their biases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from core.concepts.common.stored import Stored


@dataclass(frozen=True)
class Autoencoder(Stored):
    """A variant adds its fields, and `encode`. All are in units of activation."""

    directions: Float[Tensor, "k d"]
    """the dictionary: unit rows"""
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder_bias: Float[Tensor, " d"]
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.decoder_bias

    def projected(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        return (x - self.decoder_bias) @ self.encoder.T

    def pre(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """What decides over a latent; without a bound."""
        return self.projected(x) + self.encoder_bias


@runtime_checkable
class Scaled(Protocol):
    """Trained weights in units of `unit`: `weights.Weights`, or what has its members."""

    @property
    def unit(self) -> float: ...
    @property
    def encoder(self) -> Tensor: ...
    @property
    def encoder_bias(self) -> Tensor: ...
    @property
    def decoder_bias(self) -> Tensor: ...


def shared(directions: Float[Tensor, "k d"], weights: Scaled) -> dict[str, Tensor]:
    """The fields of an `Autoencoder`, from weights in their own unit."""
    return {
        "directions": directions,
        "encoder": weights.encoder,
        "encoder_bias": weights.encoder_bias * weights.unit,
        "decoder_bias": weights.decoder_bias * weights.unit,
    }
