"""The head's weights, class by concept: click a cell to edit that weight."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Int64
from pandas.io.formats.style import Styler

from app.format import plain, short, with_id
from app.views.intervene import edited_head, whole
from app.views.intervene.address_head_edits import EditSet, holds
from app.widgets import defined, palette
from core.types import Head
from data.queries.build import HeadFacts

MOST_CONCEPTS, MOST_CLASSES = 60, 24
KEY = "global_matrix"


def _picked(concept: int, class_id: int | None) -> None:
    """A click fills in the form above: a weight to set, or a concept to remove."""
    st.session_state["global_kind"] = "prune" if class_id is None else "set"
    st.session_state["global_concept"] = concept
    if class_id is not None:
        st.session_state["global_class"] = class_id


def places(head: Head) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " y"]]:
    """Columns and rows of the head that are shown, those of the largest |weight|: concepts by
    falling |weight|, classes in the head's order."""
    size = np.abs(head.weight)
    concepts = np.argsort(-size.max(0, initial=0.0), kind="stable")[:MOST_CONCEPTS]
    classes = np.sort(np.argsort(-size.max(1, initial=0.0), kind="stable")[:MOST_CLASSES])
    return concepts, classes


def show(head: HeadFacts, labelled: whole.Whole, given: EditSet) -> None:
    """The weights as the set leaves them."""
    try:
        now = edited_head.apply(
            head,
            given.edits,
            given.refit,
            holds(given, signed=head.signed),
        )
    except ValueError:  # said where the outcome would be
        now = labelled.loaded.head
    with st.expander("Weights", icon=":material/grid_on:", expanded=True):
        _table(labelled, now)


def _table(labelled: whole.Whole, edited: Head) -> None:
    old = labelled.loaded.head
    concepts, classes = places(old)
    now, before = (h.weight[np.ix_(classes, concepts)].T for h in (edited, old))
    names = [
        short(with_id(n, c, source=source), 40)
        for n, c, source in labelled.facts[["name", "concept_id", "name_source"]]
        .iloc[concepts]
        .itertuples(index=False)
    ]
    titles = _unique([short(labelled.loaded.class_names[y], 24) for y in classes])
    frame = pd.DataFrame(np.where((now == 0) & (before == 0), np.nan, now), columns=titles)
    frame.insert(0, "Concept", names)
    frame = defined.harmless(frame)
    titles = list(frame.columns[1:])
    ids = labelled.loaded.concept_ids[concepts]

    def clicked() -> None:
        cells = st.session_state[KEY]["selection"]["cells"]
        if not cells:
            return
        row, title = cells[0]
        at = titles.index(title) if title in titles else None
        _picked(int(ids[row]), None if at is None else int(labelled.loaded.class_ids[classes[at]]))

    defined.table(
        _painted(frame, now, now != before),
        key=KEY,
        hide_index=True,
        height=min(36 * (len(frame) + 1), 380),
        on_select=clicked,
        selection_mode="single-cell",
        placeholder="",
        column_config={
            "Concept": st.column_config.TextColumn(pinned=True, width=190),
            **{
                title: defined.column(
                    "head_weight.weight",
                    title=title,
                    # the header may be cut off
                    about=f"Class: {plain(labelled.loaded.class_names[y])}.",
                    form="%.2f",
                    width=84,
                )
                for title, y in zip(titles, classes, strict=True)
            },
        },
    )
    left_out = old.weight.shape[1] - len(concepts), len(old.bias) - len(classes)
    more = [
        f"{n:,} more {what}" for n, what in zip(left_out, ("concepts", "classes"), strict=True) if n
    ]
    st.caption(
        "Weights, in logits per unit of score; red adds to the class, blue takes away, empty is "
        "0; changed ones are bold. Click a cell to edit that weight, a name to remove the concept."
        + (
            f" Shown are those of the largest weights; {' and '.join(more)} are in the form above."
            if any(left_out)
            else ""
        )
    )


def _painted(frame: pd.DataFrame, weight: np.ndarray, changed: np.ndarray) -> Styler:
    """Colours by the share of the largest |weight|."""
    top = max(float(np.abs(weight).max(initial=0.0)), 1e-12)

    def share(value: float) -> float:
        return round(0.75 * abs(value) / top, 3)

    def css(value: float, moved: bool) -> str:
        ground = palette.faint(palette.FOR if value > 0 else palette.AGAINST, share(value))
        out = f"background-color: {ground};" if value else ""
        return out + ("font-weight: bold;" if moved else "")

    styles = np.full(frame.shape, "", dtype=object)
    styles[:, 1:] = np.vectorize(css, otypes=[object])(weight, changed)
    return frame.style.apply(
        lambda _: pd.DataFrame(styles, index=frame.index, columns=frame.columns), axis=None
    )


def _unique(titles: list[str]) -> list[str]:
    """Column titles must differ; classes of the same (shortened) name get a number."""
    out: list[str] = []
    for title in titles:
        n = sum(t == title or t.startswith(f"{title} (") for t in out)
        title = f"{title} ({n + 1})" if title in (*out, "Concept") else title
        out.append(title)
    return out
