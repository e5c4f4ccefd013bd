"""While tests run, the types of every function's arguments are checked in the app as elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from jaxtyping import TypeCheckError

from app import format
from app.views.concepts import tree
from app.widgets import palette


def test_an_argument_of_another_type_is_refused() -> None:
    wrong: Any = "0.5"
    with pytest.raises(TypeCheckError, match=r"app\.format\.percent"):
        format.percent(wrong)
    with pytest.raises(TypeCheckError, match=r"app\.views\.concepts\.tree"):
        tree.kind(wrong)
    with pytest.raises(TypeCheckError, match=r"app\.widgets\.palette"):
        palette.faint("#000000", wrong)


def test_a_whole_number_is_a_number() -> None:
    assert format.percent(1) == "100 %"
