"""Heads on concept scores, and the accuracies they are judged by."""

from __future__ import annotations

from collections.abc import Mapping

from core import heads as core_heads
from core.recipe import HeadSpec
from precompute.heads.baselines import put_baselines
from precompute.heads.energy_head import energy
from precompute.heads.given import imported, own
from precompute.heads.judged import Probe, accuracies, logits_of, predictions, probe
from precompute.heads.label_metrics import (
    Told,
    macro,
    put_label_baselines,
    put_told,
    thresholds_of,
)
from precompute.heads.last_layer import backbone
from precompute.heads.trained import hybrid, sparse
from precompute.heads.types import Fitted, HeadInput, Kind
from precompute.heads.zero_shot import bayesian, matrix_search
from precompute.intake import check_parameters

__all__ = [
    "HEADS",
    "Fitted",
    "HeadInput",
    "Kind",
    "Probe",
    "Told",
    "accuracies",
    "check",
    "fit_head",
    "logits_of",
    "macro",
    "predictions",
    "probe",
    "put_baselines",
    "put_label_baselines",
    "put_told",
    "thresholds_of",
]

HEADS: Mapping[str, Kind] = {
    "sparse": Kind(
        sparse,
        "Sparse",
        "A sparse linear layer, trained on labels after the concepts were found.",
        (core_heads.SparseSettings,),
    ),
    "backbone": Kind(
        backbone,
        "Backbone",
        "The model's own last layer, read through the bank; it equals the model while unedited.",
    ),
    "hybrid": Kind(
        hybrid,
        "Hybrid",
        "A sparse head and, on what it leaves, a linear layer on the plain activations, which no "
        "edit of a concept changes.",
        (hybrid, core_heads.SparseSettings),
    ),
    "own": Kind(own, "Own", "Learned together with the bank's concepts."),
    "matrix_search": Kind(
        matrix_search,
        "Matrix search",
        "Not trained: the class whose profile of concepts is most like the image's.",
    ),
    "bayesian": Kind(
        bayesian,
        "Bayesian",
        "Not trained: images against prompts of each class. It is not linear, so it cannot be "
        "edited live.",
    ),
    "imported": Kind(imported, "Imported", "Read from a file that was made elsewhere."),
    "energy": Kind(energy, "Energy", "Learned together with the concepts of an energy bank."),
}


def check(spec: HeadSpec) -> None:
    """Raises ValueError for a kind or a parameter that does not exist, naming those that do."""
    if spec.kind not in HEADS:
        raise ValueError(
            f"head {spec.title!r}: unknown kind {spec.kind!r}; known: {', '.join(HEADS)}"
        )
    kind = HEADS[spec.kind]
    check_parameters(
        spec.params,
        *(kind.parameters or (kind.make,)),
        owner=f"head {spec.title!r}: {spec.kind}",
        given={"seed"},
    )


def fit_head(given: HeadInput, spec: HeadSpec) -> Fitted | None:
    """None where the head cannot be had from this bank; the log says why."""
    log = given.build.log
    with (
        log.attempt("heads", spec.title),
        log.timed(f"head {spec.title}", len(given.scores), "images"),
    ):
        made = HEADS[spec.kind].make(given, **spec.params)
        if made.gap is not None and made.gap > core_heads.CLOSE:
            log.notice("heads", spec.title, _unfinished(made.gap))
        return made
    return None


def _unfinished(gap: float) -> ValueError:
    return ValueError(
        f"its fit ended before it was done: its penalised loss may be {100 * gap:.2g} % above the "
        f"least there is, where {100 * core_heads.CLOSE:g} % is asked for. Weights may change; "
        "give the head more steps (max_iter) or a stronger penalty (a lower c)"
    )
