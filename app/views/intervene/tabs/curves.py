"""How much it helps to correct concepts, and how much their order matters."""

from __future__ import annotations

import streamlit as st

from app.format import number, percent, plain, rate, short
from app.views.intervene import levels, thumbs, whole
from app.views.intervene.tabs import curve_data, curve_figure
from app.views.intervene.tabs.curve_data import Asked, Line, Ready
from app.widgets import figures
from core.counted import counted
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
            [None, *sorted(labelled.rows["class_id"].unique(), key=labelled.names.__getitem__)],
            key="curves_class",
            width=200,
            format_func=lambda c: "every class" if c is None else short(labelled.names[c]),
        )
        limit = st.selectbox(
            "At most",
            LIMITS,
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
    steps, chance = len(first.accuracy) - 1, first.curve.chance
    of = "" if n == given.n_total else f" drawn from {given.n_total:,}"
    st.caption(
        f"n = {counted(n, 'image')}{of} · {given.n_concepts} of "
        f"{counted(len(labelled.facts), 'concept')} have a known "
        "truth · correcting sets what the labels say: "
        f"{levels.sentence(asked.strategy, given.n_levels)} Off-distribution (no train image "
        f"scores so): {rate(given.n_outside, given.n_set)} of the values · "
        f"chance {percent(chance)} (most frequent class); "
        "the axis does not start at 0 · click a point to see its images"
    )
    if st.session_state.get("curves_step", 1) > steps:
        st.session_state["curves_step"] = steps
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.segmented_control(
            "Show",
            list(curve_figure.MEASURES),
            default="accuracy",
            key="curves_measure",
            required=True,
            format_func=curve_figure.MEASURES.__getitem__,
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
            chance=chance if measure == "accuracy" else None,
        ),
        key="curves_chart",
        then=_picked,
    )
    _flips(head, labelled, given, lines[policy], policy=policy, step=int(step))


def _flips(
    head: HeadFacts, labelled: whole.Whole, given: Ready, line: Line, *, policy: str, step: int
) -> None:
    curve, n = line.curve, len(given.rows)
    gained, lost = curve.gained(step), curve.lost(step)
    what = "group" if given.situation.groups is not None else "concept"
    one = ""
    if policy == curve_data.CONTROL:
        one = " (first draw)"
    elif POLICIES[policy].drawn:
        one = " (first of the random orders)"
    st.markdown(
        f"**{plain(policy)}**{one}: {curve_figure.about(policy)}. "
        f"Correcting the {_nth(step)} {what} turns "
        f"{rate(len(gained), n)} right and {rate(len(lost), n)} wrong. "
        f"With {_many(float(curve.corrected[step]))} corrected (mean), "
        f"{percent(curve.accuracy[step])} are right."
    )
    if policy != curve_data.CONTROL:
        st.caption(
            "The dashed control corrects in the cooperative order, with the labels of another "
            "image: what a line gains over it is due to knowing this image."
        )
    for title, rows, help in (
        ("Gained", gained, "Wrong before this step, right after."),
        ("Lost", lost, "Right before this step, wrong after."),
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
