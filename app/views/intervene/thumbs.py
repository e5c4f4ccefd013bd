"""A row of labelled images, each a link to what the head does with it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app import address, db
from app.format import plain, short
from data.queries import carried, images

N_SHOWN = 7
"""images shown of a list"""


def strip(
    title: str,
    rows: pd.DataFrame,
    *,
    classes: dict[int, str],
    help: str | None = None,
    **params: Any,
) -> None:
    """The first of `rows` (image_id, class_id, -1: there are several labels); `params` go into the
    links beside the image."""
    if rows.empty:
        return
    ids = [int(i) for i in rows["image_id"].head(N_SHOWN)]
    more = f", the first {len(ids)} of {len(rows):,}" if len(rows) > len(ids) else ""
    st.markdown(f"**{title}**{more}", help=help)
    pictures = images.thumbs(db.cursor(), ids)
    label = rows.set_index("image_id")["class_id"].map(classes)
    if label.isna().any():
        label = label.fillna(pd.Series(carried.names(db.cursor(), ids)))
    with st.container(horizontal=True):
        for image_id in ids:
            with st.container(width=128, gap="xxsmall"):
                if image_id in pictures:
                    st.image(pictures[image_id], width=128)
                address.link(
                    plain(short(str(label[image_id]), 14)), "intervene", i=image_id, **params
                )
