"""A set of images as a person names it: split, class, right or wrong; and the widgets for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from jaxtyping import Int64

from app import address, db
from app.format import short
from app.widgets import set_boxes
from app.widgets.set_boxes import JUDGED, Box
from core.kinds import FITTED, TEST, TRAIN
from data.queries import build, comparing, images

MOST = 5000
"""images a side; more are a seeded draw"""


@dataclass(frozen=True)
class ImageSet:
    split: str | None = None
    class_id: int | None = None
    judged: str | None = None
    """key of JUDGED: by the backbone, against the label"""

    def text(self) -> str:
        """For the address; `read` turns it back."""
        return set_boxes.text(self.split, self.class_id, self.judged)


def read(text: str | None, *, splits: list[str], classes: dict[int, str]) -> ImageSet | None:
    """None for anything that is not a set of this store. A split's name may contain "~"."""
    parts = (text or "").rsplit("~", 2)
    if len(parts) != 3:
        return None
    split, class_text, judged = parts
    known = {str(c): c for c in classes} | {"": None}
    if class_text not in known or judged not in ("", *JUDGED) or split not in ("", *splits):
        return None
    return ImageSet(split or None, known[class_text], judged or None)


def classes() -> dict[int, str]:
    found = images.labelled_classes(db.cursor())
    return {int(r["class_id"]): str(r["name"]) for r in found.to_dict("records")}


def pairs(splits: list[str], classes: dict[int, str], *, judged: bool) -> dict[str, tuple]:
    """Comparisons worth a button, best first."""
    out: dict[str, tuple[ImageSet, ImageSet]] = {}
    further = [s for s in splits if s not in (*FITTED, TEST)]
    if TEST in splits:
        out |= {f"test | {s}": (ImageSet(TEST), ImageSet(s)) for s in further[:4]}
    if TRAIN in splits and TEST in splits:
        out["train | test"] = (ImageSet(TRAIN), ImageSet(TEST))
    if judged:
        for s in (further or [x for x in splits if x not in FITTED] or splits)[:1]:
            pair = (ImageSet(s, judged="right"), ImageSet(s, judged="wrong"))
            out[f"right | wrong on {s}"] = pair
    if len(classes) > 1:
        a, b = list(classes)[:2]
        name = f"{short(classes[a], 18)} | {short(classes[b], 18)}"
        out[name] = (ImageSet(class_id=a), ImageSet(class_id=b))
    return out or {"all images": (ImageSet(), ImageSet())}


def describe(chosen: ImageSet, classes: dict[int, str]) -> str:
    parts = [chosen.split, None if chosen.class_id is None else classes[chosen.class_id]]
    if chosen.judged is not None:
        parts.append(f"{chosen.judged} by the backbone")
    return ", ".join(p for p in parts if p) or "all images"


@db.cached(max_entries=64)
def members(
    chosen: ImageSet,
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"], int]:
    """image_id ascending and class_id of the images compared, and how many the set has."""
    right = None if chosen.judged is None else JUDGED[chosen.judged]
    con = db.cursor()
    rows = comparing.members(con, split=chosen.split, class_id=chosen.class_id, right=right)
    ids, labels = rows["image_id"].to_numpy(np.int64), rows["class_id"].to_numpy(np.int64)
    kept = np.arange(len(ids))
    if len(ids) > MOST:
        kept = np.sort(np.random.default_rng(0).choice(len(ids), MOST, replace=False))
    return ids[kept], labels[kept], len(ids)


def choose(
    side: str,
    key: str,
    chosen: ImageSet,
    *,
    splits: list[str],
    classes: dict[int, str],
    judged: bool,
) -> None:
    """Three boxes that write `key` of the address."""
    boxes = (
        Box(
            f"split_{key}",
            f"Split of {side}",
            {None: "Any split", **{split: split for split in splits}},
            chosen.split,
        ),
        Box(
            f"class_{key}",
            f"Class of {side}",
            {None: "Any class", **{c: short(name) for c, name in classes.items()}},
            chosen.class_id,
        ),
        Box(
            f"judged_{key}",
            f"Judged of {side}",
            set_boxes.judged("Right or wrong", known=judged),
            chosen.judged,
            "Right or wrong: whether the backbone's prediction is the label",
        ),
    )
    set_boxes.choose(
        st.columns([3, 4, 4], gap="small"),
        boxes,
        lambda *now: address.set_params(**{key: ImageSet(*now).text(), "c": None}),
    )


def splits() -> list[str]:
    return [str(s) for s in build.splits(db.cursor())["split"]]
