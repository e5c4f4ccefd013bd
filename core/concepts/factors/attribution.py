"""A concept's score as something to attribute: which parts of an image it rests on.

A map of codes says where the layer carries a concept; the attribution of its score to the image
says what that came from, through everything below the layer. Any saliency method does, once the
score is an output that can be differentiated (CRAFT, Fel et al. 2023, arXiv 2211.10154, section
3.4: phi applied to u_i(x)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from einops import reduce
from jaxtyping import Float
from PIL.Image import Image
from torch import Tensor

from core.kinds import Pool
from core.types import Activations, Backbone, Box, ConceptBank


@dataclass(frozen=True)
class ScoredBackbone:
    """A `Backbone` whose logits are the scores of a bank: its codes' mean over tokens, their
    largest, or the code of the CLS token.

    Gradients need a bank whose `encode` can be differentiated, as those by non-negative least
    squares through `core.concepts.factors.implicit`.
    """

    backbone: Backbone
    bank: ConceptBank
    pool: Pool = "mean"

    @property
    def name(self) -> str:
        return self.backbone.name

    @property
    def layer(self) -> str:
        return self.backbone.layer

    @property
    def fingerprint(self) -> str:
        return self.backbone.fingerprint

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(f"concept {i}" for i in range(len(self.bank.directions)))

    def preprocess(self, images: Sequence[Image]) -> Float[Tensor, "b 3 H W"]:
        return self.backbone.preprocess(images)

    def view(self, width: int, height: int) -> Box:
        return self.backbone.view(width, height)

    def forward(self, pixels: Float[Tensor, "b 3 H W"]) -> Activations:
        with torch.no_grad():
            return self._scored(self.backbone.forward(pixels))

    def attributed(self, pixels: Float[Tensor, "b 3 H W"]) -> Activations:
        with torch.enable_grad():
            return self._scored(self.backbone.attributed(pixels))

    def linear_readout(self) -> tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]] | None:
        """None: codes are not linear in the mean token."""
        return None

    def _scored(self, seen: Activations) -> Activations:
        if self.pool == "cls":
            return replace(seen, logits=self.bank.encode(seen.extra[:, 0].cpu()))
        codes = self.bank.encode(seen.tokens.cpu())
        return replace(seen, logits=reduce(codes, "b t k -> b k", self.pool))
