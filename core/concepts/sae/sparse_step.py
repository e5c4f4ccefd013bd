"""The TopK step of sparse autoencoders, which is sparse in its gradients.

A TopK step costs one dense product, the encoder's forward. The rest touches only the top_k latents
of each token: codes are a sparse matrix S (b x k), the reconstruction is S @ D, and the gradients
of D and of the encoder are S'^T @ (b x d) products with the same sparsity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.concepts.common.selection import by_latent, strongest
from core.concepts.sae.loop import Move, Step, optimise
from core.concepts.sae.plan import Plan
from core.concepts.sae.weights import Weights
from core.types import FitData


def n_kept(top_k: int, n_concepts: int) -> int:
    """`top_k`, or for 0 one latent in 32, between 1 and 32. Raises ValueError for others."""
    if not 0 <= top_k <= n_concepts:
        raise ValueError(
            f"top_k must lie between 1 and n_concepts = {n_concepts}, or be 0 for one latent in "
            f"32, not {top_k}"
        )
    return top_k or min(32, max(1, n_concepts // 32))


def step(weights: Weights, x: Float[Tensor, "b d"], *, top_k: int) -> Step:
    """Loss and gradients of mean |x - (S D + b)|^2 / d on a batch given in `Weights.unit`."""
    centred = x - weights.decoder_bias if weights.tied else x
    pre = torch.addmm(weights.encoder_bias, centred, weights.encoder.T)
    values, index = strongest(pre, top_k)
    codes = Sparse(index, values.relu_(), n_columns=weights.n_latents)
    rebuilt, back = codes.matmul(weights.dictionary)
    residual = x - rebuilt - weights.decoder_bias
    slope = residual * (-2.0 / x.numel())
    on = values > 0
    # d loss / d value, only where the latent is on
    d_values = back(slope) * on
    d_codes = Sparse(index, d_values, n_columns=weights.n_latents)
    fired = torch.zeros_like(weights.encoder_bias, dtype=torch.bool)
    fired[index[on]] = True
    d_encoder_bias = torch.zeros_like(weights.encoder_bias)
    d_encoder_bias.index_add_(0, index.reshape(-1), d_values.reshape(-1))
    d_decoder_bias = slope.sum(0)
    if weights.tied:
        d_decoder_bias = d_decoder_bias - d_encoder_bias @ weights.encoder
    return Step(
        loss=residual.square().mean(),
        gradients={
            "dictionary": codes.transposed_matmul(slope),
            "encoder": d_codes.transposed_matmul(centred),
            "encoder_bias": d_encoder_bias,
            "decoder_bias": d_decoder_bias,
        },
        fired=fired,
        residual=residual,
        codes=values,
    )


@dataclass(frozen=True)
class Sparse:
    """A b x k matrix with the same number of entries in each row."""

    index: Int[Tensor, "b s"]
    values: Float[Tensor, "b s"]
    n_columns: int

    @torch.inference_mode(mode=False)
    def matmul(
        self, dense: Float[Tensor, "k d"]
    ) -> tuple[Float[Tensor, "b d"], Callable[[Tensor], Tensor]]:
        """The product, and what maps its gradient to that of the values.

        Each entry's gradient is a dot product of two rows. Gathering those rows first costs twice
        the encoder's forward product; the library's own backward pass never writes them down.
        """
        values = self.values.detach().clone().requires_grad_()
        with torch.enable_grad():
            product = torch.nn.functional.embedding_bag(
                self.index, dense.detach(), per_sample_weights=values, mode="sum"
            )

        def back(gradient: Tensor) -> Tensor:
            return torch.autograd.grad(product, values, gradient)[0]

        return product.detach(), back

    def transposed_matmul(self, dense: Float[Tensor, "b d"]) -> Float[Tensor, "k d"]:
        s = self.index.shape[1]
        order, starts = by_latent(self.index, self.n_columns)
        rows = order // s
        return torch.nn.functional.embedding_bag(
            rows, dense, starts, per_sample_weights=self.values.reshape(-1)[order], mode="sum"
        )


def train(data: FitData, weights: Weights, plan: Plan, *, top_k: int) -> Weights:
    """TopK weights, trained in place."""

    def step_of(x: Float[Tensor, "b d"], _: float) -> Step:
        return step(weights, x, top_k=top_k)

    optimise(data, weights, step_of, plan, fused=_fused(weights, top_k=top_k, batch=plan.batch))
    return weights


def _fused(
    weights: Weights, *, top_k: int, batch: int
) -> Callable[[torch.optim.Optimizer], Move] | None:
    """Steps by kernels of their own: on a GPU, where Triton is there."""
    if not weights.encoder.is_cuda or find_spec("triton") is None:
        return None
    from core.concepts.sae.gpu import fused

    if not fused.fits(weights, top_k):
        return None
    return lambda optimiser: fused.Fused(weights, optimiser, top_k=top_k, batch=batch)
