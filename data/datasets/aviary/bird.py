"""Aviary's birds: shapes in a bird's own units (body about one unit long, facing right, y down)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.datasets.aviary.pen import Colour, Number, Point, Points, bar, curve, disc, mix
from data.datasets.aviary.species import PARTS

Shape = tuple[Points, Colour, int]

PART = {name: i + 1 for i, name in enumerate(PARTS)}  # numbers in the parts picture

PLUMAGE: dict[str, Colour] = {
    "blue": (62, 108, 176),
    "green": (88, 140, 66),
    "russet": (178, 84, 44),
    "sand": (204, 160, 98),
}
BREAST: dict[str, Colour] = {
    "white": (250, 245, 232),
    "yellow": (250, 200, 52),
    "red": (214, 54, 48),
    "black": (52, 50, 60),
}
BEAK: dict[str, Colour] = {"yellow": (250, 186, 40), "red": (218, 58, 44), "black": (50, 48, 56)}
CAP: dict[str, Colour] = {"black cap": (40, 40, 50), "white cap": (252, 249, 240)}
LEGS: Colour = (150, 92, 58)
INK: Colour = (34, 32, 42)
WHITE: Colour = (255, 255, 255)
FEET = (0.03, 0.665)
_STEPS = 6
_BODY = curve(
    [
        (0.67, -0.49),
        (0.58, -0.66),
        (0.40, -0.745),
        (0.20, -0.67),
        (0.08, -0.48),
        (-0.05, -0.29),
        (-0.30, -0.10),
        (-0.58, 0.10),
        (-0.60, 0.21),
        (-0.38, 0.36),
        (-0.06, 0.475),
        (0.26, 0.43),
        (0.50, 0.23),
        (0.62, -0.04),
        (0.62, -0.25),
        (0.68, -0.37),
    ],
    closed=True,
    steps=_STEPS,
)
# Patches share the body's outline on one side and close with a curve inside it.
_CROWN = np.concatenate(
    [_BODY[: 4 * _STEPS + 1], curve([(0.20, -0.52), (0.36, -0.575), (0.52, -0.565), (0.67, -0.49)])]
)
_BREAST = np.concatenate(
    [
        _BODY[10 * _STEPS : 14 * _STEPS + 1],
        curve([(0.50, -0.27), (0.36, -0.12), (0.24, 0.08), (0.08, 0.28), (-0.06, 0.475)]),
    ]
)
_WING_TOP = curve([(0.27, 0.02), (0.12, -0.17), (-0.18, -0.10), (-0.48, 0.09), (-0.80, 0.27)])
_WING_LOW = curve([(0.27, 0.02), (0.20, 0.22), (-0.06, 0.31), (-0.40, 0.31), (-0.80, 0.27)])

_TAIL_ALONG, _TAIL_ACROSS = np.array([-0.945, 0.327]), np.array([0.327, 0.945])


def _tail_point(along: Number, across: Number) -> Point:
    x, y = np.array([-0.46, 0.13]) + along * _TAIL_ALONG + across * _TAIL_ACROSS
    return float(x), float(y)


def _tail_shape(*points: Point) -> Points:
    return np.array([_tail_point(*point) for point in points])


_FAN: list[Point] = [(0.02, -0.09)]
for _lobe in range(5):
    _at = np.linspace(-0.62 + 0.248 * _lobe, -0.62 + 0.248 * (_lobe + 1), 5)
    _reach = 0.60 + 0.05 * np.sin(np.linspace(0, np.pi, 5))
    _FAN += [(float(r * np.cos(a)), float(r * np.sin(a))) for a, r in zip(_at, _reach, strict=True)]
_FAN.append((0.02, 0.09))

TAILS: dict[str, Points] = {
    "short": _tail_shape(
        (0, -0.11), (0.30, -0.15), (0.36, -0.08), (0.37, 0.08), (0.31, 0.15), (0, 0.11)
    ),
    "long": _tail_shape(
        (0, -0.10),
        (0.78, -0.075),
        (0.90, -0.045),
        (0.93, 0.0),
        (0.90, 0.045),
        (0.78, 0.075),
        (0, 0.10),
    ),
    "forked": _tail_shape(
        (0, -0.10),
        (0.40, -0.17),
        (0.80, -0.33),
        (0.62, -0.12),
        (0.36, 0.0),
        (0.62, 0.12),
        (0.80, 0.33),
        (0.40, 0.17),
        (0, 0.10),
    ),
    "fan": _tail_shape(*_FAN),
}
_QUILLS: dict[str, list[tuple[Point, Point]]] = {
    "short": [((0.12, 0.0), (0.34, 0.0))],
    "long": [((0.2, 0.0), (0.88, 0.0))],
    "forked": [((0.1, -0.03), (0.66, -0.22)), ((0.1, 0.03), (0.66, 0.22))],
    "fan": [
        ((0.1, 0.1 * a), (0.585 * float(np.cos(a)), 0.585 * float(np.sin(a))))
        for a in (-0.372, -0.124, 0.124, 0.372)
    ],
}
CRESTS: dict[str, list[Points]] = {
    "none": [],
    "tuft": [disc(0.26, -0.79, 0.095), disc(0.49, -0.80, 0.09), disc(0.37, -0.87, 0.115)],
    "spiky": [
        np.array([(0.50, -0.66), (0.62, -0.97), (0.38, -0.70)]),
        np.array([(0.46, -0.66), (0.42, -1.07), (0.26, -0.66)]),
        np.array([(0.38, -0.66), (0.20, -1.03), (0.15, -0.58)]),
        np.array([(0.28, -0.62), (0.00, -0.88), (0.10, -0.50)]),
    ],
    "swept": [
        curve(
            [
                (0.54, -0.68),
                (0.34, -0.85),
                (0.06, -0.93),
                (-0.26, -0.86),
                (-0.02, -0.77),
                (0.16, -0.58),
                (0.36, -0.62),
            ],
            closed=True,
        ),
        curve(
            [(0.20, -0.66), (0.02, -0.74), (-0.16, -0.66), (0.02, -0.60), (0.10, -0.48)],
            closed=True,
        ),
    ],
}
# Upper mandible (or the whole beak), then its shaded lower edge.
BEAKS: dict[str, tuple[Points, Points]] = {
    "cone": (
        curve(
            [
                (0.60, -0.55),
                (0.80, -0.51),
                (0.97, -0.40),
                (0.80, -0.33),
                (0.61, -0.29),
                (0.56, -0.42),
            ],
            closed=True,
        ),
        np.array([(0.62, -0.415), (0.96, -0.40), (0.80, -0.335), (0.62, -0.295)]),
    ),
    "hooked": (
        curve(
            [
                (0.60, -0.55),
                (0.80, -0.575),
                (0.96, -0.49),
                (1.00, -0.34),
                (0.965, -0.21),
                (0.90, -0.36),
                (0.78, -0.40),
                (0.62, -0.36),
                (0.57, -0.45),
            ],
            closed=True,
        ),
        np.array([(0.62, -0.41), (0.80, -0.405), (0.84, -0.36), (0.76, -0.29), (0.63, -0.28)]),
    ),
    "needle": (
        np.array([(0.60, -0.53), (0.80, -0.485), (1.30, -0.385), (0.80, -0.36), (0.61, -0.32)]),
        np.array([(0.61, -0.415), (1.30, -0.385), (0.80, -0.36), (0.61, -0.32)]),
    ),
    "spatulate": (
        curve(
            [
                (0.60, -0.51),
                (0.80, -0.475),
                (0.96, -0.51),
                (1.10, -0.56),
                (1.23, -0.49),
                (1.23, -0.33),
                (1.10, -0.26),
                (0.96, -0.33),
                (0.80, -0.365),
                (0.61, -0.33),
            ],
            closed=True,
        ),
        curve(
            [
                (0.61, -0.41),
                (0.96, -0.41),
                (1.25, -0.40),
                (1.22, -0.33),
                (1.10, -0.265),
                (0.96, -0.335),
                (0.80, -0.37),
                (0.61, -0.335),
            ]
        ),
    ),
}


def _wing_band(start: float, end: float, *, bulge: float = 0.0) -> Points:
    """The wing between two fractions of its length, edges curved towards the tip by bulge."""
    v = np.linspace(0, 1, 7)[:, None]
    bend = bulge * np.sin(np.pi * v)

    def across(fraction: float, order: int) -> Points:
        at = np.clip(fraction + bend, 0, 1)[::order] * (len(_WING_TOP) - 1)
        low = np.floor(at).astype(int)[:, 0].clip(0, len(_WING_TOP) - 2)
        rest = at - low[:, None]
        top = _WING_TOP[low] * (1 - rest) + _WING_TOP[low + 1] * rest
        under = _WING_LOW[low] * (1 - rest) + _WING_LOW[low + 1] * rest
        return top * (1 - v[::order]) + under * v[::order]

    return np.concatenate([across(start, 1), across(end, -1)])


_WING = np.concatenate([_WING_TOP, _WING_LOW[::-1]])
_BARS = [_wing_band(a, a + 0.085, bulge=0.06) for a in (0.26, 0.44, 0.62)]
_TIP = np.concatenate([_wing_band(0.56, 0.57, bulge=0.07)[:7], _WING_LOW[14:], _WING_TOP[:13:-1]])
_SPOTS = [
    disc(x, y, 0.052)
    for x, y in (
        (0.12, -0.04),
        (0.10, 0.13),
        (-0.06, 0.04),
        (-0.08, 0.20),
        (-0.24, 0.02),
        (-0.26, 0.18),
        (-0.42, 0.14),
        (-0.44, 0.255),
        (-0.58, 0.21),
    )
]
_FEATHERS = [
    bar(a, b, start=0.012, end=0.022)
    for a, b in (((-0.22, 0.16), (-0.66, 0.235)), ((-0.14, 0.235), (-0.56, 0.28)))
]


def shapes(values: Mapping[str, str], *, jitter: tuple[int, int, int]) -> list[Shape]:
    """Back to front. `jitter` is added to the plumage's red, green and blue (0..255)."""
    base: Colour = tuple(  # type: ignore[assignment]
        max(0, min(255, c + j)) for c, j in zip(PLUMAGE[values["plumage"]], jitter, strict=True)
    )
    deep, dark, pale = mix(base, INK, 0.22), mix(base, INK, 0.42), mix(base, WHITE, 0.72)
    breast, beak = BREAST[values["breast"]], BEAK[values["beak colour"]]
    out: list[Shape] = []

    def add(part: str, colour: Colour, *points: Points) -> None:
        out.extend((p, colour, PART[part]) for p in points)

    add("tail", deep, TAILS[values["tail"]])
    ends = [(_tail_point(*a), _tail_point(*b)) for a, b in _QUILLS[values["tail"]]]
    add("tail", dark, *(bar(a, b, start=0.015, end=0.03) for a, b in ends))
    for x in (0.13, -0.07):
        add("legs", LEGS, bar((x - 0.02, 0.40), (x, 0.66), start=0.06, end=0.045))
        add("legs", LEGS, bar((x - 0.07, 0.675), (x + 0.14, 0.67), start=0.035, end=0.05))
    add("crest", deep, *CRESTS[values["crest"]])
    add("back", base, _BODY)
    add("breast", breast, _BREAST)
    add("crown", CAP.get(values["crown"], base), _CROWN)
    add("beak", beak, BEAKS[values["beak shape"]][0])
    add("beak", mix(beak, INK, 0.28), BEAKS[values["beak shape"]][1])
    add("wing", deep, _WING)
    if values["wing"] == "barred":
        add("wing", pale, *_BARS)
    elif values["wing"] == "spotted":
        add("wing", pale, *_SPOTS)
    else:
        add("wing", dark, *_FEATHERS)
        if values["wing"] == "dark tip":
            add("wing", INK, _TIP)
    add("eye", mix(WHITE, base, 0.1), disc(0.46, -0.44, 0.105))
    add("eye", INK, disc(0.47, -0.44, 0.08))
    add("eye", WHITE, disc(0.50, -0.475, 0.028))
    return out
