"""One table of colours: for Python, for Streamlit's own charts and for the browser."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import pytest
from in_node import SAY, folder, needed, run, use
from paths import ROOT

from app.widgets import assets, palette
from app.widgets.palette import MAPS, ColourMap


def test_streamlit_draws_with_the_same_colours() -> None:
    theme = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
    assert tuple(theme["chartCategoricalColors"]) == palette.SERIES
    assert theme["light"]["primaryColor"] == palette.PRIMARY


def test_colours_are_written_down_once() -> None:
    """Everything else names a role. White and black, which stand for no data, have names."""
    typed = {
        str(path.relative_to(ROOT)): re.findall(r"#[0-9A-Fa-f]{6}\b", path.read_text("utf-8"))
        for path in (ROOT / "app").rglob("*")
        if path.suffix in (".py", ".js", ".css") and path.name != "palette.py"
    }
    assert len(typed) > 80
    assert {path: found for path, found in typed.items() if found} == {}


def test_a_faint_colour_is_the_same_one() -> None:
    assert palette.faint("#D55E00", 0.25) == "rgba(213,94,0,0.25)"


@pytest.fixture
def with_a_third_map() -> Iterator[None]:
    """As if the table had one more line."""
    for cached in (folder, assets.module):
        cached.cache_clear()
    MAPS["greys"] = ColourMap("Greys", "FFFFFF 000000")
    yield
    del MAPS["greys"]
    for cached in (folder, assets.module):
        cached.cache_clear()


@needed
@pytest.mark.usefixtures("with_a_third_map")
def test_a_line_in_the_table_is_a_choice_in_the_browser() -> None:
    names, chosen, first, gone, ground = run(
        use("colour", "colour", "mapsFor", "ink")
        + """
        const at = (value, maps) => colour(value, { top: 1, signed: false, maps });
        const out = [mapsFor(false), at(0.5, { magnitude: "greys" }), at(0.5, {}),
          at(0.5, { magnitude: "no more" }),
          ink(2, { sign: 1, signed: false, maps: { magnitude: "greys" } })];"""
        + SAY
    )
    assert names == ["viridis", "greys"]
    assert chosen == [127.5, 127.5, 127.5, 1]
    assert first == gone == [33, 145, 140, 1]
    assert ground == "rgb(0,0,0)"
    assert '"greys"' in assets.module("image_view")


@needed
def test_with_one_map_of_a_kind_there_is_nothing_to_choose() -> None:
    assert run(
        use("map_choice", "mapChoice")
        + "const out = [mapChoice(false, {}), mapChoice(true, {})];"
        + SAY
    ) == [None, None]


@pytest.mark.parametrize("colour_map", MAPS.values(), ids=MAPS)
def test_every_map_reads_and_a_signed_one_has_a_middle(colour_map: ColourMap) -> None:
    steps = colour_map.rgb()
    assert len(steps) >= 2
    assert all(len(step) == 3 for step in steps)
    assert not colour_map.signed or len(steps) % 2 == 1
