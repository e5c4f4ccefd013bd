"""To what a concept is set, and how likely it is present to begin with."""

from __future__ import annotations

import numpy as np
import pytest

from core.intervention import presence, strategies


def test_strategies_set_what_they_promise() -> None:
    rng = np.random.default_rng(2)
    labels = (rng.random((40, 3)) < 0.5).astype(float)
    labels[::7, 1] = np.nan
    labels[:, 2] = 0
    scores = labels.copy() * 2 + rng.normal(size=labels.shape)
    scores = np.where(np.isnan(scores), 0.5, scores)
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
    own = found["own percentiles"]
    assert own.score[0, 0] == np.percentile(rows[0], 95)
    assert own.score[0, 1] == np.percentile(rows[0], 5)
    assert found["probability"].score[1].tolist() == [rows[1, 0], 1, 0]
    assert found["ground truth"].score[1, 1] == 0.7
    far = strategies.values("probability", at, rows, wanted)
    shifted = strategies.values("probability", strategies.levels(scores + 50, labels), rows, wanted)
    assert not far.outside[0, 1]
    assert shifted.outside.tolist() == [[True, True, True], [False, True, True]]
    with pytest.raises(ValueError, match="choose from typical"):
        strategies.values("harsh", at, rows, wanted)


def test_presence_is_the_best_logistic_curve_and_finite_when_labels_separate() -> None:
    rng = np.random.default_rng(6)
    labels = (rng.random((60, 5)) < 0.4).astype(float)
    noise = rng.normal(size=(60, 5))
    scores = noise + labels * [1, 0, -1, 0, 0]
    scores[:, 1] = labels[:, 1] * 1e4
    scores[:, 3] = 2.5
    labels[::5, 0] = np.nan
    labels[:, 4] = np.nan
    found = presence.fit(scores, labels)
    p = found.probability(scores)
    yes, no = found.n_present, found.n_absent
    target = np.where(labels == 1, (yes + 1) / (yes + 2), 1 / (no + 2))
    off = np.where(np.isnan(labels), 0, p - target)
    np.testing.assert_allclose(off.sum(0), 0, atol=1e-6)
    spread = np.where(scores.std(0) > 0, scores.std(0), 1)
    np.testing.assert_allclose((off * scores / spread).sum(0), 0, atol=1e-5)
    assert np.isfinite(found.slope).all()
    assert found.slope[0] > 0 > found.slope[2]
    assert p[labels[:, 1] == 1, 1].min() > 0.9 > 0.1 > p[labels[:, 1] == 0, 1].max()
    assert found.slope[3] == 0
    np.testing.assert_array_equal(p[:, 4], 0.5)
