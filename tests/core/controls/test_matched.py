"""Directions are turned uniformly, and draws of them are as far apart as random ones are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.controls import matched, plain
from core.metrics import dictionary

K, D = 6, 7
DRAWS = 200


def _rows(seed: int) -> torch.Tensor:
    return plain.random_like(torch.randn(K, D), seed=seed)


def test_a_turned_direction_may_point_anywhere() -> None:
    """A uniform direction has mean 0 and covariance 1/d in every channel."""
    rows = _rows(0)
    turned = torch.stack([matched.rotated(rows, seed=s)[0] for s in range(2_000)]).numpy()
    assert np.abs(turned.mean(0)).max() < 4 / np.sqrt(2_000 * D)
    np.testing.assert_allclose(np.cov(turned.T), np.eye(D) / D, atol=0.02)


@pytest.mark.parametrize("fixed", [[1.0, 2, 3, 4, 5, 6, 7], [0.0, 0, 0, 0, 0, 0, -2], [0.0] * 7])
def test_what_is_fixed_stays_where_it_is(fixed: list[float]) -> None:
    axis, rows = torch.tensor(fixed), _rows(1)
    both = torch.cat([rows, axis[None]])
    turned = matched.rotated(both, seed=3, fixed=axis)
    np.testing.assert_allclose(turned[-1], axis, atol=1e-5)
    np.testing.assert_allclose(turned @ turned.T, both @ both.T, atol=1e-4)
    assert not np.allclose(turned[:-1], rows, atol=0.1)


def test_two_turns_are_as_unlike_as_two_random_banks() -> None:
    def stability(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> np.ndarray:
        return np.array([dictionary.stability(one, two, signed=False) for one, two in pairs])

    banks = [_rows(s) for s in range(2 * DRAWS)]
    apart = stability(list(zip(banks[::2], banks[1::2], strict=True)))
    turned = [
        [matched.rotated(rows, seed=s + 999 * i) for i in (0, 1)]
        for s, rows in enumerate(banks[:DRAWS])
    ]
    theirs = stability([(one, two) for one, two in turned])
    z = (theirs.mean() - apart.mean()) / np.hypot(theirs.std(), apart.std()) * np.sqrt(DRAWS)
    assert abs(z) < 3
