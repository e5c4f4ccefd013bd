"""What editing latents does to the backbone, as the build ran it; what tells image sets apart."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64


def of_bank(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.DataFrame:
    """Rows of `effect` with the latent's `name` and the `label` that is to go, strongest first."""
    return con.execute(
        """
        SELECT effect.*, concept.name, labelled_concept.name AS label
        FROM effect JOIN concept USING (bank_id, concept_id)
        LEFT JOIN labelled_concept ON labelled_concept.labelled_id = effect.labelled_id
        WHERE bank_id = $bank_id
        ORDER BY abs(change) DESC, effect_id
        """,
        {"bank_id": bank_id},
    ).df()


def classes(con: duckdb.DuckDBPyConnection, effect_id: int) -> pd.DataFrame:
    """class, change of its logit, of the classes that one edit moves most, largest first."""
    return con.execute(
        """
        SELECT class.name AS class, change FROM effect_class JOIN class USING (class_id)
        WHERE effect_id = $effect_id ORDER BY change DESC, class_id
        """,
        {"effect_id": effect_id},
    ).df()


def contrast(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    *,
    target: Int64[np.ndarray, " n"],
    retained: Int64[np.ndarray, " m"],
) -> pd.DataFrame:
    """Of every concept that shows on any of the images: concept_id, name, mean score and highest
    code (`peak`) on either set, as target_mean, retained_mean, target_peak, retained_peak."""
    return con.execute(
        """
        WITH side AS (
            SELECT unnest($target)::BIGINT AS image_id, TRUE AS target
            UNION ALL SELECT unnest($retained)::BIGINT, FALSE
        ),
        found AS (
            SELECT concept_id,
                coalesce(sum(score) FILTER (target), 0) / greatest(len($target), 1) AS target_mean,
                coalesce(sum(score) FILTER (NOT target), 0) / greatest(len($retained), 1)
                    AS retained_mean,
                coalesce(max(peak) FILTER (target), 0) AS target_peak,
                coalesce(max(peak) FILTER (NOT target), 0) AS retained_peak
            FROM score JOIN side USING (image_id)
            WHERE bank_id = $bank_id GROUP BY concept_id
        )
        SELECT concept_id::BIGINT AS concept_id, name, target_mean, retained_mean,
            target_peak::DOUBLE AS target_peak, retained_peak::DOUBLE AS retained_peak
        FROM found JOIN concept USING (concept_id)
        WHERE bank_id = $bank_id ORDER BY concept_id
        """,
        {"bank_id": bank_id, "target": target.tolist(), "retained": retained.tolist()},
    ).df()


def labelled(con: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """Labelled concepts by id."""
    rows = con.execute(
        "SELECT labelled_id, name FROM labelled_concept ORDER BY labelled_id"
    ).fetchall()
    return {int(i): str(name) for i, name in rows}


def showing(
    con: duckdb.DuckDBPyConnection, labelled_id: int, *, image_ids: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """1 present, 0 absent, NaN unknown, of ascending image ids; of images that are not labelled
    themselves, what at least half of their class shows."""
    rows = con.execute(
        """
        SELECT image_id, coalesce(present, fraction >= 0.5)::DOUBLE AS present
        FROM image
        LEFT JOIN (SELECT image_id, present FROM image_label WHERE labelled_id = $labelled_id)
            USING (image_id)
        LEFT JOIN (SELECT class_id, fraction FROM class_label WHERE labelled_id = $labelled_id)
            USING (class_id)
        WHERE coalesce(present, fraction >= 0.5) IS NOT NULL AND image_id IN $images
        ORDER BY image_id
        """,
        {"labelled_id": labelled_id, "images": image_ids.tolist()},
    ).fetchnumpy()
    out = np.full(len(image_ids), np.nan)
    out[np.searchsorted(image_ids, np.asarray(rows["image_id"]).astype(np.int64))] = rows["present"]
    return out
