"""One image: its facts, its picture, its codes, its saliency, and what is known to be on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Float64, Integer

from core import maps
from core.types import Box
from data.queries.carried import CARRIED, NAMED
from data.queries.records import records


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The table's row with its label and the backbone's prediction."""

    image_id: int
    file: str
    """relative to the data set's root, forward slashes"""
    split: str
    width: int
    """pixels, upright"""
    height: int
    note: str
    """what decoding had to do; "" if nothing"""
    view_x0: float
    """of the part that the model sees, as fractions of width and height"""
    view_y0: float
    view_x1: float
    view_y1: float
    label_id: int | None
    label: str | None
    """None: unlabelled; of several labels their names"""
    predicted_id: int | None
    predicted: str | None
    """None: the backbone does not classify"""
    prob: float | None
    """probability of predicted, 0..1"""
    correct: bool | None
    """None: there is no label, or it is no output of the backbone"""

    @property
    def box(self) -> Box:
        """What the model sees."""
        return Box(self.view_x0, self.view_y0, self.view_x1, self.view_y1)


@dataclass(frozen=True, slots=True)
class SaliencyCoverage:
    """How many images have a saliency map."""

    n: int
    n_images: int
    """in all"""
    first: int | None
    """least id of an image that has one"""


class Codes(NamedTuple):
    """An image's row of the table `code`: ids are None for a dense bank."""

    concept: Integer[np.ndarray, " n"] | None
    token: Integer[np.ndarray, " n"] | None
    value: Integer[np.ndarray, " n"]


NO_CODES = Codes(np.zeros(0, maps.INDEX), np.zeros(0, maps.INDEX), np.zeros(0, maps.STEP))
"""of an image that the store has no codes for: every map is 0"""


def _frame(con: duckdb.DuckDBPyConnection, sql: str, given: Mapping[str, Any]) -> pd.DataFrame:
    return con.execute(sql, dict(given)).df()


def image(con: duckdb.DuckDBPyConnection, image_id: int) -> ImageFacts | None:
    """None where there is no such image."""
    found = records(
        con,
        ImageFacts,
        f"""
        SELECT image_id, file, split, image.width, image.height, note,
               view_x0, view_y0, view_x1, view_y1,
               image.class_id AS label_id, label.name AS label,
               prediction.class_id AS predicted_id, predicted.name AS predicted, prob,
               CASE WHEN label.output IS NOT NULL
                    THEN image.class_id = prediction.class_id END AS correct
        FROM image
        LEFT JOIN {NAMED} AS label USING (image_id)
        LEFT JOIN prediction USING (image_id)
        LEFT JOIN class AS predicted ON predicted.class_id = prediction.class_id
        WHERE image_id = $image_id
        """,
        {"image_id": image_id},
    )
    return found[0] if found else None


def picture(con: duckdb.DuckDBPyConnection, image_id: int) -> bytes | None:
    """JPEG, long side <= 384 px."""
    row = con.execute(
        "SELECT picture FROM picture WHERE image_id = $image_id", {"image_id": image_id}
    ).fetchone()
    return None if row is None else bytes(row[0])


def thumbs(con: duckdb.DuckDBPyConnection, image_ids: list[int]) -> dict[int, bytes]:
    """JPEG, long side <= 128 px, by image id."""
    rows = con.execute(
        "SELECT image_id, thumb FROM picture WHERE image_id IN $ids ORDER BY image_id",
        {"ids": image_ids},
    ).fetchall()
    return {int(image_id): bytes(thumb) for image_id, thumb in rows}


def image_ids(
    con: duckdb.DuckDBPyConnection,
    *,
    class_id: int | None = None,
    split: str | None = None,
    head_id: int | None = None,
    wrong: bool = False,
    explained: bool = False,
) -> Integer[np.ndarray, " n"]:
    """Ids in order. `explained`: images with saliency maps.

    `wrong`: images whose top class, by the head (None: by the backbone), is another than the label,
    where that is one of its classes; of several labels, images of which some label is known that
    the head says otherwise (`class_id`: that one).
    """
    found = con.execute(
        f"""
        SELECT image_id FROM image
        LEFT JOIN class USING (class_id)
        LEFT JOIN prediction USING (image_id)
        LEFT JOIN head_prediction
          ON head_prediction.image_id = image.image_id AND head_prediction.head_id = $head_id
        WHERE ($class_id IS NULL OR (image.image_id, $class_id::UINTEGER) IN {CARRIED})
          AND ($split IS NULL OR split = $split)
          AND (NOT $wrong OR CASE
               WHEN (SELECT multi_label FROM build) THEN image.image_id IN (
                    SELECT image_class.image_id FROM image_class
                    LEFT JOIN label_prediction AS said
                        ON said.image_id = image_class.image_id
                        AND said.class_id = image_class.class_id
                        AND said.head_id IS NOT DISTINCT FROM $head_id
                    WHERE present <> (said.image_id IS NOT NULL)
                      AND ($class_id IS NULL OR image_class.class_id = $class_id)
                      AND image_class.class_id IN (SELECT class_id FROM label_metric
                          WHERE head_id IS NOT DISTINCT FROM $head_id
                            AND model <> 'linear probe'))
               WHEN $head_id IS NULL
               THEN output IS NOT NULL AND image.class_id <> prediction.class_id
               ELSE image.class_id IN (SELECT class_id FROM head_bias WHERE head_id = $head_id)
                    AND image.class_id <> head_prediction.class_id END)
          AND (NOT $explained OR image.image_id IN (SELECT image_id FROM saliency))
        ORDER BY image_id
        """,
        {
            "class_id": class_id,
            "split": split,
            "head_id": head_id,
            "wrong": wrong,
            "explained": explained,
        },
    ).fetchnumpy()
    return np.asarray(found["image_id"]).astype(np.int64)


def labelled_classes(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """class_id, name, n images of each class that some image carries as its label."""
    return _frame(
        con,
        f"""
        SELECT class_id, name, count(*) AS n
        FROM {CARRIED} AS carried JOIN class USING (class_id)
        GROUP BY class_id, name ORDER BY name, class_id
        """,
        {},
    )


def grid(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Token rows and columns."""
    row = con.execute("SELECT grid_h, grid_w FROM backbone").fetchone()
    if row is None:
        raise LookupError("the store's table `backbone` is empty; the build was not finished")
    return int(row[0]), int(row[1])


def codes(con: duckdb.DuckDBPyConnection, bank_id: int, image_id: int) -> Codes | None:
    """Quantised codes of one image; None: the store has none for it."""
    row = con.execute(
        """
        SELECT concept IS NULL AS dense, concept, token, value
        FROM code WHERE bank_id = $bank_id AND image_id = $image_id
        """,
        {"bank_id": bank_id, "image_id": image_id},
    ).fetchnumpy()
    if not len(row["value"]):
        return None
    value = np.asarray(row["value"][0])
    if row["dense"][0]:
        return Codes(None, None, value)
    return Codes(np.asarray(row["concept"][0]), np.asarray(row["token"][0]), value)


def concept_maps(
    con: duckdb.DuckDBPyConnection, bank_id: int, image_id: int
) -> Float64[np.ndarray, "k t"] | None:
    """Every concept's map on one image, in the bank's code unit; None: the store has none."""
    found = codes(con, bank_id, image_id)
    if found is None:
        return None
    h, w = grid(con)
    scale = con.execute(
        "SELECT map_scale FROM concept WHERE bank_id = $bank_id ORDER BY concept_id",
        {"bank_id": bank_id},
    ).fetchnumpy()["map_scale"]
    return maps.restore(
        found.concept, found.token, found.value, np.asarray(scale, dtype=np.float64), n_tokens=h * w
    )


def facts(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    image_id: int,
    *,
    concept_ids: Integer[np.ndarray, " k"],
) -> pd.DataFrame:
    """concept_id, name, name_source, map_scale, peak_p99, score_size (largest |score| anywhere),
    map_r and the score on this image (0 where none is listed), in order of id."""
    return _frame(
        con,
        """
        SELECT concept_id, name, name_source, map_scale, peak_p99,
               greatest(abs(score_min), abs(score_max)) AS score_size, map_r,
               coalesce(score, 0)::DOUBLE AS score
        FROM concept
        LEFT JOIN (SELECT concept_id, score FROM score
                   WHERE bank_id = $bank_id AND image_id = $image_id) USING (concept_id)
        WHERE bank_id = $bank_id AND concept_id IN $ids
        ORDER BY concept_id
        """,
        {"bank_id": bank_id, "image_id": image_id, "ids": concept_ids.tolist()},
    )


def scored(
    con: duckdb.DuckDBPyConnection, bank_id: int, image_id: int
) -> Integer[np.ndarray, " k"]:
    """Ids of the concepts that have a score on the image, in order."""
    found = con.execute(
        """
        SELECT concept_id FROM score WHERE bank_id = $bank_id AND image_id = $image_id
        ORDER BY concept_id
        """,
        {"bank_id": bank_id, "image_id": image_id},
    ).fetchnumpy()
    return np.asarray(found["concept_id"]).astype(np.int64)


def saliency(con: duckdb.DuckDBPyConnection, image_id: int) -> pd.DataFrame:
    """method, title, signed, unit, about, class_id, class_name, map_h, map_w, scale, value."""
    return _frame(
        con,
        """
        SELECT method, method.title, signed, unit, about, class_id, class.name AS class_name,
               map_h, map_w, scale, value
        FROM saliency JOIN method USING (method) JOIN class USING (class_id)
        WHERE kind = 'saliency' AND image_id = $image_id
        ORDER BY signed, method
        """,
        {"image_id": image_id},
    )


def saliency_coverage(con: duckdb.DuckDBPyConnection) -> SaliencyCoverage:
    return records(
        con,
        SaliencyCoverage,
        """
        SELECT count(DISTINCT image_id) AS n, (SELECT count(*) FROM image) AS n_images,
            min(image_id) AS first
        FROM saliency
        """,
    )[0]
