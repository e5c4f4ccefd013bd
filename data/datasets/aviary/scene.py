"""Aviary's habitats: a far scene, something to perch on, and something that may hide the bird.

Coordinates are final pixels, origin at the top left.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.datasets.aviary.pen import (
    HEIGHT,
    WIDTH,
    Colour,
    Number,
    Pen,
    Point,
    Points,
    bar,
    curve,
    disc,
    gradient,
    mix,
)

Rng = np.random.Generator
DUSK_HIGH: Colour = (168, 148, 206)  # violet above peach: blue mixed with peach would turn grey
DUSK_LOW: Colour = (255, 198, 168)
WHITE: Colour = (255, 255, 255)
_PETALS: tuple[Colour, ...] = ((255, 255, 250), (250, 168, 190), (252, 222, 110), (206, 164, 226))


def _ridge(rng: Rng, *, y: Number, height: Number, waves: Number = 1.6) -> Points:
    """Hills: everything below a wavy line."""
    x = np.linspace(-2, WIDTH + 2, 28)
    a, b, c = rng.random(3) * 2 * np.pi
    turn = 2 * np.pi * waves * x / WIDTH
    line = y + height * (
        0.6 * np.sin(turn + a) + 0.3 * np.sin(2.1 * turn + b) + 0.1 * np.sin(4.7 * turn + c)
    )
    corners = [(WIDTH + 2, HEIGHT + 2), (-2, HEIGHT + 2)]
    return np.concatenate([np.stack([x, line], axis=1), np.array(corners, dtype=float)])


def _conifer(x: Number, y: Number, size: Number) -> list[Points]:
    """Three tiers, lowest first; (x, y) is the foot."""
    return [
        np.array(
            [(x - w * size, y - low * size), (x + w * size, y - low * size), (x, y - high * size)]
        )
        for w, low, high in ((0.34, 0.08, 0.55), (0.27, 0.34, 0.78), (0.19, 0.58, 1.0))
    ]


def _sky(rng: Rng, *, top: Colour, bottom: Colour, dusk: float) -> Pen:
    glow = float(rng.random()) * dusk
    return Pen(gradient(mix(top, DUSK_HIGH, glow), mix(bottom, DUSK_LOW, glow)))


def _sun(pen: Pen, rng: Rng, *, colour: Colour, sky: Colour) -> None:
    x, y, r = rng.uniform(10, 118), rng.uniform(9, 32), rng.uniform(6, 11)
    pen.fill(disc(x, y, r * 1.5), mix(sky, colour, 0.35))
    pen.fill(disc(x, y, r), colour)


def _cloud(pen: Pen, rng: Rng, *, colour: Colour) -> None:
    x, y, r = rng.uniform(0, WIDTH), rng.uniform(8, 34), rng.uniform(4, 7)
    for dx, dy, size in ((-1.5, 0.3, 0.7), (-0.5, -0.25, 1.0), (0.7, -0.05, 0.85), (1.7, 0.4, 0.6)):
        pen.fill(disc(x + dx * r, y + dy * r, size * r, squash=0.75), colour)


def _forest(rng: Rng) -> Pen:
    pen = _sky(rng, top=(186, 218, 190), bottom=(228, 240, 212), dusk=0.25)
    for _ in range(int(rng.integers(2, 4))):  # shafts of light
        x = rng.uniform(10, 130)
        pen.fill(np.array([(x, -2), (x + 9, -2), (x - 22, 98), (x - 44, 98)]), (226, 242, 214))
    for tone, n, width in (((176, 208, 180), 7, 4.5), ((140, 182, 150), 4, 7.5)):
        for i in range(n):
            x = (i + rng.uniform(0.1, 0.9)) * WIDTH / n
            w, lean = width * rng.uniform(0.7, 1.2), rng.uniform(-3, 3)
            pen.fill(bar((x, 98), (x + lean, -3), start=w, end=w * 0.75), tone)
            fork = rng.uniform(18, 52)
            side = 1 if rng.random() < 0.5 else -1
            pen.fill(bar((x, fork + 12), (x + 13 * side, fork - 8), start=w * 0.45, end=1), tone)
    for i in range(9):
        x = (i + rng.uniform(0, 1)) * WIDTH / 9
        pen.fill(disc(x, rng.uniform(-6, 3), rng.uniform(9, 15), squash=0.8), (118, 168, 122))
    y = rng.uniform(74, 82)
    pen.fill(_ridge(rng, y=y, height=3), (122, 166, 112))
    for i in range(12):
        x = (i + rng.uniform(0, 1)) * WIDTH / 12
        pen.fill(disc(x, y + rng.uniform(11, 17), rng.uniform(6, 11)), (92, 138, 92))
    return pen


def _lake(rng: Rng) -> Pen:
    pen = _sky(rng, top=(166, 206, 232), bottom=(232, 242, 240), dusk=0.8)
    _sun(pen, rng, colour=(255, 246, 214), sky=(220, 232, 236))
    y = rng.uniform(46, 60)
    pen.fill(_ridge(rng, y=y - 11, height=6), (168, 196, 206))
    pen.fill(_ridge(rng, y=y - 3, height=4, waves=2.2), (124, 166, 164))
    for i in range(5):  # water, band by band
        top = y + (HEIGHT - y) * i / 5
        colour = mix((142, 196, 212), (70, 138, 174), i / 4)
        pen.fill(np.array([(-2, top), (130, top), (130, 98), (-2, 98)]), colour)
    for _ in range(16):
        depth = rng.random()
        x, at = rng.uniform(-5, 130), y + 2 + (HEIGHT - y) * depth
        long, thick = 5 + 13 * depth * rng.random(), 0.5 + 0.7 * depth
        glint = mix((190, 224, 232), (120, 178, 204), depth)
        pen.fill(disc(x, at, long, squash=thick / long), glint)
    for _ in range(int(rng.integers(3, 6))):
        x, at = rng.uniform(0, WIDTH), rng.uniform(80, 95)
        pen.fill(disc(x, at, rng.uniform(4, 7), squash=0.38), (104, 158, 108))
    return pen


def _meadow(rng: Rng) -> Pen:
    pen = _sky(rng, top=(134, 196, 236), bottom=(230, 243, 240), dusk=0.35)
    for _ in range(int(rng.integers(2, 4))):
        _cloud(pen, rng, colour=(250, 252, 252))
    y = rng.uniform(50, 60)
    pen.fill(_ridge(rng, y=y, height=5), (182, 214, 152))
    for _ in range(int(rng.integers(2, 5))):
        x, r = rng.uniform(0, WIDTH), rng.uniform(3.5, 6)
        pen.fill(bar((x, y + 6), (x, y - 4), start=1.4, end=1.2), (138, 120, 92))
        pen.fill(disc(x, y - 4, r), (132, 182, 118))
    pen.fill(_ridge(rng, y=y + 9, height=5, waves=1.2), (164, 206, 116))
    pen.fill(_ridge(rng, y=y + 22, height=4, waves=1.4), (142, 192, 98))
    for _ in range(34):
        depth = float(rng.random())
        x, at = rng.uniform(0, WIDTH), y + 20 + (HEIGHT - y - 20) * depth
        pen.fill(disc(x, at, 0.6 + 1.0 * depth), _PETALS[int(rng.integers(4))])
    return pen


def _desert(rng: Rng) -> Pen:
    pen = _sky(rng, top=(246, 206, 160), bottom=(254, 238, 206), dusk=0.6)
    _sun(pen, rng, colour=(255, 250, 226), sky=(252, 224, 184))
    y = rng.uniform(56, 66)
    for _ in range(int(rng.integers(2, 4))):  # mesas
        x, w, h = rng.uniform(0, WIDTH), rng.uniform(9, 18), rng.uniform(12, 26)
        rock = mix((226, 156, 116), (238, 190, 150), float(rng.random()))
        pen.fill(
            np.array([(x - w * 1.25, y + 5), (x - w, y - h), (x + w, y - h), (x + w * 1.3, y + 5)]),
            rock,
        )
        pen.fill(
            np.array(
                [(x + w * 0.35, y - h), (x + w, y - h), (x + w * 1.3, y + 5), (x + w * 0.5, y + 5)]
            ),
            mix(rock, (150, 80, 60), 0.22),
        )
    pen.fill(_ridge(rng, y=y + 2, height=4), (240, 200, 142))
    for _ in range(int(rng.integers(1, 4))):
        x, s = rng.uniform(4, 124), rng.uniform(11, 20)
        foot, green = y + 10, (126, 156, 108)
        pen.fill(bar((x, foot), (x, foot - s), start=s * 0.24, end=s * 0.2), green)
        pen.fill(disc(x, foot - s, s * 0.1), green)
        for side, at in ((-1, 0.45), (1, 0.6)):
            elbow, high = (x + side * s * 0.3, foot - s * at), foot - s * (at + 0.3)
            pen.fill(bar((x, foot - s * at), elbow, start=s * 0.15, end=s * 0.15), green)
            pen.fill(bar(elbow, (elbow[0], high), start=s * 0.15, end=s * 0.13), green)
    pen.fill(_ridge(rng, y=y + 14, height=5, waves=1.1), (230, 182, 120))
    pen.fill(_ridge(rng, y=y + 26, height=4, waves=1.3), (216, 164, 104))
    return pen


def _snow(rng: Rng) -> Pen:
    pen = _sky(rng, top=(176, 192, 226), bottom=(236, 234, 244), dusk=0.5)
    y = rng.uniform(56, 66)
    for i in range(int(rng.integers(3, 5))):
        x, h = (i + rng.uniform(-0.2, 0.9)) * 40, rng.uniform(26, 46)
        w, rock = h * rng.uniform(0.8, 1.1), mix((158, 170, 200), (186, 194, 218), i / 4)
        pen.fill(np.array([(x - w, y + 4), (x, y - h), (x + w, y + 4)]), rock)
        cap = 0.36
        pen.fill(
            np.array(
                [
                    (x, y - h),
                    (x + w * cap, y - h + (h + 4) * cap),
                    (x + w * 0.12, y - h + h * 0.28),
                    (x - w * 0.06, y - h + h * 0.42),
                    (x - w * 0.18, y - h + h * 0.3),
                    (x - w * cap, y - h + (h + 4) * cap),
                ]
            ),
            (247, 249, 253),
        )
    pen.fill(_ridge(rng, y=y, height=4), (222, 230, 243))
    for _ in range(int(rng.integers(4, 8))):
        x, size = rng.uniform(0, WIDTH), rng.uniform(15, 28)
        for k, tier in enumerate(_conifer(x, y + 10, size)):
            pen.fill(tier, mix((108, 142, 146), (140, 170, 170), k / 3))
            pen.fill(tier * 0.42 + tier[2] * 0.58, (243, 247, 251))
    pen.fill(_ridge(rng, y=y + 12, height=4, waves=1.2), (236, 242, 250))
    pen.fill(_ridge(rng, y=y + 25, height=3, waves=1.5), (246, 249, 253))
    for _ in range(26):
        pen.fill(disc(rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(0.5, 1.1)), WHITE)
    return pen


SCENES: dict[str, Callable[[Rng], Pen]] = {
    "forest": _forest,
    "lake": _lake,
    "meadow": _meadow,
    "desert": _desert,
    "snow": _snow,
}


def smooth_blade(x: Number, y: Number, *, tip: Point, width: Number) -> Points:
    """A leaf or a blade of grass from (x, y) to its tip, widest in the middle."""
    along = np.array([tip[0] - x, tip[1] - y])
    across = np.array([-along[1], along[0]]) / (np.hypot(*along) or 1.0) * width / 2
    start, middle = np.array([x, y]), np.array([x, y]) + along * 0.45
    points = [start, middle + across, start + along, middle - across]
    return curve([(float(px), float(py)) for px, py in points], closed=True, steps=5)
