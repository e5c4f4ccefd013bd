"""Which concepts a logit rests on: estimators, one file each, on the function scores -> logit."""

from __future__ import annotations

from collections.abc import Mapping

from core.importance.fidelity import c_deletion, c_insertion, mu_fidelity
from core.importance.gradient_input import gradient_input
from core.importance.integrated_gradients import integrated_gradients
from core.importance.linear import linear
from core.importance.occlusion import occlusion
from core.importance.resumed import ResumedLogit
from core.importance.sobol import sobol
from core.importance.types import Function, LinearLogit, Method

METHODS: Mapping[str, Method] = {
    "linear": Method(linear, True, "logits", "Weight times score: exact for a linear head."),
    "gradient_input": Method(
        gradient_input, True, "logits", "Slope of the logit at the scores, times the scores."
    ),
    "integrated_gradients": Method(
        integrated_gradients, True, "logits", "Slopes on the way from no concept to the scores."
    ),
    "occlusion": Method(
        occlusion, True, "logits", "What the logit loses when the concept alone is set to 0."
    ),
    "sobol": Method(
        sobol,
        False,
        "total Sobol index",
        "Share of the logit's variance that needs the concept, when all are dimmed at random.",
    ),
}

__all__ = [
    "METHODS",
    "Function",
    "LinearLogit",
    "Method",
    "ResumedLogit",
    "c_deletion",
    "c_insertion",
    "mu_fidelity",
]
