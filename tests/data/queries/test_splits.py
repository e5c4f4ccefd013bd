"""The split that strengths are chosen on stands beside train, and never counts as held out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from data import store
from data.queries import build, metrics


@pytest.fixture(scope="module")
def con(
    tiny_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Scores of the split that strengths were chosen on are the largest; nothing is labelled."""
    path = Path(shutil.copy(tiny_store, tmp_path_factory.mktemp("val") / "val.duckdb"))
    with duckdb.connect(str(path)) as opened:
        opened.execute("UPDATE image SET split = 'val' WHERE split = 'shifted'")
        opened.execute("DELETE FROM image_label")
        opened.execute(
            "UPDATE score SET score = 9 WHERE image_id IN "
            "(SELECT image_id FROM image WHERE split = 'val')"
        )
    with store.open_readonly(path) as opened:
        yield opened


def test_splits_are_listed_in_the_order_of_their_use(con: duckdb.DuckDBPyConnection) -> None:
    assert build.splits(con)["split"].tolist() == ["train", "val", "test"]


def test_examples_of_a_metric_are_held_out_ones_first(con: duckdb.DuckDBPyConnection) -> None:
    """Where the label of no image counts."""
    found = metrics.showing(con, 0, [0])
    assert len(found) == metrics.LOOKED_AT
    split = dict(con.execute("SELECT image_id, split FROM image").fetchall())
    n_test = sum(s == "test" for s in split.values())
    first = [split[i] for i in found["image_id"]][: min(n_test, metrics.LOOKED_AT)]
    assert set(first) == {"test"}
