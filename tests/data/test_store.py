"""A store is whole or absent, refuses to be rewritten, and lets nothing else be read through it."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import numpy as np
import pytest
from pyarrow.types import is_list

from core import maps
from data import store, write
from data.store import StoreError, open_readonly

SELF_EVIDENT = {
    "about",
    "height",
    "width",
    "message",
    "method",
    "name",
    "split",
    "stage",
    "present",
    "visible",
    "signed",
    "seed",
    "part",
    "hi",
    "n_concepts",
    # the line above in the same block says it for both
    "input_w",
    "map_h",
    "map_w",
    "umap_y",
    "std",
    "score_max",
    "score",
    "peak",
    "peak_token",
    "file",
    "view_y1",
    "score_q05",
    "score_q25",
    "score_q50",
    "score_q75",
    "score_q95",
    "auc_hi",
    "gain_hi",
    "value",
    "second_auc",
    "train_auc",
    "test_auc",
    "test_accuracy",
}


def built(path: Path, **values: object) -> Path:
    row = {
        "schema_version": store.SCHEMA_VERSION,
        "name": "t",
        "fingerprint": "f",
        "recipe": "",
        "seed": 0,
        "versions": "{}",
        "dataset": "d",
        "n_images": 0,
        "n_skipped": 0,
        "multi_label": False,
    }
    with store.build(path) as con:
        write.put_row(con, "build", **(row | values))
    return path


def test_store_appears_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.duckdb"
    with store.build(path) as con:
        write.put_row(con, "notice", stage="s", subject="b", message="m")
        assert not path.exists()
        assert store.stores(path.parent) == []
        assert store.unfinished(path.parent) == [path.with_name("a.duckdb.building")]
    assert store.stores(path.parent) == [path]
    assert store.unfinished(path.parent) == []


def test_failed_build_leaves_no_store_and_can_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with pytest.raises(RuntimeError, match="half way"), store.build(path):
        raise RuntimeError("half way")
    assert store.stores(tmp_path) == []
    assert not path.exists()
    built(path)
    open_readonly(path).close()


def test_existing_store_is_never_rewritten(tmp_path: Path) -> None:
    path = built(tmp_path / "a.duckdb")
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="already built"), store.build(path):
        pass
    assert path.read_bytes() == before


def test_store_under_construction_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with store.build(path):
        with pytest.raises(StoreError, match="still being built"):
            open_readonly(path)
        with pytest.raises(StoreError, match="still being built"):
            open_readonly(tmp_path / "a.duckdb.building")


def test_missing_store_comes_with_the_command_that_builds_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no store at .*python -m precompute demo"):
        open_readonly(tmp_path / "a.duckdb")


@pytest.mark.parametrize("content", [b"", b"these are my notes", b"\x00" * 9000])
def test_other_files_are_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.duckdb"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"notes\.duckdb is"):
        open_readonly(path)


def test_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a DuckDB file"):
        open_readonly(tmp_path)


def test_other_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE purchase (amount DOUBLE)")
    with pytest.raises(StoreError, match="not a store: it has no table `build`"):
        open_readonly(path)


def test_another_schema_version_is_refused_with_the_command(tmp_path: Path) -> None:
    path = built(tmp_path / "a.duckdb", schema_version=store.SCHEMA_VERSION + 1)
    with pytest.raises(StoreError, match=r"schema version \d+.*python -m precompute run"):
        open_readonly(path)


def test_store_without_its_last_row_is_unfinished(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with store.build(path):
        pass
    with pytest.raises(StoreError, match="was not finished"):
        open_readonly(path)


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH '{folder}/other.duckdb' AS other",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "INSERT INTO notice VALUES ('a', 'b', 'c')",
        "CREATE TABLE mine (i INTEGER)",
        "DROP TABLE image",
    ],
)
def test_reader_is_locked_down(statement: str, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    built(tmp_path / "other.duckdb")
    con = open_readonly(built(tmp_path / "a.duckdb"))
    with con, pytest.raises(duckdb.Error):
        con.execute(statement.format(folder=tmp_path))
    assert not (tmp_path / "out.csv").exists()


def test_lock_holds_for_every_cursor(tmp_path: Path) -> None:
    con = open_readonly(built(tmp_path / "a.duckdb"))
    with con, pytest.raises(duckdb.Error):
        con.cursor().execute("SET enable_external_access = true")


def test_newest_store_comes_first(tmp_path: Path) -> None:
    import os

    older, newer = built(tmp_path / "b.duckdb"), built(tmp_path / "a.duckdb")
    os.utime(older, (10, 10))
    assert store.stores(tmp_path) == [newer, older]


def test_name_of_a_store_says_recipe_and_content(tmp_path: Path) -> None:
    assert store.path_for("birds", "0f1e", out=tmp_path) == tmp_path / "birds-0f1e.duckdb"


@pytest.mark.parametrize("table", ["code", "saliency", "concept_attribution"])
def test_columns_hold_maps_in_the_type_that_writers_give(table: str, tmp_path: Path) -> None:
    with store.build(tmp_path / "a.duckdb") as con:
        columns = con.sql(f"FROM {table}").to_arrow_table().schema
    lists = [column for column in columns if is_list(column.type)]
    held = {column.name: np.dtype(column.type.value_type.to_pandas_dtype()) for column in lists}
    assert held.pop("value") == maps.STEP
    assert set(held) == ({"concept", "token"} if table == "code" else set())
    assert set(held.values()) <= {maps.INDEX}


def test_every_column_says_what_it_is() -> None:
    tables: dict[str, list[tuple[str, bool]]] = {}
    table = ""
    for line in store.SCHEMA.read_text(encoding="utf-8").splitlines():
        if start := re.match(r"CREATE TABLE (\w+) \(", line):
            table = start.group(1)
        elif column := re.match(r"    ([a-z]\w*)\s+[A-Z]", line):
            tables.setdefault(table, []).append((column.group(1), "--" in line))
    assert len(tables) > 25
    silent = [
        f"{table}.{name}"
        for table, columns in tables.items()
        for name, commented in columns
        if not (commented or name.endswith("_id") or name in SELF_EVIDENT)
    ]
    assert silent == []


def test_schema_text_names_every_table_and_column(tmp_path: Path) -> None:
    """So that the parser of the test above cannot pass by overlooking some."""
    con = open_readonly(built(tmp_path / "a.duckdb"))
    text = store.SCHEMA.read_text(encoding="utf-8")
    query = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
    for table, column in con.execute(query).fetchall():
        block = text.split(f"CREATE TABLE {table} (")[1].split("\n);")[0]
        assert re.search(rf"^    {column}\s", block, re.M), f"{table}.{column}"
    con.close()


def test_what_a_check_refuses_is_not_published(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"

    def refuse(con: duckdb.DuckDBPyConnection) -> None:
        assert con.execute("SELECT message FROM notice").fetchall() == [("m",)]
        raise ValueError("not sound")

    with pytest.raises(ValueError, match="not sound"), store.build(path, refuse) as con:
        write.put_row(con, "notice", stage="s", subject="b", message="m")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_build_left_does_not_come_back(tmp_path: Path) -> None:
    """DuckDB would add what it finds in the log of a file of the same name."""
    path = tmp_path / "a.duckdb"
    with store.build(path) as con:
        write.put_row(con, "notice", stage="s", subject="b", message="of the killed one")
        left = path.with_name("a.duckdb.building.wal").read_bytes()
        half = path.with_name("a.duckdb.building").read_bytes()
    path.unlink()
    path.with_name("a.duckdb.building.wal").write_bytes(left)
    path.with_name("a.duckdb.building").write_bytes(half)
    built(path)
    with open_readonly(path) as con:
        assert con.execute("SELECT * FROM notice").fetchall() == []
    assert list(tmp_path.iterdir()) == [path]
