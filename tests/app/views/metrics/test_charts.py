"""What the charts of Metrics and Classes draw can be told apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app.format import with_id
from app.views.classes import bars
from app.views.metrics import plot


@pytest.mark.parametrize("scope", ["bank", "head"])
def test_no_two_subjects_of_a_chart_look_alike(scope: str) -> None:
    """17 banks are more than there are colours, and the second one has three heads."""
    banks = [*range(17), 1, 1] if scope == "head" else list(range(17))
    found = pd.DataFrame(
        {
            "bank_id": [float(b) for b in banks] + [np.nan],
            "scope": [scope] * len(banks) + ["backbone"],
            "subject": [f"subject {i}" for i in range(len(banks))] + ["backbone"],
        }
    )
    looks = plot.styles(found)
    assert set(looks) == {f"subject {i}" for i in range(len(banks))}
    assert len(set(looks.values())) == len(banks)
    if scope == "head":
        assert len({looks[f"subject {i}"].colour for i in (1, 17, 18)}) == 1


def test_bars_of_a_class_leave_room_for_one_another() -> None:
    """One bar against the class, far from the next of its kind, is no wider than its row."""
    parts = pd.DataFrame(
        {
            "kind": ["concept", "concept", "concept", "others", "bias"],
            "title": ["a #4", "b #7", "#9", "2 other concepts", "bias"],
            "concept_id": [4, 7, 9, -1, -1],
            "value": [-3.0, 2.0, -1.0, 0.5, 4.0],
            "of_logit": [200.0, -133.0, 67.0, -33.0, np.nan],
            "of_size": [50.0, 20.0, 10.0, 20.0, np.nan],
        }
    )
    figure = bars.chart(parts)
    assert {bar.width for bar in figure.data} == {0.7}
    beside = {a.y: (a.text, a.x, a.xref, a.xanchor) for a in figure.layout.annotations}
    assert beside[0] == ("-3 (200 %)", 1, "paper", "left"), "apart from names, which are left"
    assert beside[4][0] == "+4"
    assert not any(bar.text for bar in figure.data)
    longest = max(len(text) for text, *_ in beside.values())
    assert figure.layout.margin.r >= 6 * longest


def test_names_that_repeat_carry_their_id() -> None:
    assert with_id("beak", 3, source="label") == "beak"
    assert with_id("beak", 3, source="matched") == "beak #3"
    assert with_id(None, 3, source=None) == "#3"
