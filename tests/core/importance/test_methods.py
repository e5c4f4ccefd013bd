"""Importance of concepts: what theory says of linear heads, and twins for what it does not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.stats import spearmanr

from core.importance import METHODS, LinearLogit, fidelity
from core.importance.integrated_gradients import integrated_gradients
from core.importance.sobol import sobol

N, K = 4, 7


def bent(scores: torch.Tensor) -> torch.Tensor:
    """A product and a square: concept 3 matters only with concept 0, concept 5 not at all."""
    return scores[:, 0] * scores[:, 3] + scores[:, 1].square() - 2 * scores[:, 2]


@pytest.fixture
def scores() -> torch.Tensor:
    x = torch.rand(N, K, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    x[1, 2] = 0
    return x


@pytest.fixture
def logit() -> LinearLogit:
    weight = torch.tensor([2.0, -1.5, 0.7, 0.0, 3.1, -0.2, 1.1], dtype=torch.float64)
    return LinearLogit(weight, offset=0.4)


@pytest.mark.parametrize("name", ["gradient_input", "integrated_gradients", "occlusion"])
def test_methods_coincide_on_a_linear_head(
    name: str, logit: LinearLogit, scores: torch.Tensor
) -> None:
    exact = METHODS["linear"].run(logit, scores, seed=0)
    torch.testing.assert_close(METHODS[name].run(logit, scores, seed=0), exact)
    torch.testing.assert_close(exact.sum(1) + logit.offset, logit(scores))


def test_sobol_of_a_linear_head_is_what_the_estimate_tends_to(
    logit: LinearLogit, scores: torch.Tensor
) -> None:
    """Exact without a draw where the weights are known; by Jansen's design where they are not."""
    exact = sobol(logit, scores)
    estimate = sobol(lambda x: logit(x), scores, log2_design=12)
    torch.testing.assert_close(exact, estimate, atol=0.02, rtol=0.05)
    torch.testing.assert_close(exact.sum(1), torch.ones(N, dtype=torch.float64))
    for row, size in zip(exact, (scores * logit.weight).abs(), strict=True):
        assert spearmanr(row, size).statistic == pytest.approx(1)
    assert not sobol(LinearLogit(torch.zeros(K, dtype=torch.float64)), scores).any()


def ishigami(scores: torch.Tensor) -> torch.Tensor:
    """On scores in 0..1 for the function's -pi..pi."""
    x, y, z = (torch.pi * (2 * scores - 1)).unbind(1)
    return x.sin() + 7 * y.sin().square() + 0.1 * z**4 * x.sin()


def test_sobol_finds_the_known_indices_of_the_ishigami_function() -> None:
    """Total indices from its analytic variance (Ishigami & Homma 1990), a = 7 and b = 0.1."""
    a, b, pi = 7.0, 0.1, np.pi
    variance = a**2 / 8 + b * pi**4 / 5 + b**2 * pi**8 / 18 + 0.5
    interaction = 8 * b**2 * pi**8 / 225
    first = (1 + b * pi**4 / 5) ** 2 / 2
    expected = np.array([first + interaction, a**2 / 8, interaction]) / variance
    found = sobol(ishigami, torch.ones(1, 3, dtype=torch.float64), log2_design=13)[0]
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_sobol_agrees_with_scipy(scores: torch.Tensor) -> None:
    row = scores[:1]
    uniform = [scipy.stats.uniform()] * K
    twin = scipy.stats.sobol_indices(
        func=lambda m: bent(row * torch.from_numpy(m.T))[None].numpy(),
        n=2**13,
        dists=uniform,
        rng=3,
    )
    found = sobol(bent, row, log2_design=13, seed=5)[0]
    np.testing.assert_allclose(found, twin.total_order.squeeze(), atol=0.01)
    assert found[5] == 0
    assert found[3] > 0.01


def test_sobol_divides_by_the_variance_at_the_first_design(scores: torch.Tensor) -> None:
    """Methods B.1: S_k = sum (y_A - y_Ck)^2 / (2 n Var(y_A)), seen from outside: every point that
    the function is asked for, in the order in which it is asked."""
    asked: list[torch.Tensor] = []

    def noted(x: torch.Tensor) -> torch.Tensor:
        asked.append(x)
        return bent(x)

    found = sobol(noted, scores[:1], log2_design=2, seed=1)[0]
    at_a, *at_c = (bent(x).numpy() for x in asked)
    assert len(at_c) == K
    spread = np.var(at_a, ddof=1)
    expected = [((at_a - c) ** 2).sum() / (2 * len(at_a) * spread) for c in at_c]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    for k in range(K):
        moved = (asked[0] != asked[k + 1]).any(0)
        assert moved.nonzero().flatten().tolist() == [k]


@pytest.mark.parametrize("name", METHODS)
def test_a_score_of_zero_has_no_importance(
    name: str, logit: LinearLogit, scores: torch.Tensor
) -> None:
    assert METHODS[name].run(logit, scores, seed=0)[1, 2] == 0


@pytest.mark.parametrize("name", METHODS)
def test_same_seed_gives_the_same_importances(
    name: str, logit: LinearLogit, scores: torch.Tensor
) -> None:
    first, again = (METHODS[name].run(logit, scores, seed=3) for _ in range(2))
    assert torch.equal(first, again)


def test_occlusion_is_what_is_lost(scores: torch.Tensor) -> None:
    found = METHODS["occlusion"].run(bent, scores, seed=0)
    for i, k in itertools.product(range(N), range(K)):
        without = scores[i : i + 1].clone()
        without[0, k] = 0
        assert found[i, k] == pytest.approx(float(bent(scores[i : i + 1]) - bent(without)))


def test_integrated_gradients_add_up(scores: torch.Tensor) -> None:
    found = integrated_gradients(bent, scores, n_steps=64)
    torch.testing.assert_close(found.sum(1), bent(scores) - bent(scores * 0))


def test_linear_refuses_what_is_not_linear(scores: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="LinearLogit"):
        METHODS["linear"].run(bent, scores)


def test_areas_equal_their_definition(logit: LinearLogit, scores: torch.Tensor) -> None:
    importance = METHODS["linear"].run(logit, scores)
    for i in range(N):
        order = np.argsort(-importance[i].numpy(), kind="stable")
        inserted, deleted = [], []
        for step in range(11):
            first = order[: round(step * K / 10)]
            come, gone = torch.zeros(1, K, dtype=torch.float64), scores[i : i + 1].clone()
            come[0, first] = scores[i, first]
            gone[0, first] = 0
            inserted.append(float(logit(come)))
            deleted.append(float(logit(gone)))
        for curve, found in (
            (inserted, fidelity.c_insertion(logit, scores, importance)),
            (deleted, fidelity.c_deletion(logit, scores, importance)),
        ):
            area = sum((x + y) / 2 for x, y in itertools.pairwise(curve)) / 10
            assert found[i] == pytest.approx(area)


def test_no_order_beats_weight_times_score(logit: LinearLogit, scores: torch.Tensor) -> None:
    one = scores[:1]
    exact = METHODS["linear"].run(logit, one)
    best = fidelity.c_insertion(logit, one, exact), fidelity.c_deletion(logit, one, exact)
    for order in itertools.permutations(range(K)):
        other = torch.tensor([order], dtype=torch.float64)
        assert fidelity.c_insertion(logit, one, other)[0] <= best[0][0] + 1e-9
        assert fidelity.c_deletion(logit, one, other)[0] >= best[1][0] - 1e-9


def test_mu_fidelity_is_one_for_the_truth_and_minus_one_for_its_opposite(
    logit: LinearLogit, scores: torch.Tensor
) -> None:
    exact = METHODS["linear"].run(logit, scores)
    asked = torch.stack([exact, -exact, torch.ones_like(exact)])
    found = fidelity.mu_fidelity(logit, scores, asked, seed=0)
    np.testing.assert_allclose(found[0], 1)
    np.testing.assert_allclose(found[1], -1)
    assert np.isnan(found[2]).all()  # the same sum for every subset says nothing
