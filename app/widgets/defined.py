"""Columns of tables, with the title and the hover of their definition in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from app.format import cell, plain
from core import catalogue
from core.catalogue import Definition
from data.queries.methods import Method

_FORMATS = {"count": "%d", "signed": "%+.3g"}
"""of Definition.format; others are written "%.3g" """


def table(frame: pd.DataFrame | Styler, *, within: Any = st, **options: Any) -> Any:
    """st.dataframe, in the container `within`. People can save it, so no cell is a formula.

    The frame of a Styler has gone through `harmless` before.
    """
    kept = harmless(frame) if isinstance(frame, pd.DataFrame) else frame
    for name in ("column_config", "column_order"):
        given = options.get(name)
        if isinstance(given, Mapping):
            options[name] = {cell(c) if isinstance(c, str) else c: v for c, v in given.items()}
        elif given is not None:
            options[name] = [cell(c) if isinstance(c, str) else c for c in given]
    return within.dataframe(kept, **options)


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """With texts, and names of columns, that no spreadsheet takes for a formula."""

    def written(value: Any) -> Any:
        return cell(value) if isinstance(value, str) else value

    kept = frame.rename(columns=written, index=written)
    for name, kind in kept.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind):
            kept[name] = kept[name].map(written)
    return kept


def told(method: Method) -> str:
    """Title and description of a method, for a place that reads Markdown."""
    return f"**{plain(method.title)}**: {plain(method.about)}"


def column(
    key: str | Definition,
    *,
    title: str | None = None,
    about: str = "",
    form: str | None = None,
    width: int | None = None,
) -> Any:
    """A column of numbers or texts for st.dataframe; values are expected as `scale` makes them.

    `title` stands for the heading, `about` is said after the definition, and `form` is a format of
    st.column_config.NumberColumn; "": numbers are written as the table's own style says.
    """
    one = catalogue.of(key) if isinstance(key, str) else key
    if one.format == "text":
        return written(one, title=title, about=about, width=width)
    title = one.heading if title is None else title
    form = _FORMATS.get(one.format, "%.3g") if form is None else form
    told = _help(one, about)
    return st.column_config.NumberColumn(title, help=told, format=form or None, width=width)


def bar(one: Definition, *, width: int) -> Any:
    """A column of per cents, each drawn as a part of 100 beside its number."""
    return st.column_config.ProgressColumn(
        one.heading,
        help=_help(one, ""),
        format="%.3g",
        min_value=0,
        max_value=100,
        width=width,
    )


def written(
    key: str | Definition, *, title: str | None = None, about: str = "", width: int | None = None
) -> Any:
    """A column of texts, or of numbers that are written already, each with its own unit."""
    one = catalogue.of(key) if isinstance(key, str) else key
    title = (one.short or one.title) if title is None else title
    return st.column_config.TextColumn(title, help=_help(one, about), width=width)


def clicked(event: Mapping[str, Any], ids: pd.Series) -> int | None:
    """Of the rows' ids, that of the row of st.dataframe that was clicked, or of the cell's."""
    chosen = event["selection"]
    rows = [*chosen["rows"], *(row for row, _ in chosen["cells"])]
    return int(ids.iloc[rows[0]]) if rows else None


def _help(one: Definition, about: str) -> str | None:
    return f"{one.help} {about}".strip() or None
