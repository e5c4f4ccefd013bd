"""Charts look alike because one place lays them out."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import pytest
from paths import ROOT

from app.widgets import figures, palette


def test_titles_carry_their_unit() -> None:
    assert figures.axis("accuracy", "%")["title"] == "accuracy, %"
    assert figures.axis("score", "code", dtick=1) == {"title": "score (code)", "dtick": 1}
    assert figures.axis("rank")["title"] == "rank"


def test_a_page_may_overrule_one_setting_and_keeps_the_others() -> None:
    drawn = figures.styled(
        go.Figure(), height=200, x={}, y={}, margin_t=50, legend_traceorder="normal"
    ).layout
    assert (drawn.margin.t, drawn.margin.r) == (50, 10)
    assert (drawn.legend.traceorder, drawn.legend.orientation) == ("normal", "h")


def test_ground_and_letters_are_left_to_the_theme() -> None:
    drawn = figures.styled(go.Figure(), height=200, x=figures.axis("x"), y={}).to_plotly_json()
    told = set(drawn["layout"]) - {"template"}
    assert told == {"height", "margin", "legend", "xaxis", "minreducedwidth"}


@pytest.mark.parametrize("on", ["x", "y"])
def test_a_level_lies_at_its_value_and_says_so(on: str) -> None:
    figure = go.Figure()
    figures.level(figure, 0.5, on=on, text="chance 0.5")  # type: ignore[arg-type]
    line, words = figure.layout.shapes[0], figure.layout.annotations[0]
    assert line[f"{on}0"] == line[f"{on}1"] == words[on] == 0.5
    assert words.text == "chance 0.5"
    assert line.line.color == palette.CHANCE


def test_intervals_are_lengths_from_the_value() -> None:
    bars = figures.interval(pd.Series([0.2]), pd.Series([0.5]), pd.Series([0.6]))
    assert bars["array"][0] == pytest.approx(0.1)
    assert bars["arrayminus"][0] == pytest.approx(0.3)


def test_no_page_lays_a_chart_out_itself() -> None:
    home = ROOT / "app" / "widgets" / "figures.py"
    files = [path for path in (ROOT / "app").rglob("*.py") if path != home]
    by_hand = [
        str(path.relative_to(ROOT))
        for path in files
        if any(word in path.read_text("utf-8") for word in ("update_layout", ".plotly_chart("))
    ]
    assert by_hand == []
