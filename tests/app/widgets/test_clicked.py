"""A click on a table is the id of its row, whether rows or cells are chosen."""

from __future__ import annotations

import pandas as pd
import pytest

from app.widgets import defined


@pytest.mark.parametrize(
    ("rows", "cells", "found"),
    [([], [], None), ([2], [], 30), ([], [(1, "name")], 20), ([0], [], 10)],
)
def test_the_row_says_what_was_clicked(
    rows: list[int], cells: list[tuple[int, str]], found: int | None
) -> None:
    event = {"selection": {"rows": rows, "columns": [], "cells": cells}}
    ids = pd.Series([10, 20, 30], index=[5, 0, 2])
    assert defined.clicked(event, ids) == found
