"""Maps against points and masks: slow twins, and that a map which says nothing scores chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
import reference_cbm as slow

from core.metrics import clm
from core.metrics.enlarge import Picture, enlarge
from core.metrics.mask_overlap import localisation
from core.types import Box

WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize("view", [WHOLE, Box(0.2, 0.1, 0.7, 0.9), Box(-0.2, 0.0, 1.2, 1.0)])
def test_enlarging_equals_bilinear_interpolation_pixel_by_pixel(view: Box) -> None:
    map = np.random.default_rng(0).normal(size=(3, 4))
    seen = enlarge(map, Picture(13, 9, view, {}))
    expected = slow.bilinear(map, view, 13, 9)
    assert seen.values.size == len(expected)
    for (row, column), value in expected.items():
        assert seen.values[row - seen.top, column - seen.left] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7, -1.1])
def test_a_constant_map_stays_constant_to_the_last_bit(value: float) -> None:
    seen = enlarge(np.full((3, 4), value), Picture(301, 217, Box(0.03, 0.0, 0.97, 1.0), {}))
    assert set(seen.values.ravel()) == {value}


@pytest.mark.parametrize("pixels", [[(0, 1)], [(0, 1), (2, 3)], [(1, 0), (0, 0)]])
def test_a_hit_is_the_share_of_tie_breakings_that_hold_a_point(
    pixels: list[tuple[int, int]],
) -> None:
    values = np.array([[3, 1, 1, 0], [1, 2, 1, 0], [0, 0, 0, 1.0]])
    found, chance = clm.hits(values, pixels, alphas=[1, 3, 6])
    flat = np.zeros_like(values)
    for i, n_on in enumerate((1, 3, 6)):
        assert found[i] == pytest.approx(slow.clm_hit(values, pixels, n_on))
        assert chance[i] == pytest.approx(slow.clm_hit(flat, pixels, n_on))


@pytest.mark.parametrize("points", [[(4.5, 3.2)], [(4.5, 3.2), (20.0, 11.0)]])
def test_a_constant_map_scores_exactly_chance(points: list[tuple[float, float]]) -> None:
    picture = Picture(24, 18, WHOLE, {"wing": points})
    judged = clm.judge(
        np.ones((1, 2)),
        [picture],
        parts=["wing", None],
        map_of=lambda *_: np.full((3, 4), 0.3),
        length=1,
    )
    np.testing.assert_allclose(judged.hit, judged.chance, rtol=1e-12)
    if len(points) == 1:
        np.testing.assert_allclose(judged.chance[0, 0], np.array([1, 3, 6]) / 12)


def test_random_maps_hit_as_often_as_chance_says() -> None:
    rng = np.random.default_rng(2)
    drawn = [clm.hits(rng.normal(size=(6, 8)), [(2, 3)], alphas=[1, 6]) for _ in range(600)]
    np.testing.assert_allclose(np.mean([hit for hit, _ in drawn], 0), drawn[0][1], atol=0.05)


def test_signed_maps_count_by_value_not_by_size() -> None:
    values = np.full((6, 6), -1.0)
    values[4, 4] = -9.0
    values[1, 2] = -0.5
    hit, _ = clm.hits(values, [(4, 4)], alphas=[6])
    assert hit[0] == 0
    assert clm.hits(values, [(1, 2)], alphas=[1])[0][0] == 1


def scene() -> tuple[np.ndarray, list[Picture], list[str | None]]:
    """Three concepts with parts and one without; image 1 does not show the beak."""
    importance = np.array([[4.0, 9.0, 3.0, 2.0], [4.0, 9.0, 3.0, 2.0]])
    pictures = [
        Picture(12, 12, WHOLE, {"beak": [(1.0, 1.0)], "tail": [(10.0, 10.0)], "eye": [(5.0, 1.0)]}),
        Picture(12, 12, WHOLE, {"tail": [(10.0, 10.0)], "eye": []}),
    ]
    return importance, pictures, ["beak", None, "tail", "eye"]


def corner(_image: int, concept: int) -> np.ndarray:
    """High at the top left, except for the tail, which is found where it is."""
    map = np.zeros((4, 4))
    map[(3, 3) if concept == 2 else (0, 0)] = 1
    return map


def test_unseen_parts_and_concepts_without_one_are_not_judged() -> None:
    importance, pictures, parts = scene()
    judged = clm.judge(importance, pictures, parts=parts, map_of=corner, length=3)
    np.testing.assert_array_equal(np.isnan(judged.hit[:, :, 0]), [[0, 0, 0], [1, 0, 1]])
    first = clm.clm(judged, length=1, alpha=1)
    assert (first["visible"].value, first["visible"].n) == (1, 1)
    two = clm.clm(judged, length=2, alpha=1)
    assert (two["l"].value, two["visible"].value) == (0.75, 1)
    assert two["l"].chance == pytest.approx((2 / 12 + 1 / 12) / 2 / 2)
    assert two["visible"].chance == pytest.approx(1 / 12)
    three = clm.clm(judged, length=3, alpha=1)
    assert three["visible"].value == pytest.approx((2 / 3 + 1) / 2)


def test_an_image_with_nothing_to_look_for_is_a_miss_and_all_concepts_are_ranked() -> None:
    """Image 1 does not show the beak, which comes first of what has a part; what comes first of
    all has none."""
    importance, pictures, parts = scene()
    judged = clm.judge(importance, pictures, parts=parts, map_of=corner, length=3)
    one = clm.clm(judged, length=1, alpha=1)
    assert (one["l"].value, one["l"].n) == (0.5, 2)  # left out, it was 1.0 of one image
    assert one["l"].chance == pytest.approx(1 / 12 / 2)
    assert (one["visible"].value, one["visible"].n) == (1, 1)
    assert not judged.placeless.any()
    ranked = clm.judge(importance, pictures, parts=parts, map_of=corner, length=4, placed=False)
    np.testing.assert_array_equal(ranked.placeless, [[1, 0, 0, 0]] * 2)
    assert clm.clm(ranked, length=1, alpha=1)["l"].value == 0
    assert clm.clm(ranked, length=1, alpha=1)["visible"].n == 0
    two = clm.clm(ranked, length=2, alpha=1)
    assert (two["l"].value, two["l"].n) == (0.25, 2)
    with pytest.raises(ValueError, match="4 concepts are there"):
        clm.judge(importance, pictures, parts=parts, map_of=corner, length=5, placed=False)


def test_concepts_that_are_absent_can_be_left_out() -> None:
    importance, pictures, parts = scene()
    present = np.array([[0, 1, 1, 1], [1, 1, 1, np.nan]], dtype=float)
    judged = clm.judge(importance, pictures, parts=parts, map_of=corner, length=3, present=present)
    np.testing.assert_array_equal(np.isnan(judged.hit[:, :, 0]), [[1, 0, 0], [1, 0, 1]])


def test_a_point_outside_what_the_model_sees_is_not_judged() -> None:
    picture = Picture(12, 12, Box(0.5, 0.0, 1.0, 1.0), {"beak": [(1.0, 1.0)]})
    judged = clm.judge(np.ones((1, 1)), [picture], parts=["beak"], map_of=corner, length=1)
    assert np.isnan(judged.hit).all()
    assert clm.clm(judged, length=1, alpha=1)["visible"].n == 0


def test_more_slots_than_located_concepts_are_refused() -> None:
    importance, pictures, parts = scene()
    with pytest.raises(ValueError, match="3 concepts have a part"):
        clm.judge(importance, pictures, parts=parts, map_of=corner, length=4)


def test_a_map_against_a_mask_equals_the_definitions() -> None:
    rng = np.random.default_rng(3)
    maps, masks = rng.normal(size=(4, 15)), (rng.random((4, 15)) < 0.4).astype(float)
    found = localisation(maps, masks)
    for i in range(4):
        a = [max(v, 0) / max(maps[i]) for v in maps[i]]
        m = masks[i]
        both = sum(x * y for x, y in zip(a, m, strict=True))
        either = sum(max(x, y) for x, y in zip(a, m, strict=True))
        assert found.iou[i] == pytest.approx(both / either)
        assert found.dice[i] == pytest.approx(2 * both / (both + either))
        assert found.precision[i] == pytest.approx(both / sum(a))
        assert found.energy[i] == pytest.approx((abs(maps[i]) * m).sum() / abs(maps[i]).sum())
        assert found.pointing[i] == m[maps[i].argmax()]
        assert found.area[i] == m.mean()


def test_chance_is_what_shuffled_maps_score() -> None:
    rng = np.random.default_rng(4)
    map = np.concatenate([[1.0, 0.9, 0.8], -rng.random(12)])
    mask = np.repeat([1.0, 0.0], [3, 12])
    tried = localisation(rng.permuted(np.tile(map, (4000, 1)), axis=1), np.tile(mask, (4000, 1)))
    assert tried.iou.mean() == pytest.approx(tried.iou_chance[0], abs=0.004)
    assert tried.dice.mean() == pytest.approx(tried.dice_chance[0], abs=0.004)
    for name in ("precision", "energy", "pointing"):
        assert getattr(tried, name).mean() == pytest.approx(tried.area[0], abs=0.02)


def test_a_constant_map_scores_the_mask_area() -> None:
    found = localisation(np.full((1, 8), 2.0), np.repeat([1.0, 0.0], [3, 5])[None])
    for name in ("iou", "iou_chance", "precision", "energy", "pointing"):
        assert getattr(found, name)[0] == pytest.approx(3 / 8), name


def test_a_share_of_a_cell_counts_as_that_many_of_its_pixels() -> None:
    maps, covered = np.array([[3.0, 1.0, -1.0]]), np.array([[0.5, 0.25, 0.0]])
    fine = localisation(
        np.repeat(maps, 4, axis=1), np.array([[1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0.0]])
    )
    coarse = localisation(maps, covered)
    assert coarse.iou[0] == pytest.approx(fine.iou[0])
    assert coarse.dice[0] == pytest.approx(fine.dice[0])


def test_empty_masks_and_maps_without_evidence_give_no_number() -> None:
    found = localisation(np.array([[1.0, 2.0], [-1.0, -2.0]]), np.array([[0.0, 0.0], [1.0, 0.0]]))
    assert math.isnan(found.iou[0])
    assert math.isnan(found.iou_chance[0])
    assert found.iou[1] == 0
    assert math.isnan(found.precision[1])
    assert found.pointing[1] == 1
    with pytest.raises(ValueError, match=r"0\.\.1"):
        localisation(np.ones((1, 2)), np.array([[0.0, 255.0]]))
