"""Maps survive storage within half a step, and are never clipped."""

from __future__ import annotations

import numpy as np
import pytest

from core.maps import LEVELS, quantise, quantise_alike, restore, scales

N, T, K = 6, 15, 5


def codes(*, signed: bool = True) -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(N, T, K)) * [1e-3, 1, 20, 0, 7]
    values[np.abs(values) < 0.3 * np.abs(values).max((0, 1))] = 0
    return (values if signed else np.abs(values)).astype(np.float32)


def stored(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = scales(np.abs(values).max((0, 1)))
    return quantise(values, scale), scale


@pytest.mark.parametrize("signed", [True, False])
def test_stored_codes_are_off_by_half_a_step_at_most(signed: bool) -> None:
    values = codes(signed=signed)
    steps, scale = stored(values)
    off = np.abs(steps * scale - values)
    assert (off <= scale / 2 * (1 + 1e-9)).all()
    assert off[..., 0].max() > 0.25 * scale[0]  # the bound is not idle
    assert (np.sign(steps) * np.sign(values) >= 0).all()


def test_largest_code_of_the_store_uses_every_level() -> None:
    steps, scale = stored(codes())
    assert np.abs(steps).max((0, 1)).tolist() == [LEVELS, LEVELS, LEVELS, 0, LEVELS]
    assert scale[3] == 0


def test_maps_of_one_scale_keep_their_ratios() -> None:
    maps = codes()[..., 1]
    steps, scale = quantise_alike(maps)
    assert np.abs(steps).max() == LEVELS
    assert scale == pytest.approx(np.abs(maps).max() / LEVELS)
    assert np.abs(steps * scale - maps).max() <= scale / 2 * (1 + 1e-3)


def test_maps_of_nothing_have_no_scale() -> None:
    steps, scale = quantise_alike(np.zeros((2, 3), dtype=np.float32))
    assert scale == 0
    assert not steps.any()


@pytest.mark.parametrize("concept", [1, 3])
def test_code_beyond_its_scale_is_refused(concept: int) -> None:
    """Also where the scale says that the concept never fires."""
    values = codes()
    _, scale = stored(values)
    values[0, 0, concept] = 1.001 * max(values[..., concept].max(), 1e-4)
    values[0, 1, concept] = -1.001 * np.abs(values[..., concept]).max()
    with pytest.raises(ValueError, match="largest"):
        quantise(values, scale)


def as_row(steps: np.ndarray, *, dense: bool) -> tuple:
    """One image's row of the table `code`, the way the writer lays it out."""
    by_concept = steps.T
    if dense:
        return None, None, by_concept.ravel()
    concept, token = np.nonzero(by_concept)
    return concept, token, by_concept[concept, token]


@pytest.mark.parametrize("image", range(N))
def test_sparse_and_dense_rows_restore_the_same_maps(image: int) -> None:
    steps, scale = stored(codes())
    dense = restore(*as_row(steps[image], dense=True), scale, n_tokens=T)
    sparse = restore(*as_row(steps[image], dense=False), scale, n_tokens=T)
    assert np.array_equal(dense, sparse)
    assert np.array_equal(dense, (steps[image] * scale).T)
