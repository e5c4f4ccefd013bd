"""Where images and concepts lie in the space of activations: layouts, their trust, neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandas as pd

from data.queries.carried import NAMED
from data.queries.records import records


@dataclass(frozen=True, slots=True)
class LayoutQuality:
    """Whether neighbours on a plane are neighbours in the space: a row of `layout_quality`."""

    bank_id: int | None
    """whose directions were laid out; None: the images"""
    trustworthiness: float
    """0..1, 1: every neighbour on the plane is one in the space"""
    chance: float
    """the same with the places dealt out at random"""
    n_neighbours: int
    """looked at, for each point"""
    n: int
    """points"""


def images(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The images laid out: image_id, x, y, split, class, predicted, thumb and correct, by id.

    `correct` is NULL where the label is no output of the model.
    """
    return con.execute(
        f"""
        SELECT image_id::BIGINT AS image_id, x, y, split, class.name AS class,
            guess.name AS predicted, thumb,
            CASE WHEN class.output IS NOT NULL
                 THEN image.class_id = prediction.class_id END AS correct
        FROM image_layout JOIN image USING (image_id) JOIN picture USING (image_id)
        LEFT JOIN {NAMED} AS class USING (image_id)
        LEFT JOIN prediction USING (image_id)
        LEFT JOIN class guess ON guess.class_id = prediction.class_id
        ORDER BY image_id
        """
    ).df()


def trust(con: duckdb.DuckDBPyConnection, bank_id: int | None) -> LayoutQuality | None:
    """Of a bank's layout, or (None) of the images'; None where nothing was laid out."""
    sql = "SELECT * FROM layout_quality WHERE bank_id IS NOT DISTINCT FROM $bank_id"
    rows = records(con, LayoutQuality, sql, {"bank_id": bank_id})
    return rows[0] if rows else None


def neighbours(con: duckdb.DuckDBPyConnection, image_id: int) -> pd.DataFrame:
    """The images nearest to one, nearest first: image_id, cosine, file, split, class, thumb and
    view box, and `altered` (made from it, or it from that)."""
    return con.execute(
        f"""
        SELECT other_id::BIGINT AS image_id, cosine, file, split, class.name AS class, thumb,
            view_x0, view_y0, view_x1, view_y1,
            coalesce(mine.original_id, near.image_id) = coalesce(theirs.original_id, other_id)
                AS altered
        FROM image_neighbour near
        JOIN image ON image.image_id = other_id JOIN picture ON picture.image_id = other_id
        LEFT JOIN {NAMED} AS class ON class.image_id = image.image_id
        LEFT JOIN altered mine ON mine.image_id = near.image_id
        LEFT JOIN altered theirs ON theirs.image_id = other_id
        WHERE near.image_id = $image_id ORDER BY near.rank, other_id
        """,
        {"image_id": image_id},
    ).df()
