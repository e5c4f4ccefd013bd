"""A network's own logit as a function of its concepts, where no weight says what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from einops import einsum
from jaxtyping import Float, Integer
from torch import Tensor

from core.backbones import Stopped

BATCH = 32
"""copies of the image that run at once"""


@dataclass(frozen=True)
class ResumedLogit:
    """One logit of one image by how much of each concept is left, 0..1, at all its tokens alike.

    x_t becomes x_t + sum_k (m_k - 1) z_tk d_k, and the rest of the network runs again. At 1 every
    token is what it was, with what the bank does not rebuild; at 0 the concept is gone. So baseline
    0 is the image without its concepts and every method of `core.importance` applies (CRAFT's
    h(U'W), Fel et al. 2023, arXiv 2211.10154, section 3.3, without its loss of the residual).
    """

    stopped: Callable[[int], Stopped]
    """so many copies of the image, stopped at the layer"""
    codes: Float[Tensor, "t k"]
    directions: Float[Tensor, "k d"]
    output: int
    """index of the logit"""
    of_cls: Float[Tensor, " k"] | None = None
    """codes of the CLS token, which is then dimmed with the patches; None: it stays"""

    def __call__(self, scores: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        """Logits in float64 on the CPU; with gradients where the scores ask for them."""
        return torch.cat([self._some(part) for part in scores.split(BATCH)])

    def _some(self, scores: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        stopped = self.stopped(len(scores))
        tokens = stopped.tokens
        left, codes, directions = (x.to(tokens) for x in (scores - 1, self.codes, self.directions))
        change = einsum(left, codes, directions, "n k, t k, k d -> n t d")
        cls = None
        if self.of_cls is not None:
            cls = stopped.extra[:, 0] + (left * self.of_cls.to(tokens)) @ directions
        run = stopped.attributed if change.requires_grad else stopped
        return run(tokens + change, cls)[:, self.output].cpu().double()

    def part(self, chosen: Integer[Tensor, " c"]) -> ResumedLogit:
        """Of some concepts alone; the others stay as they are."""
        of_cls = None if self.of_cls is None else self.of_cls[chosen]
        return replace(
            self, codes=self.codes[:, chosen], directions=self.directions[chosen], of_cls=of_cls
        )
