"""One planned image becomes pixels and part masks, both from the same drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from data.datasets.aviary import bird as aviary_bird
from data.datasets.aviary import near, scene
from data.datasets.aviary.pen import FINE, HEIGHT, WIDTH, Pen
from data.datasets.aviary.species import Plan

TILT = 13.0  # degrees, either way
EXTENT = (0.55, 0.90)  # of the frame's width or height, whichever the bird fills more
COVERED = 0.35  # share of images with something in front of the bird
_HIDEABLE = (  # beak, eye, crown, breast, wing, tail, in the bird's units
    (0.85, -0.42),
    (0.46, -0.44),
    (0.35, -0.68),
    (0.45, 0.05),
    (-0.15, 0.12),
    (-0.70, 0.22),
)


@dataclass(frozen=True)
class Rendered:
    pixels: UInt8[np.ndarray, "96 128 3"]
    parts: UInt8[np.ndarray, "96 128"]  # 0 not the bird, else `aviary_bird.PART`


@dataclass(frozen=True)
class _Pose:
    """Bird's units to final pixels: p -> p @ turn + shift."""

    turn: Float[np.ndarray, "2 2"]
    shift: Float[np.ndarray, " 2"]
    size: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        px, py = np.array([x, y]) @ self.turn + self.shift
        return float(px), float(py)


def _pose(points: Float[np.ndarray, "n 2"], rng: np.random.Generator) -> _Pose:
    angle = np.deg2rad(rng.uniform(-TILT, TILT))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn = turn * (-1.0, 1.0)
    low, high = (points @ turn).min(0), (points @ turn).max(0)
    frame = np.array([WIDTH, HEIGHT], dtype=float)
    size = float(rng.uniform(*EXTENT) / ((high - low) / frame).max())
    room = frame - (high - low) * size
    # Below the feet stays room for a perch, so birds sit a little above the middle.
    shift = room * (rng.uniform(0.06, 0.94), rng.uniform(0.15, 0.80)) - low * size
    return _Pose(turn * size, shift, size)


def render(plan: Plan) -> Rendered:
    rng = plan.generator(1)
    habitat = plan.values["habitat"]
    pen = scene.SCENES[habitat](rng)
    red, green, blue = (int(j) for j in rng.integers(-10, 11, 3))
    shapes = aviary_bird.shapes(plan.values, jitter=(red, green, blue))
    points = np.concatenate([shape[0] for shape in shapes])
    pose = _pose(points, rng)
    near.perch(pen, rng, habitat=habitat, foot=pose.at(*aviary_bird.FEET), size=pose.size)
    placed = points @ pose.turn + pose.shift
    start = 0
    for shape, colour, part in shapes:
        pen.fill(placed[start : start + len(shape)], colour, part)
        start += len(shape)
    if rng.random() < COVERED:
        hidden = _HIDEABLE[int(rng.integers(len(_HIDEABLE)))]
        near.cover(pen, rng, habitat=habitat, target=pose.at(*hidden), size=pose.size)
    bird = np.asarray(pen.parts.point(lambda part: 255 if part else 0).reduce(FINE))
    return Rendered(_light(pen, bird, pose, rng), _centres(pen))


def _centres(pen: Pen) -> UInt8[np.ndarray, "96 128"]:
    return np.asarray(pen.parts)[FINE // 2 :: FINE, FINE // 2 :: FINE].copy()


def _light(
    pen: Pen, bird: UInt8[np.ndarray, "96 128"], pose: _Pose, rng: np.random.Generator
) -> UInt8[np.ndarray, "96 128 3"]:
    """Averages down, rounds the bird with light from above, then tints the whole picture."""
    pixels = np.asarray(pen.picture.reduce(FINE), dtype=np.float32)
    y = np.arange(HEIGHT, dtype=np.float32)[:, None]
    down = (y - pose.at(0.0, -0.1)[1]) / pose.size  # about -0.8 (crest) to 0.75 (feet)
    shade = 1 - 0.16 * np.clip(down + 0.1, -0.7, 0.8) * (bird / np.float32(255))
    warm = rng.uniform(-0.06, 0.06)
    tint = rng.uniform(0.90, 1.08) * np.array([1 + warm, 1.0, 1 - warm])
    lit = pixels * shade[:, :, None] * tint.astype(np.float32)
    return np.clip(lit + 0.5, 0, 255).astype(np.uint8)
