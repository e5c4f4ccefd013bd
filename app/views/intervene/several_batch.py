"""The same edits on other images, for a head whose labels each have a probability of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Float64

from app import db
from app.format import MISSING, number, short, signed
from app.views.intervene import head_lab, several, whole
from app.widgets import defined
from core import bottleneck
from core.counted import counted
from core.metrics import learnability
from data.queries import heads
from data.queries.build import HeadFacts


def moved(head: HeadFacts, columns: dict[int, float], ids: np.ndarray) -> np.ndarray:
    """How far the edits move each label's logit on these images."""
    loaded, _ = head_lab.load(head.head_id)
    order = sorted(columns)
    scores = heads.image_scores(db.cursor(), head.bank_id, loaded.concept_ids[order], image_ids=ids)
    few = bottleneck.Head(loaded.head.weight[:, order], loaded.head.bias)
    return bottleneck.shifts(few, scores, {j: columns[k] for j, k in enumerate(order)})


def auc(z: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"]) -> float:
    """Area under the ROC curve on the images where the label is known; NaN of one kind only."""
    found = learnability.placements(z, y, np.zeros(len(y), dtype=np.int64))
    return learnability.auc(found).value


def show(head: HeadFacts, columns: dict[int, float]) -> None:
    """Choose a split, see each label before and after."""
    given = several.base(head.head_id)
    splits = sorted(given.rows["split"].unique(), key=lambda s: (whole.ORDER.get(s, 5), s))
    split = st.selectbox("Split", splits, key="several_split", width=220)
    kept = (given.rows["split"] == split).to_numpy()
    before, y = given.logits[kept], given.y[kept]
    ids = given.rows.loc[kept, "image_id"].to_numpy(np.int64)
    after = before + moved(head, columns, ids)
    defined.table(
        table(head.head_id, before, after, y),
        hide_index=True,
        column_config={
            "AUROC": defined.written("label_metric.auc", about="Before the edits."),
            "AUROC now": defined.written("label_metric.auc", title="AUROC now", about="With them."),
            "n with it": defined.column("label_metric.n_positive"),
            "n known": defined.column("label_metric.n"),
            "Threshold": defined.written("label_metric.threshold"),
        },
    )
    st.caption(
        f"n = {counted(len(ids), 'image')} of split {split}. An edit moves the logit of every "
        "label by its "
        "own weight; labels do not share probability, so each goes up or down for itself. AUROC "
        "has the chance 0.5. Said to show it: images whose probability reaches the threshold."
    )


def table(
    head_id: int,
    before: Float64[np.ndarray, "n y"],
    after: Float64[np.ndarray, "n y"],
    y: Float64[np.ndarray, "n y"],
) -> pd.DataFrame:
    """A row a label."""
    loaded, _ = head_lab.load(head_id)
    chosen = head_lab.thresholds(head_id)
    rows = []
    for j, (class_id, name) in enumerate(
        zip(loaded.class_ids.tolist(), loaded.class_names, strict=True)
    ):
        threshold, n = chosen[class_id]
        known = ~np.isnan(y[:, j])
        p, q = (bottleneck.sigmoid(z[:, j]) for z in (before, after))
        areas = [auc(z[:, j], y[:, j]) for z in (before, after)]
        rows.append(
            {
                "Label": short(name, 40),
                "Mean p": number(float(p.mean())),
                "Mean p now": number(float(q.mean())),
                "Change": signed(float((q - p).mean())),
                "Said to show it": f"{int((p >= threshold).sum()):,}",
                "Now": f"{int((q >= threshold).sum()):,}",
                "AUROC": MISSING if np.isnan(areas[0]) else number(areas[0]),
                "AUROC now": MISSING if np.isnan(areas[1]) else number(areas[1]),
                "n with it": int((y[known, j] == 1).sum()),
                "n known": int(known.sum()),
                "Threshold": f"{number(threshold)} ({f'n {n:,}' if n else 'not chosen'})",
            }
        )
    return pd.DataFrame(rows)
