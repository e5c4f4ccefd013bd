"""Every bank as a row of one table, with random directions, chance and real activations below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from app.components.format import plain, short


@dataclass(frozen=True)
class Column:
    title: str
    about: str
    percent: bool = False


HELD = "on held-out tokens"
MEASURES: dict[str, Column] = {
    "r2": Column("R²", f"Share of token variance that is rebuilt, {HELD}; at most 1, higher is "
                 "better. The mean token has 0"),
    "relative_l2": Column("Rel. ℓ2", f"|tokens - rebuilt| / |tokens|, {HELD}; lower is better"),
    "wasserstein": Column("W1", "1-D Wasserstein distance between rebuilt and real values of a "
                          f"channel, mean over channels, in units of activation, {HELD}; lower is "
                          "better. Real: between two halves of the real tokens"),
    "ood": Column("kNN dist.", "Mean distance of a reconstruction to its 10th nearest real token, "
                  "in units of activation; above the real tokens' own it lies outside what the "
                  "model produces, below it is nearer to the crowd than real tokens are"),
    "readout": Column("Read-out, %", "Accuracy of the backbone's own linear read-out on pooled "
                      "reconstructions of held-out images. Real: on the activations themselves",
                      percent=True),
    "l0": Column("L0", f"Mean number of non-zero codes a token, {HELD}; random directions get as "
                 "many"),
    "hoyer": Column("Hoyer", "(√k - ℓ1/ℓ2) / (√k - 1) of a token's codes, mean: 1 a single code, "
                    "0 all equal"),
    "dead": Column("Dead, %", "Share of concepts that no image activates; lower is better",
                   percent=True),
    "coherence_max": Column("Max |cos|", "Largest |cosine| of two directions, 0 to 1; 1: a "
                            "duplicate. Lower is better"),
    "coherence_mean": Column("Mean |cos|", "Mean |cosine| of two directions, 0 to 1"),
    "effective_rank": Column("Eff. rank", "exp of the entropy of the singular values of the "
                             "directions: how many they span in effect"),
    "stability": Column("Stability", "Fitted again on parts of the train images: mean |cosine| of "
                        "the best one-to-one matching, 0 to 1. Measured where the recipe asks"),
    "named": Column("Named, %", "Share of concepts with a name: fitted to a label, or matching one "
                    "well enough", percent=True),
    "word_named": Column("Word, %", "Share of concepts with a word of a vocabulary that is nearer "
                         "than chance and leads the second best. Random control: shuffled images",
                         percent=True),
    "word_agreement": Column("Word = label, %", "Among concepts with a label-derived name and a "
                             "word: how often the label holds every part of the word. Chance: the "
                             "words dealt out at random", percent=True),
    "name_auc": Column("Name AUC", "Mean over concepts: how well the score tells images with the "
                       "own or best-matching label, held-out images; chance 0.5"),
    "iou": Column("IoU", "Localisation. Mean over concepts: overlap of the strongest tokens with "
                  "the mask of the own or matched label's part, 0 to 1"),
    "separability": Column("Separability", "Mean over concepts of the Jensen-Shannon distance "
                           "between classes' scores, 0 to 1. Chance: classes shuffled"),
    "monosemanticity": Column("Monosem.", "Mean over concepts of the cosine between the backbone's "
                              "pooled activations of a concept's top images. Chance: all images"),
}  # fmt: skip
"""key of the table `quality` -> how it is shown"""
GROUPS: dict[str, tuple[str, ...]] = {
    "Summary": ("r2", "readout", "stability", "named", "name_auc", "iou"),
    "Reconstruction": ("r2", "relative_l2", "wasserstein", "ood", "readout"),
    "Codes": ("l0", "hoyer", "dead"),
    "Directions": ("coherence_max", "coherence_mean", "effective_rank", "stability"),
    "Meaning": (
        "named",
        "word_named",
        "word_agreement",
        "name_auc",
        "iou",
        "separability",
        "monosemanticity",
    ),
}
HEADS = "Heads"
SHOWN = ("Summary", HEADS)
"""of the groups, at first"""
KINDS = {"control": "random", "chance": "chance", "best": "real activations"}
WHICH = {
    "bank": "A concept bank of this store",
    "control": "Random directions in the bank's place, coded as sparsely",
    "chance": "Without any information",
    "real": "The backbone's own activations",
    "no concepts": "A model that reads no concepts",
}


def standings(
    banks: pd.DataFrame,
    figures: pd.DataFrame,
    heads: pd.DataFrame,
    baselines: pd.DataFrame,
) -> pd.DataFrame:
    """Rows: banks, each bank's control, chance, real activations, and models without concepts.

    Columns: row, what, concepts, seconds; then each measure with its n, and accuracy a split.
    """
    rows: list[dict[str, Any]] = []
    for _, bank in banks.iterrows():
        mine = figures[figures["bank"] == bank["name"]]
        facts = {
            "row": bank["name"],
            "what": "bank",
            "concepts": bank["n_concepts"],
            "seconds": bank["seconds"],
        }
        rows.append(facts | _measured(mine, "value") | _splits(heads, bank["name"]))
        control = _measured(mine[mine["control"].notna()], "control")
        if control and bank["method"] != "random":  # it is a control itself
            name = f"{bank['name']}, {KINDS['control']}"
            rows.append({"row": name, "what": "control", "concepts": bank["n_concepts"]} | control)
    for kind in ("chance", "best"):
        found = _measured(_shared(figures[figures[kind].notna()], kind), kind)
        if kind == "chance":
            shared = pd.concat([heads, baselines]).drop_duplicates("split")
            for _, row in shared.iterrows():
                found[f"on {row['split']}"] = 100 * row["chance"]
                found[f"n on {row['split']}"] = row["n"]
        if found:
            what = "real" if kind == "best" else kind
            rows.append({"row": KINDS[kind].capitalize(), "what": what} | found)
    for model in dict.fromkeys(baselines["model"]):
        named = baselines.rename(columns={"model": "bank"})
        rows.append({"row": model.capitalize(), "what": "no concepts"} | _splits(named, model))
    return pd.DataFrame(rows)


def _shared(figures: pd.DataFrame, kind: str) -> pd.DataFrame:
    """One row a measure: mean over banks, and n where they all have the same."""
    by = figures.groupby("measure", as_index=False)
    out = by.agg(
        **{kind: (kind, "mean"), "n": ("n", "first"), "least": ("n", "min"), "most": ("n", "max")}
    )
    out["n"] = out["n"].where(out["least"] == out["most"]).astype("Int64")
    return out


def _measured(figures: pd.DataFrame, column: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for _, row in figures.iterrows():
        known = MEASURES.get(str(row["measure"]))
        if known is not None:
            out[row["measure"]] = (100 if known.percent else 1) * row[column]
            out[f"n {row['measure']}"] = row["n"]
    return out


def _splits(accuracies: pd.DataFrame, bank: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for _, row in accuracies[accuracies["bank"] == bank].iterrows():
        out[f"on {row['split']}"] = 100 * row["accuracy"]
        out[f"n on {row['split']}"] = row["n"]
    return out


def table(rows: pd.DataFrame, *, groups: list[str], counts: bool, splits: list[str]) -> None:
    """`groups` are keys of GROUPS or HEADS; `counts` adds how many each number is of."""
    wanted = [m for g in GROUPS if g in groups for m in GROUPS[g]]
    wanted += [f"on {s}" for s in splits] if HEADS in groups else []
    wanted = [c for c in dict.fromkeys(wanted) if c in rows]
    rows = rows[(rows["what"] == "bank") | rows[wanted].notna().any(axis=1)]
    config: dict[str, Any] = {
        "row": st.column_config.TextColumn(
            "Bank", pinned=True, width=176, help="A click on a title sorts by it"
        ),
        "what": st.column_config.TextColumn(
            "What",
            width=82,
            help="; ".join(f"{k}: {v[0].lower()}{v[1:]}" for k, v in WHICH.items()),
        ),
        "concepts": st.column_config.NumberColumn(
            "Concepts", format="localized", width=70, help="Directions in the bank"
        ),
        "seconds": st.column_config.NumberColumn(
            "Fit, s", format="%.3g", width=66, help="Wall clock of the fit, in seconds"
        ),
    }
    order = ["row", "what", "concepts"]
    for column in wanted:
        known = MEASURES.get(column) or _accuracy(column)
        config[column] = st.column_config.NumberColumn(
            known.title, help=known.about, format="%.3g", width=80 if column in MEASURES else 98
        )
        order.append(column)
        if counts:
            config[f"n {column}"] = st.column_config.NumberColumn(
                f"n {known.title.split(',')[0]}",
                help=f"Tokens, images, directions or concepts behind: {known.title}",
                format="localized",
                width=96,
            )
            order.append(f"n {column}")
    order.append("seconds")
    st.dataframe(
        rows,
        key="standings",
        hide_index=True,
        column_order=order,
        column_config=config,
        placeholder="",
        height="content",
    )


def _accuracy(column: str) -> Column:
    split = column.removeprefix("on ")
    return Column(
        f"Head {short(split, 16)}, %",
        f"Top-1 accuracy on {plain(split)} of the head trained on labels over the bank",
    )
