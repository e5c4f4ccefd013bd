"""How much it helps to correct concepts, and how much their order matters."""

from __future__ import annotations

import streamlit as st

from app.format import number, percent, plain, rate, short
from app.views.intervene import levels, thumbs, whole
from app.views.intervene.tabs import curve_data, curve_figure
from app.views.intervene.tabs.curve_data import Asked, Line, Ready
from app.widgets import figures
from core.counted import counted
from core.intervention.curves import Curve, EachCurve
from core.intervention.policies import POLICIES
from core.intervention.strategies import STRATEGIES, TYPICAL
from data.queries.build import HeadFacts

LIMITS = (500, 200, 2000, None)


def _asked(labelled: whole.Whole) -> Asked:
    sizes = labelled.rows["split"].value_counts()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = [*labelled.splits, None]
        split = st.selectbox(
            # where the head errs most there is most to correct
            "Images of",
            names,
            names.index(labelled.hardest),
            key="curves_split",
            width=180,
            format_func=lambda s: (
                f"all ({len(labelled.rows):,})" if s is None else f"{s} ({sizes[s]:,})"
            ),
        )
        class_id = st.selectbox(
            "Class",
            [None, *_classes(labelled)],
            key="curves_class",
            width=200,
            format_func=lambda c: "every class" if c is None else short(labelled.names[c]),
        )
        limit = st.selectbox(
            "At most",
            LIMITS if labelled.labels is None else LIMITS[:-1],
            key="curves_limit",
            width=130,
            format_func=lambda n: "all images" if n is None else counted(n, "image"),
            help="More images take longer; they are drawn at random, always the same.",
        )
        grouped = False
        if labelled.facts["grouping"].notna().any():
            grouped = (
                st.segmented_control(
                    "Correct",
                    ["concept", "group"],
                    key="curves_grouped",
                    default="concept",
                    required=True,
                    format_func=lambda g: f"one {g} a step",
                    help="A group, such as all colours of the beak, is answered by one look.",
                )
                == "group"
            )
        strategy = st.selectbox(
            "Set to",
            list(STRATEGIES),
            list(STRATEGIES).index(TYPICAL),
            key="curves_values",
            width=150,
            format_func=lambda s: STRATEGIES[s].title,
            help="  \n".join(f"**{s.title}**: {s.about}" for s in STRATEGIES.values()),
        )
    return Asked(split, None if class_id is None else int(class_id), limit, grouped, strategy)


def _classes(labelled: whole.Whole) -> list[int]:
    """That images carry, by name."""
    there: set[int] = set(labelled.rows["class_id"])
    if labelled.labels is not None:
        there = set(labelled.loaded.class_ids[(labelled.labels.y == 1).any(0)].tolist())
    return sorted(there, key=labelled.names.__getitem__)


def _picked() -> None:
    """A click on a point of the chart chooses its policy and step."""
    points = st.session_state["curves_chart"].selection.points
    if points and "customdata" in points[0]:
        policy, step = points[0]["customdata"]
        if policy in curve_data.LINES and int(step) > 0:
            st.session_state["curves_policy"] = policy
            st.session_state["curves_step"] = int(step)


def show(head: HeadFacts) -> None:
    labelled = whole.of(head)
    why = curve_data.missing(head, labelled.facts)
    if why is not None:
        st.info(plain(why))
        return
    if labelled.rows.empty:
        st.caption("No image carries a label of this head's classes, so nothing can be counted.")
        return
    asked = _asked(labelled)
    given = curve_data.ready(head, asked)
    if given is None:
        st.caption("No labelled image passes this filter.")
        return
    lines: dict[str, Line] = {}
    with st.spinner("Correcting concepts …", show_time=True):
        for policy in curve_data.LINES:
            lines[policy] = curve_data.line(head, asked, policy)
    n = len(given.rows)
    first = next(iter(lines.values()))
    steps = len(first.curve.corrected) - 1
    of = "" if n == given.n_total else f" drawn from {given.n_total:,}"
    st.caption(
        f"n = {counted(n, 'image')}{of} · {given.n_concepts} of "
        f"{counted(len(labelled.facts), 'concept')} have a known "
        "truth · correcting sets what the labels say: "
        f"{levels.sentence(asked.strategy, given.n_levels)} Off-distribution (no train image "
        f"scores so): {rate(given.n_outside, given.n_set)} of the values · "
        f"chance {_chance(first.curve)}; "
        "the axis does not start at 0 · click a point to see its images"
    )
    if st.session_state.get("curves_step", 1) > steps:
        st.session_state["curves_step"] = steps
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.segmented_control(
            "Show",
            curve_data.measures(given.situation),
            default=curve_data.measures(given.situation)[0],
            key="curves_measure",
            required=True,
            format_func=lambda m: curve_figure.MEASURES[m].title,
        )
        policy = st.selectbox(
            "Images that flip with",
            curve_data.LINES,
            key="curves_policy",
            width=190,
            help="Who decides what to correct first.",
        )
        step = st.number_input("at step", 1, max(1, steps), key="curves_step", width=120)
    assert measure is not None  # required
    figures.clicked(
        curve_figure.figure(
            lines,
            measure,
            marked=(policy, int(step)),
            chance=_level(first.curve, measure),
        ),
        key="curves_chart",
        then=_picked,
    )
    _flips(head, labelled, given, lines[policy], policy=policy, step=int(step))


def _level(curve: Curve | EachCurve, measure: str) -> float | None:
    """What a measure has by chance; None: there is no such value."""
    if measure == "auc":
        return 0.5
    return None if measure == "probability" else curve.chance


def _chance(curve: Curve | EachCurve) -> str:
    if isinstance(curve, Curve):
        return f"{percent(curve.chance)} (most frequent class)"
    return (
        f"0.5 for AUROC, over the {curve.n_labels} labels that these images both show and lack; "
        f"{number(curve.chance)} bits for the cross-entropy, that of giving each label its share"
    )


def _turned(curve: Curve | EachCurve, step: int, n: int) -> str:
    gained, lost = rate(len(curve.gained(step)), n), rate(len(curve.lost(step)), n)
    if isinstance(curve, Curve):
        return f"turns {gained} right and {lost} wrong."
    return f"tells more labels rightly of {gained} and fewer of {lost}."


def _so_far(line: Line, step: int) -> str:
    curve = line.curve
    if isinstance(curve, Curve):
        return f"{percent(line.values['accuracy'][step])} are right."
    area, loss = (number(line.values[name][step]) for name in ("auc", "loss"))
    return f"the mean AUROC of labels is {area} and their cross-entropy {loss} bits."


def _flips(
    head: HeadFacts, labelled: whole.Whole, given: Ready, line: Line, *, policy: str, step: int
) -> None:
    curve, n = line.curve, len(given.rows)
    what = "group" if given.situation.groups is not None else "concept"
    one = ""
    if policy == curve_data.CONTROL:
        one = " (first draw)"
    elif POLICIES[policy].drawn:
        one = " (first of the random orders)"
    st.markdown(
        f"**{plain(policy)}**{one}: {curve_figure.about(policy)}. "
        f"Correcting the {_nth(step)} {what} {_turned(curve, step, n)} "
        f"With {_many(float(curve.corrected[step]))} corrected (mean), {_so_far(line, step)}"
    )
    if policy != curve_data.CONTROL:
        st.caption(
            "The dashed control corrects in the cooperative order, with the labels of another "
            "image: what a line gains over it is due to knowing this image."
        )
    words = ("Wrong before this step, right after.", "Right before this step, wrong after.")
    if isinstance(curve, EachCurve):
        words = (
            "More labels are told rightly after it.",
            "Fewer labels are told rightly after it.",
        )
    for title, rows, help in (
        ("Gained", curve.gained(step), words[0]),
        ("Lost", curve.lost(step), words[1]),
    ):
        thumbs.strip(
            f"{title}: {len(rows):,}",
            given.rows.iloc[rows],
            classes=labelled.names,
            help=help,
            h=head.name,
            t="curves",
        )


def _many(n: float) -> str:
    return f"{number(n)} concept{'' if n == 1 else 's'}"


def _nth(n: int) -> str:
    if n % 100 in (11, 12, 13):
        return f"{n}th"
    return f"{n}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th') }"
