"""What correcting concepts of a head needs to know: which of them an image shows."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
from jaxtyping import Float64, Int64

from data.queries.records import records


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Labels in the store, which concepts can be corrected by."""

    by_image: int
    """of single images"""
    by_class: int
    """of whole classes"""


def truth(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    concept_ids: Int64[np.ndarray, " k"],
    *,
    image_ids: Int64[np.ndarray, " n"],
    matched: bool = False,
) -> Float64[np.ndarray, "n k"]:
    """1 present, 0 absent, NaN unknown, for concepts fitted to a label; both id lists ascending.

    With `matched` also for concepts that were only named after a label, by that label.
    Per image where the images are labelled one by one, else from the image's class: present where
    at least half of the class shows it.
    """
    out = np.full((len(image_ids), len(concept_ids)), np.nan)
    if not out.size:
        return out
    for sql in (_BY_CLASS, _BY_IMAGE):  # what is known of the image itself comes last, and stays
        found = con.execute(
            sql,
            {
                "bank_id": bank_id,
                "images": image_ids.tolist(),
                "concepts": concept_ids.tolist(),
                "sources": ["label", "matched"] if matched else ["label"],
            },
        ).fetchnumpy()
        rows = np.searchsorted(image_ids, np.asarray(found["image_id"]).astype(np.int64))
        columns = np.searchsorted(concept_ids, np.asarray(found["concept_id"]).astype(np.int64))
        out[rows, columns] = np.asarray(found["present"]).astype(np.float64)
    return out


_BY_IMAGE = """
    SELECT image_id, concept_id, present
    FROM image_label JOIN concept USING (labelled_id)
    WHERE bank_id = $bank_id AND name_source IN $sources
      AND image_id IN $images AND concept_id IN $concepts
    ORDER BY concept_id, image_id
    """
_BY_CLASS = """
    SELECT image_id, concept_id, fraction >= 0.5 AS present
    FROM image JOIN class_label USING (class_id) JOIN concept USING (labelled_id)
    WHERE bank_id = $bank_id AND name_source IN $sources
      AND image_id IN $images AND concept_id IN $concepts
    ORDER BY concept_id, image_id
    """


def label_counts(con: duckdb.DuckDBPyConnection) -> LabelCounts:
    return records(
        con,
        LabelCounts,
        """
        SELECT (SELECT count(*) FROM image_label) AS by_image,
            (SELECT count(*) FROM class_label) AS by_class
        """,
    )[0]
