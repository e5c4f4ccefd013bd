"""Which image: by id, one by one, at random, or the next that the model gets wrong."""

from __future__ import annotations

import secrets

import numpy as np
import streamlit as st

from app import address, db
from app.format import plain, short
from core.counted import counted
from core.kinds import FITTED
from data.queries import build, images
from data.queries.images import ImageFacts


@db.cached(max_entries=32)
def _ids(
    class_id: int | None,
    split: str | None,
    head_id: int | None,
    wrong: bool,
    explained: bool = False,
) -> np.ndarray:
    return images.image_ids(
        db.cursor(),
        class_id=class_id,
        split=split,
        head_id=head_id,
        wrong=wrong,
        explained=explained,
    )


def _go(image_id: int) -> None:
    address.set_params(i=image_id, e=None)


def _typed() -> None:
    _go(st.session_state["picker_id"])


def choose(
    bar: st.delta_generator.DeltaGenerator, *, head_id: int | None = None, model: str
) -> ImageFacts | None:
    """The image that the address names, with the means to choose another; None: there is none.

    "Wrong" is judged by the head, by the backbone when it is None; `model` names it for people.
    """
    everything = _ids(None, None, None, False)
    if not len(everything):
        st.info("This store holds no images.")
        return None
    place = bar.container(horizontal=True, vertical_alignment="bottom", width="content")
    chosen = _filtered(head_id, model, bar)
    asked = address.param("i")
    current = address.int_param("i") if asked else _first(chosen, everything, head_id)
    known = current is not None and bool(np.isin(current, everything))
    _buttons(place, chosen, current if known else None, head_id, model)
    if current is None or not known:
        low, high = int(everything[0]), int(everything[-1])
        address.unknown(
            "image",
            asked,
            exists=f"This store has {counted(len(everything), 'image')}, {low} to {high}.",
            onward=[(f"Image {low}", "image", {"i": low}), ("Overview", "overview", {})],
        )
        return None
    if not asked:
        address.set_params(i=current)
    return images.image(db.cursor(), current)


def _first(chosen: np.ndarray, everything: np.ndarray, head_id: int | None) -> int:
    """The most telling of those chosen: explained by saliency, wrong, held out from fitting; where
    none is explained, wrong and held out."""
    fitted = [_ids(None, split, None, False) for split in FITTED]
    held_out = np.setdiff1d(chosen, np.concatenate(fitted))
    explained = np.intersect1d(held_out, _ids(None, None, None, False, True))
    wrong = _ids(None, None, head_id, True)
    both = (np.intersect1d(explained, wrong), explained, np.intersect1d(held_out, wrong))
    for ids in (*both, held_out, chosen, everything):
        if len(ids):
            return int(ids[0])
    raise AssertionError("the caller has seen that there are images")


def _filtered(
    head_id: int | None, model: str, bar: st.delta_generator.DeltaGenerator
) -> np.ndarray:
    con = db.cursor()
    several = build.build(con).multi_label
    classes = {
        int(row["class_id"]): f"{short(row['name'])} ({row['n']})"
        for row in images.labelled_classes(con).to_dict("records")
    }
    splits = build.splits(con)["split"].tolist()
    with bar.popover("Filter", icon=":material/filter_list:", width="content"):
        class_id = st.selectbox(
            "Label" if several else "Class",
            [None, *classes],
            key="picker_class",
            persist_state="session",
            format_func=lambda c: (
                f"Any {'label' if several else 'class'}" if c is None else classes[c]
            ),
        )
        split = st.selectbox(
            "Split",
            [None, *splits],
            key="picker_split",
            persist_state="session",
            format_func=lambda s: "Any split" if s is None else s,
        )
        wrong = st.toggle(
            "Wrong only",
            key="picker_wrong",
            persist_state="session",
            help=f"Images of which some label is known that {plain(model)} says otherwise, at the "
            "label's threshold; of the label chosen above, where one is."
            if several
            else f"Labelled images that {plain(model)} takes for another class.",
        )
    found = _ids(class_id, split, head_id, bool(wrong))
    if class_id is not None or split is not None or wrong:
        bar.caption(f"{counted(len(found), 'image')} left by the filter")
    return found


def _buttons(
    bar: st.delta_generator.DeltaGenerator,
    chosen: np.ndarray,
    current: int | None,
    head_id: int | None,
    model: str,
) -> None:
    address.follow("picker_id", current if current is not None else 0)
    with bar:
        st.number_input(
            "Image",
            min_value=0,
            step=1,
            key="picker_id",
            on_change=_typed,
            width=130,
            help="Id of the image in this store.",
        )
        at = current if current is not None else -1
        _step("Previous", "arrow_back", "prev", chosen[chosen < at][-1:])
        _step("Next", "arrow_forward", "next", chosen[chosen > at])
        others = chosen[chosen != at]
        drawn = others[[secrets.randbelow(len(others))]] if len(others) else others
        _step("Random", "shuffle", "random", drawn)
        wrong = _ids(None, None, head_id, True)
        wrong = wrong[wrong != at]
        told = (
            f"The next labelled image that {plain(model)} gets wrong; "
            f"{len(wrong):,} besides this one."
        )
        ahead = np.append(wrong[wrong > at], wrong)
        _step("Next error", "error_outline", "error", ahead, told=told)


def _step(label: str, icon: str, key: str, to: np.ndarray, *, told: str | None = None) -> None:
    """A button to the first of `to`; it is dead where there is none."""
    st.button(
        label,
        icon=f":material/{icon}:",
        disabled=not len(to),
        key=f"picker_{key}",
        on_click=_go,
        args=(int(to[0]) if len(to) else 0,),
        help=told,
    )
