"""A store of the right name is finished only if it is sound, and only a sound one is published."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from core.recipe import Recipe, parse
from data import store
from data.store import StoreError
from precompute import doctor, pipeline
from precompute.doctor import is_finished
from precompute.every_bank import Made
from tests.precompute import test_pipeline


def test_nothing_there_is_not_finished(tmp_path: Path) -> None:
    assert not is_finished(tmp_path / "a.duckdb")


def test_a_sound_store_is_finished(tiny_store: Path) -> None:
    assert is_finished(tiny_store)


@pytest.mark.parametrize("kept", [0, 5_000, 100_000])
def test_a_cut_off_store_is_not_taken_for_a_finished_one(
    kept: int, tiny_store: Path, tmp_path: Path
) -> None:
    path = tmp_path / tiny_store.name
    path.write_bytes(tiny_store.read_bytes()[:kept])
    with pytest.raises(StoreError, match=rf"{re.escape(str(path))} was built before.*delete it"):
        is_finished(path)


def test_a_build_does_not_end_at_a_damaged_store(
    tiny_store: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    path = Path(shutil.copy(tiny_store, tmp_path))
    with duckdb.connect(str(path)) as con:
        con.execute("DELETE FROM picture")
    with pytest.raises(StoreError, match="every image has its pictures: not so 30 times"):
        pipeline.run(tiny_recipe, text=tiny_recipe.canonical(), out=tmp_path)


@pytest.mark.usefixtures("fake_backbone")
def test_a_store_that_breaks_a_promise_is_not_published(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "put_banks", lambda _con, _build, _begun: Made())
    monkeypatch.setattr(pipeline, "put_image_layout", lambda _con, _build: lambda: None)
    monkeypatch.setattr(pipeline.assemble, "put_images", lambda _con, _build: None)
    text = test_pipeline.fake_text(shapes)
    with pytest.raises(StoreError, match=r"not published: there are images: not so 1 times"):
        pipeline.run(parse(text), text=text, out=tmp_path)
    assert store.stores(tmp_path) == store.unfinished(tmp_path) == []


@pytest.mark.parametrize(
    "table",
    ["backbone", "build", "code", "concept", "example_group", "image", "picture", "quality"],
)
def test_a_table_without_rows_keeps_no_promise_by_being_empty(
    table: str, tiny_store: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(tiny_store, tmp_path))
    with duckdb.connect(str(path)) as con:
        con.execute(f"DELETE FROM {table}")
    with pytest.raises(StoreError):
        is_finished(path)


def test_what_cannot_be_told_is_no_promise_kept() -> None:
    with duckdb.connect() as con:
        for sql in ("SELECT max(1) WHERE false", "SELECT 0 WHERE false"):
            found = doctor._run(con, doctor._Check("all is well", sql))
            assert found.level == "error"
            assert found.message.startswith("all is well: it cannot be told")
