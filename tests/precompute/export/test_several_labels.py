"""Exports of a store whose images carry several labels, read again."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import fake_labels
import pytest

from data.datasets import load
from data.datasets.multi_label import marks_by_image
from data.store import open_readonly
from precompute.export import export_fiftyone, export_images


def known(store: Path) -> dict[str, dict[str, bool]]:
    """By file."""
    with open_readonly(store) as con:
        rows = con.execute(
            "SELECT file, name, present FROM image_class JOIN image USING (image_id) "
            "JOIN class ON class.class_id = image_class.class_id WHERE present IS NOT NULL"
        ).fetchall()
    out: dict[str, dict[str, bool]] = {}
    for file, name, present in rows:
        out.setdefault(file, {})[name] = present
    return out


def test_fiftyone_gets_lists_and_what_is_unknown_apart(labels_store: Path, tmp_path: Path) -> None:
    export_fiftyone(labels_store, tmp_path / "out", concepts=1)
    samples = json.loads((tmp_path / "out" / "samples.json").read_text())["samples"]
    truth = known(labels_store)

    def names(sample: dict, field: str) -> set[str] | None:
        if field not in sample:
            return None
        assert sample[field]["_cls"] == "Classifications"
        return {one["label"] for one in sample[field]["classifications"]}

    for sample in samples:
        marks = truth[sample["file"]]
        assert names(sample, "ground_truth") == {n for n, shown in marks.items() if shown}
        unknown = set(fake_labels.LABELS) - set(marks)
        assert (names(sample, "ground_truth_unknown") or set()) == unknown
    with open_readonly(labels_store) as con:
        said = con.execute(
            "SELECT file, list(class.name), list(prob) FROM label_prediction JOIN class "
            "USING (class_id) JOIN image USING (image_id) JOIN head USING (head_id) "
            "WHERE head.name = 'nmf · sparse' GROUP BY file"
        ).fetchall()
    by_file = {sample["file"]: sample for sample in samples}
    for file, wanted, _ in said:
        assert names(by_file[file], "head_nmf_sparse") == set(wanted)


def test_what_is_exported_for_datasets_is_a_multi_label_set_again(
    labels_store: Path, tmp_path: Path
) -> None:
    library = pytest.importorskip("datasets", reason="needs the package datasets")
    library.disable_progress_bars()
    export_images(labels_store, tmp_path / "out")

    again = load(
        "huggingface", tmp_path / "out", options={"label": "label"}, work=tmp_path / "work"
    )

    assert again.labels == tuple(sorted(fake_labels.LABELS))
    marks = marks_by_image(again.carried, again.images["image_id"].tolist())
    truth = known(labels_store)
    with open_readonly(labels_store) as con:
        order = {
            split: [file for (file,) in _files(con, split)] for split in ("train", "val", "test")
        }
    for file, found in zip(again.images["file"], marks, strict=True):
        split, number = file.split("/")
        split = "val" if split == "validation" else split
        mine = truth[order[split][int(number.split(".")[0])]]
        for name, shown in mine.items():
            assert found[name] == shown


def _files(con: duckdb.DuckDBPyConnection, split: str) -> list[tuple[str]]:
    return con.execute(
        "SELECT file FROM image WHERE split = $split ORDER BY image_id", {"split": split}
    ).fetchall()
