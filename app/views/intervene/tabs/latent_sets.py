"""Sets of a head's labelled images to aim an edit at: class, split, right or wrong, a label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from jaxtyping import Bool

from app import address, db
from app.format import short
from app.views.intervene import whole
from app.widgets import set_boxes
from app.widgets.set_boxes import JUDGED, Box
from data.queries import effects


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
        return set_boxes.text(self.class_id, self.labelled_id, self.judged, self.split)


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
        # of several labels an image is wrong where one is, as in the list of images above
        kept = kept & ((whole.told(found, found.logits) != 0).all(1) == JUDGED[aim.judged])
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
    of = title.lower()
    named = sorted(found.names, key=lambda c: found.names[c])
    boxes = [
        Box(
            f"{key}_class",
            f"Class of {of}",
            {None: "Any class", **{c: short(found.names[c]) for c in named}},
            aim.class_id,
        ),
        Box(
            f"{key}_split",
            f"Split of {of}",
            {None: "Any split", **{split: split for split in found.splits}},
            aim.split,
        ),
        Box(
            f"{key}_judged",
            f"Judged of {of}",
            set_boxes.judged("Any result"),
            aim.judged,
            "Whether the head's decision is the label"
            if found.labels is None
            else "Whether all known labels are told rightly at their thresholds",
        ),
    ]
    if labels:
        offered: dict[int | None, str] = {None: "Any concept"}
        offered |= {i: f"Shows {short(n, 30)}" for i, n in labels.items()}
        boxes.append(Box(f"{key}_label", f"Label of {of}", offered, aim.labelled_id))
    st.markdown(f"**{title}**")
    set_boxes.choose(
        (*st.columns(2, gap="xsmall"), *st.columns(2, gap="xsmall")),
        boxes,
        lambda *now: address.set_params(**{key: Aim(*now).text(), "le": None}),
    )
