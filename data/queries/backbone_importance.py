"""What the backbone's own logits rest on, as the build found by running the rest of the network."""

from __future__ import annotations

import duckdb
import pandas as pd


def banks(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """bank_id, name of the banks by which images were explained, and n, those images."""
    return con.execute(
        """
        SELECT bank_id::BIGINT AS bank_id, bank.name, count(*) AS n
        FROM backbone_explanation JOIN bank USING (bank_id) GROUP BY ALL ORDER BY bank_id
        """
    ).df()


def classes(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.DataFrame:
    """class_id, name, n images explained, mean logit, and that without concepts; most n first."""
    return con.execute(
        """
        SELECT class_id::BIGINT AS class_id, class.name, count(*) AS n, avg(logit) AS logit,
            avg(without) AS without
        FROM backbone_explanation JOIN class USING (class_id)
        WHERE bank_id = $bank_id GROUP BY ALL ORDER BY n DESC, class_id
        """,
        {"bank_id": bank_id},
    ).df()


def images(con: duckdb.DuckDBPyConnection, bank_id: int, class_id: int) -> pd.DataFrame:
    """image_id, file, logit, without, n_concepts of the class's images that were explained."""
    return con.execute(
        """
        SELECT image_id::BIGINT AS image_id, file, logit, without, n_concepts
        FROM backbone_explanation JOIN image USING (image_id)
        WHERE bank_id = $bank_id AND backbone_explanation.class_id = $class_id ORDER BY image_id
        """,
        {"bank_id": bank_id, "class_id": class_id},
    ).df()


def methods(con: duckdb.DuckDBPyConnection, bank_id: int) -> list[str]:
    """Keys of core.importance.METHODS, in their order."""
    rows = con.execute(
        """
        SELECT method FROM method WHERE kind = 'importance' AND method IN
            (SELECT method FROM backbone_importance WHERE bank_id = $bank_id)
        ORDER BY place
        """,
        {"bank_id": bank_id},
    ).fetchall()
    return [str(method) for (method,) in rows]


def importances(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    class_id: int,
    *,
    method: str,
    image_id: int | None = None,
) -> pd.DataFrame:
    """concept_id, name, value, share, of_change, n of a class, or of one of its images.

    value: mean over the n images; share: sum of |value| over that of all concepts; of_change: value
    over the mean change of the logit that all concepts make together, NaN for a method whose values
    are no logits. The largest share first.
    """
    return con.execute(
        """
        WITH mine AS (
            SELECT image_id, logit - without AS change FROM backbone_explanation
            WHERE bank_id = $bank_id AND class_id = $class_id
                AND ($image_id IS NULL OR image_id = $image_id)
        ),
        whole AS (SELECT count(*) AS n, sum(change) AS change FROM mine),
        part AS (
            SELECT concept_id, sum(value) AS value, sum(abs(value)) AS size
            FROM backbone_importance JOIN mine USING (image_id)
            WHERE bank_id = $bank_id AND method = $method GROUP BY concept_id
        )
        SELECT concept_id::BIGINT AS concept_id, concept.name, part.value / whole.n AS value,
            size / sum(size) OVER () AS share,
            CASE WHEN unit = 'logits' THEN part.value / nullif(whole.change, 0) END AS of_change,
            whole.n
        FROM part CROSS JOIN whole JOIN concept USING (concept_id)
        JOIN method ON kind = 'importance' AND method.method = $method
        WHERE concept.bank_id = $bank_id
        ORDER BY share DESC, concept_id
        """,
        {"bank_id": bank_id, "class_id": class_id, "method": method, "image_id": image_id},
    ).df()


def fidelity(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.DataFrame:
    """method, metric, value, random, control, n."""
    return con.execute(
        """
        SELECT method, metric, value, random, control, n FROM backbone_fidelity
        WHERE bank_id = $bank_id ORDER BY metric, method
        """,
        {"bank_id": bank_id},
    ).df()
