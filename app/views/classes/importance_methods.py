"""What a class's logit rests on by each importance method: a head's, or the backbone's own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from app import address, db
from app.format import concept_titles, number, plain, short, short_file, signed
from app.views.classes import class_tables
from app.widgets import defined
from core.counted import counted
from core.kinds import LOGITS
from data.queries import backbone_importance, build, classes
from data.queries.build import HeadFacts
from data.queries.methods import Method, methods

HEAD, OWN = "head", "own"
ALL = -1
"""in place of an image"""


class Asked(NamedTuple):
    """What the address asks for; the class and image are of the backbone's own logit."""

    whose: str = ""
    method: str = ""
    class_id: int | None = None
    image_id: int | None = None


def _asked() -> Asked:
    whose, method, *ids = [*(address.param("im") or "").split("."), "", "", "", ""][:4]
    # as long as an id can be
    return Asked(whose, method, *(int(i) if i.isdecimal() and len(i) < 11 else None for i in ids))


def _write(widget: str, now: Asked) -> None:
    """As `on_change` of the widget that sets a field of the same name."""
    value = st.session_state[widget]
    changed: dict[str, Any] = {widget.removeprefix("im_"): None if value == ALL else value}
    asked = now._replace(**changed)
    address.set_params(im=".".join("" if part is None else str(part) for part in asked).rstrip("."))


def show(*, bank_id: int, bank_name: str, head: HeadFacts | None, class_id: int | None) -> None:
    """Of a head's class and, where the build explained any, of the backbone's own logits.

    `head` is None: the store has none that can be explained.
    """
    sources = {} if head is None else {HEAD: f"Logit of {short(head.name, 40)}"}
    if not backbone_importance.classes(db.cursor(), bank_id).empty:
        sources[OWN] = "The backbone's own logit"
    if not sources:
        return
    asked = _asked()
    whose = asked.whose if asked.whose in sources else next(iter(sources))
    now = asked._replace(whose=whose)
    if len(sources) > 1:
        address.follow("im_whose", whose)
        st.segmented_control(
            "Whose logit",
            list(sources),
            key="im_whose",
            required=True,
            format_func=lambda s: plain(sources[s]),
            label_visibility="collapsed",
            on_change=_write,
            args=("im_whose", now),
        )
    if whose == HEAD and head is not None and class_id is not None:
        _head(head.head_id, bank_name, class_id, now)
    else:
        _own(bank_id, bank_name, class_id, now)


def of_banks(banks: pd.DataFrame) -> None:
    """The backbone's own logits by one of the banks, rows of `queries.backbone_importance.banks`,
    where no head can be explained."""
    banks = banks.set_index("name")
    asked = address.param("b")
    name = asked if asked is not None and asked in banks.index else str(banks.index[0])
    address.follow("im_bank", name)
    st.selectbox(
        "The backbone's own logits, by the concepts of",
        list(banks.index),
        key="im_bank",
        on_change=address.write,
        args=("b", "im_bank"),
        format_func=short,
        width=300,
    )
    bank_id = int(banks["bank_id"].loc[name])
    show(bank_id=bank_id, bank_name=name, head=None, class_id=None)
    judged(bank_id)


def judged(bank_id: int) -> None:
    """Fidelity of what the backbone's own logits are said to rest on; nothing where nothing is."""
    rows = backbone_importance.fidelity(db.cursor(), bank_id)
    if not rows.empty:
        st.markdown("**Fidelity, of the backbone's own logits**")
        class_tables.fidelity(rows)


def _head(head_id: int, bank_name: str, class_id: int, now: Asked) -> None:
    con = db.cursor()
    known = methods(con, "importance")
    rows = {m: classes.importances(con, head_id, class_id, method=m) for m in known}
    rows = {m: frame for m, frame in rows.items() if not frame.empty}
    explained = classes.explanation(con, head_id, class_id)
    if explained is None or not rows:
        st.info("No concept contributes to this class.")
        return
    method = _method(known, {m: int(frame["n"].iloc[0]) for m, frame in rows.items()}, now)
    same = classes.same(con, head_id)
    if len(same):
        names = ", ".join(plain(known[m].title.lower()) for m in same["method"])
        n = counted(int(same["n"].max()), "image")
        if build.build(con).multi_label:
            n = f"{counted(int(same['n'].max()), 'pair')} of an image and a label"
        st.caption(
            f"Not listed apart: {names}. On a linear head they give weight x score once more: run "
            f"on {n}, they differ from it by at most "
            f"{number(float(same['difference'].max()))} of the largest importance."
        )
    frame, change = rows[method], explained.logit - explained.fixed
    of = frame["value"] / change if known[method].unit == LOGITS and change else np.nan
    frame = frame.assign(of_change=of)
    _table(frame, known[method], bank_name, key=f"{head_id}-{class_id}-{method}")


def _own(bank_id: int, bank_name: str, class_id: int | None, now: Asked) -> None:
    con = db.cursor()
    listed = backbone_importance.classes(con, bank_id).set_index("class_id")
    wanted = [y for y in (now.class_id, class_id) if y is not None and y in listed.index]
    y = wanted[0] if wanted else int(listed.index[0])
    images = backbone_importance.images(con, bank_id, y).set_index("image_id")
    image = now.image_id if now.image_id in images.index else None
    now = now._replace(class_id=y, image_id=image)
    _which(listed, images, now)
    found = backbone_importance.methods(con, bank_id)
    if not found:
        st.info("No concept is active on the images that were explained.")
        return
    chosen = images if image is None else images.loc[[image]]
    known = methods(con, "importance")
    method = _method(known, dict.fromkeys(found, len(chosen)), now)
    logit, without = chosen["logit"].mean(), chosen["without"].mean()
    st.caption(
        "This logit is no weighted sum of the concepts, so the rest of the network ran again with "
        f"concepts dimmed at every token. Logit {number(logit)} = without any concept "
        f"{number(without)}, all concepts together {signed(logit - without)}; mean of "
        f"{len(chosen)} image{'s' if len(chosen) > 1 else ''}"
        + (
            "; of each the 12 concepts of largest integrated gradients are dimmed"
            if known[method].costly
            else ""
        )
    )
    frame = backbone_importance.importances(con, bank_id, y, method=method, image_id=image)
    _table(frame, known[method], bank_name, key=f"own-{bank_id}-{y}-{image}-{method}")


def _which(listed: pd.DataFrame, images: pd.DataFrame, now: Asked) -> None:
    """Class and image of the backbone's own logit."""
    with st.container(horizontal=True, vertical_alignment="center"):
        address.follow("im_class_id", now.class_id)
        st.selectbox(
            "Label most probable to the backbone"
            if build.build(db.cursor()).multi_label
            else "Class that the backbone predicts",
            list(listed.index),
            key="im_class_id",
            width=300,
            format_func=lambda i: f"{short(str(listed.loc[i, 'name']))} · n = {listed.loc[i, 'n']}",
            on_change=_write,
            args=("im_class_id", now._replace(image_id=None)),
        )
        address.follow("im_image_id", ALL if now.image_id is None else now.image_id)
        st.selectbox(
            "Images",
            [ALL, *images.index],
            key="im_image_id",
            width=300,
            format_func=lambda i: (
                f"all {len(images)} explained"
                if i == ALL
                else short_file(str(images.loc[i, "file"]), 40)
            ),
            on_change=_write,
            args=("im_image_id", now),
        )


def _method(known: dict[str, Method], n_of: dict[str, int], now: Asked) -> str:
    """One of the keys, with the n of each, in the order of the methods that are known."""
    order = [m for m in known if m in n_of]
    method = now.method if now.method in order else order[0]
    address.follow("im_method", method)
    st.segmented_control(
        "Importance by",
        order,
        key="im_method",
        required=True,
        format_func=lambda m: f"{plain(known[m].title)} · n = {n_of[m]:,}",
        help="  \n".join(f"**{plain(known[m].title)}**: {_about(known[m])}" for m in order)
        + "  \nn: images of the class behind the mean",
        on_change=_write,
        args=("im_method", now),
    )
    return method


def _about(method: Method) -> str:
    sign = "" if method.signed else "; it has no sign"
    return f"{plain(method.about)} Unit: {plain(method.unit)}{sign}."


def _table(rows: pd.DataFrame, method: Method, bank_name: str, *, key: str) -> None:
    frame = pd.DataFrame(
        {
            "id": rows["concept_id"],
            "Concept": concept_titles(rows["name"], rows["concept_id"]),
            "value": rows["value"],
            "size": 100 * rows["share"],
            "change": 100 * rows["of_change"].astype(np.float64),
            "n": rows["n"],
        }
    )
    event = defined.table(
        frame,
        key=f"importance-{key}",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height=330 if len(frame) > 8 else "auto",
        # indices are no logits, so no part of a change of them
        column_order=[str(c) for c in frame if c != "change" or method.unit == LOGITS],
        column_config={
            "id": st.column_config.NumberColumn("#", help="Concept of the bank", format="%d"),
            "value": defined.column(
                "importance.value", title=f"Mean, {method.unit}", about=_about(method)
            ),
            "size": defined.column("importance.share"),
            "change": defined.column("importance.of_change"),
            "n": defined.column("importance.n", form="localized"),
        },
    )
    opened = defined.clicked(event, frame["id"])
    if opened is not None:
        address.open_page("concept", b=bank_name, c=opened)
