"""Sets of a head's labelled images to aim an edit at: class, split, right or wrong, a label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from jaxtyping import Bool

from app import address, db
from app.format import short
from app.views.intervene import whole
from data.queries import effects

JUDGED = {"right": True, "wrong": False}


@dataclass(frozen=True)
class Aim:
    class_id: int | None = None
    split: str | None = None
    judged: str | None = None
    """key of JUDGED: by the head, against the label"""
    labelled_id: int | None = None
    """a labelled concept that the images show"""

    def text(self) -> str:
        """For the address; `read` turns it back."""
        parts = (self.class_id, self.labelled_id, self.judged, self.split)
        return "~".join("" if p is None else str(p) for p in parts)


def read(text: str | None, found: whole.Whole, labels: dict[int, str]) -> Aim | None:
    """None for anything that is not a set of this head's images. A split's name may hold "~"."""
    parts = (text or "").split("~", 3)
    if len(parts) != 4:
        return None
    class_text, label_text, judged, split = parts
    classes = {str(c): c for c in found.names} | {"": None}
    known = {str(i): i for i in labels} | {"": None}
    if (
        class_text not in classes
        or label_text not in known
        or judged not in ("", *JUDGED)
        or split not in ("", *found.splits)
    ):
        return None
    return Aim(classes[class_text], split or None, judged or None, known[label_text])


def members(found: whole.Whole, aim: Aim) -> Bool[np.ndarray, " n"]:
    """Rows of `found` that belong."""
    kept = whole.chosen(found, split=aim.split, class_id=aim.class_id)
    if aim.judged is not None:
        kept = kept & ((found.logits.argmax(1) == found.classes) == JUDGED[aim.judged])
    if aim.labelled_id is not None:
        kept = kept & (effects.showing(db.cursor(), aim.labelled_id, image_ids=found.ids) == 1)
    return kept


def describe(aim: Aim, found: whole.Whole, labels: dict[int, str]) -> str:
    parts = [
        None if aim.class_id is None else found.names[aim.class_id],
        None if aim.labelled_id is None else f"showing {labels[aim.labelled_id]}",
        None if aim.judged is None else f"{aim.judged} by the head",
        aim.split,
    ]
    return ", ".join(p for p in parts if p) or "all images"


def choose(key: str, title: str, aim: Aim, found: whole.Whole, labels: dict[int, str]) -> None:
    """Boxes that write `key` of the address."""

    def changed() -> None:
        now = [
            st.session_state.get(f"{key}_{part}") for part in ("class", "split", "judged", "label")
        ]
        address.set_params(**{key: Aim(*now).text(), "le": None})

    options: tuple[tuple[str, list, object, dict], ...] = (
        (
            "class",
            [None, *sorted(found.names, key=lambda c: found.names[c])],
            aim.class_id,
            {None: "Any class"} | {c: short(n) for c, n in found.names.items()},
        ),
        ("split", [None, *found.splits], aim.split, {None: "Any split"}),
        (
            "judged",
            [None, *JUDGED],
            aim.judged,
            {None: "Any result", "right": "Right", "wrong": "Wrong"},
        ),
        (
            "label",
            [None, *labels],
            aim.labelled_id,
            {None: "Any concept"} | {i: f"Shows {short(n, 30)}" for i, n in labels.items()},
        ),
    )
    st.markdown(f"**{title}**")
    boxes = (*st.columns(2, gap="xsmall"), *st.columns(2, gap="xsmall"))
    for box, (part, values, value, names) in zip(
        boxes, options[: 4 if labels else 3], strict=False
    ):
        widget = f"{key}_{part}"
        address.follow(widget, value)
        box.selectbox(
            f"{part.capitalize()} of {title.lower()}",
            values,
            key=widget,
            on_change=changed,
            format_func=lambda v, names=names: names.get(v, str(v)),
            label_visibility="collapsed",
            help="Whether the head's decision is the label" if part == "judged" else None,
        )
