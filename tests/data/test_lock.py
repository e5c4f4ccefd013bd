"""What two processes would write together, one writes after the other; a killed one frees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paths import ROOT

from data import lock

HOLDS = """
import sys, time
from pathlib import Path
from data import lock

with lock.alone(Path(sys.argv[1]), "builds", lambda sentence: None):
    print("inside", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holding(target: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has `target` until a line is written to it."""
    command = [sys.executable, "-c", HOLDS, str(target)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "inside\n"
        yield process
        process.kill()


def test_a_second_one_waits_and_hears_who_is_at_work(tmp_path: Path) -> None:
    target, said = tmp_path / "deep" / "work", list[str]()
    with holding(target) as process:

        def tell(sentence: str) -> None:
            said.append(sentence)
            process.stdin.write("\n")
            process.stdin.flush()

        assert lock.holder(target).startswith(f"process {process.pid}, since 20")
        with lock.alone(target, "builds from these images", tell):
            assert process.wait(10) == 0
    (sentence,) = said
    assert sentence.startswith(f"process {process.pid}, since 20")
    assert sentence.endswith(" builds from these images; waiting until it has finished")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill so abruptly")
def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    target = tmp_path / "work"
    with holding(target) as process:
        with lock.alone(target, "builds", lambda _: os.kill(process.pid, signal.SIGKILL)):
            assert process.wait(10) == -signal.SIGKILL
        assert lock.holder(target) == ""


def test_who_holds_it_learns_that_another_waits(tmp_path: Path) -> None:
    target = tmp_path / "work"
    with lock.alone(target, "builds", pytest.fail) as held:
        assert not held.awaited()
        command = [sys.executable, "-c", HOLDS, str(target)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
            while not held.awaited():
                time.sleep(0.02)
            process.kill()
        assert not held.awaited()


def test_nothing_stays_beside_what_was_written(tmp_path: Path) -> None:
    target = tmp_path / "work"
    with lock.alone(target, "builds", pytest.fail):
        assert lock.holder(target).startswith(f"process {os.getpid()}, since")
    assert lock.holder(target) == ""
    with pytest.raises(RuntimeError, match="half way"), lock.alone(target, "builds", pytest.fail):
        raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []


def test_other_targets_are_free(tmp_path: Path) -> None:
    with (
        lock.alone(tmp_path / "a", "builds", pytest.fail),
        lock.alone(tmp_path / "b", "builds", pytest.fail),
    ):
        assert lock.holder(tmp_path / "c") == ""
