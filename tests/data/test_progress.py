"""What a build tells while it runs, and what is read of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from data import progress
from data.progress import Status

HALF_WAY = Status(
    "birds",
    100.0,
    115.5,
    parts={"images": 10.0, "bank": 30.0, "saliency": 10.0},
    part="bank",
    part_started=108.0,
    seconds={"images": 5.0},
    step="maps",
    step_started=113.5,
    done=30,
    total=120,
)
"""the bank takes three times what the images took, 15 s, and is half done"""


def test_time_left_follows_from_how_long_parts_take_elsewhere() -> None:
    assert HALF_WAY.share == pytest.approx(0.5)
    assert HALF_WAY.seconds_left == pytest.approx(12.5)
    assert HALF_WAY.rate == pytest.approx(15)


def test_nothing_is_said_of_time_before_there_is_anything_to_say() -> None:
    begun = Status("birds", 100.0, 101.0, parts={"images": 10.0}, part="images", part_started=100.0)

    assert begun.seconds_left is None
    assert begun.rate is None
    assert Status("birds", 100.0, 101.0).share == 0


def test_a_build_tells_what_it_does(tmp_path: Path) -> None:
    with progress.reported(tmp_path, "birds"):
        progress.plan({"images": 1.0, "bank": 2.0})
        progress.part("images")
        progress.show([b"one", b"two"])
        progress.part("bank")
        progress.step("fit nmf")
        progress.note("step 3")
        progress._REPORTER.get().write()
        (now,) = progress.statuses(tmp_path)
        seen = progress.pictures(tmp_path, now)
        progress.finish(tmp_path / "birds-1.duckdb")

    assert (now.state, now.part, now.step, now.note) == ("running", "bank", "fit nmf", "step 3")
    assert list(now.seconds) == ["images"]
    assert seen == [b"one", b"two"]
    (done,) = progress.statuses(tmp_path)
    assert (done.state, done.store) == ("done", "birds-1.duckdb")
    assert list(done.seconds) == ["images", "bank"]


@pytest.mark.parametrize(
    ("error", "state", "told"),
    [
        (ValueError("there is no model at x"), "failed", "there is no model at x"),
        (ZeroDivisionError("by zero"), "failed", "ZeroDivisionError('by zero')"),
        (KeyboardInterrupt(), "stopped", "it was stopped by hand"),
    ],
)
def test_a_build_that_ends_early_says_why(
    tmp_path: Path, error: BaseException, state: str, told: str
) -> None:
    with pytest.raises(type(error)), progress.reported(tmp_path, "birds"):
        raise error

    (status,) = progress.statuses(tmp_path)
    assert (status.state, status.error) == (state, told)
    assert status.seconds_left is None


def test_a_build_that_falls_silent_counts_as_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "progress" / "birds.build"
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(json.dumps(asdict(HALF_WAY)))

    (status,) = progress.statuses(tmp_path)
    assert status.state == "stopped"
    assert "without a word" in status.error


@pytest.mark.parametrize("text", ["", "[1]", '{"name": "other"}', '{"name": "birds"}'])
def test_what_is_no_status_is_passed_over(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "work" / "progress" / "birds.build"
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(text)

    assert progress.statuses(tmp_path) == []


def test_a_name_leads_to_no_other_folder(tmp_path: Path) -> None:
    kept = tmp_path / "work" / "kept"
    kept.mkdir(parents=True)
    with progress.reported(tmp_path, ".."):
        pass

    assert kept.is_dir()


def test_nobody_is_told_where_nobody_asked(tmp_path: Path) -> None:
    progress.plan({"images": 1.0})
    progress.part("images")
    progress.step("read", 1, 2, "images")
    progress.note("slowly")
    progress.show([b"one"])
    progress.finish(tmp_path / "birds.duckdb")

    assert progress.statuses(tmp_path) == []
