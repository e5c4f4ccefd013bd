"""A head's classes in tables: confusions, dominant concepts, fidelity of the explanations."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.components.format import concept_name, number, percent, plain, rate, short

METHODS = {
    "linear": "Weight x score",
    "gradient_input": "Gradient x input",
    "integrated_gradients": "Integrated gradients",
    "occlusion": "Occlusion",
    "sobol": "Sobol total index",
}


def per_split(confusions: pd.DataFrame, class_id: int) -> pd.DataFrame:
    """Recall and precision of the class in each split, with their counts."""
    out = []
    for split, mine in confusions.groupby("split", sort=False):
        hit = int(mine.loc[(mine["label_id"] == class_id) & (mine["predicted_id"] == class_id),
                           "n"].sum())  # fmt: skip
        carried = int(mine.loc[mine["label_id"] == class_id, "n"].sum())
        taken = int(mine.loc[mine["predicted_id"] == class_id, "n"].sum())
        out.append({"Split": split, "Recall": rate(hit, carried), "Precision": rate(hit, taken)})
    return pd.DataFrame(out, columns=["Split", "Recall", "Precision"])


def splits(confusions: pd.DataFrame, class_id: int) -> None:
    st.dataframe(
        per_split(confusions, class_id),
        hide_index=True,
        column_config={
            "Recall": st.column_config.Column(help="Of the class's images, those the head finds"),
            "Precision": st.column_config.Column(
                help="Of the labelled images that the head takes for the class, those that are"
            ),
        },
    )


def others(confusions: pd.DataFrame, class_id: int, *, key: str) -> int | None:
    """Which classes it is confused with, over all splits; returns the one that was clicked."""
    wrong = confusions[confusions["label_id"] != confusions["predicted_id"]]
    missed = wrong[wrong["label_id"] == class_id].assign(
        other_id=lambda f: f["predicted_id"], other=lambda f: f["predicted"], how="taken for"
    )
    taken = wrong[wrong["predicted_id"] == class_id].assign(
        other_id=lambda f: f["label_id"], other=lambda f: f["label"], how="mistaken from"
    )
    frame = pd.concat([missed, taken])
    if frame.empty:
        st.caption("No labelled image is confused.")
        return None
    wide = frame.pivot_table(
        index=["other_id", "other"], columns="how", values="n", aggfunc="sum", fill_value=0
    ).reset_index()
    for how in ("taken for", "mistaken from"):
        wide[how] = wide.get(how, 0)
    wide = wide.assign(sum=wide["taken for"] + wide["mistaken from"])
    wide = wide.sort_values(["sum", "other_id"], ascending=[False, True])
    event = st.dataframe(
        wide[["other", "taken for", "mistaken from"]],
        hide_index=True, key=key, on_select="rerun", selection_mode="single-row",
        column_config={
            "other": st.column_config.Column("Class", help="A row opens the class"),
            "taken for": st.column_config.Column(
                "This taken for it", help="Images of this class that the head takes for the other"
            ),
            "mistaken from": st.column_config.Column(
                "It taken for this", help="Images of the other that the head takes for this class"
            ),
        },
    )  # fmt: skip
    picked = event["selection"]["rows"]
    return int(wide["other_id"].iloc[picked[0]]) if picked else None


def dominance(rows: pd.DataFrame, *, key: str) -> int | None:
    """Prevalence and reliability by concept and split; returns the concept that was clicked."""
    if rows.empty:
        st.info("This store does not say which concepts dominate.")
        return None
    order = list(dict.fromkeys(rows["split"]))
    lines: dict[int, dict[str, object]] = {}
    for row in rows.to_dict("records"):
        concept = int(row["concept_id"])
        line = lines.setdefault(
            concept, {"id": concept, "Concept": concept_name(row["name"], concept), "sum": 0}
        )
        line["sum"] = int(str(line["sum"])) + int(row["n"])
        line[f"Prevalence, {row['split']}"] = f"{percent(row['prevalence'])} ({int(row['n']):,})"
        right = row["reliability"]
        line[f"Reliability, {row['split']}"] = (
            f"{percent(right)} of {int(row['n_labelled']):,}" if row["n_labelled"] else "unlabelled"
        )
    frame = pd.DataFrame(lines.values()).sort_values(["sum", "id"], ascending=[False, True])
    names = [f"{what}, {split}" for split in order for what in ("Prevalence", "Reliability")]
    about = {
        n: "Share of the split's images whose dominant concept it is (images)"
        if n.startswith("Prevalence")
        else "Accuracy of the head on those of them that carry a label"
        for n in names
    }
    event = st.dataframe(
        frame[["id", "Concept", *names]].rename(columns={"id": "#"}).fillna("0"),
        hide_index=True, key=key, on_select="rerun", selection_mode="single-row", height=330,
        column_config={n: st.column_config.Column(help=a) for n, a in about.items()},
    )  # fmt: skip
    picked = event["selection"]["rows"]
    return int(frame["id"].iloc[picked[0]]) if picked else None


def fidelity(rows: pd.DataFrame) -> None:
    if rows.empty:
        st.info("This store does not judge its explanations.")
        return
    lines: dict[str, dict[str, str]] = {m: {"Importance": t} for m, t in METHODS.items()}
    for row in rows.to_dict("records"):
        line = lines.setdefault(row["method"], {"Importance": row["method"]})
        line[row["metric"]] = f"{number(row['value'])} (random {number(row['random'])})"
        line["Images"] = f"{int(row['n']):,}"
    order = ["Importance", "C-insertion", "C-deletion", "C-muFidelity", "Images"]
    frame = pd.DataFrame([line for line in lines.values() if len(line) > 1])
    about = {
        "C-insertion": "Mean height of the logit as concepts come in, most important first; large "
        "is good. In brackets: random order. Logits.",
        "C-deletion": "The same as concepts are set to 0, most important first; small is good. "
        "Logits.",
        "C-muFidelity": "Correlation, -1..1, of summed importance with what the logit loses "
        "without random fifths of the concepts; 1 is perfect, chance 0.",
        "Images": "Held-out images judged, over all classes",
    }
    st.dataframe(
        frame.reindex(columns=[c for c in order if c in frame]),
        hide_index=True,
        column_config={n: st.column_config.Column(help=a) for n, a in about.items()},
    )


def sobol(rows: pd.DataFrame) -> None:
    """The largest indices of the class, for those of its images that were judged."""
    if rows.empty:
        return
    largest = ", ".join(
        f"{plain(short(concept_name(r['name'], int(r['concept_id'])), 40))} {number(r['value'])}"
        for r in rows.head(6).to_dict("records")
    )
    n = int(rows["n"].iloc[0])
    st.caption(
        f"Sobol total indices of this class, mean of {n} judged image{'s' if n > 1 else ''}: "
        f"{largest}",
        help="Share of the logit's variance, 0..1, that needs the concept when all are dimmed at "
        "random; for a linear head (contribution)² over the sum of all such squares.",
    )
