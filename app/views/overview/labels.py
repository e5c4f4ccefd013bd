"""How well the labels of a multi-label set are told: one row a label, or the mean over them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.format import MISSING, number
from app.widgets import defined, label_table
from core.kinds import TEST


def means(metrics: pd.DataFrame) -> pd.DataFrame:
    """A row a model, for each split the mean over labels of AUROC and of average precision, beside
    chance and the number of labels; a last row has the chance."""
    out = []
    known = metrics[metrics["auc"].notna()]
    for model, mine in known.groupby("model", sort=False):
        line: dict[str, str] = {"Model": str(model)}
        for split, of in mine.groupby("split", sort=False):
            line[f"{split}: AUROC"] = number(float(of["auc"].mean()))
            line[f"{split}: AP"] = (
                f"{number(float(of['ap'].mean()))} (chance {number(float(of['chance'].mean()))})"
            )
        line["Labels"] = f"{mine['class_id'].nunique():,}"
        out.append(line)
    return pd.DataFrame(out).fillna(MISSING)


def show(metrics: pd.DataFrame, splits: list[str]) -> None:
    """Means of all models, and below them the labels of one."""
    if metrics.empty:
        st.info("Nothing was measured: no label is known of any image, or nothing tells one.")
        return
    st.caption(
        "An image can carry several labels, so no one class is right or wrong: each label is "
        "ranked for itself, on the images where it is known, and the mean is over labels. AUROC "
        "has the chance 0.5, average precision (AP) that of the label's prevalence. The linear "
        "probe reads the mean patch token, whatever scores are read from."
    )
    defined.table(means(metrics), hide_index=True, height="content")
    models = list(dict.fromkeys(metrics["model"]))
    heads = [one for one in models if one not in ("backbone", "linear probe")]
    with st.container(horizontal=True):
        model = st.selectbox(
            "Model", models, key="labels_model", index=models.index((heads or models)[0]), width=260
        )
        mine = metrics[metrics["model"] == model]
        there = [split for split in splits if split in set(mine["split"])]
        split = st.selectbox(
            "Split",
            there,
            key="labels_split",
            index=there.index(TEST) if TEST in there else len(there) - 1,
            width=180,
        )
    label_table.show(mine[mine["split"] == split])
