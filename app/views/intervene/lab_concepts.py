"""The concepts of the Intervene page's element: what the store, labels and people say of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from app import db
from app.format import concept_name, number
from app.views.intervene import levels
from app.widgets import people
from core.intervention.strategies import TYPICAL, Levels
from data.queries import edits


def truth(bank_id: int, image_id: int, rows: pd.DataFrame) -> Float64[np.ndarray, " m"]:
    """What labels say of these concepts on an image: 1 present, 0 absent, NaN unknown."""
    ids = rows["concept_id"].to_numpy(np.int64)
    order = np.argsort(ids, kind="stable")
    out = np.empty(len(ids))
    out[order] = edits.truth(db.cursor(), bank_id, ids[order], image_ids=np.array([image_id]))[0]
    return out


def facts(
    rows: pd.DataFrame,
    columns: Int64[np.ndarray, " m"],
    *,
    scores: Float64[np.ndarray, "1 k"],
    measured: Levels,
    truth: Float64[np.ndarray, " m"],
    bank: str,
) -> list[dict[str, Any]]:
    """One dict a row of `rows`; `scores` are of all columns, the rest of these."""
    presets = levels.presets(measured, scores, columns)
    also = people.names(bank)
    out = []
    for i, row in enumerate(rows.to_dict("records")):
        pairs = {
            name: [_known(absent[i]), _known(present[i])]
            for name, (absent, present) in presets.items()
        }
        given = _one({str(k): v for k, v in row.items()})
        given |= {"score": float(scores[0, columns[i]]), "levels": pairs}
        given |= {"absent": pairs[TYPICAL][0], "present": pairs[TYPICAL][1]}
        given |= {"low": _known(measured.low[i]), "high": _known(measured.high[i])}
        given |= {"nPresent": int(measured.n_present[i]), "nAbsent": int(measured.n_absent[i])}
        given |= {"truth": _known(truth[i]), "also": also.get(given["id"], "")}
        out.append(given)
    return out


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _one(row: dict[str, Any]) -> dict[str, Any]:
    auc = row["test_auc"]
    known = "" if pd.isna(auc) else f"; held-out AUC {number(auc)} (chance 0.5)"
    name = concept_name(row["name"], row["concept_id"])
    return {
        "id": int(row["concept_id"]),
        "name": name,
        "about": f"{name} (concept {row['concept_id']}){known}",
        "group": None if pd.isna(row["grouping"]) else row["grouping"],
        "lo": float(row["score_min"]),
        "hi": float(row["score_max"]),
        "p99": float(row["peak_p99"]),
    }
