"""When a discovered concept takes the name of a labelled one."""

from __future__ import annotations

import numpy as np
import pytest

from core.naming import match


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ([0.90, 0.60, 0.50], True),
        ([0.75, 0.60, 0.50], True),  # exactly the least
        ([0.74, 0.60, 0.50], False),  # below the least
        ([0.90, 0.885, 0.50], False),  # too close to the runner-up
        ([0.10, 0.60, 0.50], False),  # separates by being low, which is no name
        ([np.nan, 0.60, 0.90], True),
    ],
)
def test_name_needs_an_auc_and_a_lead(row: list[float], named: bool) -> None:
    found = match(np.array([row]))
    assert bool(found.named[0]) == named
    assert found.best[0] == int(np.nanargmax(row))


def test_runner_up_is_the_second_best() -> None:
    found = match(np.array([[0.6, 0.9, 0.8], [0.9, 0.5, 0.4]]))
    assert found.best.tolist() == [1, 0]
    assert found.second.tolist() == [2, 1]


def test_concept_without_any_known_label_has_no_candidate() -> None:
    found = match(np.full((2, 3), np.nan))
    assert found.best.tolist() == found.second.tolist() == [-1, -1]
    assert not found.named.any()


def test_single_label_is_compared_with_chance() -> None:
    found = match(np.array([[0.9], [0.6]]))
    assert found.best.tolist() == [0, 0]
    assert found.second.tolist() == [-1, -1]
    assert found.named.tolist() == [True, False]


def test_no_labels_name_nothing() -> None:
    found = match(np.zeros((3, 0)))
    assert found.best.tolist() == [-1, -1, -1]
    assert not found.named.any()


def test_thresholds_can_be_chosen() -> None:
    assert match(np.array([[0.7, 0.69]]), min_auc=0.7, min_margin=0.005).named.all()
