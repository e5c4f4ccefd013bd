"""What is no store is refused in a sentence when it is opened; what a build made is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from data import store
from data.store import StoreError, open_readonly
from data.structure import check_structure

ROWS = """
INSERT INTO build VALUES (1, 'n', 'f', '', 0, '{}', 'd', 1, 0, FALSE, NULL);
INSERT INTO backbone BY NAME SELECT 'net' AS name, 'l' AS layer, 2 AS grid_h, 3 AS grid_w,
    8 AS width,    16 AS input_h, 24 AS input_w, 0 AS n_extra, TRUE AS linear, '' AS why,
    'softmax' AS link, FALSE AS cls_linear;
INSERT INTO image VALUES (0, 'a.jpg', NULL, 'test', 40, 30, '', 0, 0, 1, 1);
INSERT INTO picture VALUES (0, '\\xFF\\xD8\\xFFa'::BLOB, '\\xFF\\xD8\\xFFb'::BLOB);
INSERT INTO saliency VALUES (0, 'cam', 0, 1, 2, 0.5, [1, 2]);
INSERT INTO mask VALUES (0, 'wing', 2, 4, [3, 2, 3]);
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "s.duckdb"
    with store.build(path) as con:
        con.execute(ROWS)
        con.execute("UPDATE build SET schema_version = $v", {"v": store.SCHEMA_VERSION})
    return path


def check(path: Path) -> None:
    with open_readonly(path) as con:
        check_structure(con, path.name)


def test_what_a_build_made_passes(sound: Path, tiny_store: Path) -> None:
    check(sound)
    check(tiny_store)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DROP TABLE score", "table score is missing"),
        ("DROP TABLE image; CREATE VIEW image AS SELECT 1", "it holds the view image"),
        ("CREATE MACRO m(a) AS a + 1", "it holds the function m"),
        ("CREATE TYPE t AS ENUM ('a')", "it holds the type t"),
        ("ALTER TABLE image DROP split", "column image.split"),
        ("ALTER TABLE image ALTER width TYPE VARCHAR", "column image.width (UINTEGER) is missing"),
        (
            "DROP TABLE class; CREATE TABLE class (class_id UINTEGER PRIMARY KEY, name VARCHAR NOT "
            "NULL, labelled BOOLEAN NOT NULL, output UINTEGER GENERATED ALWAYS AS (class_id + 1))",
            "table class is made in another way",
        ),
        ("UPDATE backbone SET grid_w = 0", "a token grid has rows and columns"),
        ("INSERT INTO backbone FROM backbone", "a model has one layer"),
        ("UPDATE saliency SET map_h = 2", "as many values as places"),
        ("UPDATE mask SET width = 0", "a mask has rows"),
        ("UPDATE image SET view_x1 = 'nan'", "the model sees a part of it"),
        ("UPDATE image SET height = 0", "an image has a size"),
        ("DELETE FROM picture", "every image is counted, and has its pictures"),
        ("UPDATE build SET n_images = 9", "every image is counted"),
        ("UPDATE picture SET thumb = 'GIF89a'::BLOB", "pictures are JPEG"),
        ("UPDATE picture SET picture = ''::BLOB", "pictures are JPEG"),
        ("UPDATE build SET versions = '[1'", "build.versions holds a text that is no JSON object"),
        ("UPDATE build SET versions = repeat('[', 99999)", "no JSON object"),
    ],
)
def test_what_no_build_makes_is_refused(
    sound: Path, tmp_path: Path, change: str, told: str
) -> None:
    path = Path(shutil.copy(sound, tmp_path / "hostile.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute(change)

    with pytest.raises(StoreError) as found:
        check(path)
    assert "hostile.duckdb is no store that a build made" in str(found.value)
    assert told in str(found.value)


def test_a_damaged_file_is_called_so(tiny_store: Path, tmp_path: Path) -> None:
    """Overwritten beyond its first blocks, so that it opens."""
    path = Path(shutil.copy(tiny_store, tmp_path))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(b"\0" * (size // 3))

    with pytest.raises(StoreError, match=r"damaged|not a DuckDB file") as found:
        check(path)
    assert "another process" not in str(found.value)


def test_a_question_takes_no_table_from_the_program(sound: Path) -> None:
    """DuckDB would look for a table that is missing among the variables of Python."""
    nowhere = duckdb.sql("SELECT 1 AS i")
    with open_readonly(sound) as con, pytest.raises(duckdb.CatalogException, match="nowhere"):
        con.execute("FROM nowhere")
    assert nowhere.fetchall() == [(1,)]
