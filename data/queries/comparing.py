"""Two sets of images: who belongs to them, and where a concept shows most in each."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Int64

from data.queries.carried import CARRIED, NAMED


def members(
    con: duckdb.DuckDBPyConnection, *, split: str | None, class_id: int | None, right: bool | None
) -> pd.DataFrame:
    """image_id and class_id (-1: unlabelled) of the images that pass, ascending; None passes all.

    `right`: images whose label is an output of the backbone and that it takes for their label, or
    for another class.
    """
    return con.execute(
        f"""
        SELECT image_id::BIGINT AS image_id, coalesce(image.class_id::BIGINT, -1) AS class_id
        FROM image LEFT JOIN prediction USING (image_id)
        LEFT JOIN class ON class.class_id = image.class_id
        WHERE ($split IS NULL OR split = $split)
          AND ($class_id IS NULL OR (image.image_id, $class_id::UINTEGER) IN {CARRIED})
          AND ($right IS NULL
               OR output IS NOT NULL AND (image.class_id = prediction.class_id) = $right)
        ORDER BY image_id
        """,
        {"split": split, "class_id": class_id, "right": right},
    ).df()


def originals(
    con: duckdb.DuckDBPyConnection, image_ids: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """What each image (ids ascending) was made from; its own id where it was made from none."""
    rows = con.execute(
        """
        SELECT coalesce(original_id, image_id)::BIGINT AS original_id
        FROM (SELECT unnest($ids) AS image_id) LEFT JOIN altered USING (image_id)
        ORDER BY image_id
        """,
        {"ids": image_ids.tolist()},
    ).fetchnumpy()
    return np.asarray(rows["original_id"], dtype=np.int64)


def altered(con: duckdb.DuckDBPyConnection, split: str) -> str | None:
    """What was done to the images of a split, in words; None where nothing was."""
    row = con.execute(
        """
        SELECT any_value(about) FROM altered JOIN image USING (image_id) WHERE split = $split
        """,
        {"split": split},
    ).fetchone()
    return None if row is None or row[0] is None else str(row[0])


def concepts(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.DataFrame:
    """concept_id, name, name_source, map_scale and peak_p99 of a bank's concepts, by id."""
    return con.execute(
        """
        SELECT concept_id::BIGINT AS concept_id, name, name_source, map_scale, peak_p99
        FROM concept WHERE bank_id = $bank_id ORDER BY concept_id
        """,
        {"bank_id": bank_id},
    ).df()


def shown(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    concept_id: int,
    *,
    image_ids: Int64[np.ndarray, " n"],
    most: int,
    spread: bool,
) -> pd.DataFrame:
    """Some images by falling score, with thumb, view box, label and the backbone's prediction.

    The strongest whose score is positive; with `spread`, evenly from the strongest to the weakest.
    `correct` is NULL where the label is no output of the model.
    """
    return con.execute(
        f"""
        WITH ranked AS (
            SELECT image_id, coalesce(score, 0)::DOUBLE AS score, count(*) OVER () AS n,
                row_number() OVER (ORDER BY coalesce(score, 0) DESC, image_id) - 1 AS place
            FROM (SELECT unnest($image_ids) AS image_id)
            LEFT JOIN (SELECT image_id, score FROM score
                       WHERE bank_id = $bank_id AND concept_id = $concept_id) USING (image_id)
        ),
        picked AS (
            SELECT image_id, score FROM ranked
            WHERE CASE WHEN $spread AND n > $most
                       THEN place IN (SELECT round(k * (n - 1) / ($most - 1))
                                      FROM range($most) AS step(k))
                       WHEN $spread THEN TRUE
                       ELSE place < $most AND score > 0 END
        )
        SELECT image_id, score, file, split, class.name AS class, guess.name AS predicted, prob,
            CASE WHEN class.output IS NOT NULL
                 THEN image.class_id = prediction.class_id END AS correct,
            thumb, view_x0, view_y0, view_x1, view_y1
        FROM picked JOIN image USING (image_id) JOIN picture USING (image_id)
        LEFT JOIN {NAMED} AS class USING (image_id)
        LEFT JOIN prediction USING (image_id)
        LEFT JOIN class guess ON guess.class_id = prediction.class_id
        ORDER BY score DESC, image_id
        """,
        {
            "bank_id": bank_id,
            "concept_id": concept_id,
            "image_ids": image_ids.tolist(),
            "most": most,
            "spread": spread,
        },
    ).df()
