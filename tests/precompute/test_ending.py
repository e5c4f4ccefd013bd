"""The console says what is in the store and what is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from data.store import open_readonly
from precompute.ending import ending


def test_a_person_is_told_what_there_is_and_what_was_left_out(
    tiny_store: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(tiny_store, tmp_path / "copy.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute("INSERT INTO notice VALUES ('banks', 'nmf', 'it needs activations >= 0')")
    with open_readonly(path) as con:
        ((n, n_skipped, layer, why),) = con.execute(
            "SELECT n_images, n_skipped, layer, why FROM build, backbone"
        ).fetchall()
        splits = con.execute("SELECT split, count(*) FROM image GROUP BY ALL").fetchall()
        banks = con.execute("SELECT name, n_concepts FROM bank").fetchall()
        ((file,),) = con.execute("SELECT file FROM skipped").fetchall()
    text = " ".join(ending(path).split())
    assert f"{n} images (" in text
    for split, count in splits:
        assert f"{count} {split}" in text
    for name, k in banks:
        assert f"{name} ({k} concepts)" in text
    assert f"layer {layer}: {why}" in text
    assert n_skipped == 1
    assert f"1 file skipped: {file}" in text
    assert text.endswith("left out: banks, nmf: it needs activations >= 0")


def test_labels_that_do_not_exclude_each_other_are_not_called_classes(labels_store: Path) -> None:
    with open_readonly(labels_store) as con:
        ((n,),) = con.execute("SELECT count(*) FROM class WHERE labelled").fetchall()
    text = " ".join(ending(labels_store).split())
    assert f"), {n} labels of images, " in text
