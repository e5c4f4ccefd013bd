"""What the build found by editing single latents and running the model on."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import db
from app.format import concept_name, number, plain, short
from app.widgets import defined, figures, palette
from data.queries import build, effects

MODES = {
    "ablate": "off",
    "scale": "times",
    "clamp": "clamped to",
    "suppress": "by posterior of",
    "gated": "off where detected:",
}


def _words(row: pd.Series) -> str:
    mode = MODES[row["mode"]]
    if row["mode"] in ("suppress", "gated"):
        return f"{mode} {row['label']}"
    return mode if row["mode"] == "ablate" else f"{mode} {number(row['strength'])}"


def show(bank_id: int, *, live: bool) -> None:
    st.markdown("**Single latents, on the backbone itself**")
    found = effects.of_bank(db.cursor(), bank_id)
    if found.empty:
        _none(bank_id)
        return
    pool = build.bank(db.cursor(), bank_id).pool
    token = "CLS token" if pool == "cls" else "mean token"
    if bool(found["exact"].all()):
        st.caption(
            f"The backbone's logits are a linear map of the {token}, so these are exact over all "
            "images" + (", as is everything above." if live else ".")
        )
    else:
        st.caption(
            "These cannot be live: the backbone's logits are no linear function of this layer, so "
            "each edit takes the rest of the network, which this page does not load. The build ran "
            "it for the latents of most energy and a grid of strengths; the recipe's `[effects]` "
            "asks for more."
        )
    modes = [m for m in MODES if (found["mode"] == m).any()]
    mode = st.segmented_control(
        "Edit of single latents",
        modes,
        default=modes[0],
        required=True,
        key="effect_mode",
        format_func=lambda m: {
            "ablate": "Off",
            "scale": "Scale",
            "clamp": "Clamp",
            "suppress": "By posterior",
            "gated": "Gated",
        }[m],
        label_visibility="collapsed",
    )
    mine = found[found["mode"] == mode].reset_index(drop=True)
    table = pd.DataFrame(
        {
            "Latent": [
                f"{short(concept_name(n, c), 30)}" + ("" if pd.isna(n) else f" #{c}")
                for n, c in zip(mine["name"], mine["concept_id"], strict=True)
            ],
            "Edit": [_words(row) for _, row in mine.iterrows()],
            "Images": mine["images"],
            "n": mine["n"],
            "Edited": mine["n_edited"],
            "Change": mine["change"],
            "Random": mine["control_change"],
            "Flipped": 100 * mine["flipped"],
            "Random flipped": 100 * mine["control_flipped"],
        }
    )

    picked = defined.table(
        table,
        key=f"effects-{bank_id}-{mode}",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height=min(330, 38 + 35 * len(table)),
        column_config={
            "Images": defined.column("effect.images"),
            "n": defined.column("effect.n"),
            "Edited": defined.column("effect.n_edited"),
            "Change": defined.column("effect.change"),
            "Random": defined.column("effect.control_change"),
            "Flipped": defined.column("effect.flipped"),
            "Random flipped": defined.column("effect.control_flipped"),
        },
    )
    rows = picked["selection"]["rows"]
    if not rows or rows[0] >= len(mine):
        st.caption("Choose a row to see which classes' logits it moves.")
        return
    row = mine.iloc[rows[0]]
    moved = effects.classes(db.cursor(), int(row["effect_id"])).iloc[::-1]
    figure = go.Figure(
        go.Bar(
            x=moved["change"],
            y=[short(c, 30) for c in moved["class"]],
            orientation="h",
            marker_color=[palette.AGAINST if v < 0 else palette.FOR for v in moved["change"]],
            hovertemplate="%{y}: %{x:+.3g} logits<extra></extra>",
        )
    )
    figures.styled(
        figure,
        height=60 + 26 * len(moved),
        x=figures.axis(f"mean change of the logit, n = {int(row['n']):,}"),
        y={},
        legend=None,
    )
    figures.show(figure, key="effect_classes")


def _none(bank_id: int) -> None:
    con = db.cursor()
    bank = build.bank(con, bank_id)
    told = build.notices(con)
    told = told[(told["stage"] == "effects") & (told["subject"] == bank.name)]
    if len(told):
        st.info(plain(str(told["message"].iloc[0])) + ".", icon=":material/info:")
    elif bank.r2 is None:
        st.caption(
            "This bank does not reconstruct activations, so taking a code out leaves no activation "
            "to run the model on. Banks such as nmf or sae do."
        )
    else:
        st.caption(
            "This store holds no such effects: the backbone does not classify, or the recipe says "
            "`[effects] latents = 0`."
        )
