"""What the tables of the tiny store say, read the slow way: the twins of stored metrics."""

from __future__ import annotations

import json

import duckdb
import numpy as np

from data.images import from_runs

CAV = 2
"""bank_id in the tiny store"""


def metric(
    con: duckdb.DuckDBPyConnection,
    name: str,
    *,
    split: str = "test",
    bank: int = CAV,
    scope: str = "head",
    **settings: str | int,
) -> dict[object, tuple[float, int, float]]:
    """(value, n, chance) by concept_id, or by None."""
    rows = con.execute(
        """
        SELECT concept_id, value, n, chance FROM metric
        WHERE name = $name AND split = $split AND bank_id = $bank AND variant = $variant
            AND scope = $scope
        """,
        {
            "name": name,
            "split": split,
            "bank": bank,
            "scope": scope,
            "variant": json.dumps(settings, sort_keys=True),
        },
    ).fetchall()
    return {concept: tuple(rest) for concept, *rest in rows}


def scores(con: duckdb.DuckDBPyConnection) -> dict[int, dict[int, float]]:
    """image -> concept -> score of the CAV bank."""
    out: dict[int, dict[int, float]] = {}
    for image, concept, value in con.execute(
        "SELECT image_id, concept_id, score FROM score WHERE bank_id = ?", [CAV]
    ).fetchall():
        out.setdefault(image, {})[concept] = value
    return out


def present(con: duckdb.DuckDBPyConnection) -> dict[tuple[int, int], bool]:
    """(image, concept) -> whether the label that the concept was fitted to is there."""
    return {
        (image, concept): shown
        for image, concept, shown in con.execute(
            "SELECT image_id, concept_id, present FROM image_label JOIN concept USING (labelled_id)"
            " WHERE bank_id = ? AND name_source = 'label'",
            [CAV],
        ).fetchall()
    }


def images(con: duckdb.DuckDBPyConnection, split: str = "test") -> list[int]:
    return [
        i
        for (i,) in con.execute(
            "SELECT image_id FROM image WHERE split = ? ORDER BY 1", [split]
        ).fetchall()
    ]


def ranked(con: duckdb.DuckDBPyConnection, image: int) -> list[int]:
    """Concepts by weight x score for the predicted class, descending; ties: lower id."""
    weights = dict(
        con.execute(
            """
        SELECT concept_id, weight FROM head_weight JOIN head USING (head_id)
        JOIN head_prediction USING (head_id, class_id) WHERE bank_id = ? AND image_id = ?
        """,
            [CAV, image],
        ).fetchall()
    )
    mine = scores(con)[image]
    return sorted(mine, key=lambda k: (-weights.get(k, 0.0) * mine[k], k))


def one_map(con: duckdb.DuckDBPyConnection, image: int, concept: int) -> np.ndarray:
    (value,), (scale,) = (
        con.execute(query, [CAV, key]).fetchone() or ()
        for query, key in (
            ("SELECT value FROM code WHERE bank_id = ? AND image_id = ?", image),
            ("SELECT map_scale FROM concept WHERE bank_id = ? AND concept_id = ?", concept),
        )
    )
    return np.array(value[concept * 15 : concept * 15 + 15]).reshape(3, 5) * scale


def located(con: duckdb.DuckDBPyConnection) -> dict[int, str]:
    return dict(
        con.execute(
            "SELECT concept_id, part FROM concept JOIN labelled_concept USING (labelled_id) "
            "WHERE bank_id = ? AND part IS NOT NULL ORDER BY 1",
            [CAV],
        ).fetchall()
    )


def covered(con: duckdb.DuckDBPyConnection, image: int, part: str) -> np.ndarray:
    """Share of each of 3 x 5 cells in the mask, by cutting every pixel into 15 x 15 dots."""
    h, w, runs = con.execute(
        "SELECT height, width, runs FROM mask WHERE image_id = ? AND part = ?", [image, part]
    ).fetchone() or (0, 0, [])
    fine = np.kron(from_runs(runs, h=h, w=w), np.ones((15, 15)))
    return fine.reshape(3, h * 5, 5, w * 3).mean((1, 3))
