"""A build that is watched: the app is opened on it at once, and told how it ended."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.recipe import parse
from data import progress
from precompute import __main__ as command_line
from precompute import ending, parts, pipeline


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """Commands that would have been started, with the state of the build at that time."""
    found: list[tuple[list[str], str]] = []

    def started(command: list[str]) -> Any:
        (status,) = progress.statuses(Path(command[-1]))
        found.append((command, status.state))
        return SimpleNamespace(wait=lambda: found.append((["wait"], "")))

    monkeypatch.setattr(command_line.subprocess, "Popen", started)
    return found


def test_the_app_is_opened_before_the_build_begins(
    apps: list[tuple[list[str], str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def run(*_: object, **__: object) -> Path:
        begun.append(len(apps))
        return tmp_path / "aviary-1.duckdb"

    monkeypatch.setattr(pipeline, "run", run)
    monkeypatch.setattr(ending, "ending", lambda path: f"built {path.name}")

    assert command_line.main(["demo", "--open", "--out", str(tmp_path)]) == 0
    assert begun == [1]
    assert [state for _, state in apps] == ["running", ""]
    assert apps[0][0][-2:] == [str(command_line._APP), str(tmp_path)]
    (status,) = progress.statuses(tmp_path)
    assert (status.name, status.state, status.store) == ("aviary", "done", "aviary-1.duckdb")


def test_the_app_stays_when_the_build_fails(
    apps: list[tuple[list[str], str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*_: object, **__: object) -> Path:
        raise ValueError("there is no model at x")

    monkeypatch.setattr(pipeline, "run", run)

    assert command_line.main(["demo", "--open", "--out", str(tmp_path)]) == 1
    assert apps[-1][0] == ["wait"]
    assert "there is no model at x" in capsys.readouterr().err
    assert progress.statuses(tmp_path)[0].error == "there is no model at x"


def test_a_recipe_is_planned_part_by_part() -> None:
    planned = parts.parts_of(parse(command_line.DEMO.read_text(encoding="utf-8")))

    assert list(planned)[3:8] == [
        f"bank {name}" for name in ("cav", "cav class-level", "nmf", "sae", "random")
    ]
    assert min(planned.values()) > 0
