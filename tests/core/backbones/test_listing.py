"""A family is one line: it opens, lists its layer and is reached by recipe and command line."""

from __future__ import annotations

from typing import Any

import fakes
import pytest

from core import backbones
from core.backbones import LayerInfo
from core.types import Grid
from precompute import __main__ as command_line
from precompute import arguments


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a family called "flat" was opened with."""
    asked: list[dict[str, Any]] = []

    def load(model: str, **options: Any) -> fakes.FakeBackbone:
        asked.append({"model": model, **options})
        return fakes.FakeBackbone()

    monkeypatch.setitem(backbones.BACKBONES, "flat", load)
    return asked


def test_a_family_that_gives_one_layer_lists_it(opened: list[dict[str, Any]]) -> None:
    found = backbones.list_layers("weights", family="flat", size=(12, 20)).layers

    assert found == [
        LayerInfo("patches", "tokens", Grid(3, 5), 7, 0, True, "the layer that its family gives")
    ]
    assert opened == [{"model": "weights", "layer": "", "size": (12, 20), "device": "cpu"}]


def test_the_layers_command_asks_the_family(
    opened: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["layers", "weights", "--family", "flat"]) == 0
    assert opened
    assert "patches" in capsys.readouterr().out


def test_a_flag_puts_the_family_into_the_recipe() -> None:
    given = ["run", "--images", ".", "--model", "weights", "--family", "flat"]
    recipe, text = arguments.recipe(arguments.parser().parse_args(given))

    assert recipe.backbone.family == "flat"
    assert 'family = "flat"' in text


def test_without_the_flag_the_recipe_is_what_it_was() -> None:
    given = ["run", "--images", ".", "--model", "weights"]
    recipe, text = arguments.recipe(arguments.parser().parse_args(given))

    assert recipe.backbone.family == "huggingface"
    assert "family" not in text
