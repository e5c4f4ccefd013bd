"""The mean colour of every cell of the token grid, in CIELAB, from the stored pictures."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from einops import reduce
from jaxtyping import Float
from PIL import Image

from core.naming.colours import lab
from core.types import Box, Grid
from precompute.intake import shards
from precompute.intake.build import VIEW, Build

_FINER = 4
"""rows and columns of colours that a cell's mean is of"""


def cell_colours(build: Build) -> list[Path]:
    """Files with the colours of each shard's images, float16 "n t 3"; NaN: less than half of the
    cell shows the picture. Made once for a build, in the folder of its work."""
    sources = build.activations.folders
    folders = [build.work / "colours" / source.name for source in sources]
    if not all(shards.is_whole(folder) for folder in folders):
        sizes = [shards.facts_of(source)["n"] for source in sources]

        def work(i: int, out: Path) -> dict[str, Any]:
            table = pq.read_table(sources[i] / "rows.parquet", columns=["picture", *VIEW])
            found = [
                of_cells(row["picture"], Box(*(row[side] for side in VIEW)), build.grid)
                for row in table.to_pylist()
            ]
            np.save(out / "colours.npy", np.stack(found).astype(np.float16))
            return {"n": len(found)}

        shards.run_shards("colours of cells", folders, work, units=sizes)
    return [folder / "colours.npy" for folder in folders]


def of_cells(picture: bytes, view: Box, grid: Grid) -> Float[np.ndarray, "t 3"]:
    """CIELAB of the part of a JPEG that the model sees, by cell of the grid."""
    image = Image.open(BytesIO(picture), formats=["JPEG"]).convert("RGBA")
    width, height = image.size
    box = (view.x0 * width, view.y0 * height, view.x1 * width, view.y1 * height)
    # what lies outside the picture is transparent
    seen = image.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))
    small = seen.resize((grid.w * _FINER, grid.h * _FINER), Image.Resampling.BOX)
    numbers = np.asarray(small, dtype=np.float64) / 255
    covered = reduce(numbers[..., 3], "(h r) (w c) -> (h w)", "mean", r=_FINER, c=_FINER)
    weight = numbers[..., 3:]
    sums = reduce(
        lab(numbers[..., :3]) * weight, "(h r) (w c) l -> (h w) l", "mean", h=grid.h, w=grid.w
    )
    shown = covered[:, None] >= 0.5
    return np.where(shown, sums / np.where(shown, covered[:, None], 1.0), np.nan)
