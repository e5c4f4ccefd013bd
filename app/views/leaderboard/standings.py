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
from app.views.leaderboard.standing_columns import GROUPS, HEADS, HELD_OUT, OTHER, column
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
    "random": "random directions in its place, as many, coded as sparsely",
    "chance": "what it would get without any information",
    "real": "the backbone's own activations",
    "no concepts": "a model that reads no concepts",
}
_FACTS = ("row", "what", "concepts")
"""columns that are no measures"""
FAINT = f"color: {palette.SOFT}"
"""of rows that banks are compared with; legible on both themes"""


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
            title = bank.name if kind == "value" else f"{bank.name}, {what}"
            concepts = None if kind == "chance" else bank.n_concepts
            add(title, what, concepts, mine, kind)
    real = figures[figures["best"].notna()].sort_values("n", kind="stable")
    add("Real activations", "real", None, real.drop_duplicates("measure", keep="last"), "best")
    plain = baselines.assign(measure="on " + baselines["split"])
    for model, mine in plain.groupby("model", sort=False):
        add(str(model).capitalize(), "no concepts", None, mine, "accuracy")
    if len(plain):
        add("Chance", "chance", None, plain.drop_duplicates("measure"), "chance")
    table = pd.DataFrame(rows)
    return table, pd.DataFrame(counts).reindex(columns=table.columns)


def groups(rows: pd.DataFrame) -> list[str]:
    """Keys of GROUPS that are offered: OTHER only where there is what no other group has."""
    return [group for group in GROUPS if group != OTHER or _others(rows)]


def _others(rows: pd.DataFrame) -> list[str]:
    grouped = {measure for group in GROUPS.values() for measure in group}
    told = set(_FACTS) | grouped
    return [m for m in rows.columns if m not in told and not str(m).startswith("on ")]


def measures(groups: Sequence[str], splits: Sequence[str], rows: pd.DataFrame) -> list[str]:
    """Those of the groups (keys of GROUPS) that some row has, each once, in order; `splits` with
    those first that nothing was fitted on."""
    wanted: list[str] = []
    accuracies = [f"on {s}" for s in splits]
    for group in (g for g in GROUPS if g in groups):
        named = {HEADS: accuracies, OTHER: _others(rows)}.get(group, GROUPS[group])
        for measure in named:
            wanted += accuracies[:1] if measure == HELD_OUT else [measure]
    return [m for m in dict.fromkeys(wanted) if m in rows and rows[m].notna().any()]


def table(
    rows: pd.DataFrame,
    counts: pd.DataFrame,
    *,
    wanted: Sequence[str],
    kinds: Sequence[str],
    made_by: Sequence[Method],
) -> None:
    """Rows of `standings` of some kinds, by measures. Cells read "value (n ...)", and sort by the
    value. `made_by`: the methods of the banks, told on hover."""
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
        styled(rows, counts, wanted),
        key="standings",
        hide_index=True,
        column_order=["row", *wanted, "concepts"],
        column_config=config,
        placeholder="",
        height="content",
    )


def styled(rows: pd.DataFrame, counts: pd.DataFrame, wanted: Sequence[str]) -> Styler:
    """The numbers themselves, written with their n; rows to compare with are faint."""
    style = defined.harmless(rows).style
    for at in rows.index:
        told: dict[Any, str | Callable[[object], str] | None] = {
            m: partial(_cell, n=counts.at[at, m]) for m in wanted
        }
        style = style.format(told, subset=([at], list(wanted)))
    faint = [FAINT if what != "bank" else "" for what in rows["what"]]
    return style.apply(lambda _: faint, axis=0, subset=list(wanted))


def _cell(value: object, *, n: Any) -> str:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    return f"{number(value)} (n {int(n):,})"
