"""What people say is kept beside the store, whoever else writes at the same moment."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from data import annotations
from data.annotations import AnnotationError, open_annotations


@pytest.fixture
def notes(tmp_path: Path) -> annotations.Annotations:
    return open_annotations(tmp_path / "birds-12ab.duckdb")


def test_a_name_reads_back_with_who_and_when_and_can_be_taken_back(
    notes: annotations.Annotations,
) -> None:
    assert notes.names("nmf") == {}
    assert not notes.path.exists()  # nothing is created by looking
    notes.set_name("nmf", 3, name="  red\nbreast ", note="a\r\nb", who="Ada", bookmark=True)
    notes.set_name("sae", 3, name="other bank")
    found = notes.names("nmf")
    assert list(found) == [3]
    assert (found[3].name, found[3].note, found[3].who) == ("red breast", "a\nb", "Ada")
    assert found[3].bookmark
    assert found[3].when.startswith("20")
    assert notes.path.name == "birds-12ab.annotations.json"
    notes.set_name("nmf", 3, name="")
    assert notes.names("nmf") == {}
    assert notes.names("sae")[3].name == "other bank"


def test_edit_sets_are_listed_by_name_replaced_and_deleted(
    notes: annotations.Annotations,
) -> None:
    notes.save_edit_set("b", {"e": "1:2", "h": "cav"}, who="Ada")
    notes.save_edit_set("A", {"e": "3:4"})
    notes.save_edit_set("b", {"e": "5:6"})
    assert [(s.name, s.query) for s in notes.edit_sets()] == [
        ("A", {"e": "3:4"}),
        ("b", {"e": "5:6"}),
    ]
    notes.delete_edit_set("A")
    notes.delete_edit_set("A")
    assert [s.name for s in notes.edit_sets()] == ["b"]
    with pytest.raises(AnnotationError, match="needs a name"):
        notes.save_edit_set(" \u202e ", {})
    with pytest.raises(AnnotationError, match="longer than"):
        notes.save_edit_set("long", {"e": "9" * annotations.LONGEST_QUERY})


def _write(path: Path, worker: int) -> None:
    notes = open_annotations(path)
    for i in range(8):
        notes.set_name("nmf", 10 * worker + i, name=f"{worker}-{i}")


def test_several_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(path, w)) for w in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(open_annotations(path).names("nmf")) == 24
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '{"format": 9}',
        '{"format": 1, "names": {"b": {"x": {}}}, "edit_sets": {}}',
        '{"format": 1, "names": {}, "edit_sets": {"a": {"name": "a", "query": {"e": 1},'
        ' "who": "", "when": ""}}}',
    ],
)
def test_a_broken_file_is_told_and_left_as_it_is(notes: annotations.Annotations, text: str) -> None:
    notes.path.write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"birds-12ab.*damaged.*move it away"):
        notes.edit_sets()
    with pytest.raises(AnnotationError, match="damaged"):
        notes.set_name("nmf", 1, name="x")
    assert notes.path.read_text(encoding="utf-8") == text


def test_a_folder_that_cannot_be_written_is_told(
    notes: annotations.Annotations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    notes.set_name("nmf", 1, name="kept")
    monkeypatch.setattr(annotations.os, "replace", refuse)
    with pytest.raises(AnnotationError, match=r"beside the store.*Permission denied"):
        notes.set_name("nmf", 1, name="lost")
    monkeypatch.undo()
    assert notes.names("nmf")[1].name == "kept"
    assert not list(notes.path.parent.glob("*.partial"))


def test_the_file_is_plain_json(notes: annotations.Annotations) -> None:
    notes.set_name("bank <b>", 1, name="Vögel")
    held = json.loads(notes.path.read_text(encoding="utf-8"))
    assert held["names"]["bank <b>"]["1"]["name"] == "Vögel"
    assert held["store"] == "birds-12ab"
