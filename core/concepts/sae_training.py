"""The training loop of sparse autoencoders: streaming, seeded, sparse in its gradients.

A step costs one dense product, the encoder's forward. The rest touches only the top_k latents of
each token: codes are a sparse matrix S (b x k), the reconstruction is S @ D, and the gradients of
D and of the encoder are S'^T @ (b x d) products with the same sparsity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.types import TokenStream

_EPS = 1e-8
_SEEN = 50_000
"""tokens that estimate the scale and the centre of the activations"""


@dataclass
class Weights:
    """All in units of `unit`, the mean token's norm over sqrt(d), so that lr means the same
    everywhere."""

    dictionary: Float[Tensor, "k d"]
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder_bias: Float[Tensor, " d"]
    tied: bool
    unit: float

    @classmethod
    def initial(cls, tokens: TokenStream, k: int, *, tied: bool, seed: int) -> Weights:
        """Dictionary of random unit rows, encoder its transpose, bias the mean token."""
        seen = tokens.sample(_SEEN, seed=seed)
        centre = seen.mean(0)
        unit = ((seen - centre).norm(dim=1).mean() / seen.shape[1] ** 0.5).item()
        if unit < _EPS:
            raise ValueError("all tokens are equal, so there is nothing to learn")
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randn(k, seen.shape[1], generator=generator)
        rows = rows / rows.norm(dim=1, keepdim=True)
        return cls(rows, rows.clone(), torch.zeros(k), centre / unit, tied, unit)

    def parameters(self) -> dict[str, Tensor]:
        return {
            "dictionary": self.dictionary,
            "encoder": self.encoder,
            "encoder_bias": self.encoder_bias,
            "decoder_bias": self.decoder_bias,
        }


@dataclass(frozen=True)
class Step:
    """What one batch gave."""

    loss: float
    """mean squared error a token, over d, in units of `Weights.unit` squared"""
    gradients: dict[str, Tensor]
    fired: Int[Tensor, " f"]
    residual: Float[Tensor, "b d"]


def step(weights: Weights, x: Float[Tensor, "b d"], *, top_k: int) -> Step:
    """Loss and gradients of mean |x - (S D + b)|^2 / d on a batch given in `Weights.unit`."""
    centred = x - weights.decoder_bias if weights.tied else x
    pre = torch.addmm(weights.encoder_bias, centred, weights.encoder.T)
    values, index = pre.topk(top_k, dim=1, sorted=False)
    values = values.relu_()
    codes = _Sparse(index, values, n_columns=len(weights.dictionary))
    residual = x - codes.matmul(weights.dictionary) - weights.decoder_bias
    slope = residual * (-2.0 / x.numel())
    # d loss / d value, only where the latent is on
    d_values = torch.einsum("bsd,bd->bs", weights.dictionary[index], slope) * (values > 0)
    d_codes = _Sparse(index, d_values, n_columns=len(weights.dictionary))
    d_encoder_bias = torch.zeros_like(weights.encoder_bias)
    d_encoder_bias.index_add_(0, index.reshape(-1), d_values.reshape(-1))
    d_decoder_bias = slope.sum(0)
    if weights.tied:
        d_decoder_bias = d_decoder_bias - d_encoder_bias @ weights.encoder
    return Step(
        loss=residual.square().mean().item(),
        gradients={
            "dictionary": codes.transposed_matmul(slope),
            "encoder": d_codes.transposed_matmul(centred),
            "encoder_bias": d_encoder_bias,
            "decoder_bias": d_decoder_bias,
        },
        fired=index[values > 0].unique(),
        residual=residual,
    )


@dataclass(frozen=True)
class _Sparse:
    """A b x k matrix with the same number of entries in each row."""

    index: Int[Tensor, "b s"]
    values: Float[Tensor, "b s"]
    n_columns: int

    def matmul(self, dense: Float[Tensor, "k d"]) -> Float[Tensor, "b d"]:
        return torch.nn.functional.embedding_bag(
            self.index, dense, per_sample_weights=self.values, mode="sum"
        )

    def transposed_matmul(self, dense: Float[Tensor, "b d"]) -> Float[Tensor, "k d"]:
        s = self.index.shape[1]
        order = self.index.reshape(-1).argsort(stable=True)
        rows = order // s
        counts = torch.bincount(self.index.reshape(-1), minlength=self.n_columns)
        starts = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)[:-1]])
        return torch.nn.functional.embedding_bag(
            rows, dense, starts, per_sample_weights=self.values.reshape(-1)[order], mode="sum"
        )


def train(
    tokens: TokenStream,
    weights: Weights,
    *,
    top_k: int,
    n_steps: int,
    batch: int,
    lr: float,
    revive_every: int,
    seed: int,
    progress: Callable[[str], None],
) -> Weights:
    parameters = weights.parameters()
    optimiser = torch.optim.Adam(parameters.values(), lr=lr, betas=(0.9, 0.999), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _schedule(n_steps))
    idle = torch.zeros(len(weights.dictionary), dtype=torch.long)
    generator = torch.Generator().manual_seed(seed)
    for i, x in zip(range(n_steps), _endless(tokens, batch, seed=seed), strict=False):
        result = step(weights, x / weights.unit, top_k=top_k)
        for name, parameter in parameters.items():
            parameter.grad = result.gradients[name]
        # a unit row moves only along the sphere
        d, g = weights.dictionary, result.gradients["dictionary"]
        g.sub_((g * d).sum(1, keepdim=True) * d)
        optimiser.step()
        schedule.step()
        d.div_(d.norm(dim=1, keepdim=True).clamp_min(_EPS))
        idle += 1
        idle[result.fired] = 0
        if (i + 1) % revive_every == 0 and i + 1 <= 0.8 * n_steps:
            dead = (idle >= revive_every).nonzero()[:, 0]
            _revive(weights, optimiser, dead, result.residual, generator)
            idle[dead] = 0
        if i % 50 == 0 or i == n_steps - 1:
            dead_share = (idle >= revive_every).float().mean().item()
            progress(f"step {i + 1} of {n_steps}, loss {result.loss:.4f}, dead {dead_share:.1%}")
    return weights


def _schedule(n_steps: int) -> Callable[[int], float]:
    warm, fall = max(1, n_steps // 20), max(1, n_steps // 5)
    return lambda i: min(1.0, (i + 1) / warm, max(0.0, (n_steps - i) / fall))


def _endless(tokens: TokenStream, batch: int, *, seed: int) -> Iterator[Float[Tensor, "b d"]]:
    epoch = 0
    while True:
        yield from tokens.batches(batch, seed=seed + epoch)
        epoch += 1


def _revive(
    weights: Weights,
    optimiser: torch.optim.Optimizer,
    dead: Int[Tensor, " f"],
    residual: Float[Tensor, "b d"],
    generator: torch.Generator,
) -> None:
    """Point silent latents at what the others leave over, with fresh optimiser moments.

    Tokens are drawn with probability proportional to their squared error (Bricken et al. 2023,
    "Towards Monosemanticity", neuron resampling); encoder rows start at a fifth of the live ones.
    """
    if len(dead) == 0:
        return
    worst = torch.multinomial(
        residual.square().sum(1) + _EPS, len(dead), replacement=True, generator=generator
    )
    rows = residual[worst]
    rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(_EPS)
    live = torch.ones(len(weights.encoder), dtype=torch.bool)
    live[dead] = False
    norm = weights.encoder[live].norm(dim=1).mean() if live.any() else torch.tensor(1.0)
    weights.dictionary[dead] = rows
    weights.encoder[dead] = rows * 0.2 * norm
    weights.encoder_bias[dead] = 0.0
    for parameter in (weights.dictionary, weights.encoder, weights.encoder_bias):
        for name, moment in optimiser.state[parameter].items():
            if name != "step":
                moment[dead] = 0.0
