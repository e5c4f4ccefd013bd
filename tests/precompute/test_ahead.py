"""Parts made on a second thread: in order, no further ahead than allowed, and stopped in time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from data import progress
from precompute.ahead import DEPTH, Task, begun


def until(condition: threading.Event) -> None:
    assert condition.wait(10), "the other thread did not come so far"


def test_tasks_are_made_in_order_on_another_thread_and_not_too_far_ahead() -> None:
    started: list[int] = []
    threads: set[int] = set()
    there = [threading.Event() for _ in range(6)]

    def make(i: int) -> int:
        started.append(i)
        threads.add(threading.get_ident())
        there[i].set()
        return i * i

    with begun([Task(lambda i=i: make(i)) for i in range(6)]) as ahead:  # type: ignore[misc]
        until(there[DEPTH - 1])
        time.sleep(0.05)
        assert started == [*range(DEPTH)]
        for i in range(6):
            assert ahead.take(i) == i * i
            if i + DEPTH < 6:
                until(there[i + DEPTH])
                time.sleep(0.02)
                assert started == [*range(i + DEPTH + 1)]
    assert threading.get_ident() not in threads
    assert len(threads) == 1


def test_what_a_task_raises_is_raised_where_it_is_taken() -> None:
    def fail() -> int:
        raise ValueError("no bank of one concept")

    with begun([Task(fail), Task(lambda: 1)]) as ahead:
        with pytest.raises(ValueError, match="no bank of one concept"):
            ahead.take(0)
        assert ahead.take(1) == 1


def test_a_task_that_must_not_run_beside_others_is_made_when_it_is_taken() -> None:
    made: list[int] = []
    with begun(
        [Task(lambda: 0), Task(lambda: made.append(threading.get_ident()), beside=False)]
    ) as ahead:
        assert ahead.take(0) == 0
        assert not made
        ahead.take(1)
    assert made == [threading.get_ident()]


def test_such_a_task_is_made_while_no_other_is() -> None:
    """They may write the same files."""
    busy: list[str] = []
    together: list[list[str]] = []
    running = threading.Event()

    def make(name: str) -> None:
        busy.append(name)
        running.set()
        time.sleep(0.05)
        together.append(list(busy))
        busy.remove(name)

    tasks = [
        Task(lambda: make("first"), beside=False),
        Task(lambda: make("second")),
        Task(lambda: make("third"), beside=False),
    ]
    with begun(tasks) as ahead:
        until(running)  # the second is being made
        for i in range(3):
            ahead.take(i)
    assert together == [["second"], ["first"], ["third"]]


def test_a_build_that_ends_early_does_not_wait_for_the_rest() -> None:
    running = threading.Event()
    ended: list[str] = []

    def endless() -> None:
        running.set()
        try:
            while True:
                progress.note("another step")
                time.sleep(0.01)
        except progress.Abandoned:
            ended.append("stopped")
            raise

    def stopped_by_hand() -> None:
        with begun([Task(endless)]):
            until(running)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_by_hand()
    assert ended == ["stopped"]


def test_its_steps_are_shown_only_while_the_build_waits_for_it(tmp_path: Path) -> None:
    go, stepped = threading.Event(), threading.Event()

    def make() -> None:
        progress.step("fit the next bank")
        stepped.set()
        until(go)
        progress.step("maps of the next bank")
        seen.append(progress._REPORTER.get().status.step)  # type: ignore[union-attr]

    seen: list[str] = []
    with progress.reported(tmp_path, "tiny"):
        progress.step("measure this bank")
        with begun([Task(make)]) as ahead:
            until(stepped)
            reporter = progress._REPORTER.get()
            assert reporter
            assert reporter.status.step == "measure this bank"
            threading.Timer(0.1, go.set).start()
            ahead.take(0)
    assert seen == ["maps of the next bank"]
