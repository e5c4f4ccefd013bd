"""Which concepts a logit rests on: estimators, one file each, on the function scores -> logit."""

from __future__ import annotations

from collections.abc import Mapping

from core.importance.fidelity import MOST_STEPS, c_deletion, c_insertion, mu_fidelity, span
from core.importance.gradient_input import gradient_input
from core.importance.integrated_gradients import integrated_gradients
from core.importance.linear import linear
from core.importance.occlusion import occlusion
from core.importance.resumed import ResumedLogit
from core.importance.sobol import sobol
from core.importance.types import Function, LinearLogit, Method
from core.kinds import LOGITS

METHODS: Mapping[str, Method] = {
    "linear": Method(
        linear,
        "Weight x score",
        signed=True,
        unit=LOGITS,
        about="Weight times score: exact for a linear head.",
        linear_only=True,
    ),
    "gradient_input": Method(
        gradient_input,
        "Gradient x input",
        signed=True,
        unit=LOGITS,
        about="Slope of the logit at the image as it is, times how much of the concept there is.",
    ),
    "integrated_gradients": Method(
        integrated_gradients,
        "Integrated gradients",
        signed=True,
        unit=LOGITS,
        about="Slopes of the logit on the way from no concept to the image as it is; they add up "
        "to the change that all concepts make together.",
    ),
    "occlusion": Method(
        occlusion,
        "Occlusion",
        signed=True,
        unit=LOGITS,
        about="What the logit loses when the concept alone is taken out.",
    ),
    "sobol": Method(
        sobol,
        "Sobol total index",
        signed=False,
        unit="total Sobol index",
        about="Share of the logit's variance that needs the concept, 0..1, when concepts are "
        "dimmed at random.",
        costly=True,
    ),
}
"""Every table of importances lists what is here. `linear` is what the others are compared with."""

__all__ = [
    "METHODS",
    "MOST_STEPS",
    "Function",
    "LinearLogit",
    "Method",
    "ResumedLogit",
    "c_deletion",
    "c_insertion",
    "mu_fidelity",
    "span",
]
