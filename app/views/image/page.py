"""One image: where each concept fires on it, and what that does to the prediction."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import address, db
from app.format import number, plain, short, short_file
from app.views.image import image_view
from app.widgets import image_map, linear_heads, picker, score_source
from data.queries import build, images
from data.queries.build import Bank, HeadFacts
from data.queries.images import ImageFacts


def header(facts: ImageFacts, head: HeadFacts | None) -> None:
    """Label, prediction, split and file, in one line."""
    label, predicted = facts.label, facts.predicted
    words = [f"**{plain(short(label))}**" if label else "*unlabelled*"]
    if predicted is not None:
        badge = {None: "", True: " :green-badge[correct]", False: " :red-badge[wrong]"}
        words.append(
            f"{'most probable to the ' if build.build(db.cursor()).multi_label else ''}backbone: "
            f"**{plain(short(predicted))}** {number(facts.prob)}{badge[facts.correct]}"
        )
    words += [
        f"split {plain(facts.split)}",
        f"{facts.width} x {facts.height} px",
        plain(short_file(facts.file)),
    ]
    if facts.note:
        words.append(plain(facts.note))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="left"):
        st.markdown(" · ".join(words), width="content")
        if head is None:
            st.caption("No head reads this bank: its concepts have no contribution to a class.")
        else:
            address.link(
                "Intervene",
                "intervene",
                icon=":material/tune:",
                i=facts.image_id,
                h=head.name,
                help="Edit this image's concepts",
            )


def choose_bank(banks: list[Bank], bank: Bank) -> None:
    address.follow("image_bank", bank.name)
    st.selectbox(
        "Concept bank",
        [one.name for one in banks],
        key="image_bank",
        on_change=address.write,
        args=("b", "image_bank", "c", "h"),
        width=165,
        help="Concepts of one method; the map of a concept covers what the model sees.",
    )


def choose_head(bank: Bank) -> HeadFacts | None:
    """The head that the address names if it reads this bank, else the bank's first."""
    known = [head for head in linear_heads.known() if head.bank_id == bank.bank_id]
    if not known:
        return None
    names = [head.name for head in known]
    given = address.param("h")
    chosen = given if given in names else names[0]
    address.follow("image_head", chosen)
    st.selectbox(
        "Head",
        names,
        key="image_head",
        on_change=address.write,
        args=("h", "image_head"),
        width=165,
        help="Whose weights turn scores into contributions, in logits.",
    )
    return known[names.index(chosen)]


def told() -> None:
    """What is locked in the browser goes into the address."""
    kind, _, value = (st.session_state["image_view"].get("shown") or "").partition(":")
    address.set_params(c=value if kind == "c" else None, m=value if kind == "m" else None)


@st.fragment
def explore(facts: ImageFacts, bank: Bank, head: HeadFacts | None) -> None:
    image_id = facts.image_id
    active = image_view.active_concepts(bank, image_id)
    picture = images.picture(db.cursor(), image_id)
    if active is None or picture is None:
        st.info(f"The store has no codes of {plain(bank.name)} for image {image_id}.")
        return
    reading = (
        None
        if head is None
        else image_view.read(
            head,
            image_id,
            concept_ids=active.concepts["concept_id"].to_numpy(np.int64),
            label_id=facts.label_id,
        )
    )
    asked = image_view.Asked(address.int_param("y"), address.int_param("c"), address.param("m"))
    score_source.show(bank)
    data = image_view.payload(
        facts,
        picture,
        bank,
        reading=reading,
        active=active,
        asked=asked,
    )
    if asked.concept_id is not None and asked.concept_id not in data["concepts"]["ids"]:
        known = asked.concept_id < bank.n_concepts
        st.caption(
            f"Concept {asked.concept_id} of {plain(bank.name)} "
            + (
                "does not fire on this image: its map is 0 everywhere."
                if known
                else f"does not exist; the bank has 0 to {bank.n_concepts - 1}."
            )
        )
    result = image_view.show(data, key="image_view", on_shown=told)
    if result.open is not None:
        address.open_page("concept", b=bank.name, c=int(result.open))


st.title("Image", anchor=False)
banks = build.banks(db.cursor())
known = linear_heads.known()
if address.param("b") is None and known:  # a bank that decides something comes first
    asked = [head for head in known if head.name == address.param("h")]
    address.set_params(b=(asked or known)[0].bank)
bank = address.bank()
if bank is None:
    st.info("This store has no concept bank; build one with `python -m precompute demo`.")
    st.stop()
bar = st.container(horizontal=True, vertical_alignment="bottom")
facts = picker.choose(bar, model="the backbone")
if facts is None:
    st.stop()
with bar:
    choose_bank(banks, bank)
    head = choose_head(bank)
header(facts, head)
explore(facts, bank, head)
near = image_map.nearest(facts.image_id, key=f"near-{facts.image_id}")
if near is not None:
    address.set_params(i=near)
    st.rerun()
