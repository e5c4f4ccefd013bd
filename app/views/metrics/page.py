"""Do the concepts exist, and are they where they should be? Every number beside its chance."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import address, db
from app.format import number, plain, short
from app.views.metrics import faithfulness, metric_levels, metric_worst, plot
from app.views.metrics.lines import QUESTIONS, Question, others, settings, wide
from app.widgets import defined, figures
from core.catalogue import METRICS, of
from core.counted import counted
from core.kinds import TEST
from data.queries import build, metrics

TALLEST = 24
"""rows of a table that is shown whole"""
con = db.cursor()
numbers = metrics.measured(con)
looks = plot.styles(numbers)


def why_not() -> None:
    """What could not be measured, or only roughly, and why."""
    notices = build.notices(con)
    for _, row in notices[notices["stage"] == "measure"].iterrows():
        subject = plain(row["subject"][:1].upper() + row["subject"][1:])
        st.info(f"**{subject}:** {plain(row['message'])}.", icon=":material/info:")


def pick_split() -> str:
    own = numbers[numbers["scope"] != "backbone"]["split"]
    splits = [s for s in build.splits(con)["split"] if (own == s).any()]
    if not splits:
        return ""
    asked = address.param("x")
    usual = TEST if TEST in splits else str(splits[-1])
    chosen = asked if asked and asked in splits else usual
    address.follow("split", chosen)
    st.segmented_control(
        "Split",
        splits,
        key="split",
        required=True,
        on_change=address.write,
        args=("x", "split"),
        format_func=lambda s: plain(short(s, 30)),
        help="Images measured on. Banks and heads were fitted on train, and strengths "
        "chosen on val; what is measured on one split only stays the same.",
    )
    return chosen


def question(asked: Question, split: str) -> None:
    keys = {(line.name, line.variant) for line in asked.lines}
    mine = numbers[[key in keys for key in zip(numbers["name"], numbers["variant"], strict=True)]]
    if mine.empty:
        return
    here = mine["split"] == split
    # what was not measured on the split is shown of those that it was measured on
    measured = here.groupby([mine["name"], mine["variant"]]).transform("any")
    mine = mine[here | ~measured]
    lines = [
        line
        for line in asked.lines
        if ((mine["name"] == line.name) & (mine["variant"] == line.variant)).any()
    ]
    st.subheader(asked.title, anchor=False)
    st.caption(f"{asked.caption} Measured on {plain(', '.join(dict.fromkeys(mine['split'])))}.")
    figures.show(plot.dots(mine, lines, looks), key=f"dots {asked.title}")
    table = wide(mine, lines)
    with st.expander("Numbers, with n"):
        defined.table(
            table,
            hide_index=True,
            key=f"table {asked.title}",
            height="content" if len(table) <= TALLEST else "auto",
            column_config={
                line.label: defined.written(f"metric.{line.name}", title=line.label)
                for line in lines
            },
        )


def levels(split: str) -> None:
    if not metrics.n_image_labels(con):
        return
    st.subheader("Labels of images against labels of classes", anchor=False)
    pair = metrics.label_levels(con)
    rows = metric_levels.compared(pair, numbers, split) if len(pair) == 2 else pd.DataFrame()
    if rows.empty:
        st.caption(
            "This store has no two banks that differ in nothing but that. A recipe asks for the "
            "second with:"
        )
        st.code(
            '[[banks]]\nmethod = "cav"\nname = "cav class-level"\nparams = { labels = "class" }',
            language="toml",
        )
        return
    metric_levels.show(pair, rows)


def worst() -> None:
    """One bank's concepts, worst first."""
    st.subheader("Concepts that do worst", anchor=False)
    bank = address.bank()
    if bank is None:
        st.caption("This store has no concept bank.")
        return
    bank_id, bank_name = bank.bank_id, bank.name
    measured = set(metrics.concept_metrics(con, bank_id)["name"])
    listed = [*METRICS, *sorted(measured - METRICS.keys())]
    names = sorted((n for n in listed if n in measured), key=lambda n: n.startswith("cgim"))
    asked = address.param("k")
    usual = names[0] if names else ""
    name = asked if asked and asked in names else usual
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address.follow("bank", bank_name)
        st.selectbox(
            "Bank",
            [one.name for one in build.banks(con)],
            key="bank",
            on_change=address.write,
            args=("b", "bank"),
            width=260,
        )
        if names:
            address.follow("measure", name)
            st.selectbox(
                "Measure",
                names,
                key="measure",
                on_change=address.write,
                args=("k", "measure"),
                format_func=lambda n: of(f"metric.{n}").title,
                help=of(f"metric.{name}").help,
                width=260,
            )
    if not names:
        st.info(
            "No concept of this bank was measured: it takes masks of the parts that its concepts "
            "are named for, or labels that they were fitted to.",
            icon=":material/info:",
        )
        return
    facts = build.build(con)
    grid = (facts.grid_h, facts.grid_w)
    line = st.empty()
    opened, total, split = metric_worst.cards(bank, name, grid=grid, key=f"worst-{bank_id}-{name}")
    line.caption(
        f"{of(f'metric.{name}').meaning} {min(total, metric_worst.SHOWN):,} of "
        f"{counted(total, 'concept')} "
        f"measured on {plain(split)}, least beside chance first; images that show the concept, "
        "with its map. Open one for all of it."
    )
    if opened is not None:
        address.open_page("concept", b=bank_name, c=opened)


def saliency(split: str) -> None:
    """Where the backbone's own saliency lies."""
    mine = numbers[(numbers["scope"] == "backbone") & (numbers["name"] == "relevance")]
    if mine.empty:
        return
    splits = list(dict.fromkeys(mine["split"]))
    at = split if split in splits else splits[-1]
    mine = mine[mine["split"] == at].copy()
    mine["Part"] = [settings(v).split("part ")[-1] for v in mine["variant"]]
    mine["Method"] = [settings(v).split(", ")[0].removeprefix("method ") for v in mine["variant"]]
    mine["cell"] = [f"{number(v)} (n {n:,})" for v, n in zip(mine["value"], mine["n"], strict=True)]
    table = mine.pivot_table(index="Part", columns="Method", values="cell", aggfunc="first")
    table.insert(0, "Chance", mine.groupby("Part")["chance"].mean().map(number))
    order = mine.groupby("Part")["chance"].mean().sort_values(ascending=False).index
    st.subheader("Where the backbone's own relevance lies", anchor=False)
    st.caption(f"{of('metric.relevance').meaning} Measured on {plain(at)}.")
    by_method = {
        method: defined.written("metric.relevance", title=method) for method in table.columns[1:]
    }
    defined.table(
        table.loc[order].reset_index(),
        hide_index=True,
        column_config={"Chance": defined.written("metric.chance"), **by_method},
    )


def everything() -> None:
    with st.expander("Every number, with its settings"):
        defined.table(
            pd.DataFrame(
                {
                    "Of": numbers["subject"],
                    "Metric": [of(f"metric.{n}").title for n in numbers["name"]],
                    "Settings": [settings(v) for v in numbers["variant"]],
                    "Split": numbers["split"],
                    "Value": numbers["value"],
                    "n": numbers["n"],
                    "Chance": numbers["chance"],
                    "Random": numbers["control"],
                }
            ),
            hide_index=True,
            column_config={
                "Value": defined.column("metric.value"),
                "n": defined.column("metric.n", form="localized"),
                "Chance": defined.column("metric.chance"),
                "Random": defined.column("metric.control"),
            },
        )
    with st.expander("Definitions"):
        listed = [*METRICS, *sorted(set(numbers["name"]) - METRICS.keys())]
        shown = [of(f"metric.{n}") for n in listed if (numbers["name"] == n).any()]
        defined.table(
            pd.DataFrame(
                {
                    "Metric": [d.title for d in shown],
                    "Meaning": [d.meaning for d in shown],
                    "Formula": [d.formula for d in shown],
                    "n counts": [d.n_of for d in shown],
                    "Chance": [d.chance or "none" for d in shown],
                    "Better": [d.better for d in shown],
                }
            ),
            hide_index=True,
            column_config={
                "n counts": defined.written("metric.n", title="n counts"),
                "Chance": defined.written("metric.chance"),
            },
        )


st.title("Metrics", anchor=False)
st.caption(
    "Do the concepts exist, and are they where they should be? Dots are measured, ticks are "
    "chance, diamonds are as many random directions, measured in place of the concepts. All are "
    "shares, ratios or correlations; hover one for its n, its meaning and its formula."
)
why_not()
if numbers.empty:
    st.info(
        "This store holds no measurement. It takes a head, labelled concepts or masks.",
        icon=":material/info:",
    )
    address.link("What it does hold", "overview", icon=":material/arrow_forward:")
else:
    at = pick_split()
    for one in (*QUESTIONS, *others(numbers)):
        question(one, at)
    levels(at)
    worst()
    saliency(at)
    faithfulness.show(numbers)
    everything()
