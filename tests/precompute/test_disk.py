"""What a stopped build left is found and removed, and what a running one writes is let alone.

A full disk is told in a sentence.
"""

from __future__ import annotations

import errno
import io
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
from paths import ROOT
from PIL import Image
from safetensors import SafetensorError

from data import lock, store, write
from data.datasets import unpacked
from precompute import __main__ as command_line
from precompute.disk import full, leftovers, remove


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A finished store, one that was not finished, work of two builds, copies and half a model."""
    for name in ("work/0123", "work/4567", "work/corrupted-89", "models/.aviary-1.building"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "tokens.npy").write_bytes(bytes(500_000))
    for name in ("a.duckdb", "b.duckdb.building", "b.duckdb.building.wal", "a.annotations.json"):
        (tmp_path / name).write_bytes(bytes(250_000))
    return tmp_path


def names(out: Path) -> list[str]:
    return [item.path.relative_to(out).as_posix() for item in leftovers(out)]


def test_what_stopped_builds_left_is_listed_with_its_size(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["clean", "--out", str(out)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in told] == [["0.5", "MB"]] * 5 + [["2.5", "MB"]]
    assert "--remove" in told[-1]
    assert (out / "b.duckdb.building").exists()


def test_they_are_removed_and_nothing_else(out: Path) -> None:
    assert command_line.main(["clean", "--remove", "--out", str(out)]) == 0
    left = {path.relative_to(out).as_posix() for path in out.rglob("*")}
    assert left == {"a.duckdb", "a.annotations.json", "work", "models"}
    assert leftovers(out) == []


def test_what_is_being_written_is_not_left_over(out: Path) -> None:
    with lock.alone(out / "b.duckdb", "builds", pytest.fail):
        assert "b.duckdb.building" not in names(out)
    with lock.alone(out / "work" / "0123", "builds", pytest.fail):
        # altered images may be those that it reads
        assert names(out) == ["b.duckdb.building", "work/4567", "models/.aviary-1.building"]
    with lock.alone(out / "models" / "aviary-1", "trains", pytest.fail):
        assert "models/.aviary-1.building" not in names(out)
    assert len(names(out)) == 5


@pytest.fixture
def read_out(tmp_path: Path) -> Path:
    """Birds that were drawn and half drawn, and images read out of a larger file."""
    for name in ("aviary/aviary-12ab", "aviary/.aviary-34cd.567", "unpacked/shards-89ef"):
        (tmp_path / name / "images").mkdir(parents=True)
        (tmp_path / name / "images" / "a.jpg").write_bytes(bytes(500_000))
    return tmp_path


def test_half_drawn_birds_and_images_read_out_are_found_and_removed(
    read_out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert names(read_out) == ["aviary/.aviary-34cd.567", "unpacked/shards-89ef"]
    assert command_line.main(["clean", "--out", str(read_out)]) == 0
    assert len(names(read_out)) == 2
    assert "1.0 MB in 2 places" in capsys.readouterr().out
    assert command_line.main(["clean", "--remove", "--out", str(read_out)]) == 0
    left = {path.relative_to(read_out).as_posix() for path in read_out.rglob("*.jpg")}
    assert left == {"aviary/aviary-12ab/images/a.jpg"}


_USES = """
import sys
from pathlib import Path
from data import lock
lock.use(Path(sys.argv[1]), print)
print("used", flush=True)
sys.stdin.read()
"""


def test_what_another_process_uses_stays_until_that_ends(read_out: Path) -> None:
    folder = read_out / "unpacked" / "shards-89ef"
    (found,) = [item for item in leftovers(read_out) if item.path == folder]
    with subprocess.Popen(
        [sys.executable, "-c", _USES, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "used\n"
        assert names(read_out) == ["aviary/.aviary-34cd.567"]
        told: list[str] = []
        remove(found, told.append)  # listed before the other process began
        assert folder.exists()
        assert "stays" in told[-1]
        process.kill()
    assert "unpacked/shards-89ef" in names(read_out)
    assert [p.name for p in folder.parent.iterdir()] == ["shards-89ef"]
    with lock.alone(read_out / "aviary" / ".aviary-34cd.567", "draws birds", pytest.fail):
        assert names(read_out) == ["unpacked/shards-89ef"]


def test_readers_keep_what_they_read_out(tmp_path: Path) -> None:
    """As long as this process runs, for a build may come back to the images."""
    source = unpacked.Source("a", "a.tar", tmp_path / "unpacked" / "a-1", [held("x"), held("y")])
    unpacked.unpacked(source, limit=0)
    assert leftovers(tmp_path) == []


def held(name: str) -> unpacked.Held:
    content = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(content, "PNG")
    return unpacked.Held(name, name, "", content.getvalue)


def test_a_folder_without_builds_has_nothing_left_over(tmp_path: Path) -> None:
    assert leftovers(tmp_path / "absent") == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("8000 requested and 4096 written"),
        SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        ),
        duckdb.IOException('IO Error: Could not write file "a": No space left on device'),
        duckdb.TransactionException("Failed to commit: Could not write: No space left on device"),
    ],
    ids=["the system", "NumPy", "safetensors", "DuckDB", "DuckDB, at a commit"],
)
def test_a_full_disk_is_told_in_a_sentence(
    error: Exception,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_options: object) -> int:
        raise error

    assert write.ends_build(error, taken_back=False)
    monkeypatch.setitem(command_line._COMMANDS, "clean", fail)
    assert command_line.main(["clean", "--out", str(tmp_path / "absent")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: the disk that holds {tmp_path / 'absent'} is full (")
    assert "the same command goes on" in line


def test_numpy_says_so_in_the_words_that_are_looked_for() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no disk that is always full")
    with pytest.raises(OSError) as told, Path("/dev/full").open("wb", buffering=0) as file:
        np.zeros(10_000).tofile(file)
    assert full(told.value, Path("/"))


def test_other_errors_are_not_taken_for_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_options: object) -> int:
        raise duckdb.BinderException("no such column")

    assert full(ValueError("the model is full of holes"), tmp_path) == ""
    monkeypatch.setitem(command_line._COMMANDS, "clean", fail)
    with pytest.raises(duckdb.BinderException):
        command_line.main(["clean"])


def test_a_build_that_fails_leaves_no_unfinished_store(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), store.build(tmp_path / "a.duckdb"):
        raise KeyboardInterrupt
    assert leftovers(tmp_path) == []
