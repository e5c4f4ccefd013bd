"""Two builds at once: none kills the other, and what one has done the other finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import ROOT

from data import store
from precompute import doctor
from tests.precompute import test_pipeline

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

BANKS = ('method = "pca"\nn_concepts = 3', 'method = "pca"\nn_concepts = 4')


class Builds:
    """Builds that go on when they are told to; see `two_builds.py`."""

    def __init__(self, process: subprocess.Popen[str], out: Path) -> None:
        self.process, self.out = process, out
        self.hear("ready")

    def start(self, name: str, recipe: Path) -> None:
        self.process.stdin.write(f"start {name} {recipe}\n")
        self.process.stdin.flush()

    def hear(self, *expected: str) -> list[tuple[str, int]]:
        """The next lines begin so, in any order; the rest of each, and the process that says it."""
        said = dict[str, tuple[str, int]]()
        for _ in expected:
            line, _, pid = self.process.stdout.readline().rpartition(" | ")
            begins = [e for e in expected if line.startswith(e)]
            assert begins, line
            said[begins[0]] = (line.removeprefix(begins[0]).strip(), int(pid))
        return [said[e] for e in expected]

    def release(self, name: str) -> None:
        (self.out / f"{name}.go").touch()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builds]:
    out = tmp_path_factory.mktemp("out")
    command = [sys.executable, str(Path(__file__).with_name("two_builds.py")), str(out)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    with subprocess.Popen(
        command,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield Builds(process, out)
        process.kill()


@pytest.fixture(scope="module")
def recipes(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of one data set, each with a bank of its own."""
    folder = tmp_path_factory.mktemp("recipes")
    paths = [folder / f"{i}.toml" for i in range(2)]
    for path, bank in zip(paths, BANKS, strict=True):
        path.write_text(test_pipeline.fake_text(shapes, bank), encoding="utf-8")
    return paths


def sound(path: Path) -> bool:
    return not [f for f in doctor.examine(path) if f.level == "error"]


def test_the_same_recipe_twice_is_built_once(running: Builds, recipes: list[Path]) -> None:
    running.start("first", recipes[0])
    ((_, pid),) = running.hear("first inside")
    running.start("second", recipes[0])
    ((sentence, _),) = running.hear("second waits")
    assert sentence.startswith(f"process {pid}, since ")
    assert "builds from these images" in sentence
    assert store.stores(running.out) == []
    running.release("first")
    (first, _), (second, _) = running.hear("first ended", "second ended")
    (path,) = store.stores(running.out)
    assert first == second == path.name
    assert sound(path)
    assert list((running.out / "work").iterdir()) == []
    path.unlink()


def test_another_recipe_uses_the_activations_of_the_one_it_waited_for(
    running: Builds, recipes: list[Path]
) -> None:
    running.start("one", recipes[0])
    running.hear("one inside")
    running.start("other", recipes[1])
    running.hear("other waits")
    running.release("other")
    running.release("one")
    _, (shown, _) = running.hear("one ended", "other inside")
    assert shown == "0"
    running.hear("other ended")
    assert len(store.stores(running.out)) == 2
    assert all(sound(path) for path in store.stores(running.out))
    assert list((running.out / "work").iterdir()) == []
    for path in store.stores(running.out):
        path.unlink()


def test_a_killed_build_is_taken_over_by_the_one_that_waits(
    running: Builds, recipes: list[Path]
) -> None:
    running.start("killed", recipes[0])
    ((_, pid),) = running.hear("killed inside")
    running.start("heir", recipes[0])
    running.hear("heir waits")
    assert len(store.unfinished(running.out)) == 1
    running.release("heir")
    os.kill(pid, signal.SIGKILL)
    (shown, _), (heir, _) = running.hear("heir inside", "heir ended")
    (path,) = store.stores(running.out)
    assert (shown, heir) == ("0", path.name)
    assert sound(path)
    assert store.unfinished(running.out) == []
    assert {entry.suffix for entry in running.out.iterdir()} == {".duckdb", ".go", ""}
