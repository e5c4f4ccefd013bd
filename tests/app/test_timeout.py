"""A question without an end is stopped; one that comes to its end is not."""

from __future__ import annotations

import time

import duckdb
import pytest

from app.timeout import Timeout

ENDLESS = """
WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r
"""


def test_an_endless_question_is_stopped() -> None:
    timeout = Timeout(0.2)
    with duckdb.connect() as con:
        started = time.monotonic()
        with pytest.raises(duckdb.InterruptException):
            timeout.limit(con.cursor()).execute(ENDLESS)
        assert time.monotonic() - started < 10

        timeout.limit(con.cursor()).close()
        later = timeout.limit(con.cursor())
        time.sleep(0.4)
        assert later.execute("SELECT 1").fetchall() == [(1,)]
