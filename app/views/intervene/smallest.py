"""The smallest change of concepts that makes the head say something else."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import streamlit as st
from jaxtyping import Float, Float64

from app.format import number, plain, short
from app.views.intervene import head_lab
from core import bottleneck
from core.intervention import fewest_edits, smallest_edit
from core.types import Head

N_SHOWN = 3


class Flip(NamedTuple):
    column: int
    value: float
    becomes: int
    outside: bool
    """of the range that the concept takes on any image of the store"""


class _Place(NamedTuple):
    scores: Float[np.ndarray, "1 k"]
    logits: Float[np.ndarray, " y"]
    low: Float64[np.ndarray, " k"]
    high: Float64[np.ndarray, " k"]
    """of each concept on any image of the store"""


def _place(lab: head_lab.Lab, columns: dict[int, float]) -> _Place:
    """Where the image is with these edits, and how far concepts go."""
    scores = bottleneck.intervene(lab.scores, columns)
    logits = bottleneck.logits(lab.loaded.head, scores, lab.rest)[0]
    low, high = (lab.facts[c].to_numpy(np.float64) for c in ("score_min", "score_max"))
    return _Place(scores, logits, low, high)


def _rounded(lab: head_lab.Lab, columns: dict[int, float], k: int, value: float) -> float:
    """As few digits as still flip: rounded away from where the score is now."""
    now = columns.get(k, float(lab.scores[0, k]))
    row = lab.facts.iloc[k]
    span = max(abs(value - now), 1e-3 * (row["score_max"] - row["score_min"]), 1e-12)
    step = 10.0 ** (math.floor(math.log10(span)) - 2)
    near = (math.ceil if value > now else math.floor)(value / step) * step
    digits = max(0, 3 - math.floor(math.log10(span)))
    near = round(near, digits)
    wanted = lab.probabilities({**columns, k: value}).argmax()
    return near if lab.probabilities({**columns, k: near}).argmax() == wanted else value


def single(
    lab: head_lab.Lab, columns: dict[int, float], *, target: int | None, within: bool
) -> list[Flip]:
    """Concepts that flip the prediction alone, the smallest change first, in spreads of each."""
    scores, z, low, high = _place(lab, columns)
    found = smallest_edit.single(
        lab.loaded.head,
        z,
        scores[0],
        target=target,
        low=low if within else None,
        high=high if within else None,
    )
    size = np.abs(found.change) / np.maximum(high - low, 1e-12)
    out = []
    for k in np.argsort(np.where(np.isnan(size), np.inf, size), kind="stable")[:N_SHOWN]:
        if not np.isfinite(size[k]):
            break
        value = _rounded(lab, columns, int(k), float(scores[0, k] + found.change[k]))
        becomes = int(lab.probabilities({**columns, int(k): value}).argmax())
        out.append(Flip(int(k), value, becomes, not low[k] <= value <= high[k]))
    return out


def several(
    lab: head_lab.Lab, columns: dict[int, float], *, target: int | None
) -> dict[int, float] | None:
    """Columns and the values to set, as few as the greedy search finds; None: ten do not do."""
    scores, z, low, high = _place(lab, columns)
    steps = fewest_edits.several(lab.loaded.head, z, scores[0], low=low, high=high, target=target)
    if not steps:
        return None
    return {s.concept: float(scores[0, s.concept] + s.change) for s in steps}


def _apply(edits: dict[int, float], more: dict[int, float]) -> None:
    head_lab.order({**edits, **more}, focus=next(iter(more)))


def of_label(lab: head_lab.Lab, y: int) -> head_lab.Lab:
    """The head of one label alone, with two rows: that it is absent, and that it is there, which
    wins from its threshold on."""
    head, threshold = lab.loaded.head, head_lab.thresholds(lab.head_id)
    at = threshold[int(lab.loaded.class_ids[y])].value
    least = math.log(at / (1 - at)) if 0 < at < 1 else math.copysign(math.inf, at - 0.5)
    weight = np.stack([np.zeros_like(head.weight[y]), head.weight[y]])
    bias = np.array([0.0, head.bias[y] - least])
    rest = None if lab.rest is None else np.array([[0.0, lab.rest[0, y]]])
    alone = Head(weight, bias, head.residual)
    name = lab.loaded.class_names[y]
    loaded = replace(lab.loaded, head=alone, class_names=(f"not {name}", name))
    return replace(lab, loaded=loaded, rest=rest)


def _chosen_label(lab: head_lab.Lab, columns: dict[int, float]) -> int:
    names, p = lab.loaded.class_names, lab.probabilities(columns)
    return st.selectbox(
        "Which label",
        range(len(names)),
        key="smallest_label",
        index=int(p.argmax()),
        width=220,
        label_visibility="collapsed",
        format_func=lambda y: f"{short(names[y])} ({number(float(p[y]))})",
        help="The label that is to cross its threshold, with its probability now.",
    )


def show(lab: head_lab.Lab, columns: dict[int, float]) -> None:
    several_labels = lab.several
    if several_labels:
        st.markdown(
            "**Smallest change that moves a label across its threshold**",
            help="Exact for one concept. Ordered by the size of the change as a share of the range "
            "that the concept takes over all images. Edits made above stay, and the other labels "
            "move by their own weights.",
        )
        lab = of_label(lab, _chosen_label(lab, columns))
    ids, names = lab.loaded.concept_ids, lab.loaded.class_names
    edits = {int(ids[k]): v for k, v in columns.items()}
    now = int(lab.probabilities(columns).argmax())
    if not several_labels:
        st.markdown(
            "**Smallest change that flips**",
            help="Exact for one concept. Ordered by the size of the change as a share of the range "
            "that the concept takes over all images. Edits made above stay.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = (
            None
            if several_labels
            else st.selectbox(
                "To which class",
                [None, *(y for y in range(len(names)) if y != now)],
                key="smallest_target",
                width=220,
                label_visibility="collapsed",
                format_func=lambda y: (
                    "to any other class" if y is None else f"to {short(names[y])}"
                ),
            )
        )
        within = st.toggle(
            "within what was observed",
            value=True,
            key="smallest_within",
            help="Keep every score inside the range it takes over all images.",
        )
    becoming = "the head says" if several_labels else "the prediction becomes"
    found = single(lab, columns, target=target, within=bool(within))
    for flip in found:
        k = flip.column
        was = columns.get(k, float(lab.scores[0, k]))
        _offer(
            f"Set **{lab.title(k, 36)}** from {number(was)} to {number(flip.value)} and "
            f"{becoming} **{plain(short(names[flip.becomes]))}**"
            + (" :orange[(outside what was observed)]" if flip.outside else ""),
            key=f"smallest_{ids[k]}",
            edits=edits,
            more={int(ids[k]): flip.value},
        )
    if any(flip.outside for flip in found):
        st.caption(
            ":orange[Outside what was observed]: no image of the store has such a score, so "
            "what the head says there was never tested."
        )
    if found:
        return
    more = several(lab, columns, target=target)
    if more is None:
        st.caption(
            "No single concept flips it"
            + (f" within its range, and {_no_ten(target)}." if within else ".")
        )
        return
    listed = "; ".join(
        f"**{lab.title(k, 36)}** {number(columns.get(k, float(lab.scores[0, k])))} to {number(v)}"
        for k, v in more.items()
    )
    becomes = int(lab.probabilities({**columns, **more}).argmax())
    st.caption(
        "No single concept flips it. Together these do, found step by step (there may be "
        "a smaller set):"
    )
    _offer(
        f"{listed}: {becoming} **{plain(short(names[becomes]))}**",
        key="smallest_several",
        edits=edits,
        more={int(ids[k]): v for k, v in more.items()},
    )


def _no_ten(target: int | None) -> str:
    """Towards one class that has several rivals the search may miss what there is."""
    return "no ten together do" if target is None else "no ten together were found that do"


def _offer(text: str, *, key: str, edits: dict[int, float], more: dict[int, float]) -> None:
    """A sentence, and the button that does what it says."""
    # a row, and not columns: the button is as wide as its word, however narrow the page is
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.markdown(text, width="stretch")
        st.button(
            "Apply",
            key=key,
            width="content",
            on_click=_apply,
            args=(edits, more),
            help="Set this and keep the edits made so far",
        )
