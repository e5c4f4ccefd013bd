"""A shard counts as done only if every file of it is there as it was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from precompute.intake import shards


def work(_i: int, folder: Path) -> dict[str, Any]:
    (folder / "numbers.bin").write_bytes(b"12345678")
    return {"n": 8}


def made(folder: Path) -> int:
    """How often the shard is worked by one run."""
    calls = []

    def counted(i: int, out: Path) -> dict[str, Any]:
        calls.append(i)
        return work(i, out)

    shards.run_shards("shards", [folder], counted, units=[8])
    return len(calls)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: cut(folder / "numbers.bin"),
        lambda folder: (folder / "numbers.bin").unlink(),
        lambda folder: cut(folder / shards.FACTS),
        lambda folder: (folder / shards.FACTS).unlink(),
        lambda folder: (folder / shards.FACTS).write_text("{}"),
    ],
    ids=["cut off", "missing", "facts cut off", "no facts", "other facts"],
)
def test_a_damaged_shard_is_made_again(damage: Callable[[Path], Any], tmp_path: Path) -> None:
    folder = tmp_path / "00000"
    assert (made(folder), made(folder)) == (1, 0)
    damage(folder)
    assert not shards.is_whole(folder)
    assert (made(folder), made(folder)) == (1, 0)
    assert (folder / "numbers.bin").read_bytes() == b"12345678"
    assert shards.facts_of(folder)["n"] == 8
