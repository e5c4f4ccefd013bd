"""The Intervene page's element: a head that runs in the browser, and Python's check of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Float64, Int64

from app import address, db
from app.format import concept_name, plain, short
from app.views.intervene import address_edits, lab_concepts, levels
from app.widgets import assets, diverse_rows, pack
from core import bottleneck
from core.intervention.strategies import Levels
from core.metrics import label_ranking
from data.queries import carried, heads, images
from data.queries.build import Bank, HeadFacts
from data.queries.images import ImageFacts

_element = st.components.v2.component(
    "lucidarium.head_lab",
    html='<div class="cx-root"></div>',
    css=assets.style("controls", "head_lab"),
    js=assets.module("head_lab"),
)
MOST = 64
"""concepts sent to the browser, beside those that belong to their groups; the rest is folded"""
N_DIVERSE = 8
"""most probable classes whose diverse rows are sent at once; of another, when it is asked for"""


@dataclass(frozen=True)
class Lab:
    """A head on one image: scores of the concepts it reads, and the rest if it carries one."""

    loaded: heads.Loaded
    facts: pd.DataFrame
    scores: Float64[np.ndarray, "1 k"]
    rest: Float64[np.ndarray, "1 y"] | None
    image_id: int
    head_id: int
    bank_id: int
    head: str
    bank: str
    method: str
    """of the bank, key of core.concepts.METHODS"""
    kind: str
    """of the head, as in precompute.heads.HEADS"""

    def logits(self, changes: dict[int, float]) -> Float64[np.ndarray, " y"]:
        """With edits by column."""
        scores = bottleneck.intervene(self.scores, changes)
        return bottleneck.logits(self.loaded.head, scores, self.rest)[0]

    def probabilities(self, changes: dict[int, float]) -> Float64[np.ndarray, " y"]:
        """With edits by column."""
        return bottleneck.probabilities(self.logits(changes), self.loaded.head.link)

    @property
    def several(self) -> bool:
        """Whether each label has a probability of its own, so that they need not sum to 1."""
        return self.loaded.head.link == "sigmoid"

    def measured(self, columns: Int64[np.ndarray, " m"]) -> Levels:
        """Which scores these columns usually take."""
        return levels.of(self.head_id, self.bank_id, columns, n_columns=self.scores.shape[1])

    def title(self, k: int, limit: int = 48) -> str:
        """Of the concept in column `k`, as Markdown; matched names may repeat, so the id tells."""
        row = self.facts.iloc[k]
        name = concept_name(row["name"], row["concept_id"])
        own = row["name_source"] == "label" or name == f"#{row['concept_id']}"
        return plain(short(name, limit)) + ("" if own else " " + plain(f"#{row['concept_id']}"))


class Asked(NamedTuple):
    """What is asked of a head on an image."""

    text: str
    """the edits as the address writes them, without concepts that the head does not read"""
    columns: dict[int, float]
    """the same edits by the head's columns"""
    class_id: int | None
    """class whose weights are looked at"""
    extra: list[int]
    """columns that are sent on request"""


@db.cached(max_entries=8, shared=True)
def load(head_id: int) -> tuple[heads.Loaded, pd.DataFrame]:
    """A head and the facts of its concepts; shared between sessions, so only to be read."""
    con = db.cursor()
    return heads.load(con, head_id), heads.concepts(con, head_id)


def lab(head: HeadFacts, image_id: int) -> Lab:
    """Raises LookupError where a residual head lacks the image's unedited logits."""
    con = db.cursor()
    loaded, facts = load(head.head_id)
    here = np.array([image_id])
    scores = heads.image_scores(con, head.bank_id, loaded.concept_ids, image_ids=here)
    rest = None
    if loaded.head.residual:
        own = heads.unedited(con, head.head_id, loaded.outputs, image_ids=here)
        rest = bottleneck.rest(loaded.head, scores, own)
    return Lab(
        *(loaded, facts, scores, rest, image_id),
        head_id=head.head_id,
        bank_id=head.bank_id,
        head=head.name,
        bank=head.bank,
        method=head.method,
        kind=head.kind,
    )


def by_column(lab: Lab, given: dict[int, float]) -> tuple[dict[int, float], list[int]]:
    """Edits by the head's columns, and the concepts that the head does not read."""
    ids = np.array(sorted(given), dtype=np.int64)
    at, known = lab.loaded.places(ids)
    columns = {int(k): given[int(c)] for k, c in zip(at[known], ids[known], strict=True)}
    return columns, [int(c) for c in ids[~known]]


def sent(lab: Lab, columns: dict[int, float], *, extra: list[int]) -> Int64[np.ndarray, " m"]:
    """Columns to send: the edited, those asked for, then by what they add to any class now and by
    what their observed range could add; and the whole group of each."""
    weight = np.abs(lab.loaded.head.weight).max(axis=0, initial=0.0)
    reach = (lab.facts["score_max"] - lab.facts["score_min"]).to_numpy()
    now = np.argsort(-weight * np.abs(lab.scores[0]), kind="stable")[: MOST // 2]
    could = np.argsort(-weight * reach, kind="stable")
    first = [*columns, *extra, *now, *could]
    kept = list(dict.fromkeys(int(k) for k in first))[: max(MOST, len(columns) + len(extra))]
    groups = lab.facts["grouping"].iloc[kept].dropna().unique()
    mates = np.flatnonzero(lab.facts["grouping"].isin(groups))
    return np.unique(np.array([*kept, *mates], dtype=np.int64))


def payload(
    lab: Lab,
    facts: ImageFacts,
    asked: Asked,
    *,
    bank: Bank,
    picture: bytes,
) -> dict[str, Any]:
    """A head on one image, small enough to send, with Python's answer for the edits."""
    loaded = lab.loaded
    kept = sent(lab, asked.columns, extra=asked.extra)
    others = np.setdiff1d(np.arange(len(loaded.concept_ids)), kept)
    folded = bottleneck.logits(
        bottleneck.Head(loaded.head.weight[:, others], np.zeros(len(loaded.class_ids))),
        lab.scores[:, others],
    )[0]
    con = db.cursor()
    h, w = images.grid(con)
    rows = lab.facts.iloc[kept]
    codes = images.codes(con, bank.bank_id, facts.image_id)
    before = lab.probabilities({})
    truth = _truth(lab, facts)
    looked_at = np.flatnonzero(loaded.class_ids == asked.class_id).tolist()
    return {
        "link": loaded.head.link,
        "thresholds": [t.value for t in thresholds(lab.head_id).values()] if lab.several else None,
        "key": key(lab, asked.extra),
        "unit": bank.code_unit,
        "signed": bank.signed,
        "grid": [h, w],
        "image": pack.picture(facts, picture),
        "classes": [
            {"id": int(c), "name": name}
            for c, name in zip(loaded.class_ids, loaded.class_names, strict=True)
        ],
        "truth": truth,
        "known": facts.label is not None,
        "y": looked_at[0] if looked_at else int(before.argmax()),
        "diverse": _diverse(
            lab, kept, [*np.argsort(-before)[:N_DIVERSE].tolist(), *truth, *looked_at]
        ),
        "head": {
            "bias": pack.b64(loaded.head.bias, "<f8"),
            "folded": pack.b64(folded, "<f8"),
            "rest": None if lab.rest is None else pack.b64(lab.rest[0], "<f8"),
            "weights": pack.b64(loaded.head.weight[:, kept], "<f8"),
            "nFolded": len(others),
        },
        "concepts": lab_concepts.facts(
            rows,
            kept,
            scores=lab.scores,
            measured=lab.measured(kept),
            truth=lab_concepts.truth(lab.bank_id, lab.image_id, rows),
            bank=lab.bank,
        ),
        "values": levels.chosen(),
        "choices": levels.offered(lab.measured(kept).n),
        "nLevels": lab.measured(kept).n,
        "codes": pack.codes(
            codes if codes is not None else images.NO_CODES,
            rows["concept_id"].to_numpy(np.int64),
            scale=rows["map_scale"].to_numpy(),
            n_tokens=h * w,
        ),
        "edits": asked.text,
        **_answer(lab, asked),
    }


def _truth(lab: Lab, facts: ImageFacts) -> list[int]:
    """Rows of the head whose class the image carries."""
    if facts.label_id is not None or not lab.several:
        return np.flatnonzero(lab.loaded.class_ids == facts.label_id).tolist()
    found = carried.said(db.cursor(), lab.head_id, lab.image_id)
    shown = found.loc[found["present"].fillna(False).astype(bool), "class_id"]
    return np.flatnonzero(np.isin(lab.loaded.class_ids, shown)).tolist()


class Threshold(NamedTuple):
    value: float
    """probability from which on a label is said to be there"""
    n: int
    """val images that it was chosen on; 0: none, so it is the usual one"""


@db.cached(max_entries=8, shared=True)
def thresholds(head_id: int) -> dict[int, Threshold]:
    """By class_id, of every label of a head."""
    loaded, _ = load(head_id)
    found = carried.thresholds(db.cursor(), head_id)
    usual = (label_ranking.USUAL, 0)
    return {int(c): Threshold(*found.get(int(c), usual)) for c in loaded.class_ids}


def reply(lab: Lab, asked: Asked) -> dict[str, Any]:
    """What the browser needs of a payload whose other parts it holds under the same key: Python's
    answer, and the picks for the class that is looked at."""
    looked_at = np.flatnonzero(lab.loaded.class_ids == asked.class_id).tolist()
    return {
        "key": key(lab, asked.extra),
        "diverse": _diverse(lab, sent(lab, asked.columns, extra=[]), looked_at),
        **_answer(lab, asked),
    }


def _answer(lab: Lab, asked: Asked) -> dict[str, Any]:
    p = pack.b64(lab.probabilities(asked.columns), "<f8")
    return {"reply": {"edits": asked.text, "p": p}}


def key(lab: Lab, extra: list[int]) -> str:
    """Of what the browser keeps: head, image and the concepts that are sent on request."""
    beyond = sorted(set(extra) - set(sent(lab, {}, extra=[]).tolist()))
    return f"{db.key()}/{lab.image_id}/{lab.head}/{beyond}"


def _diverse(lab: Lab, kept: Int64[np.ndarray, " m"], classes: list[int]) -> dict[str, list[int]]:
    """By class index: ids of few of the concepts `kept` that contribute much and are unlike one
    another, before any edit. Ids, because later answers may keep others than the browser holds."""
    rows = sorted(set(classes))
    if not rows:
        return {}
    parts = lab.loaded.head.weight[rows][:, kept] * lab.scores[0, kept]
    ids = lab.loaded.concept_ids[kept]
    found = diverse_rows.picks(lab.bank_id, ids, parts)
    return {str(y): ids[picked].tolist() for y, picked in zip(rows, found, strict=True)}


def order(new: dict[int, float] | None, *, focus: int | None) -> None:
    """From a button beside the element: take over these edits (by concept id; None: leave them as
    they are) and lay the concept before the person."""
    text = None if new is None else address_edits.write(new)
    if text is not None:
        address.set_params(e=text)
    extra: list[int] = st.session_state.setdefault("lab_extra", [])
    extra += [c for c in (focus, *(new or {})) if c is not None and c not in extra]
    n = st.session_state.get("lab_order", {"n": 0})["n"] + 1
    st.session_state["lab_order"] = {"n": n, "edits": text, "focus": focus}


def show(
    data: dict[str, Any],
    *,
    key: str,
    on_edits: Callable[[], None],
    on_lacks: Callable[[], None],
) -> Any:
    """`edits` becomes {"key", "edits", "y"} whenever a change is finished; `lacks` says that the
    browser got a reply to a payload that it does not hold."""
    return _element(data=data, key=key, on_edits_change=on_edits, on_lacks_change=on_lacks)
