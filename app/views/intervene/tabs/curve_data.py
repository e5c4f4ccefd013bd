"""How well a head does against the number of corrected concepts, policy by policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from app import db
from app.views.intervene import levels, several, whole
from core.intervention import curves, policies, strategies
from core.intervention.policies import POLICIES
from core.intervention.situation import Situation
from core.intervention.strategies import TYPICAL
from data.queries import edits, heads
from data.queries.build import HeadFacts

SEEDS = 10
"""random orders behind the band"""
CONTROL = "control"
"""the cooperative order, but the labels of other images drawn at random: what setting concepts does
where it brings no knowledge of the image"""
LINES = (*POLICIES, CONTROL)
N_CONTROLS = 5
"""random draws of other images behind its band"""


class Asked(NamedTuple):
    """What a curve depends on beside the head."""

    split: str | None
    class_id: int | None
    limit: int | None
    """images at most, drawn with seed 0; None: all"""
    grouped: bool
    strategy: str = TYPICAL
    """what correcting sets; key of core.intervention.strategies.STRATEGIES"""


@dataclass(frozen=True)
class Ready:
    situation: Situation
    rows: pd.DataFrame
    """image_id, class_id of the images drawn"""
    n_total: int
    """that pass the filter"""
    n_concepts: int
    """with a known truth on some of these images"""
    n_levels: int
    """train images behind the values that are set"""
    n_outside: int
    """values set that no train image shows, of `n_set`"""
    n_set: int
    foreign: Float64[np.ndarray, "r n k"]
    """scores to set, by the labels of other images: the control"""


@dataclass(frozen=True)
class Line:
    """One policy. Where it is drawn: the mean over seeds, with the lowest and highest; its first
    seed's images stand for all."""

    curve: curves.Curve | curves.EachCurve
    values: dict[str, Float64[np.ndarray, " s"]]
    """by measure: see `measures`"""
    low: dict[str, Float64[np.ndarray, " s"]] | None
    high: dict[str, Float64[np.ndarray, " s"]] | None


def group_ids(facts: pd.DataFrame) -> Int64[np.ndarray, " k"]:
    """A number for each grouping, and one of its own for a concept without."""
    alone = "\0" + facts["concept_id"].astype(str)
    return np.unique(facts["grouping"].fillna(alone), return_inverse=True)[1].astype(np.int64)


@db.cached(max_entries=4, shared=True)
def ready(head: HeadFacts, asked: Asked) -> Ready | None:
    """None: no image passes the filter, or nothing is known of any."""
    labelled = whole.of(head)
    at = np.flatnonzero(whole.chosen(labelled, split=asked.split, class_id=asked.class_id))
    n_total = len(at)
    if asked.limit is not None and n_total > asked.limit:
        at = np.sort(np.random.default_rng(0).choice(at, asked.limit, replace=False))
    model = whole.fitted(head.head_id, head.bank_id).presence
    if not len(at) or model is None:
        return None
    con, ids = db.cursor(), labelled.ids[at]
    concepts = labelled.loaded.concept_ids
    scores = heads.image_scores(con, head.bank_id, concepts, image_ids=ids)
    truth = edits.truth(con, head.bank_id, concepts, image_ids=ids)
    at_level = levels.of(
        head.head_id, head.bank_id, np.arange(len(concepts)), n_columns=len(concepts)
    )
    present, absent = at_level.present[1], at_level.absent[1]
    values = strategies.values(asked.strategy, at_level, scores, truth)
    rng = np.random.default_rng(1)
    foreign = [
        strategies.values(asked.strategy, at_level, scores, truth[_others(len(at), rng)]).score
        for _ in range(N_CONTROLS)
    ]
    situation = Situation(
        head=labelled.loaded.head,
        scores=scores,
        presence=model.probability(scores),
        present=present,
        absent=absent,
        rest=whole.rest(labelled, scores, labelled.logits[at]),
        truth=truth,
        values=values.score,
        classes=labelled.classes[at] if labelled.labels is None else None,
        targets=None if labelled.labels is None else labelled.labels.y[at],
        groups=group_ids(labelled.facts) if asked.grouped else None,
    )
    known = int((~np.isnan(truth)).any(0).sum())
    return Ready(
        situation,
        labelled.rows.iloc[at].reset_index(drop=True),
        n_total,
        known,
        at_level.n,
        int(values.outside.sum()),
        int(values.known.sum()),
        np.stack(foreign),
    )


def _others(n: int, rng: np.random.Generator) -> Int64[np.ndarray, " n"]:
    """Another image for every image, each taken once: a random cycle (one alone keeps itself)."""
    order = rng.permutation(n)
    out = np.empty(n, np.int64)
    out[order] = np.roll(order, 1)
    return out


@db.cached(max_entries=60)
def line(head: HeadFacts, asked: Asked, policy: str) -> Line:
    """Raises LookupError where `ready` gives nothing."""
    given = ready(head, asked)
    if given is None:
        raise LookupError("no image to draw a curve of")
    s = given.situation
    assert s.values is not None
    found: list[curves.Curve | curves.EachCurve] = []
    by = "cooperative" if policy == CONTROL else policy
    n_draws = N_CONTROLS if policy == CONTROL else SEEDS if POLICIES[by].drawn else 1
    for seed in range(n_draws):
        order = policies.order(by, Situation(**{**vars(s), "seed": seed}))
        values = given.foreign[seed] if policy == CONTROL else s.values
        if s.targets is not None:
            known = curves.Known(s.targets, several.thresholds(head.head_id))
            each = curves.curve_each(
                s.head, s.scores, values, order, labels=known, rest=s.rest, groups=s.groups
            )
            found.append(each)
        else:
            assert s.classes is not None
            one = curves.curve(
                s.head, s.scores, values, order, classes=s.classes, rest=s.rest, groups=s.groups
            )
            found.append(one)
    both = {name: np.stack([getattr(c, name) for c in found]) for name in measures(s)}
    drawn = len(found) > 1
    return Line(
        found[0],
        {k: v.mean(0) for k, v in both.items()},
        {k: v.min(0) for k, v in both.items()} if drawn else None,
        {k: v.max(0) for k, v in both.items()} if drawn else None,
    )


def measures(s: Situation) -> tuple[str, ...]:
    """Of a curve of these images, by the names of its fields."""
    return ("accuracy", "probability") if s.targets is None else ("auc", "loss")


def missing(head: HeadFacts, facts: pd.DataFrame) -> str | None:
    """Why there are no curves for this head, in words for people; None: there are."""
    if not (facts["name_source"] == "label").any():
        return (
            f"Curves show what happens when concepts are corrected, so they need concepts whose "
            f"truth is known. No concept of {head.name} was fitted to a label: the bank "
            f"“{head.bank}” found its concepts without labels. Choose a head on a bank of "
            "labelled concepts."
        )
    labels = edits.label_counts(db.cursor())
    if not labels.by_image and not labels.by_class:
        return (
            "The concepts of this head were fitted to labels, but the store holds no label of "
            "any image or class, so there is nothing to correct them to."
        )
    return None
