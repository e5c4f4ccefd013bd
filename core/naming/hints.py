"""What can be said of a concept without a name: which class its strongest images are of, and where
in the image it lies; `core.naming.colours` adds a colour. A hint describes; it is no name."""

from __future__ import annotations

from collections.abc import Sequence

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


def hints(
    scores: Float[np.ndarray, "n k"],
    magnitudes: Float[np.ndarray, "k t"],
    *,
    class_of: Integer[np.ndarray, " n"],
    class_names: Sequence[str],
    grid: Grid,
) -> list[str]:
    """A hint for each concept, "" where nothing stands out.

    class_of: index into class_names, -1: unlabelled. magnitudes: mean absolute map.
    """
    classes = _classes(scores, class_of, class_names)
    places = _places(magnitudes, grid)
    return [joined(*pair) for pair in zip(classes, places, strict=True)]


def joined(*parts: str) -> str:
    """Those that say something, as one hint."""
    return " · ".join(filter(None, parts))


def _classes(
    scores: Float[np.ndarray, "n k"],
    class_of: Integer[np.ndarray, " n"],
    names: Sequence[str],
) -> list[str]:
    """The most frequent class among the strongest images, if that is beyond chance.

    The chance of so many or more is hypergeometric, times the number of classes (Bonferroni), since
    the most frequent of all is chosen.
    """
    known = np.flatnonzero(class_of >= 0)
    labels = class_of[known]
    sizes = np.bincount(labels, minlength=len(names))
    out = []
    for column in scores[known].T:
        order = np.argsort(-column, kind="stable")[:STRONGEST]
        top = order[column[order] > 0]
        if len(top) < FEWEST:
            out.append("")
            continue
        counts = np.bincount(labels[top], minlength=len(names))
        best = int(np.lexsort((sizes, -counts))[0])
        chance = stats.hypergeom.sf(counts[best] - 1, len(labels), sizes[best], len(top))
        if chance * np.count_nonzero(sizes) > LEVEL:
            out.append("")
            continue
        lift = counts[best] / len(top) / (sizes[best] / len(labels))
        out.append(
            f"{names[best]}: {counts[best]} of the {len(top)} strongest images, "
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
