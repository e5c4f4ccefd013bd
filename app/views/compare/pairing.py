"""Two banks on the same images: how alike every concept of one is to every one of the other."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Float, Int64

from app import db
from app.views.compare import model_spaces
from core.compare import matching
from core.types import Box, Grid
from data.queries import build, compare_models, heads

MOST = 500
"""concepts a side: the most frequent"""
SCORED = 4_000
"""images whose scores are correlated at most"""
MAPPED, ENTRIES = 200, 8_000_000
"""images whose maps are correlated at most, and codes of both sides held at once"""
FEWEST = 10
"""shared images below which nothing is compared"""


@dataclass(frozen=True)
class Side:
    stem: str
    bank_id: int
    bank: str
    file: db.StoreFile


@dataclass(frozen=True)
class Compared:
    left: pd.DataFrame
    """concept_id, name, and of the shared images: active (share), mean (score)"""
    right: pd.DataFrame
    likeness: dict[str, Float[np.ndarray, "p q"]]
    """by kind: "scores", "maps" and, in a shared space, "cosine" """
    chance: dict[str, Float[np.ndarray, " m"]]
    """strengths of the pairs made from images dealt out at random, or of random directions"""
    n: int
    n_shared: int
    n_mapped: int
    grid: str
    """what the maps were compared on, in words"""
    space: str
    """whether directions can be compared, in words"""
    shift: pd.DataFrame | None
    """per left concept: size and cosine with its own direction of the shift of its images"""
    all_shift: float
    """size of the shift of all shared images, unit of activation"""


def shared(one: Side, two: Side) -> pd.DataFrame:
    """left and right image ids of the images that both saw: same file name, same size."""
    on = ["file", "width", "height"]
    a, b = (compare_models.files(db.cursor(s.stem)).drop_duplicates("file") for s in (one, two))
    return a.merge(b, on=on, suffixes=("_a", "_b"))[["image_id_a", "image_id_b"]]


@st.cache_data(max_entries=8, show_spinner="Comparing the concepts")
def compare(one: Side, two: Side) -> Compared | None:
    """None where fewer than 10 images are shared, or a bank has no living concept."""
    pairs = shared(one, two)
    left, right = (
        compare_models.concepts(db.cursor(s.stem), s.bank_id, most=MOST) for s in (one, two)
    )
    if len(pairs) < FEWEST or left.empty or right.empty:
        return None
    rng = np.random.default_rng(0)
    some = _draw(pairs, SCORED, rng)
    scores = [
        _scores(s, side["concept_id"].to_numpy(), some[f"image_id_{which}"].to_numpy())
        for s, side, which in ((one, left, "a"), (two, right, "b"))
    ]
    for side, values in ((left, scores[0]), (right, scores[1])):
        side["active"], side["mean"] = (values > 0).mean(0), values.mean(0)
    likeness = {"scores": matching.correlations(*scores)}
    dealt = matching.correlations(scores[0], scores[1][rng.permutation(len(some))])
    chance = {"scores": matching.match(dealt).value}
    maps = _maps(one, two, left, right, _draw(pairs, MAPPED, rng), rng)
    likeness["maps"], dealt_maps, n_mapped, grid = maps
    chance["maps"] = matching.match(dealt_maps).value
    space = model_spaces.between(one.stem, two.stem, some)
    shift = None
    if space.shared:
        ours, theirs = (
            compare_models.directions(db.cursor(s.stem), s.bank_id)[side["concept_id"]]
            for s, side in ((one, left), (two, right))
        )
        likeness["cosine"] = matching.cosines(ours, theirs)
        random = [rng.normal(size=d.shape) for d in (ours, theirs)]
        chance["cosine"] = matching.match(matching.cosines(*random)).value
        if len(space.rows):
            shift = model_spaces.shift(space, scores[0][space.rows], ours)
    return Compared(
        left,
        right,
        likeness,
        chance,
        len(some),
        len(pairs),
        n_mapped,
        grid,
        space.about,
        shift,
        space.size,
    )


def _draw(pairs: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.DataFrame:
    if len(pairs) <= most:
        return pairs.reset_index(drop=True)
    kept = np.sort(rng.choice(len(pairs), most, replace=False))
    return pairs.iloc[kept].reset_index(drop=True)


def _scores(
    side: Side, concepts: Int64[np.ndarray, " k"], images: Int64[np.ndarray, " n"]
) -> Float[np.ndarray, "n k"]:
    """In the order of `images`, which need not ascend."""
    order = np.argsort(images)
    con = db.cursor(side.stem)
    out = np.empty((len(images), len(concepts)))
    out[order] = heads.image_scores(con, side.bank_id, concepts, image_ids=images[order])
    return out


def _maps(
    one: Side,
    two: Side,
    left: pd.DataFrame,
    right: pd.DataFrame,
    pairs: pd.DataFrame,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "p q"], Float[np.ndarray, "p q"], int, str]:
    """Correlation over tokens, the same with the images dealt out at random, n and the grid."""
    sides = ((one, left, "a"), (two, right, "b"))
    grids = [_grid(db.cursor(s.stem)) for s, _, _ in sides]
    cells = min(grids[0].h, grids[1].h) * min(grids[0].w, grids[1].w)
    most = max(FEWEST, ENTRIES // (cells * (len(left) + len(right))))
    pairs = pairs.iloc[:: -(-len(pairs) // most)]
    found = []
    for (side, concepts, which), grid in zip(sides, grids, strict=True):
        ids = pairs[f"image_id_{which}"].to_numpy()
        walk = compare_models.token_maps(
            db.cursor(side.stem),
            side.bank_id,
            concepts["concept_id"].to_numpy(),
            image_ids=ids,
            n_tokens=grid.h * grid.w,
        )
        found.append({i: (maps.astype(np.float32), Box(*box)) for i, maps, box in walk})
    rows: list[list[np.ndarray]] = [[], []]
    regridded = False
    for a, b in pairs.itertuples(index=False):
        if a not in found[0] or b not in found[1]:
            continue
        (map_a, box_a), (map_b, box_b) = found[0].pop(a), found[1].pop(b)
        to_grid, to_box = matching.common((grids[0], box_a), (grids[1], box_b))
        regridded |= not (to_grid == grids[0] == grids[1] and to_box == box_a == box_b)
        for out, maps, grid, box in (
            (rows[0], map_a, grids[0], box_a),
            (rows[1], map_b, grids[1], box_b),
        ):
            moved = matching.resampled(maps, grid, box, to_grid=to_grid, to_box=to_box)
            out.append(moved.T.astype(np.float32))
    x, y = (np.stack(part) for part in rows)
    dealt = y[rng.permutation(len(y))]
    width = f"{min(grids[0].h, grids[1].h)} x {min(grids[0].w, grids[1].w)} tokens"
    text = f"{width}, both resampled to what they share" if regridded else width
    flat = [part.reshape(-1, part.shape[2]) for part in (x, y, dealt)]
    return (
        matching.correlations(flat[0], flat[1]),
        matching.correlations(flat[0], flat[2]),
        len(x),
        text,
    )


def _grid(con: duckdb.DuckDBPyConnection) -> Grid:
    facts = build.build(con)
    return Grid(facts.grid_h, facts.grid_w)
