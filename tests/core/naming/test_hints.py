"""A hint says what was planted, and nothing where scores know nothing of classes and places."""

from __future__ import annotations

import numpy as np

from core.naming.hints import LEVEL, Members, hints
from core.types import Grid

NAMES = ("wren", "heron", "finch", "swift")
FLAT = np.ones((1, 63))
GRID = Grid(7, 9)


def hint(scores: np.ndarray, class_of: np.ndarray, magnitudes: np.ndarray = FLAT) -> str:
    (found,) = hints(scores[:, None], magnitudes, member=Members(NAMES, class_of), grid=GRID)
    return found


def test_the_class_of_the_strongest_images_with_n_and_lift() -> None:
    class_of = np.repeat(np.arange(4), [10, 30, 40, 20])
    scores = np.zeros(100)
    scores[10:26] = 2.0  # 16 herons
    scores[40:44] = 1.0  # 4 finches
    assert hint(scores, class_of) == "heron: 16 of the 20 strongest images, 2.67 times its share"


def test_images_that_it_is_silent_on_are_not_among_the_strongest() -> None:
    class_of = np.repeat(np.arange(4), 25)
    scores = np.zeros(100)
    scores[:6] = 1.0
    assert hint(scores, class_of) == "wren: 6 of the 6 strongest images, 4 times its share"
    scores[4:] = 0.0
    assert hint(scores, class_of) == ""


def test_unlabelled_images_are_no_class() -> None:
    class_of = np.repeat([0, 1, -1], [10, 10, 80])
    scores = np.zeros(100)
    scores[20:] = 5.0
    scores[:10] = 1.0
    assert hint(scores, class_of) == "wren: 10 of the 10 strongest images, 2 times its share"
    assert hint(scores, np.full(100, -1)) == ""


def test_by_chance_a_class_is_hinted_at_no_more_often_than_stated() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((200, 3000))
    class_of = rng.integers(0, 4, 200)
    found = hints(scores, np.ones((3000, 63)), member=Members(NAMES, class_of), grid=GRID)
    rate = np.mean([bool(text) for text in found])
    assert rate <= LEVEL + 3 * np.sqrt(LEVEL / 3000)
    assert any(found)


def test_the_region_that_holds_most_of_the_map_beside_its_area() -> None:
    silent = np.zeros(20), np.full(20, -1)
    maps = np.ones((7, 9))
    maps[:2] = 10.0
    assert hint(*silent, maps.reshape(1, -1)) == "80% in the upper third (chance 29%)"
    maps = np.zeros((7, 9))
    maps[:, -1] = 1.0
    assert hint(*silent, maps.reshape(1, -1)) == "100% in the right third (chance 33%)"
    maps = np.zeros((7, 9))
    maps[3, 4] = 1.0
    assert hint(*silent, maps.reshape(1, -1)) == "100% in the middle (chance 14%)"
    assert hint(*silent) == ""
    assert hint(*silent, np.zeros((1, 63))) == ""


def test_of_several_labels_the_one_furthest_beyond_chance_is_named() -> None:
    """Nine in ten images carry "common" by nature; a tenth carries "rare", on the strongest."""
    rng = np.random.default_rng(0)
    scores = np.arange(200.0)
    several = np.stack([rng.random(200) < 0.9, scores >= 180], axis=1).astype(float)
    several[:5] = np.nan
    member = Members(("common", "rare"), several=several)

    (found,) = hints(scores[:, None], FLAT, member=member, grid=GRID)

    assert found == "rare: 20 of the 20 strongest images, 9.75 times its share"
    nothing = Members(("common",), several=several[:, :1])
    assert hints(scores[:, None], FLAT, member=nothing, grid=GRID) == [""]
