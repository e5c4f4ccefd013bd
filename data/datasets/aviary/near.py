"""What is near the bird: the perch under it, and leaves or blades in front of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from data.datasets.aviary.pen import HEIGHT, WIDTH, Colour, Pen, Point, bar, curve, disc, mix
from data.datasets.aviary.scene import WHITE, Rng, smooth_blade

INK: Colour = (24, 34, 30)
_BARK: dict[str, Colour] = {
    "forest": (112, 84, 62),
    "lake": (134, 112, 92),
    "meadow": (176, 140, 100),
    "desert": (190, 116, 84),
    "snow": (120, 100, 96),
}
_LEAF: dict[str, Colour] = {
    "forest": (66, 122, 72),
    "lake": (110, 146, 74),
    "meadow": (104, 164, 62),
    "desert": (150, 150, 84),
    "snow": (70, 112, 110),
}


def perch(pen: Pen, rng: Rng, *, habitat: str, foot: Point, size: float) -> None:
    """`foot`: where the toes are; `size`: pixels in one unit of the bird."""
    x, y = foot
    bark, thick = _BARK[habitat], max(3.0, size * 0.12)
    lit = mix(bark, WHITE, 0.22)
    if habitat == "desert":
        w, low = size * rng.uniform(0.55, 0.8), HEIGHT + 6
        rock = [
            (x - w * 1.7, low),
            (x - w * 1.15, y + 7),
            (x - w * 0.6, y),
            (x + w * 0.7, y),
            (x + w * 1.2, y + 9),
            (x + w * 1.6, low),
        ]
        pen.fill(np.array(rock, dtype=float), bark)
        pen.fill(np.array([*rock[1:4], (x + w * 0.3, y + 5), (x - w * 0.5, y + 6)]), lit)
        return
    if habitat == "lake":
        w = max(6.0, size * rng.uniform(0.26, 0.34))
        for dx, top, width in ((0.0, y, w), (w * 1.15, y + 7, w * 0.8)):
            at = x + dx
            pen.fill(bar((at, top), (at, HEIGHT + 4), start=width, end=width), bark)
            pen.fill(
                bar(
                    (at - width * 0.3, top),
                    (at - width * 0.3, HEIGHT + 4),
                    start=width * 0.25,
                    end=width * 0.25,
                ),
                lit,
            )
            pen.fill(disc(at, top, width / 2, squash=0.3), lit)
        return
    if habitat == "meadow":
        for dx in (-0.9, 0.75):
            post = x + dx * size * 0.75
            pen.fill(
                bar((post, y - 6), (post, HEIGHT + 4), start=thick * 1.3, end=thick * 1.3),
                mix(bark, (90, 60, 40), 0.15),
            )
        slope = rng.uniform(-0.05, 0.05)
        for drop in (0.0, size * 0.34):
            left, right = y + drop - slope * x, y + drop + slope * (WIDTH - x)
            pen.fill(
                bar((-3, left + thick / 2), (WIDTH + 3, right + thick / 2), start=thick, end=thick),
                bark,
            )
            pen.fill(bar((-3, left + 0.6), (WIDTH + 3, right + 0.6), start=1.2, end=1.2), lit)
        return
    slope = rng.uniform(-0.12, 0.12)
    left, right = y - slope * x, y + slope * (WIDTH - x)
    pen.fill(
        bar(
            (-3, left + thick / 2),
            (WIDTH + 3, right + thick / 2),
            start=thick * 1.25,
            end=thick * 0.85,
        ),
        bark,
    )
    snowy = habitat == "snow"
    pen.fill(
        bar((-3, left), (WIDTH + 3, right), start=2.4 if snowy else 1.4, end=1.4),
        (250, 252, 255) if snowy else lit,
    )
    for _ in range(3):
        at = rng.uniform(0, WIDTH)
        on = y + slope * (at - x) + thick / 2
        tip = (at + rng.uniform(-9, 9), on + rng.uniform(6, 13))
        pen.fill(bar((at, on), tip, start=2, end=1), bark)
        if snowy:
            continue
        for dx in (-5.0, 4.0, 0.0):
            pen.fill(
                smooth_blade(*tip, tip=(tip[0] + dx, tip[1] + 6), width=3.4),
                mix(_LEAF[habitat], WHITE, 0.12 if dx else 0.0),
            )


def cover(pen: Pen, rng: Rng, *, habitat: str, target: Point, size: float) -> None:
    """Leaves or blades in front of `target`, a point on the bird; `size` as for `perch`."""
    leaf, broad = _LEAF[habitat], rng.random() < 0.5
    x, y = target
    if habitat in ("lake", "meadow", "desert"):
        if broad:  # one leaf wide enough to hide a whole part
            tip = (x + rng.uniform(-0.12, 0.12) * size, y - rng.uniform(0.18, 0.34) * size)
            foot, wide = x + rng.uniform(-0.3, 0.3) * size, size * rng.uniform(0.3, 0.42)
            pen.fill(smooth_blade(foot, HEIGHT + 4, tip=tip, width=wide), mix(leaf, INK, 0.12))
            pen.fill(bar((foot, HEIGHT), tip, start=1.4, end=0.5), mix(leaf, WHITE, 0.2))
        for i in range(int(rng.integers(3, 6))):
            foot = x + (i - 1.8) * size * 0.15 + rng.uniform(-1, 1)
            tip = (foot + rng.uniform(-0.22, 0.22) * size, y - rng.uniform(0.02, 0.34) * size)
            blade = smooth_blade(foot, HEIGHT + 4, tip=tip, width=max(3.0, size * 0.1))
            pen.fill(blade, mix(leaf, WHITE, 0.1 * (i % 3)))
            if habitat == "lake" and i % 2:
                pen.fill(
                    smooth_blade(
                        tip[0],
                        tip[1] + size * 0.2,
                        tip=(tip[0], tip[1] - 3),
                        width=max(3.0, size * 0.13),
                    ),
                    (126, 82, 54),
                )
            if habitat == "meadow" and i % 2:
                for turn in np.linspace(0, 2 * np.pi, 5, endpoint=False) + i:
                    at = tip + np.array([np.cos(turn), np.sin(turn)]) * size * 0.065
                    pen.fill(disc(at[0], at[1], size * 0.058), (253, 244, 250))
                pen.fill(disc(tip[0], tip[1], size * 0.05), (250, 200, 70))
        return
    side = -1.0 if x < WIDTH / 2 else 1.0  # the twig comes from the nearer edge
    root = (WIDTH / 2 + side * (WIDTH / 2 + 4), y + rng.uniform(-16, 8))
    bend = ((root[0] + x) / 2, (root[1] + y) / 2 - rng.uniform(1, 5))
    twig = curve([root, bend, (x, y)], steps=4)
    for a, b in pairwise(twig):
        pen.fill(bar((a[0], a[1]), (b[0], b[1]), start=1.7, end=1.5), _BARK[habitat])
    if broad:
        past = np.array([x - side * size * 0.34, y + rng.uniform(-0.1, 0.1) * size])
        wide = size * rng.uniform(0.32, 0.46)
        stem = (x + side * size * 0.3, y)
        pen.fill(smooth_blade(*stem, tip=(past[0], past[1]), width=wide), mix(leaf, INK, 0.12))
        pen.fill(bar(stem, (past[0], past[1]), start=1.4, end=0.5), mix(leaf, WHITE, 0.2))
    for i, t in enumerate(np.linspace(0.2, 1.0, 6)):
        at = twig[round(t * (len(twig) - 1))]
        turn = np.arctan2(y - root[1], x - root[0]) + (0.75 if i % 2 else -0.75) * (i < 5)
        long = size * rng.uniform(0.24, 0.34)
        tip = (at[0] + long * np.cos(turn), at[1] + long * np.sin(turn))
        blade = smooth_blade(at[0], at[1], tip=tip, width=long * 0.55)
        pen.fill(blade, mix(leaf, WHITE, 0.1 * (i % 3)))
        pen.fill(bar((at[0], at[1]), tip, start=0.9, end=0.3), mix(leaf, INK, 0.15))
        if habitat == "snow":
            pen.fill(disc(tip[0], tip[1], 1.2), (248, 251, 255))
