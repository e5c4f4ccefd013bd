"""What can be said of a concept without a name: which class its strongest images are of, and where
in the image it lies; `core.naming.colours` adds a colour. A hint describes; it is no name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer
from scipy import stats

from core.types import Grid

STRONGEST = 20
"""labelled images with the highest scores that are looked at, at most"""
FEWEST = 5
"""of them with a positive score, at least"""
LEVEL = 0.01
"""chance that scores which know nothing of classes get a class hint, at most, over all classes"""
LEAST_LIFT = 1.75
LEAST_SHARE = 0.3
"""a region is named where it holds so much of the map, and so many times its area"""


class Members(NamedTuple):
    """Which class each image is of, or which of several labels it carries; one of the two."""

    names: Sequence[str]
    class_of: Integer[np.ndarray, " n"] | None = None
    """index into `names`, -1: unlabelled"""
    several: Float[np.ndarray, "n y"] | None = None
    """1 carried, 0 not, NaN unknown"""

    def known(self) -> Integer[np.ndarray, " m"]:
        """Images of which something is known."""
        if self.several is not None:
            return np.flatnonzero(~np.isnan(self.several).all(1))
        assert self.class_of is not None
        return np.flatnonzero(self.class_of >= 0)

    def counts(self, rows: Integer[np.ndarray, " m"]) -> Integer[np.ndarray, " y"]:
        """How many of some images, of which something is known, are of each class."""
        if self.several is not None:
            return (self.several[rows] == 1).sum(0)
        assert self.class_of is not None
        return np.bincount(self.class_of[rows], minlength=len(self.names))


def hints(
    scores: Float[np.ndarray, "n k"],
    magnitudes: Float[np.ndarray, "k t"],
    *,
    member: Members,
    grid: Grid,
) -> list[str]:
    """A hint for each concept, "" where nothing stands out. magnitudes: mean absolute map."""
    classes = _classes(scores, member)
    places = _places(magnitudes, grid)
    return [joined(*pair) for pair in zip(classes, places, strict=True)]


def joined(*parts: str) -> str:
    """Those that say something, as one hint."""
    return " · ".join(filter(None, parts))


def _classes(scores: Float[np.ndarray, "n k"], member: Members) -> list[str]:
    """The class that most of the strongest images are of, or the label furthest beyond chance.

    The chance of so many or more is hypergeometric, times the number of classes (Bonferroni), since
    the best of all is chosen. Images where nothing is known do not count; of labels that are known
    of some images only, those where it is unknown count as not carrying it.
    """
    known = member.known()
    sizes = member.counts(known)
    out = []
    for column in scores[known].T:
        order = np.argsort(-column, kind="stable")[:STRONGEST]
        top = order[column[order] > 0]
        if len(top) < FEWEST:
            out.append("")
            continue
        counts = member.counts(known[top])
        chances = stats.hypergeom.sf(counts - 1, len(known), sizes, len(top))
        # of classes the most frequent one; of labels, a common one may be most frequent by chance
        first = (sizes, -counts) if member.several is None else (sizes, chances)
        best = int(np.lexsort(first)[0])
        if chances[best] * np.count_nonzero(sizes) > LEVEL:
            out.append("")
            continue
        lift = counts[best] / len(top) / (sizes[best] / len(known))
        out.append(
            f"{member.names[best]}: {counts[best]} of the {len(top)} strongest images, "
            f"{lift:.3g} times its share"
        )
    return out


def _places(magnitudes: Float[np.ndarray, "k t"], grid: Grid) -> list[str]:
    """The region that holds most of the map for its area, with the area as its chance."""
    rows, columns = np.divmod(np.arange(grid.h * grid.w), grid.w)
    y, x = (rows + 0.5) / grid.h, (columns + 0.5) / grid.w
    middle = (y > 1 / 3) & (y < 2 / 3) & (x > 1 / 3) & (x < 2 / 3)
    rim = (rows == 0) | (rows == grid.h - 1) | (columns == 0) | (columns == grid.w - 1)
    regions = {
        "the upper third": y < 1 / 3,
        "the lower third": y > 2 / 3,
        "the left third": x < 1 / 3,
        "the right third": x > 2 / 3,
        "the middle": middle,
        "the rim": rim,
    }
    regions = {name: cells for name, cells in regions.items() if 0 < cells.mean() < 1}
    total = magnitudes.sum(1)
    out = []
    for row, whole in zip(magnitudes, total, strict=True):
        shares = {name: float(row[cells].sum()) / whole for name, cells in regions.items() if whole}
        lifts = {
            name: share / regions[name].mean()
            for name, share in shares.items()
            if share >= LEAST_SHARE
        }
        best = max(lifts, key=lambda name: lifts[name], default="")
        if not best or lifts[best] < LEAST_LIFT:
            out.append("")
            continue
        out.append(f"{shares[best]:.0%} in {best} (chance {regions[best].mean():.0%})")
    return out
