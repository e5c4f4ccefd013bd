"""A class as a head sees it: what its logit rests on, image by image and over all."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app import address, db
from app.format import number, percent, plain, short, signed
from app.views.classes import bars, choice, class_parts, class_tables, importance_methods
from app.widgets import cluster, figures, gallery, label_table, linear_heads
from core import catalogue
from core.counted import counted
from data.queries import backbone_importance, build, carried, classes
from data.queries.classes import Explanation

st.title("Classes", anchor=False)
con = db.cursor()
heads = linear_heads.known()
if not heads:
    banks = backbone_importance.banks(con)
    address.unknown(
        "head",
        address.param("h"),
        exists="This store has no head, so no class rests on concepts."
        if banks.empty
        else "This store has no head. What the backbone's own logits rest on stands below.",
        onward=[("What it does hold", "overview", {})],
    )
    if not banks.empty:
        importance_methods.of_banks(banks)
    st.stop()
asked = address.param("h")
matching = [head for head in heads if head.name == asked]
if asked and not matching:
    st.warning(f"This store has no head called “{plain(short(asked))}”. The first is shown.")
head = (matching or heads)[0]
head_id, bank_name, bank_id = head.head_id, head.bank, head.bank_id
listed = classes.classes(con, head_id)
wanted = address.int_param("y") if address.param("y") else choice.opened_first(listed)
if wanted not in set(listed["class_id"]):
    address.unknown(
        "class",
        address.param("y"),
        exists=f"This head tells {counted(len(listed), 'class')} apart.",
        onward=[
            (plain(short(r["name"], 30)), "classes", {"h": head.name, "y": int(r["class_id"])})
            for r in listed.head(4).to_dict("records")
        ],
    )
    st.stop()
class_id = int(wanted or 0)
several = build.build(con).multi_label
facts = listed[listed["class_id"] == class_id].iloc[0]


def turn() -> None:
    ids = listed["class_id"].tolist()
    at = ids.index(class_id)
    names = dict(zip(ids, listed["name"], strict=True))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        address.follow("class_y", class_id)
        st.selectbox(
            "Class",
            ids,
            key="class_y",
            on_change=address.write,
            args=("y", "class_y"),
            format_func=lambda c: short(str(names[c])),
            label_visibility="collapsed",
            width=300,
        )
        for label, to in (("Previous", at - 1), ("Next", at + 1)):
            st.button(
                label,
                key=f"{label}_class",
                disabled=not 0 <= to < len(ids),
                icon=":material/chevron_left:" if to < at else ":material/chevron_right:",
                on_click=address.set_params,
                kwargs={"y": ids[to] if 0 <= to < len(ids) else None},
            )
        address.follow("head_h", head.name)
        st.selectbox(
            "Head",
            [one.name for one in heads],
            key="head_h",
            on_change=address.write,
            args=("h", "head_h"),
            format_func=lambda n: f"Head: {short(n)}",
            label_visibility="collapsed",
            width=260,
        )
        address.link("Intervene", "intervene", icon=":material/tune:", h=head.name, y=class_id)


def rests_on(explained: Explanation, images: pd.DataFrame) -> None:
    rows = classes.importances(con, head_id, class_id)
    st.markdown(
        "**What the logit rests on**",
        help="Contribution: weight x score, exact for a linear head; the bars are means over the "
        "images that the head takes for the class, and add up to the mean logit.  \nIn brackets, "
        f"the share of the logit. {catalogue.of('explanation.of_logit').meaning}",
    )
    bias, rest = explained.bias, explained.fixed - explained.bias
    st.caption(
        f"Mean logit {number(explained.logit)} = bias {signed(bias)}, concepts "
        f"{signed(explained.logit - explained.fixed)}"
        f"{f', rest of the images {signed(rest)}' if head.residual else ''}, over "
        f"{counted(explained.n, 'image')} taken for the class"
    )
    shown = choice.chosen(rows, images, bank_id=bank_id)
    if shown.empty:
        st.info("No concept contributes to this class.")
        return
    misleads = class_parts.warning(explained, rows)
    if misleads:
        st.warning(misleads)
    parts = class_parts.parts(explained, shown)
    points = figures.clicked(bars.chart(parts), key=f"bars-{head_id}-{class_id}-{len(shown)}")
    best = percent(float(rows["share"].head(len(shown)).sum()))
    st.caption(
        f"{len(shown)} of {explained.n_concepts:,} contributing concepts shown, "
        f"{percent(float(shown['share'].sum()))} of the size (the {len(shown)} largest: {best})",
        help=catalogue.of("importance.share").meaning,
    )
    with st.expander("The same in numbers"):
        picked = class_parts.table(parts, key=f"parts-{head_id}-{class_id}-{len(shown)}")
    for point in points:
        if point.get("customdata"):
            picked = int(point["customdata"][0])
    if picked is not None and picked >= 0:
        address.open_page("concept", b=bank_name, c=picked)


def lies(explained: Explanation, images: pd.DataFrame) -> None:
    st.markdown(
        "**Images by what they rest on**",
        help="Strategic cluster graph: each dot is an image that the head takes for the class, "
        "placed by its contributions; near dots rest on the same concepts. Colour: the concept "
        "that adds most. Ringed: the label is another class.",
    )
    kept = explained.variance
    layout = "" if kept is None else f"Principal components, {percent(kept)} of variance. "
    st.caption(
        f"{len(images):,} of {counted(explained.n, 'image')} taken for the class. {layout}"
        "A click opens the image."
    )
    title = f"{counted(len(images), 'image')} taken for {facts['name']}"
    image, concept = cluster.show(
        cluster.payload(images, title=title), key=f"cluster-{head_id}-{class_id}"
    )
    if image is not None:
        address.open_page("image", b=bank_name, i=image, h=head.name)
    if concept is not None:
        address.open_page("concept", b=bank_name, c=concept)


def labels() -> None:
    """Of a label that others do not exclude: how well it is told, and where it is not."""
    rows = carried.metrics(con, head_id)
    mine = rows[rows["class_id"] == class_id]
    if mine.empty:
        st.info("This label is known of no image, so how well the head tells it is unknown.")
        return
    label_table.show(mine, by="split")
    images = carried.mistaken(con, head_id, class_id)
    groups = []
    for missed, title in ((True, "Missed: not said to show it"), (False, "Mistaken: without it")):
        found = images[images["missed"] == missed]
        if not found.empty:
            note = f"the {len(found)} furthest on the wrong side" if len(found) > 1 else ""
            items = [_label_mistake(r) for _, r in found.iterrows()]
            groups.append({"id": int(missed), "title": title, "note": note, "items": items})
    if groups:
        opened = gallery.show(groups, key=f"mistaken-{head_id}-{class_id}", side=gallery.SIDES["S"])
        if opened is not None:
            address.open_page("image", b=bank_name, i=opened, h=head.name)


def _label_mistake(row: pd.Series) -> dict[str, Any]:
    about = f"{row['label']}; probability of the label {number(row['prob'])}; {row['file']}"
    lines = [{"text": f"p {number(row['prob'])}", "title": about}, {"text": row["split"]}]
    return gallery.item(row, lines=lines)


def confusions() -> None:
    rows = classes.confusions(con, head_id, class_id)
    if rows.empty:
        st.info("No labelled image carries this class or is taken for it.")
        return
    left, right = st.columns([5, 7], gap="medium")
    with left:
        class_tables.splits(rows, class_id)
        other = class_tables.others(rows, class_id, key=f"others-{head_id}-{class_id}")
        if other is not None:
            address.open_page("classes", h=head.name, y=other)
    images = classes.confused(con, head_id, class_id)
    groups = []
    for missed, title in ((True, "Missed: taken for another"), (False, "Mistaken: another class")):
        mine = images[images["missed"] == missed]
        if not mine.empty:
            note = f"the {len(mine)} surest" if len(mine) > 1 else ""
            items = [_mistake(r, missed=missed) for _, r in mine.iterrows()]
            groups.append({"id": int(missed), "title": title, "note": note, "items": items})
    with right:
        if groups:
            opened = gallery.show(
                groups, key=f"confused-{head_id}-{class_id}", side=gallery.SIDES["S"]
            )
            if opened is not None:
                address.open_page("image", b=bank_name, i=opened, h=head.name)


def _mistake(row: pd.Series, *, missed: bool) -> dict[str, Any]:
    text = row["predicted"] if missed else row["label"]
    about = f"label {row['label']}, taken for {row['predicted']} with probability "
    lines = [
        {"text": text, "title": f"{about}{number(row['prob'])}; {row['file']}"},
        {"text": row["split"]},
    ]
    return gallery.item(row, lines=lines)


turn()
linear_heads.tell_others()
st.caption(
    f"**{plain(short(facts['name'], 60))}** is the label of "
    f"{counted(facts['n_labelled'], 'image')}, the head "
    + (
        f"finds it in {int(facts['n_predicted']):,} (all splits, at the label's threshold)"
        if several
        else f"takes {int(facts['n_predicted']):,} for it (all splits)"
    )
)
found = classes.explanation(con, head_id, class_id)
if found is None:
    st.info("The head takes no image for this class, so there is nothing to explain.")
else:
    points = classes.cluster(con, head_id, class_id)
    left, right = st.columns(2, gap="medium")
    with left:
        rests_on(found, points)
    with right:
        lies(found, points)
confused, by_method, dominant, faithful = st.tabs(
    [
        "Right and wrong" if several else "Confusions",
        "Importance by method",
        "Dominant concepts",
        "Fidelity",
    ]
)
with confused:
    if several:
        labels()
    else:
        confusions()
with by_method:
    importance_methods.show(bank_id=bank_id, bank_name=bank_name, head=head, class_id=class_id)
with dominant:
    st.caption(
        "Over all labels: how often a concept adds most to the logit of the most probable label."
        if several
        else "Over all classes: how often a concept adds most to the logit of the predicted class, "
        "and how often the head is right then. A concept that is reliable on one split and not on "
        "another points to a shortcut."
    )
    picked = class_tables.dominance(classes.dominance(con, head_id), key=f"dominance-{head_id}")
    if picked is not None:
        address.open_page("concept", b=bank_name, c=picked)
with faithful:
    st.caption(
        "Does the order of importance say what the logit does? For a linear head weight x score is "
        "the best possible. Methods that give the same there are not listed apart; those without "
        "a sign order by size alone."
    )
    class_tables.fidelity(classes.fidelity(con, head_id))
    importance_methods.judged(bank_id)
