"""Heads on concept scores, and the accuracies they are judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core import heads as core_heads
from core.recipe import HeadSpec
from precompute.heads.baselines import put_baselines
from precompute.heads.energy import energy
from precompute.heads.given import imported, own
from precompute.heads.judged import Probe, accuracies, logits_of, predictions, probe
from precompute.heads.last_layer import backbone
from precompute.heads.trained import hybrid, sparse
from precompute.heads.types import Fitted, Material
from precompute.heads.zero_shot import bayesian, matrix_search
from precompute.intake import check_parameters

__all__ = [
    "FITS",
    "HEADS",
    "Fitted",
    "Material",
    "Probe",
    "accuracies",
    "check",
    "logits_of",
    "predictions",
    "probe",
    "put_baselines",
]

HEADS: Mapping[str, Callable[..., Fitted]] = {
    "sparse": sparse,
    "backbone": backbone,
    "hybrid": hybrid,
    "own": own,
    "matrix_search": matrix_search,
    "bayesian": bayesian,
    "imported": imported,
    "energy": energy,
}
FITS: Mapping[str, tuple[Callable[..., Any], ...]] = {
    "sparse": (core_heads.fit_sparse,),
    "hybrid": (hybrid, core_heads.fit_sparse),
}
"""whose parameters a recipe may set, where they are not those of the kind's own function"""


def check(spec: HeadSpec) -> None:
    """Raises ValueError for a kind or a parameter that does not exist, naming those that do."""
    if spec.kind not in HEADS:
        raise ValueError(
            f"head {spec.title!r}: unknown kind {spec.kind!r}; known: {', '.join(HEADS)}"
        )
    check_parameters(
        spec.params,
        *FITS.get(spec.kind, (HEADS[spec.kind],)),
        owner=f"head {spec.title!r}: {spec.kind}",
        given={"seed"},
    )
