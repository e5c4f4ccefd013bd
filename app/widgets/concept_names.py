"""What a concept is called, and why: labels first, then a vocabulary; people's names stand beside.

The three are never mixed. The store takes the first that passes as the concept's name, in this
order; what people say is kept apart (see `people.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from app import db
from app.format import number, percent, plain, short
from core.catalogue import CONCEPT_COLUMNS
from core.counted import counted
from core.naming.labels import CLOSE, ELSEWHERE, LOW, MIN_AUC, MIN_MARGIN, MIN_OVERLAP
from data.queries import names
from data.queries.concept import Concept
from data.queries.names import Naming

SOURCES: dict[str, tuple[str, str]] = {
    "label": ("label", "Fitted to a labelled concept"),
    "word": ("word", "Fitted to a word, or named by whoever made the bank"),
    "matched": ("label match", "The labelled concept that its scores tell apart best"),
    "vocabulary": ("vocabulary", "The nearest word of a vocabulary"),
    "unnamed": ("unnamed", "Nothing fits well enough"),
}
"""concept.name_source -> in a list, and what it means; the first that holds is shown"""
DOUBTS: dict[str, str] = {
    LOW: f"its AUC is below {MIN_AUC:g}",
    CLOSE: f"its AUC leads another label's by less than {MIN_MARGIN:g}, and place does not decide",
    ELSEWHERE: f"its map is not where the label is: (IoU - chance) / (1 - chance) is below "
    f"{MIN_OVERLAP:g}",
}
"""of concept.doubt -> what it means"""
ABOUT_DOUBTS = "; ".join(f"{doubt}: {about}" for doubt, about in DOUBTS.items())
HINT = CONCEPT_COLUMNS["hint"].meaning
ABOUT_EDITS = (
    "A word is a direction of the space that images and texts share. Taken out: no image has "
    "anything left along it. Put in: every image gets as much of it as one train image in twenty "
    "has. The cosine is that of the centred image with the word; of other words its mean change "
    "in size, which should be smaller."
)
ABOUT = "; ".join(f"{title}: {about[0].lower()}{about[1:]}" for title, about in SOURCES.values())


def weak(concept: Concept) -> bool:
    """Whether a label is its name, and held-out images speak against that."""
    return bool(concept.doubt) and concept.name_source in ("label", "word", "matched")


def doubts(concept: Concept) -> str:
    """What speaks against its label as a name, in words; "" where nothing does."""
    return "; ".join(DOUBTS[d] for d in concept.doubt.split(", ") if d)


def show(bank_id: int, concept: Concept) -> None:
    """A line for each source of the store, the one behind the name in bold."""
    con = db.cursor()
    how = names.naming(con, bank_id)
    words = names.words(con, bank_id, concept.concept_id)
    lines = [(_labels(concept), _about_labels(concept, with_words=how is not None))]
    if how is not None:
        lines.append((_words(concept, words, how), _about_words(words, how)))
    if concept.name_source == "vocabulary":
        lines.reverse()
    if concept.name is None and concept.hint:
        lines.append((f":material/lightbulb: **Hint, not a name**: {plain(concept.hint)}", HINT))
    edits = names.text_edits(con, bank_id, concept.concept_id)
    lines += [(_edit(row), ABOUT_EDITS) for _, row in edits.iterrows()]
    for line, about in lines:
        st.caption(line, help=about)


def _edit(row: pd.Series) -> str:
    what = "Taken out of" if row["mode"] == "ablate" else "Put into"
    icon = "remove" if row["mode"] == "ablate" else "add"
    line = (
        f":material/{icon}: **{what}** the vectors of {int(row['n']):,} held-out images: cosine "
        f"{row['own']:+.2f}, other words {number(row['others'])} on average"
    )
    if pd.isna(row["top_changes"]):
        return line
    return f"{line}; the nearest class name changes for {percent(row['top_changes'])}"


def _labels(concept: Concept) -> str:
    source = concept.name_source
    if source == "word":
        said = "**Its own word**: it was fitted to it, or named by whoever made the bank"
        if concept.name_auc is None:
            return f":material/label: {said}"
        nearest = f" {_quoted(concept.label)}" if concept.label is not None else ""
        return (
            f":material/label: {said}{_weakness(concept)} · nearest label{nearest} {_auc(concept)}"
        )
    if source == "label":
        start = f"**Fitted to this label**{_weakness(concept)}"
    elif source == "matched":
        start = f"**Named after the best-matching label**{_weakness(concept)}"
    elif concept.name_auc is not None:
        start = "**Unnamed**: n" if source == "unnamed" else "N"
        start += f"o label matches it well enough · nearest {_quoted(concept.label)}"
        start += f": {doubts(concept)}" if concept.doubt else ""
    elif source == "unnamed":
        return ":material/label_off: **Unnamed**: there is no labelled concept to match its scores"
    else:
        return ":material/label_off: No labelled concept to match its scores"
    icon = ":material/label:" if source in ("label", "matched") else ":material/label_off:"
    line = f"{icon} {start}"
    return line if concept.name_auc is None else f"{line} · {_auc(concept)}"


def _weakness(concept: Concept) -> str:
    return f", :orange[weak]: {doubts(concept)}" if weak(concept) else ""


def _auc(concept: Concept) -> str:
    n = concept.name_n
    of = "" if n is None else f" on {n:,} held-out images"
    parts = [f"AUC {number(concept.name_auc)}{of} (chance 0.5)"]
    if concept.second is not None and concept.second_auc is not None:
        margin = f"margin {number(concept.name_margin)} on train images"
        if concept.place_margin is not None:
            margin += f", so place decided, by {number(concept.place_margin)}"
        parts.append(
            f"runner-up {_quoted(concept.second)} at {number(concept.second_auc)} ({margin})"
        )
    if concept.name_iou is not None:
        part = concept.part
        where = "" if part is None else f" of {plain(short(part, 30))}"
        parts.append(
            f"IoU {number(concept.name_iou)} with the mask{where} (chance "
            f"{number(concept.name_iou_chance)}, at best {number(concept.name_iou_best)}, "
            f"{counted(concept.name_iou_n or 0, 'image')})"
        )
    return " · ".join(parts)


def _about_labels(concept: Concept, *, with_words: bool) -> str:
    text = (
        f"A label becomes the name when the scores tell its images from others with an AUC of "
        f"{MIN_AUC:g} or more on train images, {MIN_MARGIN:g} ahead of the runner-up there. Labels "
        "nearer to each other than that are told apart by place: by the IoU of the strongest "
        "tokens with their masks, as a share of the way from chance (99 of 100 shuffles of the "
        "tokens inside each image stay below) to the best map with as many tokens in each image, "
        f"if it leads by {MIN_OVERLAP:g}. A label with masks also needs that much itself, unless "
        "its masks fill their images. The margin is the one "
        "that decided; the other figures are of held-out images, because the best of many was "
        "chosen."
    )
    if concept.name_source == "unnamed" and not with_words:
        text += (
            " Words can name it too: give the recipe a \\[text\\] table with a vocabulary, and a "
            "CLIP-like model unless the backbone is one."
        )
    return text


def _words(concept: Concept, words: pd.DataFrame, how: Naming) -> str:
    origin = plain(short(how.origin, 40))
    shown = concept.name_source == "vocabulary"
    start = f"**Named from the vocabulary** {origin}" if shown else f"Vocabulary {origin}"
    if words.empty:
        return f":material/menu_book: {start}: too few images activate it to compare it with words"
    first = words.iloc[0]
    name = f"{_quoted(first['name'])} at cosine {number(first['score'])}"
    parts = [
        f"{name if first['named'] else f'no word passes, nearest {name}'} "
        f"(chance {number(how.chance)})"
    ]
    if len(words) > 1:
        parts.append(
            f"second {_quoted(words.iloc[1]['name'])} at {number(words.iloc[1]['score'])} "
            f"(margin {number(first['margin'])}, {number(how.min_margin)} needed)"
        )
    n = int(first["n"])
    parts.append(f"from its {n:,} strongest train images" if n else "from its direction")
    return f":material/menu_book: {start}: " + " · ".join(parts)


def _about_words(words: pd.DataFrame, how: Naming) -> str:
    listed = ", ".join(
        f"{plain(short(w, 30))} {number(s)}"
        for w, s in words[["name", "score"]].itertuples(index=False)
    )
    model = plain(short(how.model.rsplit("/", 1)[-1], 40))
    read = f"read by {model} as “{plain(how.template)}”" if model else "read elsewhere"
    return (
        (f"Nearest words and their cosines: {listed}. " if listed else "")
        + "Images and words are each taken about their mean. A word becomes the name when its "
        "cosine exceeds chance, and leads the second by the margin. Chance is what the best word "
        f"stays below for 95 % of {how.n_control:,} controls (shuffled images, or random "
        f"directions); {percent(how.control_named)} of them would take a name. "
        f"{how.n_words:,} words, {read}."
    )


def pick(bank_id: int, chosen: str, refilter: Callable[[str], None]) -> None:
    """A choice of where names come from, where there is one."""
    here = names.sources(db.cursor(), bank_id)
    offered = ["", *(s for s in SOURCES if s in here)]
    if len(offered) < 3:
        return
    st.session_state["named-by"] = chosen if chosen in offered else ""
    st.selectbox(
        "Named by",
        offered,
        key="named-by",
        help=ABOUT,
        format_func=lambda s: SOURCES[s][0] if s else "anything",
        on_change=lambda: refilter(st.session_state["named-by"]),
    )


def _quoted(name: object) -> str:
    return f"“{plain(short(str(name), 40))}”"
