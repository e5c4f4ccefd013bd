"""Change what a head believes about an image, and see the decision change."""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Int64

from app import address, db
from app.format import concept_name, listed, plain, short, short_file
from app.views.intervene import (
    address_edits,
    ask_next,
    follow,
    head_lab,
    lab_tools,
    lab_words,
    pinned,
    smallest,
)
from app.views.intervene.tabs import opened
from app.widgets import linear_heads, picker, score_source
from core.intervention.strategies import STRATEGIES, TYPICAL
from data.queries import build, images
from data.queries.build import Bank, HeadFacts
from data.queries.images import ImageFacts

HEAD = """[[heads]]
bank = "BANK"     # the name of one of its [[banks]]
kind = "sparse" """


def no_head() -> None:
    """Why there is nothing to intervene on, and what to do."""
    st.info(
        "This store has no head: nothing maps its concepts to classes, so there is no decision to "
        "change. A head needs labelled images, or a backbone that classifies by a linear read-out."
    )
    told = build.notices(db.cursor())
    told = told[told["stage"].str.contains("head", case=False)]
    for row in told.to_dict("records"):
        st.markdown(f"- **{plain(row['subject'])}**: {plain(row['message'])}")
    st.write("Add a head to the recipe, for a bank that it names, and build again:")
    st.code(HEAD, language="toml")
    st.code("python -m precompute run RECIPE", language="bash")
    address.link("What was built", "overview", icon=":material/home:")


def choose_head(known: list[HeadFacts]) -> HeadFacts:
    names = [head.name for head in known]
    given = address.param("h")
    if given is not None and given not in names:
        st.warning(
            f"This store has no head called “{plain(short(given))}”; {plain(names[0])} is shown."
        )
    chosen = given if given in names else names[0]
    if len(names) > 1:
        address.follow("lab_head", chosen)
        st.selectbox(
            "Head",
            names,
            key="lab_head",
            on_change=address.write,
            width=200,
            args=("h", "lab_head", "e"),
            help="What reads the concepts. Changing it takes the edits back.",
        )
    return known[names.index(chosen)]


def header(facts: ImageFacts, head: HeadFacts) -> None:
    label = f"**{plain(short(facts.label))}**" if facts.label else "*unlabelled*"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{label} · split {plain(facts.split)} · {plain(short_file(facts.file))}",
            width="content",
        )
        address.link(
            "Maps of this image",
            "image",
            icon=":material/image_search:",
            i=facts.image_id,
            b=head.bank,
            h=head.name,
        )
    st.caption(plain(head.about))
    if head.link == "sigmoid":
        st.caption(
            "Labels do not exclude each other: each probability is the sigmoid of its own logit, "
            "so they need not sum to 1, and an edit moves each label for itself."
        )


def told() -> None:
    """The browser finished a change: the address takes it over, if it still is about this view."""
    value = st.session_state["head_lab"].get("edits")
    if isinstance(value, dict) and value.get("key") == st.session_state.get("lab_shown"):
        values = value.get("values")
        address.set_params(
            e=address_edits.write(address_edits.parse(value.get("edits"))),
            y=value.get("y"),
            u=values if values in STRATEGIES and values != TYPICAL else None,
        )


def held(key: str) -> bool:
    """Whether the browser holds the payload: it was the last one sent, and edits of it came back.

    A browser that lost it since (the page was left and opened again) says so, see `send_again`.
    """
    value = st.session_state.get("head_lab", {}).get("edits")
    of_it = isinstance(value, dict) and value.get("key") == key
    return of_it and st.session_state.get("lab_shown") == key


def send_again() -> None:
    """The browser lacks what a reply belongs to: the next run sends the whole payload."""
    st.session_state.pop("lab_shown", None)


def more_concepts(lab: head_lab.Lab, sent: Int64[np.ndarray, " m"]) -> None:
    """Concepts of the head that the element does not hold yet, beside the columns `sent`."""
    held = set(lab.loaded.concept_ids[sent].tolist())
    names = {
        int(row["concept_id"]): concept_name(row["name"], row["concept_id"])
        for row in lab.facts.to_dict("records")
        if row["concept_id"] not in held
    }
    extra: list[int] = st.session_state.setdefault("lab_extra", [])
    if not names:
        return

    def add() -> None:
        if st.session_state["lab_add"] is not None:
            extra.append(int(st.session_state["lab_add"]))
            st.session_state["lab_add"] = None

    st.selectbox(
        f"{len(names):,} further concepts of this head stay at the model's value; add one",
        list(names),
        index=None,
        key="lab_add",
        on_change=add,
        width=420,
        format_func=lambda c: f"{short(names[c])} ({c})",
    )


@st.fragment
def laboratory(facts: ImageFacts, head: HeadFacts, bank: Bank) -> None:
    image_id = facts.image_id
    try:
        lab = head_lab.lab(head, image_id)
    except LookupError as error:
        st.warning(f"{plain(head.name)} cannot be run on image {image_id}: {plain(str(error))}.")
        return
    if not len(lab.loaded.concept_ids):
        st.info(
            f"Every weight of {plain(head.name)} is 0: it predicts the same class for every "
            "image, whatever the concepts say, so there is nothing to edit. Choose another head, "
            "or build one with a weaker penalty (a larger c)."
        )
        return
    picture = images.picture(db.cursor(), image_id)
    asked = address_edits.parse(address.param("e"))
    odd = address_edits.refused(address.param("e"))
    if odd:
        st.warning(
            f"Left out of the link: {listed(odd)}. An edit is a concept's number and a score from "
            "−1e9 to 1e9, such as 12:0.5; several are parted by commas."
        )
    columns, unread = head_lab.by_column(lab, asked)
    if unread:
        st.warning(
            f"Left out: {', '.join(str(c) for c in unread[:8])}"
            f"{' …' if len(unread) > 8 else ''}. {plain(head.name)} has no weight for "
            "these concepts, so editing them changes nothing."
        )
    text = address_edits.write({c: v for c, v in asked.items() if c not in unread})
    places, known = lab.loaded.places(np.array(st.session_state.get("lab_extra", []), np.int64))
    extra = [int(k) for k in places[known]]
    key = head_lab.key(lab, extra)
    wanted = head_lab.Asked(text, columns, address.int_param("y"), extra)
    if held(key):
        data = head_lab.reply(lab, wanted)
    else:
        data = head_lab.payload(lab, facts, wanted, bank=bank, picture=picture or b"")
    data["order"] = st.session_state.get("lab_order")
    st.session_state["lab_shown"] = key
    head_lab.show(data, key="head_lab", on_edits=told, on_lacks=send_again)
    lab_tools.show(
        lab,
        columns,
        head=head,
        facts=facts,
        unit=bank.code_unit,
        picture=picture or b"",
    )
    more_concepts(lab, head_lab.sent(lab, columns, extra=extra))
    pinned.show(lab, columns)
    ids = {"bank_id": head.bank_id, "head_id": head.head_id}
    left, right = st.columns(2, gap="large")
    with left:
        ask_next.show(lab, columns, image_id=image_id, **ids)
    with right:
        smallest.show(lab, columns)
    st.subheader("What the edits mean", anchor=False)
    lab_words.meaning(lab, columns)
    if columns or address.param("w"):
        follow.show(lab, columns)
    st.divider()
    opened.show(head, facts, columns, asked)


st.title("Intervene", anchor=False)
known = linear_heads.known()
if not known:
    no_head()
    st.stop()
given = [head for head in known if head.name == address.param("h")]
bar = st.container(horizontal=True, vertical_alignment="bottom")
facts = picker.choose(bar, head_id=(given or known)[0].head_id, model="the head")
if facts is None:
    st.stop()
with bar:
    head = choose_head(known)
header(facts, head)
score_source.show(build.bank(db.cursor(), head.bank_id))
linear_heads.tell_others()
laboratory(facts, head, build.bank(db.cursor(), head.bank_id))
