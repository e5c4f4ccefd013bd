"""Concepts that follow an edit as labels go together: p(c'|c) and p(c'|c, y)."""

from __future__ import annotations

import numpy as np
import pytest
import reference_cbm as slow

from core.intervention import tables

N, K = 50, 4


@pytest.fixture
def labels() -> np.ndarray:
    rng = np.random.default_rng(32)
    out = (rng.random((N, K)) < 0.5).astype(float)
    out[:, 1] = np.where(rng.random(N) < 0.9, out[:, 0], out[:, 1])
    out[::6, 3] = np.nan
    return out


def test_tables_count_and_smooth(labels: np.ndarray) -> None:
    classes = np.arange(N) % 3
    table = tables.fit(labels)
    within = tables.fit(labels, classes=classes, given_class=2)
    for state in (0, 1):
        for c in range(K):
            for other in range(K):
                for found, rows in ((table, labels), (within, labels[classes == 2])):
                    p, n = slow.conditional(rows, c, state, other)
                    assert found.given[state, c, other] == pytest.approx(p)
                    assert found.n[state, c, other] == n
    empty = tables.fit(labels, classes=classes, given_class=7)
    assert (empty.given == 0.5).all()
    assert (empty.n == 0).all()
    assert np.isnan(tables.fit(labels[:0], smoothing=0.0).given).all()
    with pytest.raises(ValueError, match="both"):
        tables.fit(labels, classes=classes)
    with pytest.raises(ValueError, match="cannot be -1"):
        tables.fit(labels, smoothing=-1.0)


def test_setting_a_concept_moves_the_one_that_goes_with_it(labels: np.ndarray) -> None:
    table = tables.fit(labels)
    p = np.array([[0.5, 0.4, 0.6, 0.5]])
    scores = np.zeros((1, K))
    present, absent = np.array([2.0, 3.0, 1.0, np.nan]), np.array([-1.0, -1.0, 0.0, 0.0])
    levels = tables.Levels(p, present, absent)
    found = tables.follow(table, scores, {0: 2.5}, degrees={0: 1.0}, levels=levels)
    before = 0.5 * table.given[1, 0, 1] + 0.5 * table.given[0, 0, 1]
    after = table.given[1, 0, 1]
    odds = 0.4 / 0.6 * (after / (1 - after)) / (before / (1 - before))
    new = odds / (1 + odds)
    assert found.scores[0, 1] == pytest.approx((new - 0.4) * 4)
    assert found.scores[0, 0] == 2.5
    assert found.scores[0, 3] == 0
    assert found.moved[0].tolist() == [False, True, bool(abs(found.scores[0, 2]) > 0.05), False]
    away = tables.follow(table, scores, {0: -1.5}, degrees={0: 0.0}, levels=levels)
    assert away.scores[0, 1] < 0 < found.scores[0, 1]
    assert away.scores[0, 0] == -1.5
    same = tables.follow(table, scores, {2: 0.3}, degrees={2: 0.6}, levels=levels)
    np.testing.assert_allclose(same.scores[0, [0, 1]], 0, atol=1e-12)
    nothing = tables.follow(table, scores, {}, degrees={}, levels=levels)
    np.testing.assert_array_equal(nothing.scores, scores)
    assert not nothing.moved.any()
    with pytest.raises(ValueError, match=r"0\.\.1"):
        tables.follow(table, scores, {0: 3.0}, degrees={0: 3.0}, levels=levels)
    with pytest.raises(ValueError, match="its degree"):
        tables.follow(table, scores, {0: 3.0}, degrees={}, levels=levels)


def test_certain_presence_stays_certain_even_without_smoothing() -> None:
    labels = np.array([[1, 1], [1, 1], [0, 0], [0, 0.0]])
    table = tables.fit(labels, smoothing=0.0)
    found = tables.follow(
        table,
        np.zeros((3, 2)),
        {0: 0.0},
        degrees={0: 0.0},
        levels=tables.Levels(
            np.array([[0.9, 1.0], [0.9, 0.0], [0.9, 0.7]]), np.ones(2), np.zeros(2)
        ),
    )
    np.testing.assert_allclose(found.scores[:, 1], [0, 0, -0.7])
