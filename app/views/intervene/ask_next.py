"""Which concept to look at next: where the head is unsure of it, and where that matters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import streamlit as st

from app import db
from app.format import number
from app.views.intervene import head_lab, levels, whole
from core import bottleneck
from core.intervention import policies
from core.intervention.situation import Situation
from core.intervention.strategies import STRATEGIES
from data.queries import edits

N_SHOWN = 3


class Suggestion(NamedTuple):
    column: int
    uncertainty: float | None
    """bits, 0..1; None where no label says what present means"""
    influence: float
    """logits of the predicted class; of several labels of all of them, summed"""
    truth: bool | None
    """what the labels say; None: nothing"""
    value: float | None
    """what a concept is set to that agrees with the truth, by the values chosen"""


def suggestions(
    lab: head_lab.Lab, columns: dict[int, float], *, bank_id: int, head_id: int, image_id: int
) -> list[Suggestion]:
    """The most useful concepts that are not edited yet, by the cooperative policy; by influence
    alone where no concept was fitted to a label."""
    model = whole.fitted(head_id, bank_id).presence
    scores = bottleneck.intervene(lab.scores, columns)
    every = np.arange(scores.shape[1])
    measured = lab.measured(every) if len(every) <= levels.MOST_CONCEPTS else None
    if measured is None:
        absent, present = (lab.facts[c].to_numpy(np.float64) for c in ("absent_q50", "present_q50"))
        sets = absent, present
    else:
        absent, present = measured.absent[1], measured.present[1]
        sets = levels.presets(measured, lab.scores, every)[levels.chosen()]
    situation = Situation(
        head=lab.loaded.head,
        scores=scores,
        present=present,
        absent=absent,
        rest=lab.rest,
        presence=np.full(scores.shape, 0.5) if model is None else model.probability(scores),
    )
    influence = policies.influence(situation)[0]
    doubt = None if model is None else policies.uncertainty(situation)[0]
    useful = np.nan_to_num(influence if doubt is None else influence * doubt)
    useful[list(columns)] = 0.0
    truth = edits.truth(
        db.cursor(), bank_id, lab.loaded.concept_ids, image_ids=np.array([image_id])
    )[0]
    out = []
    for k in np.argsort(-useful, kind="stable")[:N_SHOWN]:
        if useful[k] <= 0:
            break
        value = sets[1][k] if truth[k] == 1 else sets[0][k]
        known = bool(np.isfinite(truth[k]) and np.isfinite(value))
        out.append(
            Suggestion(
                int(k),
                None if doubt is None else float(doubt[k]),
                float(influence[k]),
                bool(truth[k]) if known else None,
                float(value) if known else None,
            )
        )
    return out


def _take(before: dict[int, float], concept: int, value: float | None) -> None:
    """The truth becomes an edit; without it the concept is laid before the person."""
    if value is None:
        head_lab.order(None, focus=concept)
    else:
        head_lab.order({**before, concept: value}, focus=concept)


def show(
    lab: head_lab.Lab, columns: dict[int, float], *, bank_id: int, head_id: int, image_id: int
) -> None:
    found = suggestions(lab, columns, bank_id=bank_id, head_id=head_id, image_id=image_id)
    st.markdown(
        "**Ask next**",
        help="The concept whose correction should tell most: how unsure the head is that it is "
        "there (0 to 1 bit) times how far "
        + (
            "all labels' logits move together"
            if lab.several
            else "the predicted class's logit moves"
        )
        + " between its typical absent and present score (in logits).",
    )
    if not found:
        st.caption("No unedited concept could move this prediction.")
        return
    ids = lab.loaded.concept_ids
    now = {int(ids[k]): v for k, v in columns.items()}
    for s in found:
        concept = int(ids[s.column])
        reason = f"influence {number(s.influence)}"
        if s.uncertainty is not None:
            reason = f"uncertainty {number(s.uncertainty)} × {reason}"
        told = (
            ""
            if s.truth is None
            else (
                f"The labels say **{'present' if s.truth else 'absent'}**: this sets the score to "
                f"{number(s.value)}, {STRATEGIES[levels.chosen()].about}."
            )
        )
        st.button(
            f"**{lab.title(s.column)}** · {reason}",
            key=f"ask_{concept}",
            width="stretch",
            wrap=True,
            icon=":material/fact_check:" if told else ":material/help:",
            on_click=_take,
            args=(now, concept, s.value),
            help=told or "No label says whether this image shows it: look, and move its handle.",
        )
    if all(s.uncertainty is None for s in found):
        st.caption(
            "No concept of this head was fitted to a label, so how sure the head is of it "
            "is unknown; these are ordered by influence alone."
        )
