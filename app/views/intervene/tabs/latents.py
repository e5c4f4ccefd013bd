"""Switching latents off, up or down on a whole set of images: what else breaks?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from app import address, db
from app.format import concept_name, plain, short, signed
from app.views.intervene import whole
from app.views.intervene.tabs import effect_table, latent_charts, latent_edits, latent_sets
from app.views.intervene.tabs.latent_edits import MODES, MOST, Aimed, Edit
from app.views.intervene.tabs.latent_sets import Aim
from core.intervention import latent_selection
from data.queries import build, effects
from data.queries.build import HeadFacts

CHOICES = {
    "difference": "Larger mean",
    "exclusion": "Peaks, minus the retained ones'",
}
EXPLAINED = {
    "difference": "The latents whose mean score is largest on the target compared with the "
    "retained images (SAUCE).",
    "exclusion": "The target's latents of highest code that are not among those of the retained "
    "images (Interpret then deactivate). There may be none.",
    "ablate": "The latents are silent everywhere.",
    "scale": "Their codes are multiplied: 0 is off, 1 changes nothing.",
    "clamp": "Every token of every image gets the same code: this percentile of the latent's "
    "scores over the images.",
    "suppress": "Each image's codes are multiplied by 1 − p(target | score), from histograms of "
    "the scores on target and retained images: a latent is weakened only as far as it speaks for "
    "the target.",
}


def show(head: HeadFacts) -> None:
    bank = build.bank(db.cursor(), head.bank_id)
    facts = build.build(db.cursor())
    exact = head.kind == "backbone" and bank.pool in ("mean", "cls")
    if not head.linear:
        st.info(
            "This head is no linear function of its scores, so an edit cannot be followed through "
            "it here. Below is what the build found by running the model again.",
            icon=":material/info:",
        )
    else:
        st.caption(
            "This head is the backbone's own last layer, so every number here is exact for the "
            "model itself; what the bank does not reconstruct stays as it is"
            + (
                ", and so do the tokens beside the CLS token that the model reads."
                if bank.pool == "cls" and facts.reads_patches
                else "."
            )
            if exact
            else "Exact for this head. The backbone's own logits are another matter: "
            + (
                'a head of kind "backbone" reads them live, and below is what the build found.'
                if (facts.cls_linear if bank.pool == "cls" else facts.linear)
                else "below is what the build found by running the rest of the network."
            )
        )
        _live(head)
    effect_table.show(head.bank_id, live=exact)


def _live(head: HeadFacts) -> None:
    labelled = whole.of(head)
    if labelled.rows.empty:
        st.caption("No image carries a label of this head's classes, so nothing can be counted.")
        return
    labels = effects.labelled(db.cursor())
    first = Aim(class_id=int(labelled.loaded.class_ids[0]))
    target = latent_sets.read(address.param("ta"), labelled, labels) or first
    retained = latent_sets.read(address.param("rs"), labelled, labels) or Aim()
    left, right = st.columns(2, gap="large")
    with left:
        latent_sets.choose("ta", "Target", target, labelled, labels)
    with right:
        latent_sets.choose("rs", "Retained", retained, labelled, labels)
    inside = latent_sets.members(labelled, target)
    aimed = Aimed(inside, latent_sets.members(labelled, retained) & ~inside)
    words = [plain(latent_sets.describe(aim, labelled, labels)) for aim in (target, retained)]
    st.caption(
        f"{int(inside.sum()):,} target images ({words[0]}) · {int(aimed.retained.sum()):,} "
        f"retained images ({words[1]}, without the target)"
    )
    if not inside.any() or not aimed.retained.any():
        st.info("Choose sets that both hold images: latents are chosen by what sets them apart.")
        return
    edit = latent_edits.read(address.param("le"))
    table = effects.contrast(
        db.cursor(),
        head.bank_id,
        target=labelled.ids[inside],
        retained=labelled.ids[aimed.retained],
    )
    known = table["concept_id"].isin(labelled.loaded.concept_ids)
    table = table[known].reset_index(drop=True)
    edit = _which(table, edit)
    edit = _how(edit)
    concepts = edit.concepts or ()
    if not concepts:
        st.info(
            "No latent is chosen. None may set the target apart in this way; choose some by hand."
        )
        return
    columns, there = labelled.loaded.places(np.array(concepts, np.int64))
    if not there.all():
        st.warning("Some latents of the address are not read by this head; they are left out.")
    columns = np.sort(columns[there])
    pool = tuple(int(c) for c in table.loc[table["target_peak"] > 0, "concept_id"])
    drawn = latent_edits.others(tuple(c for c in pool if c not in concepts), len(columns))
    control = np.sort(labelled.loaded.places(np.array(drawn, np.int64))[0])
    try:
        result = latent_edits.outcome(head, columns, edit, aimed)
        random = latent_edits.outcome(head, control, edit, aimed) if len(control) else None
        latent_charts.outcome(head, labelled, result, random, aimed, edit, n_control=len(control))
        latent_charts.strengths(head, labelled, columns, control, edit, aimed)
    except ValueError as error:
        st.warning(plain(str(error)))


def _save(edit: Edit, **changes: object) -> None:
    address.set_params(le=replace(edit, **changes).text())  # type: ignore[arg-type]


def _widget(edit: Edit, field: str, key: str) -> Callable[[], None]:
    """As on_change: what a widget says goes into the address."""

    def changed() -> None:
        value = st.session_state[key]
        more: dict[str, object] = {field: tuple(value) if isinstance(value, list) else value}
        if field in ("by", "n"):
            more["concepts"] = None
        if field == "mode":
            more["strength"] = {"scale": 0.5, "clamp": 95.0}.get(str(value), 0.0)
        _save(edit, **more)

    return changed


def _segments(label: str, offered: dict[str, str], edit: Edit, field: str) -> None:
    """One of `offered` for a field of the edit, each explained."""
    key = f"latent_{field}"
    address.follow(key, getattr(edit, field))
    st.segmented_control(
        label,
        list(offered),
        key=key,
        required=True,
        format_func=offered.__getitem__,
        on_change=_widget(edit, field, key),
        help="  \n".join(f"**{words}**: {EXPLAINED[k]}" for k, words in offered.items()),
    )


def _which(table: pd.DataFrame, edit: Edit) -> Edit:
    """Latents by contrast, or by hand."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _segments("Choose latents by", CHOICES, edit, "by")
        address.follow("latent_n", edit.n)
        st.number_input(
            "How many",
            1,
            MOST,
            key="latent_n",
            width=130,
            on_change=_widget(edit, "n", "latent_n"),
        )
    pair = (
        ("target_mean", "retained_mean")
        if edit.by == "difference"
        else ("target_peak", "retained_peak")
    )
    choose = {
        "difference": latent_selection.by_difference,
        "exclusion": latent_selection.by_exclusion,
    }[edit.by]
    best = choose(*(table[name].to_numpy(np.float64) for name in pair), n=edit.n)
    ids = table["concept_id"].to_numpy(np.int64)
    chosen = tuple(int(c) for c in ids[best]) if edit.concepts is None else edit.concepts
    gaps = (table["target_mean"] - table["retained_mean"]).to_numpy(np.float64)
    leads = {int(c): float(gap) for c, gap in zip(ids, gaps, strict=True)}
    chosen = tuple(c for c in chosen if c in leads)
    names = {int(c): concept_name(n, int(c)) for c, n in zip(ids, table["name"], strict=True)}

    def title(c: int) -> str:
        lead = leads[c]
        own = "" if names[c] == f"#{c}" else f" #{c}"
        return f"{short(names[c], 30)}{own} ({signed(lead)})"

    order = np.argsort(-gaps, kind="stable")
    address.follow("latent_ids", list(chosen))
    st.multiselect(
        "Latents",
        [int(c) for c in ids[order]],
        key="latent_ids",
        max_selections=MOST,
        format_func=title,
        on_change=_widget(edit, "concepts", "latent_ids"),
        help="In brackets: mean score on the target minus the mean on the retained images, in the "
        "bank's unit.",
    )
    return replace(edit, concepts=chosen)


def _how(edit: Edit) -> Edit:
    automatic = latent_edits.read(address.param("le")).concepts is None
    kept = replace(edit, concepts=None) if automatic else edit
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _segments("Edit", MODES, kept, "mode")
        if edit.mode in ("scale", "clamp"):
            scale = edit.mode == "scale"
            address.follow("latent_strength", float(edit.strength))
            st.number_input(
                "Factor" if scale else "Percentile",
                0.0,
                latent_edits.STRONGEST if scale else 100.0,
                key="latent_strength",
                width=150,
                step=0.25 if scale else 5.0,
                on_change=_widget(kept, "strength", "latent_strength"),
            )
        address.follow("latent_gated", edit.gated)
        st.toggle(
            "Only where detected",
            key="latent_gated",
            on_change=_widget(kept, "gated", "latent_gated"),
            help="Gated: an image is edited only if the chosen latents' scores together reach the "
            "threshold that best tells target from retained images (hits minus false alarms).",
        )
    st.caption(EXPLAINED[edit.mode])
    return edit
