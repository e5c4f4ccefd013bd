"""Edits of latents' codes, and which latents to edit."""

from __future__ import annotations

import numpy as np
import pytest

from core.intervention import latent_selection, sae_edits

N, T, M = 29, 3, 2


@pytest.fixture
def codes() -> np.ndarray:
    rng = np.random.default_rng(8)
    return np.maximum(rng.normal(size=(N, T, M)), 0).astype(np.float32)


def test_edits_do_what_they_say_and_change_nothing_in_place(codes: np.ndarray) -> None:
    kept = codes.copy()
    for mode, strength, expected in [
        ("ablate", 7.0, np.zeros_like(kept)),
        ("clamp", 3.5, np.full_like(kept, 3.5)),
        ("scale", 2.0, 2 * kept),
        ("scale", 1.0, kept),
    ]:
        np.testing.assert_array_equal(
            sae_edits.edited(codes, mode, strength=strength), expected, strict=False
        )
    np.testing.assert_array_equal(codes, kept)
    with pytest.raises(ValueError, match="choose from ablate"):
        sae_edits.edited(codes, "tilt")
    with pytest.raises(ValueError, match="finite"):
        sae_edits.edited(codes, "clamp", strength=float("nan"))
    with pytest.raises(ValueError, match="posterior"):
        sae_edits.edited(codes, "suppress")


@pytest.mark.parametrize("mode", ["ablate", "scale", "clamp", "suppress"])
def test_an_edited_score_is_the_mean_of_edited_codes(codes: np.ndarray, mode: str) -> None:
    likely = np.random.default_rng(3).random((N, M))
    options = {"strength": 0.3, "likely": likely, "where": np.arange(N) % 3 > 0}
    maps = sae_edits.edited(codes, mode, **options)
    scores = sae_edits.edited(codes.astype(np.float64).mean(1), mode, **options)
    np.testing.assert_allclose(maps.mean(1), scores)


def test_the_posterior_is_bayes_on_two_histograms() -> None:
    a = np.array([0.0, 0.1, 0.2, 0.9, 1.0, 0.95])[:, None]
    shown = np.array([False, False, True, True, True, False])
    found = sae_edits.posterior(a, shown, n_bins=2, smoothing=1.0)
    # with one image added everywhere: present 2 of 5 low, 3 of 5 high; absent 3 of 5, 2 of 5
    np.testing.assert_allclose(found.probability, [[2 / 5, 3 / 5]])
    assert found.n.tolist() == [[3, 3]]
    rare = sae_edits.posterior(a, shown, n_bins=2, prior=0.1, smoothing=1.0)
    assert rare.probability[0, 1] == pytest.approx(0.06 / (0.06 + 0.36))
    scores = np.array([[0.2], [1.0], [7.0]])
    out = sae_edits.edited(scores, "suppress", likely=found.at(scores))
    np.testing.assert_allclose(out[:, 0], [0.2 * 3 / 5, 1.0 * 2 / 5, 7.0 * 2 / 5])
    with pytest.raises(ValueError, match="0 of 6 images"):
        sae_edits.posterior(a, np.zeros(6, dtype=bool))


def test_a_latent_that_speaks_for_the_concept_is_suppressed_more() -> None:
    rng = np.random.default_rng(9)
    shown = rng.random(400) < 0.5
    scores = np.stack([shown + 0.1 * rng.random(400), rng.random(400)], 1)
    likely = sae_edits.posterior(scores, shown).at(scores)
    lost = 1 - sae_edits.edited(scores, "suppress", likely=likely) / scores
    assert lost[shown, 0].mean() > 0.95
    assert lost[~shown, 0].mean() < 0.05
    assert 0.4 < lost[:, 1].mean() < 0.6


def test_a_gated_edit_leaves_other_images_alone(codes: np.ndarray) -> None:
    where = np.arange(N) % 4 == 1
    out = sae_edits.edited(codes, "ablate", where=where)
    np.testing.assert_array_equal(out[~where], codes[~where])
    assert (out[where] == 0).all()


def test_the_threshold_is_where_hits_minus_false_alarms_is_largest() -> None:
    rng = np.random.default_rng(10)
    shown = rng.random(53) < 0.4
    scores = np.round(rng.normal(size=53) + 1.2 * shown, 1)
    found = sae_edits.threshold(scores, shown)

    def better(at: float) -> float:
        return (scores[shown] >= at).mean() - (scores[~shown] >= at).mean()

    every = {float(v): better(float(v)) for v in np.unique(scores)}
    assert better(found) == pytest.approx(max(every.values()))
    assert found == max(v for v, b in every.items() if b > max(every.values()) - 1e-9)
    with pytest.raises(ValueError, match="with and without"):
        sae_edits.threshold(scores, np.ones(53, bool))


def test_latents_are_chosen_by_what_sets_the_target_apart() -> None:
    scores = np.array([[5, 3, 0, 4], [5, 2, 0, 4], [5, 0, 0, 1], [4, 0, 2, 0]], dtype=float)
    target, others = scores[:2], scores[2:]
    means = target.mean(0), others.mean(0)
    assert latent_selection.by_difference(*means, n=2).tolist() == [3, 1]
    assert latent_selection.by_difference(*means, n=9).tolist() == [3, 1, 0]
    peaks = target.max(0), others.max(0)
    assert latent_selection.by_exclusion(*peaks, n=3).tolist() == [1]
    assert latent_selection.by_exclusion(*peaks, n=2).tolist() == [3]
    assert latent_selection.by_exclusion(peaks[0], np.zeros(4), n=4).tolist() == [0, 3, 1]
