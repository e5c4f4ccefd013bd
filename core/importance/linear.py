"""weight x score, exact for a linear head."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from core.importance.types import Function, LinearLogit


def linear(
    function: Function,
    scores: Float[Tensor, "n k"],
    *,
    seed: int = 0,  # noqa: ARG001 - nothing is drawn
) -> Float[Tensor, "n k"]:
    """u_k <v_k, w>: with the bias (and rest) the importances sum to the logit.

    Among all importances it gives the best C-deletion, C-insertion and C-muFidelity (Fel et al.
    2023, "A holistic approach to unifying automatic concept extraction and concept importance
    estimation", arXiv 2306.07304). Raises ValueError for a function that is not linear.
    """
    if not isinstance(function, LinearLogit):
        raise ValueError(
            "`linear` explains a weighted sum of scores (LinearLogit) only; for any other function "
            "use occlusion, sobol or integrated_gradients"
        )
    return scores * function.weight
