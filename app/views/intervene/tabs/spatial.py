"""Where on one image concepts may be seen: cells to keep or to remove, and what the head says."""

from __future__ import annotations

import numpy as np
import streamlit as st
from einops import rearrange
from jaxtyping import Float64, Int64

from app import address, db
from app.format import concept_name, listed
from app.views.intervene import address_edits, head_lab
from app.views.intervene.tabs import regions
from app.widgets import assets, pack
from core import bottleneck
from core.intervention import spatial
from core.types import Box, Grid
from data.queries import build, images
from data.queries.build import HeadFacts
from data.queries.images import ImageFacts

_element = st.components.v2.component(
    "lucidarium.spatial",
    html='<div class="cx-root"></div>',
    css=assets.style("controls", "head_lab", "spatial"),
    js=assets.module("spatial"),
)

HOW = {
    "mean": "A score is the mean of its map. Drag over the picture to keep or remove a part: each "
    "score becomes the weighted mean of what is left, and the head decides again.",
    "max": "A score is the largest value of its map. Drag over the picture to keep or remove a "
    "part: what is positive in each map is weighted, its largest value is the new score (0 where "
    "all of it is removed), and the head decides again.",
}
"""by bank.pool"""
NOT_HERE = (
    "A part of this image cannot be kept or removed here: scores of this bank are read from the "
    "CLS token, and a map shows the same direction over patches without adding up to them. What "
    "the score would be takes the model with that part hidden, which this page does not run. Edit "
    'the concepts above instead, or build the bank with `pool = "mean"` or `"max"`.'
)
"""of a bank that is scored by CLS tokens"""


def _cell(token: int, grid: Grid) -> Box:
    """The box of one cell, as fractions of what the model sees."""
    row, column = divmod(token, grid.w)
    return Box(column / grid.w, row / grid.h, (column + 1) / grid.w, (row + 1) / grid.h)


def pooled(
    scores: Float64[np.ndarray, " k"],
    maps: Float64[np.ndarray, "k t"],
    given: regions.Regions,
    grid: Grid,
    *,
    pooling: str = "mean",
) -> Float64[np.ndarray, " k"]:
    """Score plus what the marks change of its map's mean (or largest value above 0), so that no
    mark changes nothing, however the stored map was rounded. Raises ValueError when nothing is left
    to average."""
    weight = spatial.attention(
        grid,
        keep=[_cell(t, grid) for t in sorted(given.keep)],
        remove=[_cell(t, grid) for t in sorted(given.remove)],
        view=Box(0.0, 0.0, 1.0, 1.0),
        elsewhere=given.elsewhere,
    )
    boards = rearrange(maps, "k (h w) -> k h w", h=grid.h)
    before = spatial.pool(boards, np.ones(grid), pooling=pooling)
    return scores + (spatial.pool(boards, weight, pooling=pooling) - before)


def _kept(
    codes: images.Codes, lab: head_lab.Lab, edited: dict[int, float]
) -> Int64[np.ndarray, " m"]:
    """Columns that have a map on this image, or an edit; the others score 0 wherever one looks."""
    ids = lab.loaded.concept_ids
    if codes.concept is None:
        return np.arange(len(ids))
    shown = np.isin(ids, codes.concept)
    shown[list(edited)] = True
    return np.flatnonzero(shown)


def _told() -> None:
    value = st.session_state["spatial"].get("regions")
    if isinstance(value, dict) and value.get("key") == st.session_state.get("spatial_shown"):
        address.set_params(r=str(value.get("regions"))[: regions.MOST])


def _tell(text: str | None, grid: Grid) -> None:
    """Warns of what a link asks for that cannot be."""
    n_tokens = grid.h * grid.w
    odd = regions.refused(text, n_tokens=n_tokens)
    torn = regions.torn(text, n_tokens=n_tokens)
    if odd:
        st.warning(
            f"Left out of the link: {listed(odd)}. Cells are numbered row by row from 0 to "
            f"{n_tokens - 1}: k3-9 keeps some, x12 removes one, and a0.2 is the weight, 0 to 1, of "
            "all others."
        )
    if torn:
        st.warning(
            f"{torn} cells are marked both to keep and to remove; they are removed. Unmark them to "
            "keep them."
        )


def show(head: HeadFacts, facts: ImageFacts, asked: dict[int, float]) -> None:
    image_id = facts.image_id
    con = db.cursor()
    lab = head_lab.lab(head, image_id)
    found = images.codes(con, head.bank_id, image_id)
    picture = images.picture(con, image_id)
    maps = images.concept_maps(con, head.bank_id, image_id)
    if found is None or maps is None or picture is None:
        st.caption("The store holds no maps of this image, so there is nothing to mark.")
        return
    bank = build.bank(con, head.bank_id)
    if bank.pool == "cls":
        st.info(NOT_HERE, icon=":material/info:")
        return
    st.caption(
        f"{HOW[bank.pool]} Edits above stay in force; the picture and the model are not run again."
    )
    columns, _ = head_lab.by_column(lab, asked)
    kept = _kept(found, lab, columns)
    rows = lab.facts.iloc[kept]
    grid = Grid(*images.grid(con))
    given = regions.parse(address.param("r"), n_tokens=grid.h * grid.w)
    _tell(address.param("r"), grid)
    loaded = lab.loaded
    base = loaded.head.bias + (0.0 if lab.rest is None else lab.rest[0])
    truth = np.flatnonzero(loaded.class_ids == facts.label_id)
    ids = rows["concept_id"].to_numpy(np.int64)
    packed = pack.codes(found, ids, scale=rows["map_scale"].to_numpy(), n_tokens=grid.h * grid.w)
    key = f"{db.key()}/{image_id}/{head.name}/{address_edits.write(asked)}"
    st.session_state["spatial_shown"] = key
    _element(
        data={
            "key": key,
            "unit": bank.code_unit,
            "pool": bank.pool,
            "signed": bank.signed,
            "grid": [grid.h, grid.w],
            "image": pack.picture(facts, picture),
            "classes": [
                {"id": int(c), "name": name}
                for c, name in zip(loaded.class_ids, loaded.class_names, strict=True)
            ],
            "truth": [int(row) for row in truth],
            "head": {
                "base": pack.b64(base, "<f8"),
                "weights": pack.b64(loaded.head.weight[:, kept], "<f8"),
            },
            "concepts": [
                {
                    "id": int(row["concept_id"]),
                    "p99": float(row["peak_p99"]),
                    "name": concept_name(row["name"], row["concept_id"]),
                    "score": float(lab.scores[0, k]),
                    "fixed": columns.get(int(k)),
                }
                for k, row in zip(kept, rows.to_dict("records"), strict=True)
            ],
            "codes": packed,
            "regions": regions.write(given),
            "reply": {
                "regions": regions.write(given),
                "p": _reply(lab, maps[ids], given, kept, columns, grid=grid, pooling=bank.pool),
            },
        },
        key="spatial",
        on_regions_change=_told,
    )


def _reply(
    lab: head_lab.Lab,
    maps: Float64[np.ndarray, "m t"],
    given: regions.Regions,
    kept: Int64[np.ndarray, " m"],
    columns: dict[int, float],
    *,
    grid: Grid,
    pooling: str,
) -> str | None:
    """Python's answer for what is marked; None when nothing is left."""
    scores = lab.scores[0].copy()
    try:
        scores[kept] = pooled(scores[kept], maps, given, grid, pooling=pooling)
    except ValueError:
        return None
    edited = bottleneck.intervene(scores[None], columns)
    link = lab.loaded.head.link
    p = bottleneck.probabilities(bottleneck.logits(lab.loaded.head, edited, lab.rest), link)
    return pack.b64(p[0], "<f8")
