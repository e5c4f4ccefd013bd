"""Which classes an image carries: its one class, or any number of labels of a multi-label set.

Relations for other questions, written once, and the questions about labels alone.
"""

from __future__ import annotations

import duckdb
import pandas as pd

NONE = "none of the labels"
"""in place of a label, of an image that is known to show none"""
CARRIED = """(
    SELECT image_id, class_id FROM image WHERE class_id IS NOT NULL
    UNION ALL SELECT image_id, class_id FROM image_class WHERE present
)"""
"""image_id and class_id, a row for each class that an image carries"""
TAKEN = """(
    SELECT head_id, image_id, class_id, prob FROM head_prediction
    WHERE NOT (SELECT multi_label FROM build)
    UNION ALL SELECT head_id, image_id, class_id, prob FROM label_prediction
    WHERE head_id IS NOT NULL
)"""
"""head_id, image_id, class_id and prob of what a head takes an image for: its most probable class,
or each label that it says the image shows"""
NAMED = f"""(
    SELECT image_id, class.class_id, class.name, class.output
    FROM image JOIN class USING (class_id)
    UNION ALL
    SELECT image_id, NULL, coalesce(
        string_agg(class.name, ' + ' ORDER BY class_id) FILTER (present), '{NONE}'), NULL
    FROM image_class JOIN class USING (class_id) GROUP BY image_id HAVING count(present) > 0
)"""
"""image_id, class_id, name and output of an image's class; of several labels all names, no id"""


def metrics(con: duckdb.DuckDBPyConnection, head_id: int | None = None) -> pd.DataFrame:
    """How well labels are told: the table's columns, `name` of the label and `chance` of its
    average precision. Of one head, or of all models: backbone, linear probe and heads in order."""
    return con.execute(
        """
        SELECT label_metric.*, class.name, n_positive / n AS chance
        FROM label_metric JOIN class USING (class_id)
        WHERE $head_id IS NULL OR head_id = $head_id
        ORDER BY model <> 'backbone', head_id IS NOT NULL, head_id,
            list_position(['train', 'val', 'test'], split) NULLS LAST, split, class_id
        """,
        {"head_id": head_id},
    ).df()


def said(con: duckdb.DuckDBPyConnection, head_id: int | None, image_id: int) -> pd.DataFrame:
    """What is known of an image's labels, and whether a head (None: the backbone) says it shows
    them: class_id, name, present (NULL: unknown or uncertain), uncertain, said."""
    return con.execute(
        """
        SELECT class.class_id::BIGINT AS class_id, class.name, present,
            image_class.image_id IS NOT NULL AND present IS NULL AS uncertain,
            label_prediction.image_id IS NOT NULL AS said
        FROM class
        LEFT JOIN image_class
            ON image_class.class_id = class.class_id AND image_class.image_id = $image_id
        LEFT JOIN label_prediction ON label_prediction.class_id = class.class_id
            AND label_prediction.image_id = $image_id
            AND label_prediction.head_id IS NOT DISTINCT FROM $head_id
        WHERE labelled ORDER BY class.class_id
        """,
        {"head_id": head_id, "image_id": image_id},
    ).df()


def thresholds(con: duckdb.DuckDBPyConnection, head_id: int) -> dict[int, tuple[float, int]]:
    """By class_id the probability from which on a label is said to be there, and the val images
    that it was chosen on (0: none, so it is 0.5)."""
    rows = con.execute(
        """
        SELECT DISTINCT class_id, threshold, threshold_n FROM label_metric
        WHERE head_id = $head_id ORDER BY class_id
        """,
        {"head_id": head_id},
    ).fetchall()
    return {int(c): (float(t), int(n)) for c, t, n in rows}


def mistaken(
    con: duckdb.DuckDBPyConnection, head_id: int, class_id: int, *, most: int = 12
) -> pd.DataFrame:
    """Images with a label that the head does not say they show, and images without it that it does:
    missed, image_id, file, split, label (all of the image), prob, thumb and view box; those whose
    probability is furthest on the wrong side first, `most` of either."""
    return con.execute(
        f"""
        WITH place AS (
            SELECT list_position(list(class_id ORDER BY class_id), $class_id) AS row_at
            FROM head_bias WHERE head_id = $head_id
        ),
        judged AS (
            SELECT image_id, present AS missed, 1 / (1 + exp(-logit[row_at]::DOUBLE)) AS prob
            FROM image_class JOIN head_logit USING (image_id), place
            WHERE head_id = $head_id AND class_id = $class_id AND present IS NOT NULL
              AND present <> (image_id IN (SELECT image_id FROM label_prediction
                  WHERE head_id = $head_id AND class_id = $class_id))
            QUALIFY row_number() OVER (PARTITION BY missed ORDER BY
                CASE WHEN missed THEN prob ELSE -prob END, image_id) <= $most
        )
        SELECT missed, image_id::BIGINT AS image_id, file, split, label.name AS label, prob, thumb,
            view_x0, view_y0, view_x1, view_y1
        FROM judged JOIN image USING (image_id) JOIN picture USING (image_id)
        JOIN {NAMED} AS label USING (image_id)
        ORDER BY missed DESC, CASE WHEN missed THEN prob ELSE -prob END, image_id
        """,
        {"head_id": head_id, "class_id": class_id, "most": most},
    ).df()


def logits(con: duckdb.DuckDBPyConnection, head_id: int) -> pd.DataFrame:
    """image_id, split and logit (a list, by the head's classes ascending) of every image of a
    multi-label set."""
    return con.execute(
        """
        SELECT image_id::BIGINT AS image_id, split, logit
        FROM head_logit JOIN image USING (image_id) WHERE head_id = $head_id ORDER BY image_id
        """,
        {"head_id": head_id},
    ).df()


def marks(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """image_id, class_id and present of every label that is known of an image."""
    return con.execute(
        """
        SELECT image_id::BIGINT AS image_id, class_id::BIGINT AS class_id, present
        FROM image_class WHERE present IS NOT NULL ORDER BY image_id, class_id
        """
    ).df()


def names(con: duckdb.DuckDBPyConnection, image_ids: list[int]) -> dict[int, str]:
    """By image_id the name of its class or, of several labels, all names; none where nothing is
    known."""
    rows = con.execute(
        f"SELECT image_id, name FROM {NAMED} WHERE image_id IN $images ORDER BY image_id",
        {"images": image_ids},
    ).fetchall()
    return {int(i): str(name) for i, name in rows}
