"""Words as concepts: the gap removed, codes by the non-negative lasso."""

from __future__ import annotations

from dataclasses import replace

import fakes
import numpy as np
import pytest
import torch
from jaxtyping import Float
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import Lasso

from core.concepts import METHODS
from core.concepts.words import modality_gap, text
from core.types import FitData, TextSide

WIDTH, N_WORDS = 13, 8
GAP = 3.0
"""distance between the cones of images and of texts, in lengths of a word"""


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def planted(
    *, n: int = 60, seed: int = 5, n_words: int = N_WORDS, width: int = WIDTH, askew: float = 0.0
) -> tuple[FitData, Float[np.ndarray, "n t v"]]:
    """Tokens that mix few of the words' directions, far from the words themselves.

    askew: length by which each word's vector misses its direction, in lengths of a word.
    """
    rng, axes = np.random.default_rng(seed + 1), directions(seed, width)
    words, gap = axes[:n_words], axes[n_words]
    on = rng.random((n, 15, n_words)) < 0.2
    amount = on * rng.uniform(0.5, 1.5, on.shape)
    tokens = amount @ words + GAP * gap + 0.02 * rng.normal(size=(n, 15, width))
    data = fakes.fit_data(torch.from_numpy(tokens.astype(np.float32)))
    pooled = unit(tokens.mean(1)).astype(np.float32)
    n_train = len(data.pooled)
    missed = askew / np.sqrt(width) * rng.normal(size=words.shape)
    said = unit(words + missed - GAP * gap).astype(np.float32)
    names = tuple(f"phrase {i}" for i in range(n_words))
    side = TextSide(names, said, pooled[:n_train], pooled[n_train:], True, "words.txt")
    return replace(data, text=side), amount


def directions(seed: int, width: int) -> Float[np.ndarray, "d d"]:
    """Orthonormal rows: those of the words first, then the gap."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


# -- codes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.05, 0.6])
def test_codes_are_the_lassos_of_each_token(penalty: float) -> None:
    rng = np.random.default_rng(2)
    x, atoms = rng.normal(size=(17, 7)), unit(rng.normal(size=(11, 7)))  # more atoms than channels
    codes = text.lasso(torch.from_numpy(x), torch.from_numpy(atoms), penalty=penalty).numpy()
    slow = Lasso(alpha=penalty / 7, positive=True, fit_intercept=False, tol=1e-9, max_iter=50_000)
    for row, found in zip(x, codes, strict=True):
        expected = slow.fit(atoms.T, row).coef_
        np.testing.assert_allclose(found, expected, atol=3e-3)  # a flat valley: see the loss
        loss = [np.square(row - c @ atoms).sum() / 2 + penalty * c.sum() for c in (found, expected)]
        assert loss[0] == pytest.approx(loss[1], rel=1e-6)
    assert (codes == 0).mean() > 0.3


def test_penalty_is_a_share_of_what_silences_the_median_token() -> None:
    data, _ = planted()
    x = data.tokens.sample(10_000, seed=0)
    silent = [(text.fit(data, penalty=p).encode(x) == 0).all(1).float().mean() for p in (0.2, 0.99)]
    assert silent[0] < 0.2
    assert 0.4 < silent[1] < 0.5


@pytest.mark.parametrize("gap", ["centre", "cca"])
def test_planted_words_are_found_across_the_gap(gap: str) -> None:
    data, amount = planted()
    bank = text.fit(data, gap=gap, penalty=0.1)
    assert bank.names == tuple(f"phrase {i}" for i in range(N_WORDS))
    codes = bank.encode(data.tokens.sample(10_000, seed=0)).numpy()
    shown = amount[:40].reshape(-1, N_WORDS)
    for j in range(N_WORDS):
        likeness = [np.corrcoef(codes[:, j], shown[:, i])[0, 1] for i in range(N_WORDS)]
        assert int(np.argmax(likeness)) == j
        assert likeness[j] > (0.9 if gap == "centre" else 0.6)


@pytest.mark.parametrize("gap", ["centre", "cca"])
def test_planted_directions_are_recovered(gap: str) -> None:
    """Removing the mean of v orthogonal words leaves a cosine of √(1 - 1/v), so they are many."""
    data, _ = planted(n=200, n_words=40, width=48)
    cosine = directions(5, 48)[:40] @ text.fit(data, gap=gap).directions.numpy().T
    assert (cosine.argmax(1) == np.arange(40)).all()
    assert cosine.diagonal().min() > 0.95


def test_canonical_directions_lean_from_words_that_miss_to_what_tokens_do() -> None:
    data, _ = planted(n=200, n_words=40, width=48, askew=0.5)
    mean = {
        gap: (directions(5, 48)[:40] * text.fit(data, gap=gap).directions.numpy()).sum(1).mean()
        for gap in ("centre", "cca")
    }
    assert mean["centre"] < 0.9
    assert mean["cca"] > 0.95


def test_without_removing_the_gap_no_word_would_be_found() -> None:
    """The control: raw tokens point away from every word, so all codes are zero."""
    data, _ = planted()
    assert data.text is not None
    x = data.tokens.sample(10_000, seed=0)
    assert not text.lasso(x, torch.from_numpy(data.text.words_in), penalty=1e-3).any()


@pytest.mark.parametrize("gap", ["centre", "cca"])
def test_codes_rebuild_tokens_along_the_words(gap: str) -> None:
    data, _ = planted()
    bank = text.fit(data, gap=gap, penalty=0.02)
    x = data.tokens.sample(10_000, seed=0)
    rebuilt = bank.encode(x) @ bank.directions + bank.offset
    assert (x - rebuilt).square().sum() < 0.2 * (x - x.mean(0)).square().sum()


def test_words_that_are_used_most_are_kept() -> None:
    data, amount = planted()
    assert data.text is not None
    axes = data.text.words_in - data.text.words_in.mean(0)
    loud = torch.from_numpy(axes[[2, 5]].astype(np.float32))
    extra = torch.zeros(60, 15, WIDTH)
    extra[:, ::2] = loud[0] * 4
    extra[:, 1::2] = loud[1] * 4
    tokens = torch.from_numpy(amount.astype(np.float32)) @ torch.from_numpy(axes) + extra
    bank = text.fit(replace(fakes.fit_data(tokens), text=data.text), n_concepts=2)
    assert bank.names == ("phrase 2", "phrase 5")


def test_twins_in_another_spelling_change_nothing_for_the_rest() -> None:
    """A word that is the mean of all has no direction and is left out."""
    data, _ = planted()
    assert data.text is not None
    mean = data.text.words_in.mean(0, keepdims=True)
    words_in = np.concatenate([data.text.words_in, mean])
    more = replace(data.text, words=(*data.text.words, "nothing"), words_in=words_in)
    bank = text.fit(replace(data, text=more))
    assert "nothing" not in bank.names
    assert len(bank.directions) == N_WORDS


# -- what is refused ---------------------------------------------------------------------------


def test_without_words_it_says_where_to_write_them() -> None:
    data, _ = planted()
    with pytest.raises(ValueError, match=r"\[text\] table with a vocabulary"):
        text.fit(replace(data, text=None))


def test_tokens_elsewhere_are_told_the_layer() -> None:
    data, _ = planted()
    assert data.text is not None
    with pytest.raises(ValueError, match='layer = "joint"'):
        text.fit(replace(data, text=replace(data.text, joint=False)))


def test_equal_words_are_refused() -> None:
    data, _ = planted()
    assert data.text is not None
    same = np.repeat(data.text.words_in[:1], N_WORDS, axis=0)
    with pytest.raises(ValueError, match="one and the same"):
        text.fit(replace(data, text=replace(data.text, words_in=same)))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"gap": "none"}, "'centre' or 'cca'"),
        ({"penalty": 0.0}, "between 0 and 1"),
        ({"gap": "cca", "ridge": 0.0}, "above 0"),
    ],
)
def test_wrong_parameters(params: dict[str, object], message: str) -> None:
    data, _ = planted()
    with pytest.raises(ValueError, match=message):
        METHODS["text"].fit(data, **params)


# -- the gap -----------------------------------------------------------------------------------


def correlated(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(n, 2)) * (1.0, 0.8)
    x = shared @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(n, 5)) + 4
    y = shared @ rng.normal(size=(2, 6)) + 0.6 * rng.normal(size=(n, 6)) - 2
    return x, y


def test_cca_correlates_as_another_implementation_does() -> None:
    x, y = correlated()
    found = modality_gap.cca(x, y, ridge=1e-9)
    slow = CCA(n_components=2, max_iter=5000, tol=1e-10).fit(x, y)
    a, b = slow.transform(x, y)
    expected = [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(2)]
    np.testing.assert_allclose(found.correlation[:2], expected, atol=1e-3)
    ours = (x - found.images_mean) @ found.images
    theirs = (y - found.texts_mean) @ found.texts
    for i in range(5):
        measured = np.corrcoef(ours[:, i], theirs[:, i])[0, 1]
        assert measured == pytest.approx(found.correlation[i], abs=1e-6)
    np.testing.assert_allclose(np.cov(ours.T, bias=True), np.eye(5), atol=1e-6)


def test_cca_can_be_undone_for_images() -> None:
    x, y = correlated()
    found = modality_gap.cca(x, y, ridge=1e-3)
    np.testing.assert_allclose(
        (x - x.mean(0)) @ found.images @ found.back, x - x.mean(0), atol=1e-9
    )


def test_ridge_tames_covariances_without_inverse() -> None:
    x, y = correlated(n=4)
    found = modality_gap.cca(x, y, ridge=0.1)
    assert np.isfinite(found.images).all()
    assert found.correlation.max() < 1


def test_pairs_are_the_words_nearest_once_both_sides_are_centred() -> None:
    data, amount = planted()
    assert data.text is not None
    tokens = data.tokens.sample(10_000, seed=0).numpy()
    found = modality_gap.pairs(tokens, data.text.words_in, nearest=1)
    shown = amount[:40].reshape(-1, N_WORDS)
    alone = (shown > 0).sum(1) == 1
    chosen = (found[alone] @ data.text.words_in.T).argmax(1)
    assert (chosen == shown[alone].argmax(1)).mean() > 0.95
