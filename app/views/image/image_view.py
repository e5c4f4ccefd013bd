"""The Image page's element: the picture with one map over it, drawn and explored in the browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from app import db
from app.format import concept_name
from app.widgets import assets, concept_parts, diverse_rows, pack
from app.widgets.pack import b64
from core import bottleneck
from core.counted import counted
from data.queries import heads, images, truth
from data.queries.build import Bank, HeadFacts
from data.queries.images import ImageFacts

_element = st.components.v2.component(
    "lucidarium.image_view",
    html='<div class="cx-root"></div>',
    css=assets.style("controls", "image_view"),
    js=assets.module("image_view"),
)
CLASS_MAP = "class map"
"""what class_map.js calls its layer"""
N_CLASSES = 8
"""classes of a head to choose from: the most probable ones, and the label"""


@dataclass(frozen=True)
class Reading:
    """What a head makes of one image: weights are y by k over the concepts named.

    Where `residual`, the logits hold a rest beside bias and contributions.
    """

    head: str
    class_names: list[str]
    probabilities: np.ndarray
    class_ids: np.ndarray
    weights: np.ndarray
    logits: np.ndarray
    bias: np.ndarray
    residual: bool


class Active(NamedTuple):
    """The concepts with a code or a score on the image."""

    concepts: pd.DataFrame
    """facts of each, a row"""
    codes: dict[str, Any]
    """packed for the browser"""


class Asked(NamedTuple):
    """What the address names: the class explained, and the map that is shown first."""

    class_id: int | None = None
    concept_id: int | None = None
    method: str | None = None


def active_concepts(bank: Bank, image_id: int) -> Active | None:
    con = db.cursor()
    row = images.codes(con, bank.bank_id, image_id)
    if row is None:
        return None
    h, w = images.grid(con)
    ids = pack.active(row, bank.n_concepts)
    if bank.pool == "cls":  # a score may be there without a map
        ids = np.union1d(ids, images.scored(con, bank.bank_id, image_id))
    facts = images.facts(con, bank.bank_id, image_id, concept_ids=ids)
    packed = pack.codes(row, ids, scale=facts["map_scale"].to_numpy(), n_tokens=h * w)
    return Active(facts, packed)


def read(
    head: HeadFacts, image_id: int, *, concept_ids: np.ndarray, label_id: int | None
) -> Reading | None:
    """The head's most probable classes on the image; None where its rest is not known."""
    con = db.cursor()
    loaded = heads.load(con, head.head_id)
    here = np.array([image_id])
    scores = heads.image_scores(con, head.bank_id, loaded.concept_ids, image_ids=here)
    if loaded.head.residual:
        try:
            logits = heads.unedited(con, head.head_id, loaded.outputs, image_ids=here)
        except LookupError:
            return None
    else:
        logits = bottleneck.logits(loaded.head, scores)
    p = bottleneck.probabilities(logits, loaded.head.link)[0]
    chosen = list(np.argsort(-p, kind="stable")[:N_CLASSES])
    chosen += [i for i in np.flatnonzero(loaded.class_ids == label_id) if i not in chosen]
    at, known = loaded.places(concept_ids)
    weights = np.zeros((len(chosen), len(concept_ids)))
    weights[:, known] = loaded.head.weight[chosen][:, at[known]]
    return Reading(
        head.name,
        [loaded.class_names[i] for i in chosen],
        p[chosen],
        loaded.class_ids[chosen],
        weights,
        logits[0, chosen],
        loaded.head.bias[chosen],
        loaded.head.residual,
    )


def _saliency(image_id: int) -> tuple[list[dict[str, Any]], str]:
    con = db.cursor()
    rows = images.saliency(con, image_id)
    packed = [
        {
            "method": row["method"],
            "title": row["title"],
            "signed": bool(row["signed"]),
            "unit": row["unit"],
            "about": row["about"],
            "cls": row["class_name"],
            "h": int(row["map_h"]),
            "w": int(row["map_w"]),
            "scale": float(row["scale"]),
            "values": pack.steps(np.asarray(row["value"])),
        }
        for row in rows.to_dict("records")
    ]
    covered = images.saliency_coverage(con)
    note = (
        f"This image has no saliency map; {covered.n:,} of {counted(covered.n_images, 'image')} "
        "have one, "
        f"the first is image {covered.first}."
        if covered.n
        else "This store holds no saliency maps."
    )
    return packed, note


def _truth(facts: ImageFacts, bank_id: int) -> dict[str, Any]:
    con = db.cursor()
    image_id = facts.image_id
    labels = truth.image_labels(con, bank_id, image_id)
    parts, masks = truth.parts(con, image_id), truth.masks(con, image_id)
    return {
        "labels": [
            {
                "name": row["name"],
                "present": bool(row["present"]),
                "grouping": None if pd.isna(row["grouping"]) else row["grouping"],
                "concept": None if pd.isna(row["concept_id"]) else int(row["concept_id"]),
                "score": None if pd.isna(row["score"]) else float(row["score"]),
            }
            for row in labels.to_dict("records")
        ],
        "parts": [
            {
                "part": row["part"],
                "x": float(row["x"]) / facts.width,
                "y": float(row["y"]) / facts.height,
            }
            for row in parts.to_dict("records")
        ],
        "masks": [
            {
                "part": row["part"],
                "h": int(row["height"]),
                "w": int(row["width"]),
                "runs": b64(np.asarray(row["runs"]), "<u4"),
            }
            for row in masks.to_dict("records")
        ],
    }


def payload(
    facts: ImageFacts,
    picture: bytes,
    bank: Bank,
    *,
    reading: Reading | None,
    active: Active,
    asked: Asked,
) -> dict[str, Any]:
    """All that the browser needs to answer by itself."""
    concepts, codes = active
    class_id, concept_id, method = asked
    saliency, note = _saliency(facts.image_id)
    saliency += concept_parts.on_image(bank, facts.image_id)
    ids = [int(c) for c in concepts["concept_id"]]
    # an address that names no map opens on the concept that matters most
    show: Any = "strongest" if concept_id is None and method is None else None
    methods = [s["method"] for s in saliency]
    if method in methods:
        show = {"kind": "saliency", "index": methods.index(method)}
    elif method == CLASS_MAP and reading is not None:
        show = {"kind": "saliency", "index": len(methods)}  # the browser puts it last
    elif concept_id in ids:
        show = {"kind": "concept", "index": ids.index(concept_id)}
    y = 0
    if reading is not None and class_id in reading.class_ids:
        y = int(np.flatnonzero(reading.class_ids == class_id)[0])
    head = reading.head if reading else None
    return {
        "key": f"{db.key()}/{facts.image_id}/{bank.name}/{head}/{class_id}",
        "bank": bank.name,
        "signed": bank.signed,
        "unit": bank.code_unit,
        "pool": bank.pool,
        "grid": list(images.grid(db.cursor())),
        "image": pack.picture(facts, picture),
        "concepts": {
            "ids": ids,
            "names": [
                concept_name(row["name"], row["concept_id"]) for row in concepts.to_dict("records")
            ],
            "scores": b64(concepts["score"].to_numpy(), "<f8"),
            "p99": b64(concepts["peak_p99"].to_numpy(), "<f8"),
            "most": b64(concepts["score_size"].to_numpy(), "<f8"),
            "mapR": b64(concepts["map_r"].to_numpy(np.float64), "<f8"),
        },
        "codes": codes,
        "head": head,
        "chosen": y,
        "sort": "contribution" if reading else "share",
        "classes": []
        if reading is None
        else [
            {"name": name, "p": float(p), "logit": float(z), "bias": float(b)}
            for name, p, z, b in zip(
                reading.class_names,
                reading.probabilities,
                reading.logits,
                reading.bias,
                strict=True,
            )
        ],
        "residual": reading is not None and reading.residual,
        "diverse": diverse_rows.of_image(
            bank.bank_id, concepts, None if reading is None else reading.weights
        ),
        "weights": None if reading is None else b64(reading.weights, "<f8"),
        "saliency": saliency,
        "saliencyNote": note,
        "show": show,
        **_truth(facts, bank.bank_id),
    }


def show(data: dict[str, Any], *, key: str, on_shown: Callable[[], None]) -> Any:
    """`shown`: "c:ID" or "m:METHOD" of what is locked, "" for nothing; `open`: a concept's id."""
    return _element(data=data, key=key, on_shown_change=on_shown, on_open_change=lambda: None)
