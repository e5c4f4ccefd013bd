"""To what a concept is set, and what is usual for it."""

from __future__ import annotations

import numpy as np
import pytest

from core.intervention import strategies


def test_strategies_set_what_they_promise() -> None:
    rng = np.random.default_rng(2)
    labels = (rng.random((40, 3)) < 0.5).astype(float)
    labels[::7, 1] = np.nan
    labels[:, 2] = 0
    scores = np.where(np.isnan(labels), 0.25, labels) * 2 + rng.normal(size=labels.shape)
    at = strategies.levels(scores, labels)
    yes = scores[labels[:, 1] == 1, 1]
    np.testing.assert_allclose(at.present[:, 1], np.percentile(yes, [5, 50, 95]))
    assert np.isnan(at.present[:, 2]).all()
    wanted = np.array([[1.0, 0.0, 1.0], [np.nan, 0.7, 0.0]])
    rows = scores[:2]
    found = {name: strategies.values(name, at, rows, wanted) for name in strategies.STRATEGIES}
    for name, row in {"typical": (1, 1), "strong": (2, 0), "weak": (0, 2)}.items():
        assert found[name].score[0, 0] == at.present[row[0], 0]
        assert found[name].score[0, 1] == at.absent[row[1], 1]
        assert found[name].score[1, 1] == at.present[row[0], 1]
        assert found[name].known.tolist() == [[True, True, False], [False, True, True]]
        assert found[name].score[0, 2] == rows[0, 2]
        assert not found[name].outside.any()
    own = found["own"]
    assert own.score[0, 0] == np.percentile(rows[0], 95)
    assert own.score[0, 1] == np.percentile(rows[0], 5)
    assert found["probability"].score[1].tolist() == [rows[1, 0], 0.7, 0]
    far = strategies.values("probability", at, rows, wanted)
    shifted = strategies.values("probability", strategies.levels(scores + 50, labels), rows, wanted)
    assert not far.outside[0, 1]
    assert shifted.outside.tolist() == [[True, True, True], [False, True, True]]
    with pytest.raises(ValueError, match="choose from typical"):
        strategies.values("harsh", at, rows, wanted)
    with pytest.raises(ValueError, match="there is none"):
        strategies.levels(scores[:0], labels[:0])


def test_what_a_rare_concept_usually_shows_is_not_unusual() -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(1000, 2))
    labels = np.zeros((1000, 2))
    labels[:4, 0] = 1
    scores[:4, 0] = [20, 21, 22, 23]
    at = strategies.levels(scores, labels)
    assert at.n == 1000
    assert (at.n_present.tolist(), at.n_absent.tolist()) == ([4, 0], [996, 1000])
    # four of a thousand lie beyond the 99.5th percentile, but they are how the concept looks
    assert at.high[0] == pytest.approx(np.percentile([20, 21, 22, 23], 95))
    np.testing.assert_allclose([at.low[1], at.high[1]], np.percentile(scores[:, 1], [0.5, 99.5]))
    assert at.lowest[1] < at.low[1] < at.high[1] < at.highest[1]
