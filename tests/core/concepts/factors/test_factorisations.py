"""Semi-NMF, convex NMF, the tree, PCA, k-means, codebooks and the random control."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import fakes
import numpy as np
import pytest
import torch
from torch import Tensor

from core.concepts import METHODS
from core.concepts.common import token_sample
from core.concepts.factors import (
    convex_nmf,
    hierarchical_semi_nmf,
    kmeans,
    nmf,
    pca,
    random_directions,
    semi_nmf,
)
from core.concepts.sae import vq
from core.types import ConceptBank

WIDTH, N_TOKENS = 23, 15
SHORT = {"n_steps": 300, "batch": 128, "lr": 2e-2}
SMALL: dict[str, dict[str, Any]] = {
    m: {"n_steps": 20, "batch": 64} for m in METHODS if m == "vq" or "sae" in m
}
SMALL["sae"]["top_k"] = 1
UNLABELLED = [name for name in METHODS if name not in fakes.TAUGHT]


def one_part_a_token(*, n_parts: int = 7, n: int = 120) -> tuple[Tensor, Tensor]:
    """Tokens that are a multiple of one signed direction each, with a little noise."""
    generator = torch.Generator().manual_seed(7)
    parts = torch.randn(n_parts, WIDTH, generator=generator)
    parts = parts / parts.norm(dim=1, keepdim=True)
    which = torch.randint(n_parts, (n, N_TOKENS), generator=generator)
    amount = 0.8 + 0.4 * torch.rand(n, N_TOKENS, 1, generator=generator)
    return amount * parts[which] + 0.01 * torch.randn(
        n, N_TOKENS, WIDTH, generator=generator
    ), parts


def uniform(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def matched(parts: Tensor, directions: Tensor) -> float:
    """The lowest of the best cosines; -1 when two parts share their best direction."""
    cosine = parts @ directions.T
    best = cosine.max(1)
    return -1.0 if len(best.indices.unique()) < len(parts) else best.values.min().item()


def error(bank: ConceptBank, x: Tensor) -> float:
    assert bank.offset is not None
    return (x - bank.encode(x) @ bank.directions - bank.offset).square().sum().item()


# -- what is found -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["semi_nmf", "convex_nmf"])
def test_planted_signed_parts_are_recovered(method: str) -> None:
    x, parts = one_part_a_token()
    bank = METHODS[method].fit(fakes.fit_data(x), n_concepts=7)
    assert matched(parts, bank.directions) > 0.95


@pytest.mark.parametrize(("method", "params"), [("kmeans", {}), ("vq", {"top_k": 1, **SHORT})])
def test_planted_centres_are_recovered(method: str, params: dict[str, Any]) -> None:
    x, parts = one_part_a_token()
    data = fakes.fit_data(x)
    bank = METHODS[method].fit(data, n_concepts=7, **params)
    assert bank.offset is not None
    centred = parts - data.tokens.sample(10_000, seed=0).mean(0)
    assert matched(centred / centred.norm(dim=1, keepdim=True), bank.directions) > 0.95


def test_planted_sums_of_codes_are_recovered() -> None:
    generator = torch.Generator().manual_seed(7)
    parts = torch.linalg.qr(torch.randn(WIDTH, 9, generator=generator)).Q.T
    pairs = torch.rand(150, N_TOKENS, 9, generator=generator).topk(2, dim=-1).indices
    x = parts[pairs].sum(2)
    bank = vq.fit(fakes.fit_data(x), n_concepts=9, top_k=2, **SHORT)
    centred = parts - x.mean((0, 1)) / 2
    assert matched(centred / centred.norm(dim=1, keepdim=True), bank.directions) > 0.95
    assert error(bank, x) < 0.1 * (x - x.mean((0, 1))).square().sum()


def test_planted_axes_of_variance_are_recovered_in_order() -> None:
    generator = torch.Generator().manual_seed(7)
    axes = torch.linalg.qr(torch.randn(WIDTH, 3, generator=generator)).Q.T
    sizes = torch.tensor([5.0, 3.0, 2.0])
    x = 4 + (torch.randn(90, N_TOKENS, 3, generator=generator) * sizes) @ axes
    bank = pca.fit(fakes.fit_data(x), n_concepts=3)
    assert (bank.directions * axes).sum(1).abs().min() > 0.95


def test_planted_tree_is_recovered() -> None:
    generator = torch.Generator().manual_seed(7)
    basis = torch.linalg.qr(torch.randn(WIDTH, 8, generator=generator)).Q.T
    coarse, own = basis[:2], basis[2:]
    family = torch.tensor([0, 0, 0, 1, 1, 1])
    fine = 0.8 * coarse[family] + 0.6 * own
    which = torch.randint(6, (120, N_TOKENS), generator=generator)
    x = (1 + torch.rand(120, N_TOKENS, 1, generator=generator)) * fine[which]
    bank = hierarchical_semi_nmf.fit(fakes.fit_data(x), n_concepts=8, levels=[2, 6])
    assert matched(fine, bank.fine) > 0.95
    shared = torch.stack([fine[:3].mean(0), fine[3:].mean(0)])
    assert matched(shared / shared.norm(dim=1, keepdim=True), bank.directions[:2]) > 0.95
    of_fine = bank.parents[2:][(fine @ bank.fine.T).argmax(1)]
    assert of_fine.tolist() in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    # what is left of a concept beside its parent sets it apart from its siblings
    rest = fine - shared[family]
    apart = bank.directions[2:][(fine @ bank.fine.T).argmax(1)]
    assert (apart * rest / rest.norm(dim=1, keepdim=True)).sum(1).min() > 0.95


# -- the formulas, slowly ----------------------------------------------------------------------


def test_semi_nmf_update_is_the_published_one() -> None:
    rng = np.random.default_rng(0)
    g, x, d = rng.random((5, 3)), rng.normal(size=(5, 7)), rng.normal(size=(3, 7))
    target, gram = x @ d.T, d @ d.T
    expected = np.empty_like(g)
    for i in range(5):
        for j in range(3):
            over = (abs(target[i, j]) + target[i, j]) / 2
            under = (abs(target[i, j]) - target[i, j]) / 2
            for m in range(3):
                over += g[i, m] * (abs(gram[m, j]) - gram[m, j]) / 2
                under += g[i, m] * (abs(gram[m, j]) + gram[m, j]) / 2
            expected[i, j] = g[i, j] * np.sqrt(over / under)
    ours = semi_nmf.updated_codes(*(torch.from_numpy(a) for a in (g, x, d)))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-10)
    free = semi_nmf.dictionary(torch.from_numpy(g), torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(free, np.linalg.lstsq(g, x, rcond=None)[0], rtol=1e-3, atol=1e-3)


def test_convex_update_is_that_of_all_tokens_when_all_are_anchors() -> None:
    rng = np.random.default_rng(0)
    x, g, w = rng.normal(size=(6, 4)), rng.random((6, 3)), rng.random((3, 6))
    gram = x @ x.T  # Ding et al. write it X'X, tokens in columns; their W is ours transposed
    plus, minus = (abs(gram) + gram) / 2, (abs(gram) - gram) / 2
    over = plus @ g + minus @ w.T @ g.T @ g
    under = minus @ g + plus @ w.T @ g.T @ g
    tx, tg, tw = (torch.from_numpy(a) for a in (x, g, w))
    ours = convex_nmf.updated_weights(tw, tg, (tg.T @ tx) @ tx.T, tx @ tx.T)
    # theirs splits G'K instead of K G, which has the same fixed points: compare the gradient's sign
    change = np.sign((ours - tw).numpy().T)
    np.testing.assert_array_equal(change, np.sign(over - under))


@pytest.mark.parametrize("kind", ["codes", "weights"])
def test_multiplicative_updates_never_raise_the_error(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 7, generator=generator, dtype=torch.float64)
    g = torch.rand(30, 3, generator=generator, dtype=torch.float64)
    w = torch.rand(3, 30, generator=generator, dtype=torch.float64)
    errors = []
    for _ in range(25):
        errors.append((x - g @ w @ x).square().sum().item())
        if kind == "codes":
            g = semi_nmf.updated_codes(g, x, w @ x)
        else:
            w = convex_nmf.updated_weights(w, g, (g.T @ x) @ x.T, x @ x.T)
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(errors))
    assert errors[-1] < 0.95 * errors[0]
    assert g.min() >= 0
    assert w.min() >= 0


def test_pca_is_the_singular_value_decomposition() -> None:
    x, _ = one_part_a_token()
    data = fakes.fit_data(x)
    rows = data.tokens.sample(10_000, seed=0).double().numpy()
    bank = pca.fit(data, n_concepts=5)
    centred = rows - rows.mean(0)
    _, _, v = np.linalg.svd(centred, full_matrices=False)
    v = v[:5] * np.sign(v[:5][np.arange(5), abs(v[:5]).argmax(1)])[:, None]
    np.testing.assert_allclose(bank.directions.numpy(), v, atol=1e-5)
    ours = bank.encode(torch.from_numpy(rows).float()).numpy()
    np.testing.assert_allclose(ours, centred @ v.T, atol=1e-5)


def test_kmeans_code_rebuilds_the_nearest_centre() -> None:
    x, _ = one_part_a_token()
    bank = kmeans.fit(fakes.fit_data(x), n_concepts=7)
    codes = bank.encode(x)
    assert torch.equal((codes != 0).sum(-1), torch.ones(120, N_TOKENS, dtype=torch.long))
    centres = bank.mean + bank.norms[:, None] * bank.directions
    nearest = torch.cdist(x, centres).argmin(-1)
    torch.testing.assert_close(codes @ bank.directions + bank.offset, centres[nearest])


def test_kmeans_centres_are_the_means_of_their_tokens() -> None:
    x, _ = one_part_a_token()
    data = fakes.fit_data(x)
    bank = kmeans.fit(data, n_concepts=4)
    rows = data.tokens.sample(10_000, seed=0)
    nearest = bank.encode(rows).argmax(1)
    for j in range(4):
        centre = bank.mean + bank.norms[j] * bank.directions[j]
        torch.testing.assert_close(centre, rows[nearest == j].mean(0), rtol=1e-4, atol=1e-4)


def test_codebook_turns_on_the_codes_of_highest_cosine() -> None:
    x, _ = one_part_a_token(n=20)
    bank = vq.fit(fakes.fit_data(x), n_concepts=6, top_k=2, n_steps=20, batch=64)
    for token, codes in zip(x.flatten(0, 1), bank.encode(x).flatten(0, 1), strict=True):
        centred = token - bank.mean
        cosine = [float(centred @ d) / float(centred.norm()) for d in bank.directions]
        on = sorted(range(6), key=lambda j: -cosine[j])[:2]
        assert codes.nonzero()[:, 0].tolist() == sorted(on)
        torch.testing.assert_close(codes[on], bank.norms[on])


def test_tree_adds_up_to_the_fine_concepts() -> None:
    x, _ = one_part_a_token()
    bank = hierarchical_semi_nmf.fit(fakes.fit_data(x), n_concepts=11, levels=[1, 3, 7])
    torch.testing.assert_close(bank.shares @ bank.directions, bank.fine, rtol=1e-4, atol=1e-5)
    assert bank.shares.min() >= 0
    assert bank.levels.tolist() == [0] + [1] * 3 + [2] * 7
    assert bank.parents[0] == -1
    for child in range(1, 11):
        assert bank.levels[bank.parents[child]] == bank.levels[child] - 1
    codes = bank.encode(x)
    for child in range(4, 11):  # a parent is on wherever a child is, if it shares anything
        if bank.shares[child - 4, bank.parents[child]] > 0:
            assert (codes[..., bank.parents[child]][codes[..., child] > 0] > 0).all()


# -- the order of errors -----------------------------------------------------------------------


def test_no_bank_of_as_many_directions_beats_pca() -> None:
    x = torch.rand(40, N_TOKENS, WIDTH, generator=torch.Generator().manual_seed(3)).square()
    data = fakes.fit_data(x)
    rows = data.tokens.sample(10_000, seed=0)
    errors = {
        name: error(METHODS[name].fit(data, n_concepts=6, **SMALL.get(name, {})), rows)
        for name in UNLABELLED
    }
    least = errors.pop("pca")
    for name, value in errors.items():
        assert value > 0.9999 * least, name
    assert errors["semi_nmf"] < errors["convex_nmf"] < errors["kmeans"] < errors["random"]


@pytest.mark.parametrize("method", ["semi_nmf", "convex_nmf", "pca", "kmeans"])
def test_error_falls_with_concepts(method: str) -> None:
    x, _ = one_part_a_token()
    errors = [error(METHODS[method].fit(fakes.fit_data(x), n_concepts=k), x) for k in (1, 3, 6)]
    assert errors[0] > errors[1] > errors[2]


# -- the control -------------------------------------------------------------------------------


@pytest.mark.parametrize("top_k", [1, 4])
def test_random_bank_has_the_sparsity_it_is_asked_for(top_k: int) -> None:
    x, _ = one_part_a_token()
    bank = random_directions.fit(fakes.fit_data(x), n_concepts=31, top_k=top_k)
    assert torch.equal((bank.encode(x) > 0).sum(-1), torch.full((120, N_TOKENS), top_k))


def test_random_bank_has_the_best_gain_and_learns_nothing_else() -> None:
    x, _ = one_part_a_token()
    data = fakes.fit_data(x)
    rows = data.tokens.sample(10_000, seed=0)
    bank = random_directions.fit(data, n_concepts=31, top_k=3, seed=2)
    for factor in (0.9, 1.1):
        tensors = bank.tensors() | {"gain": bank.gain * factor}
        assert error(random_directions.Bank(**tensors), rows) > error(bank, rows)
    other = random_directions.fit(fakes.fit_data(x.flip(-1)), n_concepts=31, seed=2)
    assert torch.equal(other.directions, bank.directions)


def test_random_bank_can_be_the_control_of_nmf() -> None:
    x = one_part_a_token()[0].abs()
    bank = random_directions.fit(fakes.fit_data(x), n_concepts=5, non_negative=True)
    assert bank.directions.min() >= 0
    assert not bank.offset.any()


# -- what is refused, and what is borne --------------------------------------------------------


@pytest.mark.parametrize("method", UNLABELLED)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_activations_that_are_not_finite_are_counted(method: str, value: float) -> None:
    x = uniform(30, N_TOKENS, WIDTH)
    x[2, 3, 4] = x[5, 6, 7] = value
    with pytest.raises(ValueError, match=r"2 of \d+ activations are NaN or infinite"):
        METHODS[method].fit(fakes.fit_data(x), n_concepts=3, **SMALL.get(method, {}))


@pytest.mark.parametrize("method", UNLABELLED)
def test_equal_tokens_are_refused(method: str) -> None:
    x = uniform(WIDTH).expand(30, N_TOKENS, WIDTH)
    with pytest.raises(ValueError, match=r"all (\d+ )?tokens are equal"):
        METHODS[method].fit(fakes.fit_data(x), n_concepts=3, **SMALL.get(method, {}))


@pytest.mark.parametrize("method", ["nmf", "semi_nmf", "convex_nmf", "pca"])
def test_more_concepts_than_channels_are_refused(method: str) -> None:
    with pytest.raises(ValueError, match=rf"24 concepts.*at most {WIDTH}"):
        METHODS[method].fit(fakes.fit_data(uniform(30, N_TOKENS, WIDTH)), n_concepts=24)


def test_pca_refuses_more_components_than_dimensions_of_variation() -> None:
    x = uniform(30, N_TOKENS, 4) @ uniform(4, WIDTH)
    with pytest.raises(ValueError, match=r"5 concepts.*at most 4"):
        pca.fit(fakes.fit_data(x), n_concepts=5)
    assert len(pca.fit(fakes.fit_data(x), n_concepts=4).directions) == 4


@pytest.mark.parametrize("method", ["kmeans", "vq"])
def test_more_concepts_than_different_tokens_are_refused(method: str) -> None:
    x = uniform(5, WIDTH)[torch.arange(30 * N_TOKENS) % 5].reshape(30, N_TOKENS, WIDTH)
    with pytest.raises(ValueError, match=r"6 concepts.*only 5 of"):
        METHODS[method].fit(fakes.fit_data(x), n_concepts=6)


@pytest.mark.parametrize("method", UNLABELLED)
def test_zero_tokens_and_constant_channels_are_borne(method: str) -> None:
    x = one_part_a_token(n=40)[0].abs()
    x[..., 3] = 0.0
    x[..., 5] = 2.0
    x[::3] = 0.0
    bank = METHODS[method].fit(fakes.fit_data(x), n_concepts=9, **SMALL.get(method, {}))
    codes = bank.encode(x)
    assert torch.isfinite(codes).all()
    torch.testing.assert_close(bank.directions.norm(dim=1), torch.ones(9))


RANKED = ["nmf", "semi_nmf", "convex_nmf", "hierarchical_semi_nmf", "pca", "craft"]
"""methods whose directions must not depend on each other"""


@pytest.mark.parametrize("method", RANKED)
def test_more_concepts_than_the_rank_are_refused(method: str) -> None:
    """Two mixtures in 23 channels; the tree has a fifth of its concepts at the coarse level."""
    data = fakes.fit_data(uniform(40, N_TOKENS, 2) @ uniform(2, WIDTH))
    fine = 8 if method == "hierarchical_semi_nmf" else 10
    with pytest.raises(ValueError, match=rf"{fine} concepts.*have rank 2.*at most 2, or.*kmeans"):
        METHODS[method].fit(data, n_concepts=10)


@pytest.mark.parametrize("method", ["nmf", "semi_nmf", "convex_nmf"])
def test_as_many_concepts_as_the_rank_are_fitted(method: str) -> None:
    x = uniform(40, N_TOKENS, 2) @ uniform(2, WIDTH)
    bank = METHODS[method].fit(fakes.fit_data(x), n_concepts=2)
    assert error(bank, x) < 0.01 * x.square().sum()


@pytest.mark.parametrize("method", sorted(set(UNLABELLED) - set(RANKED)))
def test_concepts_that_are_chosen_one_by_one_may_outnumber_the_rank(method: str) -> None:
    x = uniform(40, N_TOKENS, 2) @ uniform(2, WIDTH)
    bank = METHODS[method].fit(fakes.fit_data(x), n_concepts=5, **SMALL.get(method, {}))
    torch.testing.assert_close(bank.directions.norm(dim=1), torch.ones(5))
    assert torch.isfinite(bank.encode(x)).all()


@pytest.mark.parametrize("rank", [1, 4, 6])
@pytest.mark.parametrize("width", [9, 200])
def test_rank_is_that_of_double_precision(rank: int, width: int) -> None:
    """Wide tokens are looked at through a random map; the last direction shows late and faintly."""
    few = torch.randn(9000, rank, generator=torch.Generator().manual_seed(2))
    few[:8990, -1] = 0.0
    few[:, -1] *= 1e-2
    x = few @ uniform(rank, width)
    assert np.linalg.matrix_rank(x.double().numpy(), rtol=1e-6) == rank
    assert token_sample.numerical_rank(x, most=9) == rank
    assert token_sample.numerical_rank(1e-12 * x, most=9) == rank
    assert token_sample.numerical_rank(x, most=3) == min(rank, 3)
    assert token_sample.numerical_rank(0 * x, most=3) == 0


@pytest.mark.parametrize("levels", [[3, 4], [4, 2], [0, 6], [3, 3]])
def test_levels_that_do_not_rise_or_sum_are_refused(levels: list[int]) -> None:
    data = fakes.fit_data(uniform(30, N_TOKENS, WIDTH))
    with pytest.raises(ValueError, match=r"levels must rise.*sum to n_concepts = 6"):
        hierarchical_semi_nmf.fit(data, n_concepts=6, levels=levels)


def test_too_few_anchors_are_refused() -> None:
    data = fakes.fit_data(uniform(30, N_TOKENS, WIDTH))
    with pytest.raises(ValueError, match="n_anchors = 3 tokens; give at least 6"):
        convex_nmf.fit(data, n_concepts=6, n_anchors=3)


@pytest.mark.parametrize("method", UNLABELLED)
def test_no_concepts_are_refused(method: str) -> None:
    data = fakes.fit_data(uniform(30, N_TOKENS, WIDTH))
    with pytest.raises(ValueError, match=r"1 or more|between|levels must"):
        METHODS[method].fit(data, n_concepts=0)


def test_nmf_restarts_a_part_that_vanished() -> None:
    x = (uniform(40, N_TOKENS, 1) * uniform(1, WIDTH)).flatten(0, 1)
    directions, _ = nmf.factorise(x, 3, seed=0, max_iter=50, tol=1e-5, progress=lambda _: None)
    assert error(nmf.Bank(directions), x) < 1e-4 * x.square().sum()
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(3))
