"""A changed byte anywhere in what a build reads is another build."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import remembered
from data.datasets import Dataset
from precompute.intake import contents
from precompute.intake.contents import content_hash, content_hashes
from precompute.intake.identity import fingerprint_data, fingerprint_files

LONG = 100_000
"""bytes: more than anything that looks at the ends of a file alone would read"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{i}.jpg" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(bytes([i]) * LONG)
        _age(path)
    return paths


@pytest.fixture
def dataset(tmp_path: Path, files: list[Path]) -> Dataset:
    rows = {"image_id": range(3), "file": [f.name for f in files], "label": "a", "split": "train"}
    masks = pd.DataFrame(
        {
            "image_id": [0],
            "part": ["wing"],
            "height": [100],
            "width": [50],
            "runs": [np.arange(5_000)],
        }
    )
    return Dataset("by hand", tmp_path, pd.DataFrame(rows), masks=masks)


def _age(path: Path) -> None:
    """An hour old, as a file that was not just written."""
    past = path.stat().st_mtime_ns - 3_600_000_000_000
    os.utime(path, ns=(past, past))


def _change_middle(path: Path) -> None:
    """One byte, as long as before and as old as before."""
    before = path.stat()
    held = bytearray(path.read_bytes())
    held[LONG // 2] ^= 1
    path.write_bytes(held)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_byte_in_the_middle_of_an_image_counts(
    dataset: Dataset, files: list[Path], tmp_path: Path
) -> None:
    work = tmp_path / "work"
    before = fingerprint_data(dataset, work)
    assert fingerprint_data(dataset, work) == before
    _change_middle(files[1])
    assert fingerprint_data(dataset, work) != before


def test_the_middle_of_a_mask_counts(dataset: Dataset, tmp_path: Path) -> None:
    other = dataset.masks.assign(runs=[np.where(np.arange(5_000) == 2_500, 0, np.arange(5_000))])
    changed = replace(dataset, masks=other)
    assert fingerprint_data(changed, tmp_path) != fingerprint_data(dataset, tmp_path)


def test_a_byte_in_the_middle_of_a_file_or_of_one_in_a_folder_counts(
    files: list[Path], tmp_path: Path
) -> None:
    of_file, of_folder = fingerprint_files(files[0]), fingerprint_files(tmp_path)
    _change_middle(files[0])
    assert fingerprint_files(files[0]) != of_file
    assert fingerprint_files(tmp_path) != of_folder


def test_a_file_that_stayed_as_it_was_is_read_once(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "_SETTLED", 0)
    known, read = tmp_path / "work" / "known.json", list[Path]()
    plain = contents._read
    monkeypatch.setattr(contents, "_read", lambda path: read.append(path) or plain(path))
    first = content_hashes(files, known)
    assert sorted(read) == files
    assert content_hashes(files, known) == first == [content_hash(path) for path in files]
    read.clear()
    content_hashes(files, known)
    assert read == []
    _change_middle(files[2])
    assert content_hashes(files, known)[:2] == first[:2]
    assert read == [files[2]]


def test_a_file_written_just_now_is_read_again(files: list[Path], tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    content_hashes(files, known)  # all of them were made by this test
    assert not known.exists()


@pytest.mark.parametrize("held", ["", "{", "[1]", '{"a": 1}', '{"a": {"b": 1}}'])
def test_a_damaged_list_of_contents_costs_time_alone(
    held: str, files: list[Path], tmp_path: Path
) -> None:
    known = tmp_path / "known.json"
    known.write_text(held, encoding="utf-8")
    assert content_hashes(files, known) == [content_hash(path) for path in files]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    paths = [pipe, tmp_path / "absent.jpg", tmp_path]
    assert content_hashes(paths, tmp_path / "known.json") == ["unreadable"] * 3
    assert content_hash(pipe) == "unreadable"
