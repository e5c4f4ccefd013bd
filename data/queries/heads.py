"""Heads over concept scores: weights, the scores they read, and what they lack to the backbone."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64, Int64

from core.types import Head
from data.queries.carried import NAMED


@dataclass(frozen=True)
class Loaded:
    """A head over the concepts that carry a weight, in order of id; the others do not matter."""

    head: Head
    class_ids: Int64[np.ndarray, " y"]
    class_names: tuple[str, ...]
    concept_ids: Int64[np.ndarray, " k"]
    outputs: Int64[np.ndarray, " y"]
    """index among the backbone's logits; -1: the backbone does not know the class"""

    def places(
        self, concept_ids: Int64[np.ndarray, " m"]
    ) -> tuple[Int64[np.ndarray, " m"], Bool[np.ndarray, " m"]]:
        """Column of each concept in the head's weight, and whether it has one."""
        if not len(self.concept_ids):
            return np.zeros(len(concept_ids), np.int64), np.zeros(len(concept_ids), bool)
        at = np.searchsorted(self.concept_ids, concept_ids)
        at = np.minimum(at, len(self.concept_ids) - 1)
        return at, self.concept_ids[at] == concept_ids


def load(con: duckdb.DuckDBPyConnection, head_id: int) -> Loaded:
    """Raises LookupError when the store has no such head, or one without classes."""
    kind = con.execute(
        "SELECT residual, link FROM head WHERE head_id = $head_id", {"head_id": head_id}
    ).fetchone()
    classes = con.execute(
        """
        SELECT class_id, class.name, bias, coalesce(output::BIGINT, -1) AS output
        FROM head_bias JOIN class USING (class_id)
        WHERE head_id = $head_id ORDER BY class_id
        """,
        {"head_id": head_id},
    ).df()
    if kind is None or classes.empty:
        raise LookupError(f"the store has no head {head_id} with classes")
    weights = con.execute(
        """
        SELECT class_id, concept_id, weight FROM head_weight
        WHERE head_id = $head_id ORDER BY concept_id, class_id
        """,
        {"head_id": head_id},
    ).fetchnumpy()
    class_ids = classes["class_id"].to_numpy(np.int64)
    concept_ids = np.unique(np.asarray(weights["concept_id"]).astype(np.int64))
    weight = np.zeros((len(class_ids), len(concept_ids)))
    rows = np.searchsorted(class_ids, np.asarray(weights["class_id"]).astype(np.int64))
    columns = np.searchsorted(concept_ids, np.asarray(weights["concept_id"]).astype(np.int64))
    weight[rows, columns] = weights["weight"]
    return Loaded(
        head=Head(
            weight=weight,
            bias=classes["bias"].to_numpy(np.float64),
            residual=bool(kind[0]),
            link=kind[1],
        ),
        class_ids=class_ids,
        class_names=tuple(classes["name"]),
        concept_ids=concept_ids,
        outputs=classes["output"].to_numpy(np.int64),
    )


def concepts(con: duckdb.DuckDBPyConnection, head_id: int) -> pd.DataFrame:
    """Facts of the concepts that carry a weight, in order of id; `grouping` only for concepts
    fitted to a label, because a matched name does not make two concepts exclude each other;
    `theme` is the grouping of the label behind any name."""
    return con.execute(
        """
        SELECT concept_id, concept.name, name_source, score_min, score_max, present_q50,
               absent_q50, peak_p99, map_scale, test_auc, base_rate,
               CASE WHEN name_source = 'label' THEN grouping END AS grouping,
               CASE WHEN name_source IN ('label', 'matched') THEN grouping END AS theme, name_auc
        FROM concept
        JOIN head ON head.bank_id = concept.bank_id
        LEFT JOIN labelled_concept USING (labelled_id)
        WHERE head_id = $head_id AND concept_id IN
              (SELECT concept_id FROM head_weight WHERE head_id = $head_id)
        ORDER BY concept_id
        """,
        {"head_id": head_id},
    ).df()


def image_scores(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    concept_ids: Int64[np.ndarray, " k"],
    *,
    image_ids: Int64[np.ndarray, " n"],
) -> Float64[np.ndarray, "n k"]:
    """Dense scores; both id lists ascending. A pair that the store does not list is 0."""
    out = np.zeros((len(image_ids), len(concept_ids)))
    if not out.size:
        return out
    found = con.execute(
        """
        SELECT image_id, concept_id, score FROM score
        WHERE bank_id = $bank_id AND image_id IN $images AND concept_id IN $concepts
        ORDER BY concept_id, image_id
        """,
        {"bank_id": bank_id, "images": image_ids.tolist(), "concepts": concept_ids.tolist()},
    ).fetchnumpy()
    rows = np.searchsorted(image_ids, np.asarray(found["image_id"]).astype(np.int64))
    columns = np.searchsorted(concept_ids, np.asarray(found["concept_id"]).astype(np.int64))
    out[rows, columns] = found["score"]
    return out


def tensors(con: duckdb.DuckDBPyConnection, bank_id: int) -> bytes:
    """Of a bank, safetensors. Raises LookupError when the store has no such bank."""
    row = con.execute(
        "SELECT tensors FROM bank WHERE bank_id = $bank_id", {"bank_id": bank_id}
    ).fetchone()
    if row is None:
        raise LookupError(f"the store has no bank {bank_id}")
    return bytes(row[0])


def backbone_logits(
    con: duckdb.DuckDBPyConnection,
    outputs: Int64[np.ndarray, " y"],
    *,
    image_ids: Int64[np.ndarray, " n"],
) -> Float64[np.ndarray, "n y"]:
    """The backbone's logits of the named outputs, rows in order of the ascending ids.

    Raises LookupError when an image has no prediction, or a class no output.
    """
    if (outputs < 0).any():
        raise LookupError("a class of this head is not among the backbone's outputs")
    found = con.execute(
        "SELECT image_id, logit FROM prediction WHERE image_id IN $images ORDER BY image_id",
        {"images": image_ids.tolist()},
    ).fetchnumpy()
    if len(found["image_id"]) != len(image_ids):
        raise LookupError(
            f"{len(image_ids) - len(found['image_id'])} of {len(image_ids)} images have no "
            "backbone logits in the store"
        )
    if not len(image_ids):
        return np.zeros((0, len(outputs)))
    return np.stack([np.asarray(row, dtype=np.float64) for row in found["logit"]])[:, outputs]


def unedited(
    con: duckdb.DuckDBPyConnection,
    head_id: int,
    outputs: Int64[np.ndarray, " y"],
    *,
    image_ids: Int64[np.ndarray, " n"],
) -> Float64[np.ndarray, "n y"]:
    """What a residual head says before any edit, in logits; rows in order of the ascending ids.

    Its own, where the store has them, else the backbone's; raises LookupError as those do.
    """
    found = con.execute(
        """
        SELECT image_id, logit FROM head_logit
        WHERE head_id = $head_id AND image_id IN $images ORDER BY image_id
        """,
        {"head_id": head_id, "images": image_ids.tolist()},
    ).fetchnumpy()
    if not len(found["image_id"]):
        return backbone_logits(con, outputs, image_ids=image_ids)
    if len(found["image_id"]) != len(image_ids):
        raise LookupError(
            f"the store has this head's logits of {len(found['image_id'])} of {len(image_ids)} "
            "images only"
        )
    return np.stack([np.asarray(row, dtype=np.float64) for row in found["logit"]])


def known(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """image_id, split and class_id (-1: there are several labels) of every image of which a label
    is known."""
    return con.execute(
        f"""
        SELECT image_id, split, coalesce(image.class_id::BIGINT, -1) AS class_id
        FROM image JOIN {NAMED} AS label USING (image_id) ORDER BY image_id
        """
    ).df()


def labels(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """image_id, split, class_id of every image that carries a label."""
    return con.execute(
        """
        SELECT image_id, split, class_id FROM image WHERE class_id IS NOT NULL ORDER BY image_id
        """
    ).df()
