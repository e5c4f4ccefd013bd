"""What a store says of the methods that made it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from core import concepts, importance, saliency
from data import store
from data.queries import methods
from precompute.heads import HEADS


@pytest.fixture
def con(tiny_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.open_readonly(tiny_store) as opened:
        yield opened


def test_a_store_knows_every_method_in_order(con: duckdb.DuckDBPyConnection) -> None:
    for kind, known in (
        ("bank", concepts.METHODS),
        ("head", HEADS),
        ("importance", importance.METHODS),
        ("saliency", saliency.METHODS),
    ):
        found = methods.methods(con, kind)
        assert list(found) == list(known)
        for name, method in found.items():
            assert (method.title, method.about) == (known[name].title, known[name].about)
            assert method.about.endswith(".")


def test_importance_comes_with_unit_and_sign(con: duckdb.DuckDBPyConnection) -> None:
    sobol = methods.method(con, "importance", "sobol")
    assert (sobol.unit, sobol.signed, sobol.costly) == ("total Sobol index", False, True)
    assert methods.method(con, "importance", "linear").unit == "logits"
    assert methods.method(con, "head", "own").unit == ""


def test_a_method_that_the_build_did_not_know_is_called_by_its_name(
    con: duckdb.DuckDBPyConnection,
) -> None:
    assert methods.method(con, "bank", "foo") == methods.Method("foo", "")
