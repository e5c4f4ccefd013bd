"""What a query says of one thing is a frozen dataclass; tables stay frames."""

from __future__ import annotations

import ast
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from paths import ROOT

from data import store
from data.queries import build, classes, concept, edits, images, layouts, names

LOOSE = ("Series", "dict[str, Any]", "dict[str, int]", "dict[str, float]", "dict[str, object]")


def loose(source: str) -> list[str]:
    """Public functions of a module whose answer is a row, or a dict of named values."""
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and any(kind in ast.unparse(node.returns or ast.Constant(None)) for kind in LOOSE)
    ]


def test_no_query_answers_with_a_row() -> None:
    modules = sorted((ROOT / "data" / "queries").glob("*.py"))
    assert len(modules) > 15
    assert {path.name: loose(path.read_text("utf8")) for path in modules} == {
        path.name: [] for path in modules
    }


def test_a_query_that_answers_with_a_row_is_seen() -> None:
    source = "def one(con) -> pd.Series | None: ...\ndef counts(con) -> dict[str, int]: ...\n"
    kept = "def _one(con) -> pd.Series: ...\ndef table(con) -> pd.DataFrame: ...\n"
    assert loose(source + kept) == ["one", "counts"]


@pytest.fixture(scope="module")
def con(
    tiny_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    path = Path(shutil.copy(tiny_store, tmp_path_factory.mktemp("one") / "named.duckdb"))
    with duckdb.connect(str(path)) as opened:
        opened.execute(
            "INSERT INTO naming SELECT min(bank_id), 'birds.txt', '', 'a {}', 9, 0.2, 0.01, 50, 0.1"
            " FROM bank HAVING count(*) > 0 AND NOT exists(FROM naming)"
        )
    with store.open_readonly(path) as opened:
        yield opened


CASES: dict[str, tuple[str, tuple[str, ...], Callable[..., Any], tuple[str, ...]]] = {
    "concept": (
        "concept",
        ("bank_id", "concept_id"),
        concept.concept,
        ("label", "part", "grouping", "second"),
    ),
    "histogram": ("histogram", ("bank_id", "concept_id"), concept.histogram, ()),
    "explanation": ("explanation", ("head_id", "class_id"), classes.explanation, ("bias",)),
    "naming": ("naming", ("bank_id",), names.naming, ()),
    "layout": ("layout_quality", ("bank_id",), layouts.trust, ()),
    "image": ("image", ("image_id",), images.image, ("label", "predicted_id", "predicted", "prob")),
    "bank": ("bank", ("bank_id",), build.bank, ("n_concepts",)),
}
"""what is asked for -> its table, key, query, and the fields that come from elsewhere"""


@pytest.mark.parametrize("case", CASES)
def test_a_record_is_its_row_of_the_table(con: duckdb.DuckDBPyConnection, case: str) -> None:
    table, keys, query, further = CASES[case]
    answer = con.execute(f"SELECT * FROM {table} ORDER BY ALL LIMIT 40")
    columns = [column[0] for column in answer.description]
    rows = [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
    assert rows
    for row in rows:
        found = query(con, *(row[key] for key in keys))
        fields = dataclasses.asdict(found)
        shared = [name for name in fields if name in columns]
        assert len(shared) > len(fields) - len(further) - 3
        for name in shared:
            want = tuple(row[name]) if isinstance(row[name], list) else row[name]
            assert fields[name] == (None if want != want else want), name


def test_a_concept_carries_the_names_of_its_labels(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        "SELECT bank_id, concept_id, labelled_id, second_id FROM concept ORDER BY ALL"
    ).fetchall()
    named = dict(con.execute("SELECT labelled_id, name FROM labelled_concept").fetchall())
    assert any(labelled is not None for _, _, labelled, _ in rows)
    for bank_id, concept_id, labelled, second in rows:
        found = concept.concept(con, bank_id, concept_id)
        assert found is not None
        assert (found.label, found.second) == (named.get(labelled), named.get(second))


def test_labels_are_counted(con: duckdb.DuckDBPyConnection) -> None:
    of_images = con.execute("SELECT image_id FROM image_label").fetchall()
    of_classes = con.execute("SELECT class_id FROM class_label").fetchall()
    assert edits.label_counts(con) == edits.LabelCounts(len(of_images), len(of_classes))
    assert of_images
