"""What fails in one part of a build is told, and what nothing survives ends it."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from typing import NoReturn

import duckdb
import numpy as np
import pytest

from core.maps import restore
from precompute.intake.log import Log

pytestmark = pytest.mark.usefixtures("faults_are_notices")


def raised(error: Exception) -> Callable[[], NoReturn]:
    def fails() -> NoReturn:
        raise error

    return fails


def attempted(part: Callable[[], object], **more: str) -> str:
    log = Log()
    with log.attempt("banks", "nmf", **more):
        part()
    ((stage, subject, message),) = log.notices
    assert (stage, subject) == ("banks", "nmf")
    return message


def test_a_reason_that_is_meant_for_people_stands_alone() -> None:
    assert attempted(lambda: int("x")).startswith("invalid literal")
    log = Log()
    log.notice("banks", "nmf", ValueError("ask for fewer"))
    assert log.notices == [("banks", "nmf", "ask for fewer")]


def test_any_other_fault_says_where_it_comes_from() -> None:
    one = np.array([5])
    message = attempted(lambda: restore(one, one, one, np.ones(1), n_tokens=4))

    assert message.startswith("it stopped unexpectedly with IndexError: ")
    assert "(core/maps.py line " in message
    assert "/work" not in message
    assert "Traceback" not in message
    assert attempted(raised(KeyError("id2label")), undone="no head") == (
        "no head: it stopped unexpectedly with KeyError: 'id2label'"
    )


def test_a_long_message_is_cut() -> None:
    assert len(attempted(raised(RuntimeError("x\n" * 9_999)))) < 600


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("8 TB"),
        OSError(errno.ENOSPC, "no room"),
        duckdb.IOException("disk"),
        duckdb.ConversionException("half a part may be written"),
        type("OutOfMemoryError", (RuntimeError,), {})("of a GPU"),
        KeyboardInterrupt("stop"),
    ],
    ids=str,
)
def test_what_no_part_survives_ends_the_build(error: BaseException) -> None:
    log = Log()
    with (
        pytest.raises(BaseException, match=re.escape(str(error))) as found,
        log.attempt("banks", "nmf"),
    ):
        raised(error)()

    assert log.notices == []
    assert not isinstance(found.value, RuntimeError)


@pytest.mark.parametrize("error", [KeyError("y"), duckdb.ConversionException("z")])
def test_what_a_part_wrote_before_it_failed_is_taken_back(error: Exception) -> None:
    log = Log()
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (i INTEGER)")
        for value, fails in ((1, None), (2, error), (3, None)):
            with log.attempt("banks", str(value), con):
                con.execute("INSERT INTO t VALUES ($i)", {"i": value})
                if fails:
                    raise fails
        assert con.execute("FROM t ORDER BY i").fetchall() == [(1,), (3,)]
    assert [subject for _, subject, _ in log.notices] == ["2"]


def test_one_reason_is_told_once_with_all_that_it_concerned() -> None:
    log = Log()
    for subject in ("nmf · sparse", "pca · sparse", "nmf · sparse"):
        with log.attempt("heads", subject):
            raise ValueError("too few images")
    log.notice("heads", "linear probe", ValueError("no label"))
    log.notice("measure", "nmf", ValueError("too few images"))
    assert log.told() == [
        ("heads", "nmf · sparse, pca · sparse", "too few images"),
        ("heads", "linear probe", "no label"),
        ("measure", "nmf", "too few images"),
    ]
