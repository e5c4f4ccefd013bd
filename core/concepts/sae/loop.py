"""The training loop of all sparse autoencoders: streaming, seeded, with warm-up and revival.

A variant is what it trains and a step, which says what one batch costs and which way the parameters
should move; the loop draws the batches, runs Adam, counts silent latents and wakes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from core.concepts.common.token_sample import refuse_non_finite
from core.concepts.sae.plan import Plan
from core.concepts.sae.training_state import pack, unpack
from core.types import FitData, TokenStream

EPS = 1e-8
_SAY = 50
"""steps between two messages"""
_SAVES = 10
"""times that a run keeps its state"""


@dataclass(frozen=True)
class Step:
    """What one batch gave."""

    loss: Float[Tensor, "*parts"]
    """whose sum is the objective a token, over d, in units of `Trained.unit` squared"""
    gradients: dict[str, Tensor]
    """one for each of `Trained.parameters`; none where the parameters have moved already"""
    fired: Bool[Tensor, " f"]
    """latents that were on at least once"""
    residual: Float[Tensor, "b d"]
    codes: Shaped[Tensor, "b s"]
    """those that are not 0, and zeros: L0 counts the former"""


@runtime_checkable
class Trained(Protocol):
    """What is trained, in place: `weights.Weights`, or what has its members."""

    @property
    def unit(self) -> float:
        """Tokens are divided by it before they are seen."""
        ...

    @property
    def n_latents(self) -> int: ...

    def parameters(self) -> dict[str, Tensor]: ...

    def settle(self) -> None:
        """Puts parameters back on their constraints after each update."""
        ...

    def revive(self, dead: Int[Tensor, " f"], rows: Float[Tensor, "f d"]) -> list[Tensor]:
        """Points silent latents at unit `rows`; returns the parameters changed in rows `dead`."""
        ...


Objective = Callable[[dict[str, Tensor]], tuple[Tensor, Tensor, Tensor]]
"""Parameters to (loss, codes b x k, residual b x d) on one batch."""

Move = Callable[[Tensor, float, float], Step]
"""(x, warm_up, lr): moves the parameters by one batch"""

StepOf = Callable[[Tensor, float], Step]
"""(x, warm_up): the objective on a batch. `warm_up` rises from 0 to 1 over the first tenth of the
steps and multiplies every sparsity penalty."""


@torch.inference_mode(mode=False)
def optimise(
    data: FitData,
    weights: Trained,
    step: StepOf,
    plan: Plan,
    *,
    also: Mapping[str, Tensor] | None = None,
    fused: Callable[[torch.optim.Optimizer], Move] | None = None,
) -> None:
    """Adam with warm-up and decay; silent latents are revived; a killed run goes on.

    `also` are further tensors that steps change in place; they are kept in the run's state too.
    `fused` makes moves of its own of Adam's moments, in place of gradients of `step`.
    Raises ValueError for activations that are not finite, naming how many of a batch, and when
    the loss diverges.
    """
    n_steps, every = plan.n_steps, plan.revive_every
    if n_steps < 1 or plan.batch < 1:
        raise ValueError(f"n_steps and batch must be 1 or more, not {n_steps} and {plan.batch}")
    parameters = weights.parameters()
    optimiser = torch.optim.Adam(parameters.values(), lr=plan.lr, betas=(0.9, 0.999), fused=True)
    height = _schedule(n_steps)
    device = next(iter(parameters.values())).device
    idle = torch.zeros(weights.n_latents, dtype=torch.long, device=device)
    also = {"idle": idle, **(also or {})}
    generator = torch.Generator().manual_seed(plan.seed)
    saved = data.checkpoint.load() if data.checkpoint else None
    done = unpack(saved, parameters, optimiser, generator, also) if saved else 0
    move = fused(optimiser) if fused else _descent(weights, step, optimiser)
    batches = _endless(data.tokens, plan.batch, seed=plan.seed)
    for i, x in zip(range(n_steps), batches, strict=False):
        if i < done:
            continue
        result = move(x, min(1.0, 10 * i / n_steps), plan.lr * height(i))
        say = i % _SAY == 0 or i == n_steps - 1
        # to ask a GPU at every step would be to wait for it
        if (say or device.type == "cpu") and not math.isfinite(result.loss.sum().item()):
            refuse_non_finite(x)
            raise ValueError(f"training diverged by step {i + 1}; lower lr = {plan.lr}")
        idle.add_(1).masked_fill_(result.fired, 0)
        if (i + 1) % every == 0 and i + 1 <= 0.8 * n_steps:
            dead = (idle >= every).nonzero()[:, 0]
            _revive(weights, optimiser, dead, result.residual, generator)
        if say:
            dead_share = (idle >= every).float().mean().item()
            data.progress(
                f"step {i + 1} of {n_steps}, loss {result.loss.sum().item():.4f}, R2 "
                f"{_r2(x / weights.unit, result.residual):.3f}, L0 "
                f"{result.codes.count_nonzero().item() / len(x):.1f}, dead {dead_share:.1%}"
            )
        if data.checkpoint and (i + 1) % max(1, n_steps // _SAVES) == 0 and i + 1 < n_steps:
            data.checkpoint.save(pack(i + 1, parameters, optimiser, generator, also))


def _descent(weights: Trained, step: StepOf, optimiser: torch.optim.Optimizer) -> Move:
    """Adam along the gradients."""

    def move(x: Float[Tensor, "b d"], warm_up: float, lr: float) -> Step:
        result = step(x / weights.unit, warm_up)
        for name, parameter in weights.parameters().items():
            parameter.grad = result.gradients[name]
        if "dictionary" in result.gradients:
            # a unit row moves only along the sphere
            d, g = weights.parameters()["dictionary"], result.gradients["dictionary"]
            g.sub_((g * d).sum(1, keepdim=True) * d)
        for group in optimiser.param_groups:
            group["lr"] = lr
        optimiser.step()
        weights.settle()
        return result

    return move


def differentiated(parameters: dict[str, Tensor], objective: Objective) -> Step:
    with torch.enable_grad():
        leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
        loss, codes, residual = objective(leaves)
        found = torch.autograd.grad(loss, list(leaves.values()))
    on = codes.detach() > 0
    return Step(
        loss=loss.detach(),
        gradients=dict(zip(leaves, found, strict=True)),
        fired=on.any(0),
        residual=residual.detach(),
        codes=on,
    )


def _r2(x: Float[Tensor, "b d"], residual: Float[Tensor, "b d"]) -> float:
    """Share of the batch's variance that is rebuilt."""
    spread = (x - x.mean(0)).square().sum().clamp_min(EPS)
    return 1.0 - (residual.square().sum() / spread).item()


def _schedule(n_steps: int) -> Callable[[int], float]:
    warm, fall = max(1, n_steps // 20), max(1, n_steps // 5)
    return lambda i: min(1.0, (i + 1) / warm, max(0.0, (n_steps - i) / fall))


def _endless(tokens: TokenStream, batch: int, *, seed: int) -> Iterator[Float[Tensor, "b d"]]:
    epoch = 0
    while True:
        yield from tokens.batches(batch, seed=seed + epoch)
        epoch += 1


def _revive(
    weights: Trained,
    optimiser: torch.optim.Optimizer,
    dead: Int[Tensor, " f"],
    residual: Float[Tensor, "b d"],
    generator: torch.Generator,
) -> None:
    """Point silent latents at what the others leave over, with fresh optimiser moments.

    Tokens are drawn with probability proportional to their squared error (Bricken et al. 2023,
    "Towards Monosemanticity", neuron resampling).
    """
    if len(dead) == 0:
        return
    worst = torch.multinomial(
        residual.square().sum(1).cpu() + EPS, len(dead), replacement=True, generator=generator
    )
    rows = residual[worst.to(residual.device)]
    rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(EPS)
    for parameter in weights.revive(dead, rows):
        for name, moment in optimiser.state[parameter].items():
            if name != "step":
                moment[dead] = 0.0
