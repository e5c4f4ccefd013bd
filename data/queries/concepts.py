"""Concepts of a bank: which there are, in which order, and what they look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Int

from core.catalogue import CONCEPT_COLUMNS
from data.queries.carried import NAMED


def _compared(column: str) -> str:
    """Texts go from A to Z, and an empty one counts as none."""
    text = CONCEPT_COLUMNS[column].format == "text"
    return f"lower(nullif({column}, ''))" if text else column


ORDERS: dict[str, str] = {
    "name": "lower(name)",
    "id": "concept_id",
    "people": "list_position($people::UINTEGER[], concept_id)",
    **{column: _compared(column) for column in CONCEPT_COLUMNS},
    "by": "list_position(['label', 'word', 'matched', 'vocabulary'], name_source)",
    "margin": "name_auc - second_auc",
    "gap": "present_q50 - absent_q50",
}
"""key in the address -> what is compared, of _FACTS; every column of the table is among them"""
_FACTS = """
    SELECT concept.* EXCLUDE (mean_map), second.name AS second,
        word.name AS word, word.score AS cosine, word.margin AS lead,
        lift.value AS top_lift, lift.n AS top_lift_n
    FROM concept
    LEFT JOIN labelled_concept second ON second.labelled_id = concept.second_id
    LEFT JOIN concept_name word ON word.bank_id = concept.bank_id
        AND word.concept_id = concept.concept_id
        AND word.source = 'vocabulary' AND word.rank = 0
    LEFT JOIN neighbour lift ON lift.bank_id = concept.bank_id
        AND lift.concept_id = concept.concept_id AND lift.kind = 'lift' AND lift.rank = 0
    WHERE concept.bank_id = $bank_id
"""
"""one row a concept of the bank"""


@dataclass(frozen=True)
class Filters:
    """Which concepts to leave out. Shares lie in 0..1."""

    search: str = ""
    also: tuple[int, ...] = ()
    """concepts that the search finds by what people call them, which no store holds"""
    dead: bool = True
    """leave out concepts that no image activates"""
    named: bool = False
    """leave out those without a name"""
    source: str = ""
    """leave out those that are not named by this, a value of concept.name_source"""
    densest: float = 1.0
    """leave out those with a code at more than this share of tokens"""
    lowest: float = 0.0
    highest: float = 1.0
    """frequency, both ends included"""
    first: int = 0
    """of a nested bank, leave out all but so many; 0: none"""


def matching(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    *,
    filters: Filters,
    order: str,
    rising: bool = False,
    people: Sequence[int] = (),
) -> Int[np.ndarray, " n"]:
    """concept_id of every concept that passes, in order, those without a value last either way.

    `people`: concepts that people named or marked, which no store holds, in the order of what they
    said; the order "people" goes by it. Raises KeyError for an unknown order.
    """
    rows = con.execute(
        f"""
        SELECT concept_id FROM ({_FACTS})
        WHERE ($search = '' OR contains(lower(coalesce(name, hint)), lower($search))
                OR CAST(concept_id AS VARCHAR) = ltrim($search, '#')
                OR concept_id IN (SELECT unnest($also::UINTEGER[])))
            AND (NOT $dead OR map_scale > 0)
            AND (NOT $named OR name IS NOT NULL)
            AND ($source = '' OR name_source = $source)
            AND ($first = 0 OR concept_id < $first)
            AND density <= $densest AND frequency BETWEEN $lowest AND $highest
            AND len($people::UINTEGER[]) >= 0  -- bound whatever the order
        ORDER BY {ORDERS[order]} {"ASC" if rising else "DESC"} NULLS LAST, concept_id
        """,  # the order is one of the texts above, never a value
        {
            "bank_id": bank_id,
            "search": filters.search,
            "also": list(filters.also),
            "dead": filters.dead,
            "named": filters.named,
            "source": filters.source,
            "densest": filters.densest,
            "first": filters.first,
            "lowest": filters.lowest,
            "highest": filters.highest,
            "people": list(people),
        },
    ).fetchnumpy()
    return np.asarray(rows["concept_id"], dtype=np.int64)


def orders(con: duckdb.DuckDBPyConnection, bank_id: int) -> list[str]:
    """Those of ORDERS of which at least one concept of the bank has a value; "people" always."""
    counts = ", ".join(f'count({what}) AS "{key}"' for key, what in ORDERS.items())
    found = con.execute(
        f"SELECT {counts} FROM ({_FACTS})", {"bank_id": bank_id, "people": [0]}
    ).fetchone()
    assert found is not None  # counts are one row
    return [key for key, n in zip(ORDERS, found, strict=True) if key == "people" or n > 0]


def concepts(
    con: duckdb.DuckDBPyConnection, bank_id: int, concept_ids: Sequence[int] | Int[np.ndarray, " n"]
) -> pd.DataFrame:
    """Facts of these concepts, in the order given, without their mean maps; `second` is the
    runner-up label, word, cosine, lead those of the nearest word of a vocabulary, and top_lift with
    top_lift_n images of the concept that each goes together with most."""
    return con.execute(
        f"""
        SELECT facts.*
        FROM (SELECT unnest($ids) AS concept_id, generate_subscripts($ids, 1) AS place)
        JOIN ({_FACTS}) facts USING (concept_id)
        ORDER BY place, concept_id
        """,
        {"bank_id": bank_id, "ids": [int(c) for c in concept_ids]},
    ).df()


def thumbs(
    con: duckdb.DuckDBPyConnection, bank_id: int, concept_ids: Sequence[int], *, n: int
) -> pd.DataFrame:
    """The n strongest examples of each concept: concept_id, rank, and as `examples`."""
    return con.execute(
        f"""
        WITH first AS (
            SELECT concept_id, image_id, score, peak,
                row_number() OVER (
                    PARTITION BY concept_id ORDER BY group_id, rank, image_id) - 1 AS rank
            FROM example
            WHERE bank_id = $bank_id AND concept_id IN (SELECT unnest($ids)) AND group_id = 0
        )
        SELECT first.*, file, class.name AS class, thumb, view_x0, view_y0, view_x1, view_y1
        FROM first JOIN image USING (image_id) JOIN picture USING (image_id)
        LEFT JOIN {NAMED} AS class USING (image_id)
        WHERE rank < $n
        ORDER BY concept_id, rank
        """,
        {"bank_id": bank_id, "ids": [int(c) for c in concept_ids], "n": n},
    ).df()


def layout(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.DataFrame:
    """The bank's 2-D layout: concept_id, name, grouping, frequency, peak_p99, umap_x, umap_y."""
    return con.execute(
        """
        SELECT concept_id, concept.name,
            CASE WHEN name_source <> 'vocabulary' THEN grouping END AS grouping, frequency,
            density, peak_p99, name_auc, class_entropy, position_entropy, umap_x, umap_y
        FROM concept LEFT JOIN labelled_concept USING (labelled_id)
        WHERE bank_id = $bank_id AND umap_x IS NOT NULL AND umap_y IS NOT NULL
        ORDER BY concept_id
        """,
        {"bank_id": bank_id},
    ).df()
