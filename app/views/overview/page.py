"""What this store holds, how good its models are, and where it comes from."""

from __future__ import annotations

import json
import math

import pandas as pd
import streamlit as st

from app import address, db
from app.format import MISSING, number, percent, plain, rate, seconds, short, size
from app.views.overview import accuracy, labels
from app.widgets import defined, figures, gallery, image_map
from core.counted import counted
from core.kinds import VAL
from data.queries import build, carried, methods

USES = (
    (
        "Browse concepts",
        "concepts",
        ":material/grid_view:",
        "Sort, search and map all concepts of a bank, then see which images show one and where.",
    ),
    (
        "Inspect an image",
        "image",
        ":material/image_search:",
        "See which concepts fire on an image and where, beside saliency maps of the prediction.",
    ),
    (
        "Intervene",
        "intervene",
        ":material/tune:",
        "Change concept scores of a bottleneck and watch the prediction answer.",
    ),
)
con = db.cursor()
facts = build.build(con)
splits = build.splits(con)
banks = build.banks(con)
heads = build.heads(con)


def uses() -> None:
    for column, (title, view, icon, about) in zip(st.columns(3), USES, strict=True):
        with column.container(border=True, height="stretch"):
            address.link(f"**{title}**", view, icon=icon)
            st.caption(about)


def not_done() -> None:
    """Parts of the recipe that were not done: nothing is left out in silence."""
    notices = build.notices(con)
    of_reading = notices["stage"] == "read data set"
    for title, rows in (
        ("How the images were read", notices[of_reading]),
        ("Parts of the recipe that were not done", notices[~of_reading]),
    ):
        if rows.empty:
            continue
        with st.container(border=True):
            st.markdown(f":material/info: **{title}**")
            for _, row in rows.iterrows():
                st.markdown(
                    f"- {plain(row['stage'])}, {plain(row['subject'])}: {plain(row['message'])}"
                )


def accuracies() -> None:
    if facts.multi_label:
        st.subheader("Labels", anchor=False)
        labels.show(carried.metrics(con), list(splits["split"]))
        return
    measured = build.accuracies(con)
    st.subheader("Accuracy", anchor=False)
    if measured.empty:
        st.info("Nothing was measured: the images carry no labels, or there is no head.")
        return
    order = list(splits["split"])
    goal = "label" if set(measured["target"]) == {"label"} else "target"
    st.caption(
        f"Share of images whose most probable class is the {goal}. The linear probe reads the mean "
        "patch token, whatever scores are read from. Ticks mark chance: the share of the "
        "most frequent class. The bar spans the splits that nothing was fitted on"
        + (f" or chosen on; strengths were chosen on {VAL}." if VAL in order else ".")
    )
    left, right = st.columns([4, 6], gap="medium")
    with left:
        figures.show(accuracy.chart(measured, order), key="accuracy")
    columns = {
        split: defined.written(
            "accuracy.accuracy",
            title=split,
            about=f"On {plain(split)}; n and chance stand in the last row. Random: the same head "
            "of as many random directions, where they do not span the whole activation.",
        )
        for split in order
    }
    columns["Target"] = defined.column("accuracy.target")
    defined.table(
        accuracy.wide(measured),
        hide_index=True,
        height="content",
        column_order=["Model", *(["Target"] if goal == "target" else []), *order],
        column_config=columns,
        within=right,
    )


def contents() -> None:
    st.subheader("Concept banks", anchor=False)
    if not banks:
        st.info("This store has no concept bank.")
    else:
        known = {bank.method: methods.method(con, "bank", bank.method) for bank in banks}
        shown = pd.DataFrame(
            {
                "Bank": [bank.name for bank in banks],
                "Method": [known[bank.method].title for bank in banks],
                "Concepts": [bank.n_concepts for bank in banks],
                "Dead": [bank.n_dead for bank in banks],
                "R²": [number(bank.r2) for bank in banks],
                "L0": [number(bank.l0) for bank in banks],
                "A code is": [bank.code_unit for bank in banks],
                "Labels": [bank.label_level or "none" for bank in banks],
                "Fit": [seconds(bank.seconds) for bank in banks],
            }
        )
        defined.table(
            shown,
            hide_index=True,
            column_config={
                "Method": st.column_config.Column(
                    help="  \n".join(defined.told(method) for method in known.values())
                ),
                "Concepts": defined.column("bank.n_concepts", form="localized"),
                "Dead": defined.column("bank.n_dead", form="localized"),
                "R²": defined.written("bank.r2", about=f"{MISSING}: it does not reconstruct."),
                "L0": defined.written("bank.l0"),
                "A code is": defined.column("bank.code_unit"),
                "Labels": defined.column("bank.label_level"),
                "Fit": defined.written("stage.fit"),
            },
        )
        with st.container(horizontal=True):
            for bank in banks:
                address.link(
                    f"Browse {plain(short(bank.name))}",
                    "concepts",
                    icon=":material/arrow_forward:",
                    b=bank.name,
                )
    st.subheader("Heads", anchor=False)
    if not heads:
        st.info("This store has no head, so there is nothing to intervene on.")
    for head in heads:
        kind = methods.method(con, "head", head.kind)
        name, about = st.columns([2, 5], vertical_alignment="top")
        with name:
            address.link(f"**{plain(short(head.name, 24))}**", "intervene", h=head.name)
        about.caption(
            f"{plain(head.about)} {counted(head.n_classes, 'class')}, {head.n_weights:,} "
            f"non-zero weights.{_closed(head.gap)}",
            help=defined.told(kind),
        )


def _closed(gap: float | None) -> str:
    """How far a fit may be from done, by its duality gap."""
    if gap is None:
        return ""
    most = math.ceil(1e6 * gap) / 1e4  # rounded up, for it is a bound
    return f" The loss of the fit is at most {most:g} % above the least there is."


def images() -> None:
    st.subheader("Images", anchor=False)
    shown = st.segmented_control(
        "Images",
        ["Samples", "Map"],
        default="Samples",
        required=True,
        key="images_as",
        label_visibility="collapsed",
    )
    if shown == "Map":
        image_map.show(n_images=facts.n_images)
    else:
        samples()
    skipped = build.skipped(con)
    if facts.n_skipped:
        with st.expander(f"{facts.n_skipped:,} inputs could not be used", expanded=True):
            defined.table(skipped, hide_index=True)
            if len(skipped) < facts.n_skipped:
                st.caption(f"The first {len(skipped):,} are listed.")


def samples() -> None:
    found = build.sample_images(con, per_split=10)
    groups = []
    for _, row in splits.iterrows():
        mine = found[found["split"] == row["split"]]
        groups.append(
            {
                "id": 0,
                "title": row["split"],
                "note": f"{counted(row['n'], 'image')}, "
                f"{rate(int(row['n_labelled']), int(row['n']))} labelled",
                "items": [_sample(r) for _, r in mine.iterrows()],
            }
        )
    opened = gallery.show(groups, key="samples", side=gallery.SIDES["S"])
    if opened is not None:
        address.open_page("image", i=opened)


def _sample(row: pd.Series) -> dict[str, object]:
    label = row["class"] if isinstance(row["class"], str) else "unlabelled"
    return gallery.item(row, lines=[{"text": label, "title": label}])


def provenance() -> None:
    st.subheader("Provenance", anchor=False)
    path = db.store_path()
    classes = build.classes(con)
    left, right = st.columns(2, gap="large")
    stages = build.stages(con)
    before = facts.renamed_from
    about = {
        "Backbone": facts.backbone,
        "Layer": f"{facts.layer}: {facts.grid_h} x {facts.grid_w} tokens of "
        f"{facts.width:,} numbers" + (f", {facts.n_extra} further" if facts.n_extra else ""),
        "Input": f"{facts.input_w} x {facts.input_h} px",
        "Read-out": accuracy.read_out(facts),
        "Labels" if facts.multi_label else "Classes": f"{int(classes['labelled'].sum()):,} "
        f"{'of which an image can carry several' if facts.multi_label else 'label images'}, "
        f"{int(classes['output'].notna().sum()):,} are outputs of the backbone",
        "Seed": str(facts.seed),
        "Build": facts.fingerprint
        + (f", named again after {before}" if before is not None else ""),
        "File": f"{path.name}, {size(path.stat().st_size)}",
        "Time": seconds(float(stages["seconds"].sum())),
    }
    facts_of = pd.DataFrame({"": about.keys(), "Built from": about.values()})
    defined.table(facts_of, within=left, hide_index=True)
    if facts.why:
        left.caption(f"Why layer {plain(facts.layer)}: {plain(facts.why)}.")
    total = max(float(stages["seconds"].sum()), 1e-9)
    defined.table(
        pd.DataFrame(
            {
                "Stage": stages["name"],
                "Time": [seconds(v) for v in stages["seconds"]],
                "Share": [percent(v / total) for v in stages["seconds"]],
                "Work": [f"{n:,} {u}" for n, u in zip(stages["n"], stages["unit"], strict=True)],
            }
        ),
        hide_index=True,
        column_config={
            "Time": defined.written("stage.seconds"),
            "Share": defined.written("stage.share"),
            "Work": defined.written("stage.n"),
        },
        within=right,
    )
    with st.expander("Recipe, verbatim"):
        st.code(facts.recipe, language="toml")
    with st.expander("Versions"):
        st.json(json.loads(facts.versions))
    with st.expander("Classes"):
        defined.table(
            classes[["class_id", "name", "n", "output"]],
            hide_index=True,
            column_config={"n": defined.column("class.n", form="localized")},
        )


st.title(plain(short(facts.name, 80)), anchor=False)
st.caption(
    f"{counted(facts.n_images, 'image')} of {plain(short(facts.dataset, 60))}, seen by "
    f"{plain(short(facts.backbone, 60))} at layer {plain(facts.layer)}: "
    f"{counted(len(banks), 'concept bank')} with "
    f"{counted(sum(bank.n_concepts for bank in banks), 'concept')}, "
    f"{counted(len(heads), 'head')}."
)
uses()
not_done()
accuracies()
contents()
images()
provenance()
