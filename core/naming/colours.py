"""The colour of what a concept's maps mark, in CIELAB, and the basic colour term nearest to it.

Colours are L (0 to 100), a and b of CIE 1976, from sRGB under D65. ΔE is the Euclidean distance.
Terms are the eleven of Berlin & Kay 1969; each is held by a few of CSS's colours that go by it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import ImageColor

FEWEST = 5
"""images with a map, at least"""
LEVEL = 0.01
"""chance that any concept of a bank gets a colour where maps know nothing of colours"""
N_EXCHANGES = 999
LEAST_DIFFERENCE = 10.0
"""ΔE from chance below which a colour is not worth a word"""
_GREY = 1.5
"""chroma below which a cell has no hue; JPEG rounds by about 1"""
_HUE = 15.0
"""chroma from which a colour is not called black, grey or white"""
_FLOOR = 0.5
"""ΔE: standard deviation of chance that is assumed at least"""

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _TO_XYZ.sum(1)

TERMS = {
    "black": ("black",),
    "white": ("white", "whitesmoke"),
    "grey": ("dimgray", "gray", "darkgray", "lightgray", "slategray"),
    "red": ("red", "darkred", "indianred", "firebrick"),
    "green": ("green", "darkgreen", "limegreen", "seagreen", "lightgreen", "darkolivegreen"),
    "yellow": ("yellow", "lightyellow", "gold"),
    "blue": ("blue", "navy", "royalblue", "steelblue", "skyblue", "lightblue", "darkslateblue"),
    "brown": ("brown", "saddlebrown", "rosybrown", "sienna", "peru", "#654321"),
    "orange": ("orange", "darkorange"),
    "pink": ("pink", "lightpink", "hotpink", "deeppink"),
    "purple": ("purple", "mediumpurple", "rebeccapurple", "mediumorchid"),
}

_WITHOUT_HUE = ("black", "white", "grey")


def lab(rgb: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """CIELAB of sRGB, each 0 to 1."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    edge = 6 / 29
    f = np.where(xyz > edge**3, np.cbrt(xyz), xyz / (3 * edge**2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def term(colour: Float[np.ndarray, " 3"]) -> str:
    """The basic colour term that holds the nearest colour, with a hue where `colour` has one."""
    has_hue = bool(np.hypot(colour[1], colour[2]) >= _HUE)
    near = {
        name: np.linalg.norm(_css(colours) - colour, axis=1).min()
        for name, colours in TERMS.items()
        if not (has_hue and name in _WITHOUT_HUE)
    }
    return min(near, key=lambda name: near[name])


def _css(names: tuple[str, ...]) -> Float[np.ndarray, "c 3"]:
    return lab(np.array([ImageColor.getrgb(name)[:3] for name in names]) / 255)


class Marked(NamedTuple):
    """What one concept's maps mark, beside chance."""

    colour: Float[np.ndarray, " 3"]
    difference: float
    """ΔE from the mean colour with maps exchanged"""
    n: int
    """images"""
    beyond: float
    """squared distance from chance, in its standard deviations"""
    by_chance: Float[np.ndarray, " e"]
    """the same with maps exchanged"""


def marked(
    maps: Float[np.ndarray, "n t"], colours: Float[np.ndarray, "n t 3"], *, seed: int
) -> Marked | None:
    """What `maps` (0 or more) mark in their images, whose cells have `colours` (NaN: no picture).

    Chance is the same with the maps exchanged between the images at random, `N_EXCHANGES` times.
    None where fewer than `FEWEST` images have a map, or no image has a colour.
    """
    seen = np.isfinite(colours).all((0, 2))
    maps, colours = maps[:, seen].astype(np.float64), colours[:, seen].astype(np.float64)
    lit = maps.sum(1) > 0
    n = int(lit.sum())
    if n < FEWEST or np.hypot(colours[lit, :, 1], colours[lit, :, 2]).max() < _GREY:
        return None
    shares = maps[lit] / maps[lit].sum(1, keepdims=True)
    under = np.einsum("itc,jt->ijc", colours[lit], shares, optimize=True)
    chance = under.mean((0, 1))
    centred = under - under.mean(0) - under.mean(1, keepdims=True) + chance
    # of a mean over images whose maps are exchanged (Hoeffding 1951)
    spread = np.einsum("ijc,ijd->cd", centred, centred) / (n**2 * (n - 1))
    inverse = np.linalg.inv(spread + _FLOOR**2 * np.eye(3))
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (N_EXCHANGES, 1)), axis=1)
    exchanged = under[np.arange(n), order].mean(1) - chance
    colour = under[np.arange(n), np.arange(n)].mean(0)
    return Marked(
        colour,
        float(np.linalg.norm(colour - chance)),
        n,
        float((colour - chance) @ inverse @ (colour - chance)),
        np.einsum("ec,cd,ed->e", exchanged, inverse, exchanged),
    )


def colour_hints(found: list[Marked | None]) -> list[str]:
    """A hint for each concept of a bank, "" where its colour is not beyond chance.

    Chance is that of the most extreme concept of the bank (Westfall & Young 1993), so that the rate
    of a false word is `LEVEL` for the bank as a whole, as with Bonferroni's correction, which would
    need 100 exchanges a concept for every concept of the bank.
    """
    known = [one for one in found if one is not None]
    if not known:
        return [""] * len(found)
    most = np.max([one.by_chance for one in known], axis=0)
    return ["" if one is None else _text(one, most) for one in found]


def _text(one: Marked, most: Float[np.ndarray, " e"]) -> str:
    chance = (1 + np.count_nonzero(most >= one.beyond)) / (1 + len(most))
    if chance > LEVEL or one.difference < LEAST_DIFFERENCE:
        return ""
    return (
        f"{term(one.colour)} (ΔE {one.difference:.0f} from the same maps on each other's images, "
        f"n {one.n})"
    )
