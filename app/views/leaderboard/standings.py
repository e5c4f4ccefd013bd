"""Every bank in one table, each number with its n, beside random directions and chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from app.format import number
from app.views.leaderboard.standing_columns import GROUPS, HEADS, HELD_OUT, ON, OTHER, column
from app.widgets import defined, palette
from data.queries.build import Bank
from data.queries.methods import Method

KINDS = {"value": "bank", "control": "random", "chance": "chance"}
"""column of the figures -> what a row of a bank holds"""
TITLES = {
    "bank": "Banks",
    "random": "Random directions",
    "chance": "Chance",
    "real": "Real activations",
    "no concepts": "Without concepts",
}
WHICH = {
    "bank": "a concept bank of this store",
    "random": "its directions turned at random, each on as often and as strongly as its concept; "
    "plain random: directions that share only their number and mean sparsity",
    "chance": "what it would get without any information",
    "real": "the backbone's own activations",
    "no concepts": "a model that reads no concepts",
}
_FACTS = ("row", "what", "concepts")
"""columns that are no measures"""
FAINT = f"color: {palette.SOFT}"
"""of rows that banks are compared with; legible on both themes"""

Intervals = dict[tuple[str, str], tuple[float, float]]
"""lower and upper end, by row and measure"""


def standings(
    banks: Sequence[Bank], figures: pd.DataFrame, baselines: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The numbers, and their n in a table of the same shape.

    Rows: each bank, random directions in its place, and its chance; the backbone's activations;
    models without concepts, and their chance. Columns: row, what, concepts, then one a measure,
    shares in per cent. `figures` and `baselines` are those of `leaderboard`.
    """
    rows: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []

    def add(row: str, what: str, concepts: int | None, found: pd.DataFrame, kind: str) -> None:
        told = found[found[kind].notna()]
        values = zip(told["measure"], told[kind], strict=True)
        cells = {m: v * column(m).scale for m, v in values}
        if cells or what == "bank":
            rows.append({"row": row, "what": what, "concepts": concepts, **cells})
            counts.append(dict(zip(told["measure"], told["n"], strict=True)))

    for bank in banks:
        mine = figures[figures["bank"] == bank.name]
        for kind, what in KINDS.items():
            if kind == "control" and bank.method == "random":
                continue  # it is one itself
            plain = "plain " if kind == "control" and bank.control_kind == "random" else ""
            title = bank.name if kind == "value" else f"{bank.name}, {plain}{what}"
            concepts = None if kind == "chance" else bank.n_concepts
            add(title, what, concepts, mine, kind)
    real = figures[figures["best"].notna()].sort_values("n", kind="stable")
    add("Real activations", "real", None, real.drop_duplicates("measure", keep="last"), "best")
    for model, mine in baselines.groupby("model", sort=False):
        add(_plain(model), "no concepts", None, mine, "value")
    # that of a precision depends on which labels a model tells
    apart = baselines.groupby("measure")["chance"].transform("nunique") > 1
    if (~apart).any():
        add("Chance", "chance", None, baselines[~apart].drop_duplicates("measure"), "chance")
    for model, mine in baselines[apart].groupby("model", sort=False):
        add(f"{_plain(model)}, chance", "chance", None, mine, "chance")
    table = pd.DataFrame(rows)
    return table, pd.DataFrame(counts).reindex(columns=table.columns)


def _plain(model: object) -> str:
    return str(model).capitalize()


def intervals(figures: pd.DataFrame, baselines: pd.DataFrame) -> Intervals:
    """95 % intervals by row and measure of `standings`, in the units that the store has."""
    found = [
        (title, row)
        for frame, by in ((figures, "bank"), (baselines, "model"))
        for row in frame[frame["lo"].notna()].to_dict("records")
        for title in [row[by] if by == "bank" else _plain(row[by])]
    ]
    return {(title, row["measure"]): (row["lo"], row["hi"]) for title, row in found}


def groups(rows: pd.DataFrame) -> list[str]:
    """Keys of GROUPS that are offered: OTHER only where there is what no other group has."""
    return [group for group in GROUPS if group != OTHER or _others(rows)]


def _others(rows: pd.DataFrame) -> list[str]:
    grouped = {measure for group in GROUPS.values() for measure in group}
    told = set(_FACTS) | grouped
    return [m for m in rows.columns if m not in told and not _of_split(str(m))]


def _of_split(measure: str) -> bool:
    """Whether it is a head's, on a split."""
    return measure.startswith(tuple(f"{kind} " for kind in ON))


def measures(groups: Sequence[str], splits: Sequence[str], rows: pd.DataFrame) -> list[str]:
    """Those of the groups (keys of GROUPS) that some row has, each once, in order; `splits` with
    those first that nothing was fitted on."""
    wanted: list[str] = []
    accuracies = [f"{kind} {s}" for kind in ON for s in splits]
    for group in (g for g in GROUPS if g in groups):
        named = {HEADS: accuracies, OTHER: _others(rows)}.get(group, GROUPS[group])
        for measure in named:
            first = [f"{kind} {s}" for kind in ON for s in splits[:1]]
            wanted += first if measure == HELD_OUT else [measure]
    return [m for m in dict.fromkeys(wanted) if m in rows and rows[m].notna().any()]


def table(
    rows: pd.DataFrame,
    counts: pd.DataFrame,
    *,
    wanted: Sequence[str],
    kinds: Sequence[str],
    made_by: Sequence[Method],
    within: Intervals,
) -> None:
    """Rows of `standings` of some kinds, by measures. Cells read "value (n ...)", with the interval
    where there is one (`within`), and sort by the value. `made_by`: the methods of the banks, told
    on hover."""
    kept = rows["what"].isin(kinds) & ((rows["what"] == "bank") | rows[wanted].notna().any(axis=1))
    rows, counts = rows[kept], counts[kept]
    config: dict[str, Any] = {
        "row": st.column_config.TextColumn(
            "Bank",
            pinned=True,
            width=150,
            help="\n\n".join(
                [
                    ". ".join(f"{kind.capitalize()}: {about}" for kind, about in WHICH.items()),
                    *map(defined.told, made_by),
                ]
            ),
        ),
        "concepts": defined.column("bank.n_concepts", form="localized", width=72),
    }
    for measure in wanted:
        config[measure] = defined.column(column(measure), form="", width=110)
    defined.table(
        styled(rows, counts, wanted, within),
        key="standings",
        hide_index=True,
        column_order=["row", *wanted, "concepts"],
        column_config=config,
        placeholder="",
        height="content",
    )


def styled(
    rows: pd.DataFrame, counts: pd.DataFrame, wanted: Sequence[str], within: Intervals
) -> Styler:
    """The numbers themselves, written with their n; rows to compare with are faint."""
    style = defined.harmless(rows).style
    for at in rows.index:
        told: dict[Any, str | Callable[[object], str] | None] = {
            m: partial(_cell, n=counts.at[at, m], within=within.get((str(rows.at[at, "row"]), m)))
            for m in wanted
        }
        style = style.format(told, subset=([at], list(wanted)))
    faint = [FAINT if what != "bank" else "" for what in rows["what"]]
    return style.apply(lambda _: faint, axis=0, subset=list(wanted))


def _cell(value: object, *, n: Any, within: tuple[float, float] | None) -> str:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    span = f"{number(within[0])} to {number(within[1])}, " if within else ""
    return f"{number(value)} ({span}n {int(n):,})"
