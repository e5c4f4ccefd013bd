"""Tables of numbers hold numbers, with n in a column of its own, so that they sort."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from app.views.classes import choice, class_tables
from app.widgets import learnability
from data import store
from data.queries import build, classes, leaderboard, methods


@pytest.fixture(scope="module")
def con(tiny_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.open_readonly(tiny_store) as opened:
        yield opened


def _texts(frame: pd.DataFrame) -> list[str]:
    return [str(c) for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]


def test_prevalence_and_reliability_are_those_of_the_store(con: duckdb.DuckDBPyConnection) -> None:
    for head in build.heads(con):
        rows = classes.dominance(con, head.head_id)
        found = class_tables.by_concept(rows).set_index("id")
        assert _texts(found) == ["Concept"]
        splits = list(dict.fromkeys(rows["split"]))
        assert len(found.columns) == 1 + 4 * len(splits)
        for row in rows.to_dict("records"):
            mine, split = found.loc[row["concept_id"]], row["split"]
            assert mine[f"prevalence, {split}"] == pytest.approx(100 * row["prevalence"])
            assert mine[f"n, {split}"] == row["n"]
            assert mine[f"n_labelled, {split}"] == row["n_labelled"]
            right = mine[f"reliability, {split}"]
            assert right == pytest.approx(100 * row["reliability"], nan_ok=True)
        counts = sum(found[f"n, {split}"] for split in splits)
        assert counts.sum() == rows["n"].sum()
        assert counts.is_monotonic_decreasing


def test_a_concept_dominant_in_one_split_only_has_none_of_the_other() -> None:
    rows = pd.DataFrame(
        {
            "concept_id": [4, 9, 9],
            "name": ["a", None, None],
            "split": ["train", "train", "test"],
            "n": [5, 30, 2],
            "prevalence": [0.05, 0.3, 0.2],
            "n_labelled": [0, 30, 2],
            "reliability": [np.nan, 0.9, 0.5],
        }
    )
    found = class_tables.by_concept(rows)
    assert found["Concept"].tolist() == ["#9", "a"]
    assert found["prevalence, test"].tolist() == pytest.approx([20, 0])
    assert found["n, test"].tolist() == [2, 0]
    assert found["reliability, test"].isna().tolist() == [False, True]
    assert found["reliability, train"].isna().tolist() == [False, True]


def test_fidelity_holds_value_and_what_is_beside_it_apart(con: duckdb.DuckDBPyConnection) -> None:
    known = methods.methods(con, "importance")
    for head in build.heads(con):
        rows = classes.fidelity(con, head.head_id)
        found = class_tables.by_method(rows, known)
        assert _texts(found) == ["Importance"]
        named = found.set_index("Importance")
        for row in rows.to_dict("records"):
            mine = named.loc[known[row["method"]].title]
            assert mine[row["metric"]] == row["value"]
            assert mine[f"{row['metric']} random"] == row["random"]
            assert mine[f"{row['metric']} control"] == pytest.approx(row["control"], nan_ok=True)
            assert mine["n"] == row["n"]


def test_recall_and_precision_stand_beside_their_n(con: duckdb.DuckDBPyConnection) -> None:
    rows = classes.confusions(con, 0, 1)
    found = class_tables.per_split(rows, 1)
    assert _texts(found) == ["Split"]
    for row in found.to_dict("records"):
        hit, carried, taken = con.execute(
            """
            SELECT count(*) FILTER (image.class_id = 1 AND guess.class_id = 1),
                count(*) FILTER (image.class_id = 1), count(*) FILTER (guess.class_id = 1)
            FROM image JOIN head_prediction guess USING (image_id)
            WHERE head_id = 0 AND split = ? AND image.class_id IS NOT NULL
            """,
            [row["Split"]],
        ).fetchone() or (0, 0, 0)
        assert (row["n carry it"], row["n taken"]) == (carried, taken)
        for share, of in ((row["Recall"], carried), (row["Precision"], taken)):
            assert share == pytest.approx(100 * hit / of if of else np.nan, nan_ok=True)


def test_wins_are_counts_of_the_labels_probed(con: duckdb.DuckDBPyConnection) -> None:
    found = leaderboard.probe_summary(con)
    shown = learnability.summary(found).set_index("Bank")
    assert _texts(shown) == []
    for row in found.to_dict("records"):
        mine = shown.loc[row["bank"]]
        assert mine[f"{row['kind']} wins"] == row["bank_wins"]
        assert mine[f"{row['kind']} loses"] == row["plain_wins"]
        assert mine["Labels"] == row["n"]


@pytest.mark.parametrize(
    ("labelled", "predicted", "first"),
    [
        ([3, 2, 1, 0], [0, 0, 4, 9], 7),
        ([3, 2, 0, 0], [0, 0, 0, 9], 8),
        ([3, 2, 1, 0], [0, 0, 0, 0], 5),
        ([3, 2, 1, 0], [1, 0, 4, 9], 5),
    ],
)
def test_the_class_shown_first_has_something_to_show(
    labelled: list[int], predicted: list[int], first: int
) -> None:
    listed = pd.DataFrame(
        {"class_id": [5, 6, 7, 8], "n_labelled": labelled, "n_predicted": predicted}
    )
    assert choice.opened_first(listed) == first
