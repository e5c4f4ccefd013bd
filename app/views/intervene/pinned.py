"""Two edits of one image side by side: A, which was pinned, and B, which stands now."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app import address
from app.format import concept_name, number, plain, short
from app.views.intervene import address_edits, head_lab
from app.widgets import defined
from core import bottleneck

MOST_CLASSES = 6
EDITS = ("model", "A", "B")
_NOT_EDITED = "A dash: not edited, so the model's own holds."
NOTHING = "-"
"""in the address: an A without edits, which is the model's own decision"""


def pinned() -> dict[int, float] | None:
    """A by concept id; None: nothing is pinned."""
    given = address.param("l")
    return None if given is None else address_edits.parse(given)


def buttons(lab: head_lab.Lab, columns: dict[int, float]) -> None:
    """Pin, swap and let go."""
    ids = lab.loaded.concept_ids
    here = address_edits.write({int(ids[k]): v for k, v in columns.items()})
    a = pinned()
    st.button(
        "Pin as A",
        key="pin",
        icon=":material/push_pin:",
        on_click=address.set_params,
        kwargs={"l": here or NOTHING},
        help="Keep what stands now as A, and go on editing: both are then shown side by side.",
    )
    if a is None:
        return
    known, _ = head_lab.by_column(lab, a)
    own = {int(ids[k]): v for k, v in known.items()}
    st.button(
        "Swap A and B",
        key="pin_swap",
        icon=":material/swap_horiz:",
        on_click=_swap,
        args=(own, here),
        help="A becomes what is edited above; what stands there is pinned.",
    )
    st.button(
        "Unpin A",
        key="pin_clear",
        icon=":material/close:",
        on_click=address.set_params,
        kwargs={"l": None},
    )


def _swap(a: dict[int, float], b: str) -> None:
    focus = next(iter(a), None)
    address.set_params(l=b or NOTHING)
    head_lab.order(a, focus=focus)


def show(lab: head_lab.Lab, columns: dict[int, float]) -> None:
    """The tables, when something is pinned."""
    a = pinned()
    if a is None:
        return
    at, unread = head_lab.by_column(lab, a)
    st.subheader("A beside B", anchor=False)
    _decision(lab, at, columns)
    left, right = st.columns([5, 6], gap="medium")
    with left:
        _values(lab, at, columns)
    with right:
        _classes(lab, at, columns)
    if unread:
        st.caption(
            f"A also edits {len(unread)} concepts that this head does not read; they are left out."
        )


def _decision(lab: head_lab.Lab, a: dict[int, float], b: dict[int, float]) -> None:
    names = lab.loaded.class_names
    with st.container(horizontal=True):
        for title, given in (("Model", {}), ("A, pinned", a), ("B, now", b)):
            p = lab.probabilities(given)
            top = int(p.argmax())
            st.metric(
                title,
                short(names[top], 28),
                f"p {number(p[top])} · margin {number(float(bottleneck.margin(p)))}"
                if len(p) > 1 and not lab.several
                else f"p {number(p[top])}",
                delta_color="off",
                delta_arrow="off",
                border=True,
                width=270,
                help=f"{plain(names[top])}. Margin: largest minus second largest probability. "
                f"{len(given)} edits.",
            )


def _values(lab: head_lab.Lab, a: dict[int, float], b: dict[int, float]) -> None:
    rows = sorted({*a, *b})
    st.markdown("**Values**", help="Scores; a dash: not edited, so the model's own holds")
    if not rows:
        st.caption("Neither A nor B edits a concept.")
        return
    of = lab.facts.iloc[rows]
    frame = pd.DataFrame(
        {
            "Concept": [
                f"{short(concept_name(n, c))} #{c}"
                for n, c in zip(of["name"], of["concept_id"], strict=True)
            ],
            "Model": lab.scores[0, rows],
            "A": [a.get(k, np.nan) for k in rows],
            "B": [b.get(k, np.nan) for k in rows],
        }
    )
    number_of = {
        k: defined.column("edit.score", title=k, about=_NOT_EDITED, form="%.4g")
        for k in ("Model", "A", "B")
    }
    defined.table(frame, hide_index=True, column_config=number_of, placeholder="–")


def _classes(lab: head_lab.Lab, a: dict[int, float], b: dict[int, float]) -> None:
    z = np.stack([lab.logits(given) for given in ({}, a, b)])
    p = bottleneck.probabilities(z, lab.loaded.head.link)
    order = np.argsort(-p.max(0), kind="stable")[:MOST_CLASSES]
    frame = pd.DataFrame(
        {
            "Class": [short(lab.loaded.class_names[y]) for y in order],
            **{f"z {n}": z[i, order] for i, n in enumerate(EDITS)},
            **{f"p {n}": p[i, order] for i, n in enumerate(EDITS)},
        }
    )
    st.markdown("**Classes**", help="z: logits. p: probabilities. Most probable classes of any")
    defined.table(
        frame,
        hide_index=True,
        column_config={
            f"{letter} {n}": defined.column(one, title=f"{letter} {n}", form=form)
            for letter, one, form in (
                ("z", "edit.logit", "%.2f"),
                ("p", "edit.probability", "%.3f"),
            )
            for n in EDITS
        },
    )
