"""Drawing in two pictures at once: colours for people, part numbers for the masks.

Both are drawn at `FINE` times the final size. Colours are averaged down (antialiasing); a final
pixel belongs to the part that covers its centre.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 128, 96
FINE = 3

Number = int | float
Point = tuple[Number, Number]
Colour = tuple[int, int, int]
Points = Float[np.ndarray, "_ 2"]

_ANGLES = np.linspace(0, 2 * np.pi, 20, endpoint=False)
CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def mix(a: Colour, b: Colour, t: Number) -> Colour:
    """a at t = 0, b at t = 1."""
    return (
        round(a[0] + (b[0] - a[0]) * t),
        round(a[1] + (b[1] - a[1]) * t),
        round(a[2] + (b[2] - a[2]) * t),
    )


def curve(points: list[Point], *, closed: bool = False, steps: int = 6) -> Points:
    """Catmull-Rom spline through the points, `steps` samples a segment."""
    p = np.asarray(points, dtype=float)
    if closed:
        ring = np.concatenate([p[-1:], p, p[:2]])
    else:
        ring = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(ring[:-3], ring[1:-2], ring[2:-1], ring[3:], strict=True)
    ]
    return np.concatenate(pieces if closed else [*pieces, p[-1:]])


def disc(x: Number, y: Number, radius: Number, *, squash: Number = 1.0) -> Points:
    """squash < 1 flattens it."""
    return CIRCLE * (radius, radius * squash) + (x, y)


def bar(a: Point, b: Point, *, start: Number, end: Number) -> Points:
    """A tapering stroke from a to b, `start` and `end` wide."""
    (ax, ay), (bx, by) = a, b
    dx, dy = bx - ax, by - ay
    length = float(np.hypot(dx, dy)) or 1.0
    nx, ny = -dy / length / 2, dx / length / 2
    return np.array(
        [
            (ax + nx * start, ay + ny * start),
            (bx + nx * end, by + ny * end),
            (bx - nx * end, by - ny * end),
            (ax - nx * start, ay - ny * start),
        ]
    )


class Pen:
    """Draws polygons given in final pixels; part 0 is whatever is not the bird."""

    def __init__(self, sky: Image.Image) -> None:
        self.picture = sky
        self.parts = Image.new("L", (WIDTH * FINE, HEIGHT * FINE), 0)
        self._colour = ImageDraw.Draw(self.picture)
        self._part = ImageDraw.Draw(self.parts)
        self._clean = True

    def fill(self, points: Points, colour: Colour, part: int = 0) -> None:
        flat = (points * FINE).ravel().tolist()
        self._colour.polygon(flat, fill=colour)
        if part or not self._clean:  # before the bird, everything is 0 already
            self._part.polygon(flat, fill=part)
            self._clean = False


def gradient(top: Colour, bottom: Colour) -> Image.Image:
    column = np.linspace(top, bottom, HEIGHT * FINE)[:, None].round().astype(np.uint8)
    return Image.fromarray(column).resize((WIDTH * FINE, HEIGHT * FINE), Image.Resampling.NEAREST)
