"""The strength of a penalty is the one that scikit-learn's loss says is best on other images."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from core.heads import STRENGTHS, choose_strength, fit_probe


def _noisy(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    classes = np.arange(n) % 3 + 4
    return rng.normal(size=(n, 12)) + 0.9 * np.eye(3, 12)[classes - 4], classes


def test_the_least_loss_decides_and_unknown_classes_do_not_count() -> None:
    x, classes = _noisy(90)
    train, val = slice(0, 45), slice(45, 90)
    scaler = StandardScaler().fit(x[train])
    losses = []
    for c in STRENGTHS:
        model = LogisticRegression(C=c, max_iter=1000).fit(
            scaler.transform(x[train]), classes[train]
        )
        losses.append(log_loss(classes[val], model.predict_proba(scaler.transform(x[val]))))
    others = np.concatenate([x[val], x[:4] + 50]), np.concatenate([classes[val], [-1, 9, -1, 2]])

    chosen = choose_strength(lambda c: fit_probe(x[train], classes[train], c=c), *others)

    assert chosen == (STRENGTHS[int(np.argmin(losses))], 45)
    assert chosen[0] < 1


def test_without_images_to_choose_on_nothing_is_fitted() -> None:
    def fit(_: float) -> tuple:
        raise AssertionError("nothing can be chosen")

    assert choose_strength(fit, np.zeros((2, 3)), np.array([-1, -1])) == (1.0, 0)
