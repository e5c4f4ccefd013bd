"""Training by automatic gradients, for the variants whose steps need no kernels of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Tensor

from core.concepts.sae.loop import Objective, Step, differentiated, optimise
from core.concepts.sae.placing import placed
from core.concepts.sae.plan import Plan
from core.concepts.sae.weights import Weights
from core.types import FitData


def descended(
    data: FitData,
    n_concepts: int,
    objective: Callable[[Tensor, float], Objective],
    plan: Plan,
    *,
    fresh: dict[str, float] | None = None,
    also: Mapping[str, Tensor] | None = None,
) -> Weights:
    """Trained weights, on the CPU. `objective` takes a batch and how far it is warmed up, as
    `loop.StepOf`.

    `fresh` are further parameters, one number a latent, each with the value it starts at; `also` as
    in `loop.optimise`. Raises ValueError for fewer tokens than latents, for equal tokens, for
    activations that are not finite and when training diverges.
    """
    data = placed(data)
    weights = Weights.initial(data.tokens, n_concepts, tied=True, seed=plan.seed, fresh=fresh)

    def step(x: Float[Tensor, "b d"], warm_up: float) -> Step:
        return differentiated(weights.parameters(), objective(x, warm_up))

    optimise(data, weights, step, plan, also=also)
    return weights.cpu()
