"""Aviary: rendered birds whose every concept, part and mask is known for every image.

Ten invented species, 35 concepts in nine exclusive groups. Each image departs from its species in
each group with probability 0.1, so what an image shows is not what its class usually shows. The
habitat agrees with the species in 95 % of `train` and `test` and is drawn at random in `shifted`.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import UInt8
from PIL import Image

from data import lock, progress
from data.datasets.aviary.bird import PART
from data.datasets.aviary.pen import HEIGHT, WIDTH
from data.datasets.aviary.render import render
from data.datasets.aviary.species import GROUP_PART, GROUPS, SPECIES, Plan, plan_all
from data.datasets.limit import spread
from data.datasets.types import Dataset
from data.images import runs

MIN_PIXELS = 6  # of a part, for it to count as visible
PARAMETERS = "parameters.json"
"""file of a drawn data set: what was asked for"""
_CHUNK = 100  # images a worker draws at a time
_OTHERS = ("name", "root", "labels", "carried", "altered", "elsewhere", "remarks", "depth")
_TABLES = tuple(f.name for f in fields(Dataset) if f.name not in _OTHERS)

PartRow = tuple[str, float, float, bool]  # part, x, y, visible
MaskRow = tuple[str, list[int]]  # part, runs


CAPTIONS = Path(__file__).with_name("captions.py")
"""draws nothing, so another wording must not draw new birds"""


def aviary(
    root: str | Path,
    *,
    n_train: int = 2600,
    n_test: int = 700,
    n_shifted: int = 700,
    seed: int = 0,
    limit: int = 0,
) -> Dataset:
    """Draws the images below `root`, or reads them back if these very images were drawn before.

    Points are centres of pixels of the part they name. Habitat concepts have the part
    `background`: whatever is not the bird, leaves in front of it included.
    """
    for name, value in (("n_train", n_train), ("n_test", n_test), ("n_shifted", n_shifted)):
        if not isinstance(value, int) or value < 0:
            raise ValueError(f"{name} is {value!r}; it must be a whole number, 0 or more")
    plans = plan_all(n_train=n_train, n_test=n_test, n_shifted=n_shifted, seed=seed)
    if not plans:
        raise ValueError("n_train, n_test and n_shifted are all 0; ask for at least one image")
    keep = spread([p.split for p in plans], [p.species for p in plans], limit=limit)
    parameters = {
        "n_train": n_train,
        "n_test": n_test,
        "n_shifted": n_shifted,
        "seed": seed,
        "limit": limit,
    }
    folder = Path(root) / f"aviary-{_fingerprint(parameters)}"
    if not folder.exists():
        _build(folder, [plans[i] for i in keep], parameters)
    return _read(folder)


def _fingerprint(parameters: dict[str, int]) -> str:
    """Of the parameters and of the drawing itself: a changed drawing never reads old images."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    for source in sorted(set(Path(__file__).parent.glob("*.py")) - {CAPTIONS}):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _build(folder: Path, plans: list[Plan], parameters: dict[str, int]) -> None:
    """Under another name first, so that a folder of the final name is always complete."""
    building = folder.with_name(f".{folder.name}.{os.getpid()}")
    with lock.alone(building, "draws birds", progress.note):
        _write(building, folder, plans, parameters)


def _write(building: Path, folder: Path, plans: list[Plan], parameters: dict[str, int]) -> None:
    try:
        for split in {plan.split for plan in plans}:
            (building / "images" / split).mkdir(parents=True, exist_ok=True)
        tables = _tables(plans, _draw(building, plans))
        for name, table in tables.items():
            pq.write_table(table, building / f"{name}.parquet")
        (building / PARAMETERS).write_text(json.dumps(parameters, indent=2))
        try:
            building.rename(folder)
        except OSError:
            if not folder.exists():  # else another process drew the same images meanwhile
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _draw(building: Path, plans: list[Plan]) -> list[tuple[list[PartRow], list[MaskRow]]]:
    chunks = [plans[i : i + _CHUNK] for i in range(0, len(plans), _CHUNK)]
    n_workers = min(len(chunks), os.cpu_count() or 1, 8)
    if n_workers == 1 or len(chunks) < 4:
        return [row for chunk in chunks for row in _draw_chunk(building, chunk)]
    # Spawned, not forked: a caller may hold threads (torch, DuckDB) that do not survive a fork.
    context = multiprocessing.get_context("spawn")
    progress.step("draw birds", 0, len(plans), "images")
    with ProcessPoolExecutor(n_workers, mp_context=context) as pool:
        rows: list[tuple[list[PartRow], list[MaskRow]]] = []
        for drawn in pool.map(_draw_chunk, [building] * len(chunks), chunks):
            if not rows:
                progress.show([(building / plan.file).read_bytes() for plan in chunks[0]])
            rows += drawn
            progress.step("draw birds", len(rows), len(plans), "images")
        return rows


def _draw_chunk(building: Path, plans: list[Plan]) -> list[tuple[list[PartRow], list[MaskRow]]]:
    rows = []
    for plan in plans:
        rendered = render(plan)
        picture = Image.fromarray(rendered.pixels)
        picture.save(building / plan.file, "JPEG", quality=95, subsampling=0)
        rows.append(part_rows(rendered.parts))
    return rows


def part_rows(parts: UInt8[np.ndarray, "H W"]) -> tuple[list[PartRow], list[MaskRow]]:
    """Where each part is, and the masks of the visible ones and of the background."""
    points: list[PartRow] = []
    masks: list[MaskRow] = []
    for part, number in PART.items():
        mask = parts == number
        y, x = np.nonzero(mask)
        if len(x) < MIN_PIXELS:
            points.append((part, float("nan"), float("nan"), False))
            continue
        # The mean of a curved part can lie outside it: take the part's pixel nearest to it.
        nearest = int(np.argmin((x - x.mean()) ** 2 + (y - y.mean()) ** 2))
        points.append((part, float(x[nearest]) + 0.5, float(y[nearest]) + 0.5, True))
        masks.append((part, runs(mask)))
    masks.append(("background", runs(parts == 0)))
    return points, masks


def _tables(
    plans: list[Plan], drawn: list[tuple[list[PartRow], list[MaskRow]]]
) -> dict[str, pa.Table]:
    concepts = [(group, value) for group, values in GROUPS.items() for value in values]
    shown = np.array([[plan.values[g] == v for g, v in concepts] for plan in plans])
    n, k = shown.shape
    points = [(i, *row) for i, (rows, _) in enumerate(drawn) for row in rows]
    masks = [(i, *row) for i, (_, rows) in enumerate(drawn) for row in rows]
    species = [
        (s, j, float(SPECIES[s][g] == v)) for s in SPECIES for j, (g, v) in enumerate(concepts)
    ]
    part, x, y, visible = (list(column) for column in list(zip(*points, strict=True))[1:])
    return {
        "images": pa.table(
            {
                "image_id": range(n),
                "file": [p.file for p in plans],
                "label": [p.species for p in plans],
                "split": [p.split for p in plans],
            }
        ),
        "skipped": pa.table(
            {"file": pa.array([], pa.string()), "reason": pa.array([], pa.string())}
        ),
        "labelled": pa.table(
            {
                "labelled_id": range(k),
                "name": [f"{g}: {v}" for g, v in concepts],
                "grouping": [g for g, _ in concepts],
                "part": [GROUP_PART[g] for g, _ in concepts],
            }
        ),
        "image_labels": pa.table(
            {
                "image_id": np.repeat(np.arange(n), k),
                "labelled_id": np.tile(np.arange(k), n),
                "present": shown.ravel(),
            }
        ),
        "class_labels": pa.table(
            {
                "label": [s for s, _, _ in species],
                "labelled_id": [j for _, j, _ in species],
                "fraction": [f for _, _, f in species],
            }
        ),
        "parts": pa.table(
            {
                "image_id": [row[0] for row in points],
                "part": part,
                "x": x,
                "y": y,
                "visible": visible,
            }
        ),
        "masks": pa.table(
            {
                "image_id": [row[0] for row in masks],
                "part": [row[1] for row in masks],
                "height": [HEIGHT] * len(masks),
                "width": [WIDTH] * len(masks),
                "runs": pa.array([row[2] for row in masks], pa.list_(pa.int32())),
            }
        ),
    }


def _read(folder: Path) -> Dataset:
    frames: dict[str, pd.DataFrame] = {}
    for name in _TABLES:
        table = pq.read_table(folder / f"{name}.parquet")
        if name != "masks":
            frames[name] = table.to_pandas()
            continue
        frames[name] = table.drop_columns(["runs"]).to_pandas()
        frames[name]["runs"] = pd.Series(table["runs"].to_pylist(), dtype=object)
    return Dataset(name="aviary", root=folder, **frames)  # type: ignore[arg-type]
