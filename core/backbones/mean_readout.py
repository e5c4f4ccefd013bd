"""Whether a classifier is a linear layer on the mean token, established by trying it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn

from core.types import Activations

TOLERANCE = 1e-3  # of the spread of a logit over the probe images


def probes(height: int, width: int, *, seed: int = 0) -> Float[Tensor, "b 3 H W"]:
    """Eight inputs in normalised units: four of noise, then ramps, a checkerboard and a disc."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(4, 3, height, width, generator=generator)
    y = torch.linspace(-2, 2, height)[:, None].expand(height, width)
    x = torch.linspace(-2, 2, width)[None].expand(height, width)
    board = torch.sign(torch.sin(9 * x) * torch.sin(9 * y))
    disc = (x**2 + y**2 < 1).float() * 3 - 1.5
    tint = torch.tensor([1.0, -0.6, 0.3])
    shapes = repeat(torch.stack([x, y, board, disc]), "b h w -> b c h w", c=3)
    return torch.cat([noise, shapes * tint[:, None, None]])


def find(
    network: nn.Module, forward: Callable[[Tensor], Activations], pixels: Float[Tensor, "b 3 H W"]
) -> tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]] | None:
    """(W, b) of the last linear layer of the right shape if logits = W mean(tokens) + b, else None.

    The error is measured against how much the logits vary between the probe images, so that a bias
    common to all of them proves nothing.
    """
    seen = forward(pixels)
    if seen.logits is None:
        return None
    logits, pooled = seen.logits.double(), seen.tokens.double().mean(1)
    shape = (logits.shape[1], pooled.shape[1])
    linear = [
        module
        for module in network.modules()
        if isinstance(module, nn.Linear) and tuple(module.weight.shape) == shape
    ]
    if not linear:
        return None
    weight = linear[-1].weight.detach().double()
    bias = linear[-1].bias.detach().double() if linear[-1].bias is not None else weight[:, 0] * 0
    error = (logits - (pooled @ weight.T + bias)).abs().max()
    # The second term is float32 rounding of the logits themselves.
    allowed = TOLERANCE * logits.std(dim=0).mean() + 1e-6 * logits.abs().max()
    if error > allowed:
        return None
    return weight.float().cpu().numpy(), bias.float().cpu().numpy()
