"""Tokens on the device where an autoencoder is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from core.types import FitData, TokenStream


@dataclass(frozen=True)
class Placed:
    """A `TokenStream` that gives another's tokens on a device."""

    stream: TokenStream
    device: str

    @property
    def n_tokens(self) -> int:
        return self.stream.n_tokens

    @property
    def width(self) -> int:
        return self.stream.width

    def batches(self, size: int, *, seed: int | None) -> Iterator[Float[Tensor, "b d"]]:
        for x in self.stream.batches(size, seed=seed):
            yield x.to(self.device)

    def sample(self, n: int, *, seed: int) -> Float[Tensor, "n d"]:
        return self.stream.sample(n, seed=seed).to(self.device)


def placed(data: FitData) -> FitData:
    """The same, with its tokens on `data.device`; what is made of them is there too."""
    return replace(data, tokens=Placed(data.tokens, data.device)) if data.device != "cpu" else data
