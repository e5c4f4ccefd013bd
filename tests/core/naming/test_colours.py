"""A colour is hinted at where maps mark it, in plain words, and almost never where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from core.naming.colours import LEAST_DIFFERENCE, colour_hints, lab, marked, term

RED = (0.8, 0.1, 0.1)


def scenes(rng: np.random.Generator, n: int = 20, t: int = 49) -> np.ndarray:
    """Cells in any colour, around one of each image's own."""
    own = rng.uniform(0, 1, (n, 1, 3))
    return lab(np.clip(own + rng.normal(0, 0.3, (n, t, 3)), 0, 1))


def single(rng: np.random.Generator, n: int = 20, t: int = 49) -> np.ndarray:
    """Maps that mark one cell each."""
    maps = np.zeros((n, t))
    maps[np.arange(n), rng.integers(0, t, n)] = rng.exponential(1, n)
    return maps


def heavy(rng: np.random.Generator, n: int = 20, t: int = 49) -> np.ndarray:
    return np.abs(rng.standard_t(1.5, (n, t)))


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 0, 0), (53.2408, 80.0925, 67.2032)),
        ((255, 255, 255), (100, 0, 0)),
        ((119, 119, 119), (50.0344, 0, 0)),
        ((0, 0, 255), (32.2970, 79.1875, -107.8602)),
        ((10, 10, 10), (2.7418, 0, 0)),
    ],
)
def test_lab_has_published_values(rgb: tuple[int, ...], expected: tuple[float, ...]) -> None:
    np.testing.assert_allclose(lab(np.array(rgb) / 255), expected, atol=2e-2)


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((90, 110, 60), "green"),
        ((135, 180, 230), "blue"),
        ((150, 110, 80), "brown"),
        ((90, 65, 45), "brown"),
        ((120, 118, 115), "grey"),
        ((15, 15, 25), "black"),
        ((245, 245, 248), "white"),
        ((200, 50, 40), "red"),
        ((240, 160, 180), "pink"),
        ((120, 60, 160), "purple"),
        ((250, 210, 40), "yellow"),
        ((240, 130, 30), "orange"),
    ],
)
def test_a_colour_is_called_by_a_basic_term(rgb: tuple[int, ...], word: str) -> None:
    assert term(lab(np.array(rgb) / 255)) == word


def test_a_planted_colour_is_found_among_concepts_without_one() -> None:
    rng = np.random.default_rng(1)
    colours = scenes(rng)
    maps = single(rng)
    colours[maps > 0] = lab(np.array(RED))
    found = [marked(single(rng), scenes(rng), seed=i) for i in range(30)]
    one = marked(maps, colours, seed=99)
    assert one is not None
    exchanged = np.mean(
        [colours[i, maps[j].argmax()] for i in range(20) for j in range(20)], axis=0
    )
    difference = np.linalg.norm(lab(np.array(RED)) - exchanged)
    assert colour_hints([*found, one]) == [""] * 30 + [
        f"red (ΔE {difference:.0f} from the same maps on each other's images, n 20)"
    ]


@pytest.mark.parametrize("maps", [single, heavy])
def test_a_false_colour_is_no_more_frequent_than_stated_for_a_whole_bank(
    maps: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a level of 10 %, which takes fewer banks to see; with nothing too small to say."""
    monkeypatch.setattr("core.naming.colours.LEVEL", 0.1)
    monkeypatch.setattr("core.naming.colours.LEAST_DIFFERENCE", 0.0)
    monkeypatch.setattr("core.naming.colours.N_EXCHANGES", 99)
    rng = np.random.default_rng(2)
    assert callable(maps)
    said = [
        any(colour_hints([marked(maps(rng), scenes(rng), seed=10 * b + i) for i in range(8)]))
        for b in range(120)
    ]
    assert 0 < np.mean(said) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 120)


def test_what_differs_too_little_is_not_said() -> None:
    rng = np.random.default_rng(3)
    colours = np.full((20, 49, 3), (50.0, 20.0, 0.0)) + rng.normal(0, 0.2, (20, 49, 3))
    maps = single(rng)
    colours[maps > 0] += (LEAST_DIFFERENCE - 1, 0, 0)
    assert colour_hints([marked(maps, colours, seed=0)]) == [""]
    colours[maps > 0] += (2, 0, 0)
    assert colour_hints([marked(maps, colours, seed=0)]) != [""]


def test_grey_images_few_images_and_cells_without_a_picture() -> None:
    rng = np.random.default_rng(4)
    maps, colours = single(rng), scenes(rng)
    colours[maps > 0] = lab(np.array(RED))
    grey = colours * (1, 0, 0)
    assert marked(maps, grey, seed=0) is None
    assert marked(maps[:4], colours[:4], seed=0) is None
    hidden = np.where((np.arange(49) < 7)[:, None], np.nan, colours)
    one = marked(maps, hidden, seed=0)
    assert one is not None
    assert one.n == np.count_nonzero(maps.argmax(1) >= 7)
    np.testing.assert_allclose(one.colour, lab(np.array(RED)))
    assert colour_hints([None]) == [""]
