"""When a discovered concept takes the name of a labelled one: by score, and by place."""

from __future__ import annotations

import numpy as np
import pytest

from core.naming.labels import doubts, given, match

NAN = float("nan")


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


def _matched(auc: list[float], overlap: list[float], **limits: float) -> tuple[bool, int, str]:
    found = match(np.array([auc]), np.array([overlap]), **limits)
    assert found.named[0] == (found.doubt[0] == "")
    return bool(found.named[0]), int(found.best[0]), found.doubt[0]


@pytest.mark.parametrize(
    ("auc", "overlap", "named", "best", "doubt"),
    [
        ([0.90, 0.90, 0.5], [0.00, 0.30, 0.9], True, 1, ""),  # equally detected, one in place
        ([0.91, 0.90, 0.5], [0.02, 0.30, 0.9], True, 1, ""),  # the nearer by AUC is elsewhere
        ([0.90, 0.90, 0.5], [0.28, 0.30, 0.9], False, 0, "small lead"),  # both in place
        ([0.90, 0.90, 0.5], [-0.05, 0.02, 0.9], False, 0, "small lead, out of place"),
        ([0.90, 0.90, 0.5], [NAN, 0.30, 0.9], False, 0, "small lead"),  # place of one unknown
        ([0.90, 0.80, 0.5], [0.00, 0.30, 0.9], False, 0, "out of place"),  # never against the AUC
        ([0.90, 0.80, 0.5], [0.04, 0.30, 0.9], True, 0, ""),  # exactly the least
        ([0.90, 0.80, 0.5], [NAN, 0.30, 0.9], True, 0, ""),  # no masks to judge by
        ([0.70, 0.70, 0.5], [0.00, 0.30, 0.9], False, 0, "low AUC, small lead, out of place"),
        ([0.76, 0.74, 0.5], [0.00, 0.30, 0.9], False, 0, "out of place"),
        ([0.75, 0.74, 0.5], [0.00, 0.30, 0.9], False, 0, "small lead, out of place"),  # too low
        ([NAN, 0.90, 0.5], [0.50, 0.30, 0.9], True, 1, ""),
    ],
)
def test_place_tells_apart_what_scores_do_not(
    auc: list[float], overlap: list[float], named: bool, best: int, doubt: str
) -> None:
    assert _matched(auc, overlap) == (named, best, doubt)


def test_margins_say_what_decided() -> None:
    auc = np.array([[0.91, 0.90, 0.5], [0.91, 0.80, 0.5], [0.6, 0.7, 0.5]])
    found = match(auc, np.array([[0.05, 0.30, 0.9]] * 3))
    assert found.best.tolist() == [1, 0, 1]
    assert found.second.tolist() == [0, 1, 0]
    np.testing.assert_allclose(found.margin, [-0.01, 0.11, 0.1])
    np.testing.assert_allclose(found.place_margin, [0.25, NAN, NAN])


def test_place_has_a_threshold_that_can_be_chosen() -> None:
    assert _matched([0.90, 0.90], [0.28, 0.30], min_overlap=0.01) == (True, 1, "")
    assert _matched([0.90, 0.80], [0.10, 0.30], min_overlap=0.2)[2] == "out of place"


def test_a_name_that_is_given_has_the_best_other_label_as_runner_up() -> None:
    auc = np.array([[0.6, 0.9, 0.8], [0.9, np.nan, np.nan], [0.6, 0.9, 0.8]])
    found = given(auc, np.array([0, 0, -1]))
    assert found.best.tolist() == [0, 0, -1]
    assert found.second.tolist() == [1, -1, -1]
    np.testing.assert_allclose(found.margin, [-0.3, 0.4, NAN])  # alone: ahead of chance
    assert found.named.tolist() == [True, True, False]


def test_doubts_are_of_what_is_known() -> None:
    auc, overlap = np.array([0.7, NAN, 0.9, 0.7]), np.array([0.5, 0.0, NAN, 0.0])
    assert doubts(auc, overlap) == ("low AUC", "out of place", "", "low AUC, out of place")
    clear = np.array([False, True, False, True])
    assert doubts(auc, overlap, clear=clear)[2] == "small lead"
