"""Logistic regression with an elastic-net penalty, fitted until a duality gap says that it is done.

Minimises over weights W and biases b (Zou & Hastie 2005, on the multinomial likelihood of Friedman,
Hastie & Tibshirani 2010, eq. 19, in scikit-learn's scaling)

    P(W, b) = c * sum_i loss_i + r * |W|_1 + (1 - r) / 2 * |W|_2^2

with the cross-entropy as loss. W is split into what is above and below 0, so that the penalty is
linear and L-BFGS with bounds (Byrd, Lu, Nocedal & Zhu 1995) can be used. For probabilities p of any
weights and the labels y, theta = s * c * (y - p), 0 < s <= 1, gives by Fenchel's inequality a bound
below every P (Kim, Koh, Lustig, Boyd & Gorinevsky 2007, for the lasso; here with the entropy H):

    D(theta) = c * sum_i H(y_i - theta_i / c) - sum_jk max(|theta_j x_k| - r, 0)^2 / (2 * (1 - r))

as long as theta sums to 0 over images where there is a bias, which the best bias for W provides.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Integer
from scipy.optimize import Bounds, minimize
from scipy.special import logsumexp, xlogy

CLOSE = 1e-5
"""gap, as a share of the objective, at which a fit ends"""
EVERY = 20
"""steps between two looks at the gap"""
BIAS_STEPS = 30
"""of Newton's method, which finds the best bias for given weights"""


class Fit(NamedTuple):
    """Row j of `weight` and `bias` is class j; of two classes there is one row, for the second."""

    weight: Float64[np.ndarray, "m k"]
    bias: Float64[np.ndarray, " m"]
    gap: float
    """what the objective is at most above its least value, as a share of itself"""


class Penalty(NamedTuple):
    c: float = 1.0
    """weight of the loss, above 0"""
    l1_ratio: float = 0.99
    """share r of the penalty that is L1, 0..1"""


def fit_elastic_net(
    x: Float64[np.ndarray, "n k"],
    y: Integer[np.ndarray, " n"],
    penalty: Penalty,
    *,
    fit_bias: bool = True,
    most_steps: int = 3000,
    start: Fit | None = None,
) -> Fit:
    """The fit to classes `y`, which are 0 to their number minus 1, each there at least once.

    Ends when the gap is below `CLOSE` or after `most_steps`, whichever comes first, and returns the
    gap it ended with. `start`: of another penalty, from where to begin.
    """
    problem = _Problem(x, y, penalty, fit_bias)
    shape = (problem.m, x.shape[1])
    first = start or Fit(np.zeros(shape), np.zeros(problem.m), np.inf)
    found, steps = problem.told(first.weight, first.bias), 0

    def look(flat: np.ndarray) -> None:
        nonlocal found, steps
        steps += 1
        if steps % EVERY == 0:
            found = problem.told(*problem.parts(flat))
            if found.gap <= CLOSE:
                raise StopIteration

    free = problem.m if fit_bias else 0
    ends = minimize(
        problem.value,
        np.concatenate(
            [
                np.maximum(first.weight, 0).ravel(),
                np.maximum(-first.weight, 0).ravel(),
                first.bias[:free],
            ]
        ),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(np.concatenate([np.zeros(2 * first.weight.size), np.full(free, -np.inf)])),
        callback=look,
        options={
            "maxiter": most_steps,
            "maxfun": 10 * most_steps,
            "maxcor": 20,
            "ftol": 0.0,
            "gtol": 1e-9,
        },
    )
    return found if found.gap <= CLOSE else problem.told(*problem.parts(ends.x))


class _Problem:
    def __init__(self, x: np.ndarray, y: np.ndarray, penalty: Penalty, fit_bias: bool) -> None:
        n_classes = int(y.max()) + 1
        self.x, self.penalty, self.fit_bias = x, penalty, fit_bias
        self.m = 1 if n_classes == 2 else n_classes
        hot = np.eye(n_classes)[y]
        self.hot = hot[:, 1:] if self.m == 1 else hot

    def parts(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = self.m * self.x.shape[1]
        weight = (flat[:size] - flat[size : 2 * size]).reshape(self.m, -1)
        return weight, flat[2 * size :] if self.fit_bias else np.zeros(self.m)

    def value(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """The objective of the split weights, and its slope."""
        c, r = self.penalty
        weight, bias = self.parts(flat)
        z = self.x @ weight.T + bias
        total = self._total(z)
        off = c * (np.exp(z - total[:, None]) - self.hot)
        slope = off.T @ self.x + (1 - r) * weight
        size = slope.size
        value = c * (total.sum() - (z * self.hot).sum()) + r * flat[: 2 * size].sum()
        value += (1 - r) / 2 * (weight**2).sum()
        own = off.sum(0) if self.fit_bias else np.zeros(0)
        return float(value), np.concatenate([(slope + r).ravel(), (r - slope).ravel(), own])

    def told(self, weight: np.ndarray, bias: np.ndarray) -> Fit:
        """With the best bias for these weights, and how far from the least value that is."""
        c, r = self.penalty
        z = self.x @ weight.T
        if self.fit_bias:
            bias = self._best_bias(z, bias)
        z = z + bias
        total = self._total(z)
        p = np.exp(z - total[:, None])
        value = c * (total.sum() - (z * self.hot).sum())
        value += r * np.abs(weight).sum() + (1 - r) / 2 * (weight**2).sum()
        pull = np.abs(c * (self.hot - p).T @ self.x)
        most = float(pull.max(initial=0.0))
        inside = min(1.0, r / most) if most > 0 else 1.0
        shares = {inside, 1.0} if r < 1 else {inside}
        least = max(self._below(p, pull, s) for s in shares)
        return Fit(weight, bias, max(0.0, float((value - least) / value)) if value > 0 else 0.0)

    def _below(self, p: np.ndarray, pull: np.ndarray, share: float) -> float:
        """A value that the objective cannot go below; `share` is s of the module's docstring."""
        c, r = self.penalty
        q = (1 - share) * self.hot + share * p
        entropy = -xlogy(q, q).sum() - (xlogy(1 - q, 1 - q).sum() if self.m == 1 else 0.0)
        over = np.maximum(share * pull - r, 0.0)
        # a share that brings every pull inside the bound leaves rounding only
        cost = (over**2).sum() / (2 * (1 - r)) if r < 1 else 0.0
        return float(c * entropy - cost)

    def _total(self, z: np.ndarray) -> np.ndarray:
        """Logarithm of what exponentials of logits are divided by."""
        return np.logaddexp(0, z[:, 0]) if self.m == 1 else logsumexp(z, axis=1)

    def _best_bias(self, z: np.ndarray, bias: np.ndarray) -> np.ndarray:
        for _ in range(BIAS_STEPS):
            at = z + bias
            p = np.exp(at - self._total(at)[:, None])
            slope = (p - self.hot).sum(0)
            if np.abs(slope).max() < 1e-10 * len(z):
                break
            curve = np.diag(p.sum(0)) - p.T @ p
            # a softmax does not see what is added to all biases: the least such step
            step = np.linalg.lstsq(curve, slope, rcond=None)[0]
            bias = bias - np.clip(step, -5, 5)
        return bias
