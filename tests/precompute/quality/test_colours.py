"""Colours are those under the cells of the grid that the model sees, in the strongest images."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import fake_builds
import numpy as np
import pandas as pd
from PIL import Image

from core.naming.colours import lab
from core.types import Box, Grid
from precompute.banks.encode import Codes, sparse
from precompute.intake.activations import ActivationStore
from precompute.intake.grid_colours import of_cells
from precompute.intake.shards import put_facts
from precompute.quality.colours import hints_by_colour

GRID = Grid(4, 5)
SIDE = 24
"""pixels of a cell"""
RED, BLUE = (200, 30, 30), (40, 60, 200)


def jpeg(cells: np.ndarray) -> bytes:
    pixels = cells.repeat(SIDE, 0).repeat(SIDE, 1).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


def test_cells_follow_the_view_and_have_no_colour_outside_the_picture() -> None:
    cells = np.random.default_rng(0).integers(0, 256, (4, 5, 3))
    whole = of_cells(jpeg(cells), Box(0, 0, 1, 1), GRID)
    np.testing.assert_allclose(whole, lab(cells.reshape(-1, 3) / 255), atol=2.5)
    crop = of_cells(jpeg(cells), Box(0.2, 0.25, 0.8, 0.75), Grid(2, 3))
    np.testing.assert_allclose(crop, lab(cells[1:3, 1:4].reshape(-1, 3) / 255), atol=2.5)
    padded = of_cells(jpeg(cells), Box(0, -0.25, 1, 1), Grid(5, 5)).reshape(5, 5, 3)
    assert np.isnan(padded[0]).all()
    np.testing.assert_allclose(padded[1:], lab(cells / 255), atol=2.5)


@dataclass
class Planted:
    """Images in two shards, with a red cell each, and maps of three concepts."""

    folder: Path
    grey: bool = False

    def make(self) -> tuple[Codes, ActivationStore]:
        rng = np.random.default_rng(5)
        codes, shards = [], []
        for i, n in enumerate((18, 12)):
            cells = rng.integers(30, 226, (n, 4, 5, 3))
            red = rng.integers(0, 20, n)
            cells.reshape(n, 20, 3)[np.arange(n), red] = RED
            if self.grey:
                cells[:] = cells[..., :1]
            dense = np.zeros((n, 3, 20), dtype=np.float32)
            dense[np.arange(n), 0, red] = rng.uniform(1, 2, n)  # marks red
            dense[np.arange(n), 1, rng.integers(0, 20, n)] = 1.0  # marks anything
            dense[np.arange(n), 2, red] = -1.0  # speaks against red
            coded = self.folder / "codes" / f"{i}"
            coded.mkdir(parents=True)
            pieces = sparse(dense, first=0, pool="mean")
            np.savez(coded / "codes.npz", **pieces)  # type: ignore[arg-type]
            codes.append(coded)
            shard = self.folder / "activations" / f"{i}"
            shard.mkdir(parents=True)
            view = {"view_x0": 0.0, "view_y0": 0.0, "view_x1": 1.0, "view_y1": 1.0}
            rows = pd.DataFrame([{"picture": jpeg(picture), **view} for picture in cells])
            rows.to_parquet(shard / "rows.parquet")
            put_facts(shard, {"n": n})
            shards.append(shard)
        return Codes(codes, [18, 12], 20, 3), ActivationStore(shards)


def test_the_concept_that_marks_red_is_said_to(tmp_path: Path) -> None:
    codes, store = Planted(tmp_path).make()
    build = fake_builds.build(activations=store, grid=GRID, work=tmp_path / "work")
    red, anything, against = hints_by_colour(codes, build)
    assert red.startswith("red (ΔE ")
    assert red.endswith(" from the same maps on each other's images, n 20)")
    assert (anything, against) == ("", "")


def test_grey_images_have_no_colour(tmp_path: Path) -> None:
    codes, store = Planted(tmp_path, grey=True).make()
    build = fake_builds.build(activations=store, grid=GRID, work=tmp_path / "work")
    assert hints_by_colour(codes, build) == ["", "", ""]
