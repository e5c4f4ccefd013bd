"""The head with an edit set applied: what it then does to every labelled image, and its export."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from safetensors import numpy as safetensors

from app import db
from app.format import concept_titles, number, with_id
from app.views.intervene import whole
from app.views.intervene.address_head_edits import Edit, EditSet, holds
from core.intervention import global_edits, head_edits
from core.intervention.refit import refit, refit_each
from core.kinds import TRAIN
from core.metrics.perturbation import keep_average
from core.types import Head
from data.queries import build
from data.queries.build import HeadFacts

Change = global_edits.Preview | global_edits.EachPreview


def known(labelled: whole.Whole, given: tuple[Edit, ...]) -> tuple[list[Edit], list[Edit]]:
    """Those that this head can take, and those about concepts or classes that it lacks."""
    concepts = set(labelled.loaded.concept_ids.tolist())
    classes = set(labelled.loaded.class_ids.tolist())
    fits = [
        (e.concept is None or e.concept in concepts)
        and (e.class_id is None or e.class_id in classes)
        for e in given
    ]
    return (
        [e for e, fit in zip(given, fits, strict=True) if fit],
        [e for e, fit in zip(given, fits, strict=True) if not fit],
    )


def describe(labelled: whole.Whole, edit: Edit) -> str:
    """One line of plain text."""
    if edit.kind == "keep":
        return f"keep the {number(edit.value)} of each class that move its logit most"
    facts = labelled.facts[labelled.facts["concept_id"] == edit.concept].iloc[0]
    name = with_id(facts["name"], int(facts["concept_id"]), source=facts["name_source"])
    if edit.kind == "prune":
        return f"remove {name}"
    where = "" if edit.class_id is None else f" for {labelled.names[edit.class_id]}"
    verb = "times" if edit.kind == "scale" else "set to"
    return f"weight of {name}{where} {verb} {number(edit.value)}"


@db.cached(max_entries=16, shared=True)
def apply(
    head: HeadFacts,
    edits: tuple[Edit, ...],
    fit_again: bool,
    hold: bool,
) -> Head:
    """Edits in order; then, if wished, the bias that leaves an average train image where it was,
    and a refit of what is left on the train images.

    Raises ValueError, in words for people, where that cannot be done.
    """
    labelled = whole.of(head)
    at = {int(c): i for i, c in enumerate(labelled.loaded.concept_ids)}
    row = {int(c): i for i, c in enumerate(labelled.loaded.class_ids)}
    steps = [
        head_edits.HeadEdit(
            e.kind,
            None if e.concept is None else at[e.concept],
            None if e.class_id is None else row[e.class_id],
            e.value,
        )
        for e in edits
    ]
    if not (fit_again or hold or any(step.kind == head_edits.KEEP for step in steps)):
        return head_edits.apply(labelled.loaded.head, steps)
    train = (labelled.rows["split"] == TRAIN).to_numpy()
    if not train.any():
        raise ValueError("The store has no labelled train images to fit or to average over.")
    columns = np.arange(len(labelled.loaded.concept_ids))
    own = whole.scores(head, columns)[train]
    edited = head_edits.apply(labelled.loaded.head, steps, own.std(0))
    if hold:
        edited = keep_average(labelled.loaded.head, edited, own.mean(0))
    if not fit_again:
        return edited
    rest = whole.rest(labelled, own, labelled.logits[train])
    if labelled.labels is not None:
        return refit_each(edited, own, labelled.labels.y[train], rest=rest)
    return refit(edited, own, labelled.classes[train], rest=rest)


def preview(head: HeadFacts, edited: Head) -> Change:
    """Exact, from stored scores; only of the concepts whose weights changed."""
    labelled = whole.of(head)
    old = labelled.loaded.head
    columns = np.flatnonzero((edited.weight != old.weight).any(0))
    own = whole.scores(head, columns)
    before, after = (Head(h.weight[:, columns], h.bias, link=h.link) for h in (old, edited))
    logits, splits = labelled.logits, labelled.rows["split"].to_numpy(dtype=str)
    if labelled.labels is not None:
        return global_edits.preview_each(
            before, after, scores=own, logits=logits, labels=labelled.labels, splits=splits
        )
    return global_edits.preview(
        before, after, scores=own, logits=logits, classes=labelled.classes, splits=splits
    )


def outcomes(change: Change) -> dict[str, dict[str, Any]]:
    """What a change comes to, by split, with n and chance. Of several labels: means over those that
    at least three images of the split show and as many lack."""
    if isinstance(change, global_edits.EachPreview):
        return {
            split: {
                "n_labels": c.judged,
                "chance_of_auroc": 0.5,
                "auroc_before": c.means[0],
                "auroc_after": c.means[1],
                "auroc_gain": c.gain.value,
                "auroc_gain_95": [c.gain.lo, c.gain.hi],
                "n": int(c.n.sum()),
                "told_rightly_before": int(c.right[0].sum()),
                "told_rightly_after": int(c.right[1].sum()),
                "chance_of_told_rightly": c.chance,
            }
            for split, c in change.by_split.items()
            if c.judged
        }
    return {
        split: {
            "n": c.after.n,
            "chance": c.after.chance,
            "before": c.before.value,
            "after": c.after.value,
        }
        for split, c in change.by_split.items()
        if c.after.n
    }


def _facts(head: HeadFacts, given: EditSet, change: Change) -> dict[str, Any]:
    labelled = whole.of(head)
    facts = build.build(db.cursor())
    return {
        "name": given.name,
        "dataset": facts.dataset,
        "build": facts.fingerprint,
        "bank": head.bank,
        "head": head.name,
        "refit": given.refit,
        "average_kept": holds(given, signed=head.signed),
        "edits": [
            {**edit._asdict(), "in_words": describe(labelled, edit)}
            for edit in known(labelled, given.edits)[0]
        ],
        "labels" if labelled.labels is not None else "accuracy": outcomes(change),
    }


def as_json(head: HeadFacts, given: EditSet, edited: Head, change: Change) -> str:
    """Facts and, under `weights`, the head itself, as a head of kind `imported` reads it."""
    labelled = whole.of(head)
    weights = {
        "weight": edited.weight.tolist(),
        "bias": edited.bias.tolist(),
        "class_ids": labelled.loaded.class_ids.tolist(),
        "concept_ids": labelled.loaded.concept_ids.tolist(),
        **_names(head, edited),
    }
    facts = _facts(head, given, change) | {"weights": weights}
    return json.dumps(facts, indent=2, ensure_ascii=False)


def as_safetensors(head: HeadFacts, given: EditSet, edited: Head, change: Change) -> bytes:
    """weight (classes x concepts), bias, class_ids, concept_ids; names and facts as metadata."""
    labelled = whole.of(head)
    return safetensors.save(
        {
            "weight": edited.weight.astype(np.float64),
            "bias": edited.bias.astype(np.float64),
            "class_ids": labelled.loaded.class_ids,
            "concept_ids": labelled.loaded.concept_ids,
        },
        metadata={
            **{name: json.dumps(value) for name, value in _names(head, edited).items()},
            "edits": json.dumps(_facts(head, given, change)),
        },
    )


def _names(head: HeadFacts, edited: Head) -> dict[str, Any]:
    labelled = whole.of(head)
    return {
        "classes": list(labelled.loaded.class_names),
        "concepts": concept_titles(labelled.facts["name"], labelled.facts["concept_id"]),
        "residual": bool(edited.residual),
        "kind": head.kind,
    }
