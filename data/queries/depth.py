"""Labelled concepts probed at several layers."""

from __future__ import annotations

import duckdb
import pandas as pd


def depth(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Every row of `depth` with the label's name and grouping, by layer and label."""
    return con.execute(
        """
        SELECT depth.*, name, grouping
        FROM depth JOIN labelled_concept USING (labelled_id)
        ORDER BY position, labelled_id
        """
    ).df()


def n_labelled(con: duckdb.DuckDBPyConnection) -> int:
    """Labelled concepts that the store knows."""
    row = con.execute("SELECT count(*) FROM labelled_concept").fetchone()
    return 0 if row is None else int(row[0])
