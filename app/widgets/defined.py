"""Columns of tables, with the title and the hover of their definition in the catalogue."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import catalogue
from core.catalogue import Definition

_FORMATS = {"count": "%d", "signed": "%+.3g"}
"""of Definition.format; others are written "%.3g" """


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
    st.column_config.NumberColumn.
    """
    one = catalogue.of(key) if isinstance(key, str) else key
    title, about = one.heading if title is None else title, f"{one.help} {about}".strip()
    if one.format == "text":
        return st.column_config.TextColumn(title, help=about or None, width=width)
    form = form or _FORMATS.get(one.format, "%.3g")
    return st.column_config.NumberColumn(title, help=about or None, format=form, width=width)
