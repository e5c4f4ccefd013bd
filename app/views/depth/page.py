"""At which layer of the network can each labelled concept be read off?"""

from __future__ import annotations

import streamlit as st

from app import address, db
from app.format import number, plain, rate, short
from app.views.depth import depth_charts
from app.widgets import defined, figures
from core import catalogue
from core.counted import counted
from data.queries import build, depth

SHOWN, MOST = 4, 8
"""concepts drawn at first, and at most"""
RECIPE = """[depth]
layers = ["FIRST", "SECOND"]   # dotted names; `python -m precompute layers MODEL` prints them
limit = 600                    # images looked at; 0: all that are held out"""

st.title("Depth", anchor=False)
st.caption(
    "A logistic probe reads each labelled concept off the pooled activations of a layer: where "
    "along the network does the concept become linearly readable, and where does it fade? Beside "
    "it the control of Hewitt & Liang 2019: the same probe for labels dealt out to the classes at "
    "random. A concept read off no better than that may be the class and not the concept."
)
con = db.cursor()


def tell_notices(start: str) -> None:
    """What the build could not do here, after the words of `start`."""
    for _, notice in build.notices(con).query("stage == 'depth'").iterrows():
        st.warning(f"{start}: {plain(notice['message'])}")


rows = depth.depth(con)
if rows.empty:
    with st.container(border=True):
        st.subheader("This store has no probes of several layers", anchor=False)
        if depth.n_labelled(con):
            st.write(
                "Its recipe, which stands at the end of Overview, names no layers. Save it with "
                "these lines added, and build it with `python -m precompute run recipe.toml`:"
            )
        else:
            st.write(
                "Its data set has no labelled concepts (a manifest or CUB brings them), and its "
                "recipe, which stands at the end of Overview, names no layers. With labels, add "
                "these lines to it:"
            )
        st.code(RECIPE, language="toml")
        tell_notices("The build tried and said")
    st.stop()
tell_notices("Not all was done")
layers = rows.drop_duplicates("position").sort_values("position")
positions = [int(p) for p in layers["position"]]
names = dict(zip(positions, layers["layer"], strict=True))
labels = rows.drop_duplicates("labelled_id").set_index("labelled_id")["name"].to_dict()


def last_part(layer: str) -> str:
    """Enough of a dotted name to tell it from the others."""
    parts, others = layer.split("."), [n for n in names.values() if n != layer]
    for n in range(1, len(parts)):
        tail = ".".join(parts[-n:])
        named = any(not part.isdigit() for part in parts[-n:])
        if named and not any(o.endswith("." + tail) or o == tail for o in others):
            return tail
    return layer


def most_changed() -> list[int]:
    """Concepts that change most over depth, one a group."""
    auc = rows.pivot(index="labelled_id", columns="position", values="auc")
    change = (auc.max(axis=1) - auc.min(axis=1)).sort_values(ascending=False, kind="stable")
    group = rows.drop_duplicates("labelled_id").set_index("labelled_id")["grouping"]
    seen: set[str] = set()
    out = []
    for labelled_id in change.index:
        of = group[labelled_id]
        if isinstance(of, str) and of in seen:
            continue
        seen.add(of if isinstance(of, str) else "")
        out.append(int(labelled_id))
    return out[:SHOWN]


def asked() -> list[int]:
    text = address.param("lc") or ""
    ids = [int(p) for p in text.split(".")[:MOST] if p.isascii() and p.isdigit() and len(p) < 10]
    return list(dict.fromkeys(i for i in ids if i in labels))


def write() -> None:
    chosen = st.session_state["depth_labels"]
    address.set_params(lc=".".join(str(i) for i in chosen) or None)


chosen = asked() or most_changed()
address.follow("depth_labels", chosen)
st.multiselect(
    "Labelled concepts",
    sorted(labels, key=lambda i: str(labels[i]).lower()),
    key="depth_labels",
    on_change=write,
    max_selections=MOST,
    format_func=lambda i: short(str(labels[i]), 40),
    help="At first: those whose AUC changes most over the layers, one of each group.",
)
figures.show(
    depth_charts.lines(
        rows[rows["labelled_id"].isin(chosen)].sort_values(["labelled_id", "position"]),
        layers=[short(last_part(names[p]), 34) for p in positions],
    ),
    key="depth",
)
table = depth_charts.wide(rows, positions)
counts = table["best"].value_counts()
st.markdown(
    "**Best layer** · "
    + " · ".join(
        f"{plain(last_part(names[p]))}: {rate(int(counts.get(p, 0)), len(table))}"
        for p in positions
    ),
    help=catalogue.of("depth.layer").help,
)
st.caption(
    f"Mean over {counted(len(table), 'concept')} · "
    + " · ".join(
        f"{plain(last_part(p_name))}: AUC {number(mine['auc'].mean())}, control "
        f"{number(mine['control'].mean())} ({int(mine['grid_h'].iloc[0])} x "
        f"{int(mine['grid_w'].iloc[0])} tokens of {int(mine['width'].iloc[0])})"
        for p_name, mine in ((n, rows[rows["layer"] == n]) for n in names.values())
    )
)
table["Best layer"] = [last_part(names[p]) for p in table["best"]]
titles = {f"at {p}": last_part(names[p]) for p in positions}
DEFINED = ("best", "lo", "hi", "control", "selectivity", "gain", "n", "n_positive", "layer")
config = {catalogue.of(f"depth.{name}").title: defined.column(f"depth.{name}") for name in DEFINED}
config |= {at: defined.column("depth.auc", title=title) for at, title in titles.items()}
event = defined.table(
    table.sort_values(["Gain over last", "labelled_id"], ascending=[False, True]),
    hide_index=True,
    key="depth_table",
    height=420,
    column_order=[
        "Concept",
        *titles,
        "Best layer",
        "Best layer's AUC",
        "from",
        "to",
        "Control",
        "Selectivity",
        "Gain over last",
        "n",
        "n with",
    ],
    column_config=config,
)
known = table["Selectivity"].dropna()
if len(known) and (known <= 0).any():
    st.caption(
        f":material/warning: {rate(int((known <= 0).sum()), len(known))} concepts are read off no "
        "better than a random grouping of the classes, at the layer where they are read best: the "
        "probe may read the class instead."
    )
