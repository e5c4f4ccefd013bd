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


@pytest.mark.parametrize("most_steps", [3, 32])
def test_areas_equal_their_definition(
    logit: LinearLogit, scores: torch.Tensor, most_steps: int
) -> None:
    """One concept at a time where there are few, in equal parts else; silent ones take no step."""
    x = scores.clone()
    x[0] = 0
    for i in range(1, N):
        x[i, : i % (K - 1)] = 0
    importance = METHODS["linear"].run(logit, x)
    importance[:, 0] += 100 * (x[:, 0] == 0)  # a silent concept that is said to count most
    inserted = fidelity.c_insertion(logit, x, importance, most_steps=most_steps)
    deleted = fidelity.c_deletion(logit, x, importance, most_steps=most_steps)
    assert inserted[0] == deleted[0] == 0
    none = float(logit(torch.zeros(1, K, dtype=torch.float64)))
    for i in range(1, N):
        active = [k for k in np.argsort(-importance[i].numpy()) if x[i, k] != 0]
        steps = min(len(active), most_steps)
        come_heights, gone_heights = [], []
        for step in range(steps + 1):
            first = active[: round(step * len(active) / steps)]
            come, gone = torch.zeros(1, K, dtype=torch.float64), x[i : i + 1].clone()
            come[0, first] = x[i, first]
            gone[0, first] = 0
            come_heights.append(float(logit(come)) - none)
            gone_heights.append(float(logit(gone)) - none)
        for heights, found in ((come_heights, inserted), (gone_heights, deleted)):
            area = sum((a + b) / 2 for a, b in itertools.pairwise(heights)) / steps
            assert found[i] == pytest.approx(area)
    np.testing.assert_allclose(
        fidelity.span(logit, x), [float(logit(x[i : i + 1])) - none for i in range(N)]
    )


def test_an_order_is_seen_among_many_silent_concepts() -> None:
    """60 of 1,024 active: exact importances against the same shuffled among the same sign."""
    rng = np.random.default_rng(0)
    weight = torch.from_numpy(rng.normal(size=1024))
    function, x = LinearLogit(weight, 0.3), torch.zeros(1, 1024, dtype=torch.float64)
    active = rng.choice(1024, 60, replace=False)
    x[0, active] = torch.from_numpy(rng.random(60) + 0.1)
    exact = METHODS["linear"].run(function, x)
    shuffled = exact.clone()
    for sign in (1, -1):
        own = np.flatnonzero((exact[0] * sign > 0).numpy())
        shuffled[0, own] = exact[0, rng.permutation(own)]
    best = fidelity.c_insertion(function, x, exact)[0]
    assert best > fidelity.c_insertion(function, x, shuffled)[0] + 0.01 * abs(best)
    assert (
        fidelity.c_deletion(function, x, exact)[0] < fidelity.c_deletion(function, x, shuffled)[0]
    )


def test_equal_importances_come_in_no_order_of_their_own() -> None:
    """Half of the logit on average, wherever the concept that matters stands."""
    x = torch.ones(400, K, dtype=torch.float64)
    weight = torch.zeros(K, dtype=torch.float64)
    weight[0] = 1
    found = fidelity.c_insertion(LinearLogit(weight, 0.0), x, torch.zeros_like(x))
    assert found.mean() == pytest.approx(0.5, abs=0.06)
    assert found.std() > 0.1


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
