"""The largest differences in both directions, for the picture and the examples."""

from __future__ import annotations

import pandas as pd

TOP = 8
"""concepts a direction; one that has fewer leaves its places to the other"""
FALSE = 0.05
"""false discovery rate at which a difference is called beyond chance"""
EXAMPLES = 4
"""pairs of rows of images"""


def directions(rows: pd.DataFrame, kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Concepts with more in B and concepts with less, each largest first, as `rows` with `value`
    (signed), `lo` and `hi` (NaN within classes), `chance_95` (signed; NaN for energies), `p`, `q`
    and `sure` (q at most FALSE)."""
    if kind == "within":
        more, less = (_part(rows, "more", 1), _part(rows, "less", -1))
    elif kind == "tie":
        columns = {new: rows[f"tie_{new}"] for new in ("lo", "hi", "p", "q")}
        drawn = rows.assign(value=rows["tie"], **columns)
        more, less = (
            drawn.assign(chance_95=sign * rows["tie_chance_95"])[sign * drawn["value"] > 0]
            for sign in (1, -1)
        )
    else:
        drawn = rows.assign(value=rows["difference"], chance_95=float("nan"))
        more, less = drawn[drawn["value"] > 0], drawn[drawn["value"] < 0]
    more = more.sort_values(["value", "concept_id"], ascending=[False, True])
    less = less.sort_values(["value", "concept_id"])
    return more.assign(sure=more["q"] <= FALSE), less.assign(sure=less["q"] <= FALSE)


def _part(rows: pd.DataFrame, part: str, sign: int) -> pd.DataFrame:
    out = rows.assign(
        value=sign * rows[part],
        lo=float("nan"),
        hi=float("nan"),
        chance_95=sign * rows[f"{part}_chance_95"],
        p=rows[f"{part}_p"],
        q=rows[f"{part}_q"],
    )
    return out[out["value"] != 0]


def picked(more: pd.DataFrame, less: pd.DataFrame) -> pd.DataFrame:
    """What the picture shows: the direction with the largest difference first."""
    n_more = max(TOP, 2 * TOP - len(less))
    n_less = max(TOP, 2 * TOP - len(more))
    halves = [more.head(n_more), less.head(n_less)]
    if len(less) and (more.empty or -less["value"].iloc[0] > more["value"].iloc[0]):
        halves.reverse()
    return pd.concat(halves)


def exemplary(more: pd.DataFrame, less: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Rows to show images of, with `side` ("more" or "less": the class to show, see
    `compared.frame`). By ties, each concept where it falls most and where it rises most."""
    if kind == "tie":
        two = picked(more, less).head(EXAMPLES // 2)
        shown = [two.iloc[[i]].assign(side=s) for i in range(len(two)) for s in ("less", "more")]
        return pd.concat(shown) if shown else two
    halves = [
        half.head(max(EXAMPLES // 2, EXAMPLES - len(other))).assign(side=side)
        for side, half, other in (("more", more, less), ("less", less, more))
    ]
    order = picked(more, less)
    if len(order) and order["value"].iloc[0] < 0:
        halves.reverse()
    return pd.concat(halves)
