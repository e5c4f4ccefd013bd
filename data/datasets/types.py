"""What every reader returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from PIL import Image

from data.images import Depth, open_image


def _empty(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in columns})


@dataclass(frozen=True)
class Dataset:
    """Images and what is known of them. Frames that a data set cannot fill stay empty.

    Readers look at names and tables only; whether a file decodes is found out when it is read.
    Coordinates are pixels of the upright image (after EXIF rotation), origin at the top left.
    """

    name: str
    root: Path
    images: pd.DataFrame
    """image_id (0.., in order of file), file (relative to root, forward slashes),
    label (class name or None), split ("train" | "val" | "test" | any further name)"""
    skipped: pd.DataFrame = field(default_factory=lambda: _empty("file", "reason"))
    labelled: pd.DataFrame = field(
        default_factory=lambda: _empty("labelled_id", "name", "grouping", "part")
    )
    """labelled concepts: labelled_id (0..), name, grouping (concepts that exclude each other share
    one; None: stands alone), part (where it is seen; None: whole image or unknown)"""
    image_labels: pd.DataFrame = field(
        default_factory=lambda: _empty("image_id", "labelled_id", "present")
    )
    """present: bool; a pair that is not listed is unknown"""
    class_labels: pd.DataFrame = field(
        default_factory=lambda: _empty("label", "labelled_id", "fraction")
    )
    """fraction: share of the class's images (or annotations) that show the concept, 0..1"""
    parts: pd.DataFrame = field(
        default_factory=lambda: _empty("image_id", "part", "x", "y", "visible")
    )
    """x, y: pixels, NaN where not visible"""
    labels: tuple[str, ...] = ()
    """of a multi-label set: what each image can carry any number of; (): one class an image"""
    carried: pd.DataFrame = field(default_factory=lambda: _empty("image_id", "label", "present"))
    """of a multi-label set: image_id, label (one of `labels`), present: True, False, or None where
    it was called uncertain; a pair that is not listed is unknown"""
    masks: pd.DataFrame = field(
        default_factory=lambda: _empty("image_id", "part", "height", "width", "runs")
    )
    """runs: list of run lengths over the row-major mask, the first run being of zeros"""

    altered: pd.DataFrame = field(
        default_factory=lambda: _empty("image_id", "original_id", "kind", "about")
    )
    """images made from others: of which, how (key of CORRUPTIONS), and that in words"""
    elsewhere: Mapping[str, Path] = field(default_factory=dict)
    """files that do not lie below the root"""
    remarks: tuple[str, ...] = ()
    """what a reader decided or left out, in sentences"""
    depth: Depth = field(default_factory=Depth)
    """scale of pixels of more than 8 bits, the same for all images"""

    @property
    def multi_label(self) -> bool:
        """Whether an image can carry several labels; then `images` names none."""
        return bool(self.labels)

    def path(self, file: str) -> Path:
        return self.elsewhere.get(file) or self.root / file

    def open(self, file: str) -> Image.Image:
        """RGB, upright.

        Raises UnusableImage with the reason.
        """
        return self.read(file)[0]

    def read(self, file: str) -> tuple[Image.Image, str]:
        """As `open`, and a note on what had to be done ("" when nothing)."""
        return open_image(self.path(file), self.depth)
