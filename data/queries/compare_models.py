"""Two banks beside each other, of one store or of two that saw the same images."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64
from safetensors.numpy import load

from core import maps


def files(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """image_id, file, split, and width and height in pixels, by file."""
    return con.execute(
        """
        SELECT image_id::BIGINT AS image_id, file, split, width, height
        FROM image ORDER BY file, image_id
        """
    ).df()


def concepts(con: duckdb.DuckDBPyConnection, bank_id: int, *, most: int) -> pd.DataFrame:
    """concept_id, name, frequency, mean of the `most` most frequent living concepts, in order of
    id."""
    return con.execute(
        """
        SELECT concept_id::BIGINT AS concept_id, name, frequency, mean FROM (
            SELECT * FROM concept WHERE bank_id = $bank_id AND map_scale > 0
            ORDER BY frequency DESC, concept_id LIMIT $most)
        ORDER BY concept_id
        """,
        {"bank_id": bank_id, "most": most},
    ).df()


def token_maps(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    concept_ids: Int64[np.ndarray, " k"],
    *,
    image_ids: Int64[np.ndarray, " n"],
    n_tokens: int,
) -> Iterator[tuple[int, Float64[np.ndarray, "k t"], Float64[np.ndarray, " 4"]]]:
    """image_id, maps of these concepts (ascending ids) and view box x0 y0 x1 y1 of each image."""
    scale = np.asarray(
        con.execute(
            "SELECT map_scale FROM concept WHERE bank_id = $bank_id ORDER BY concept_id",
            {"bank_id": bank_id},
        ).fetchnumpy()["map_scale"],
        dtype=np.float64,
    )
    rows = con.execute(
        """
        SELECT image_id, concept IS NULL AS dense, concept, token, value,
            view_x0, view_y0, view_x1, view_y1
        FROM code JOIN image USING (image_id)
        WHERE bank_id = $bank_id AND image_id IN (SELECT unnest($ids)) ORDER BY image_id
        """,
        {"bank_id": bank_id, "ids": image_ids.tolist()},
    ).fetchnumpy()
    boxes = np.stack([rows[f"view_{c}"] for c in ("x0", "y0", "x1", "y1")], axis=1)
    for i, image_id in enumerate(rows["image_id"]):
        dense = bool(rows["dense"][i])
        codes = maps.restore(
            None if dense else np.asarray(rows["concept"][i]),
            None if dense else np.asarray(rows["token"][i]),
            np.asarray(rows["value"][i]),
            scale,
            n_tokens=n_tokens,
        )
        yield int(image_id), codes[concept_ids], boxes[i].astype(np.float64)


def directions(con: duckdb.DuckDBPyConnection, bank_id: int) -> Float[np.ndarray, "k d"]:
    """The bank's directions in activation space. Raises LookupError for a bank without."""
    row = con.execute(
        "SELECT tensors FROM bank WHERE bank_id = $bank_id", {"bank_id": bank_id}
    ).fetchone()
    tensors = {} if row is None else load(bytes(row[0]))
    if "directions" not in tensors:
        raise LookupError(f"bank {bank_id} stores no directions")
    return np.asarray(tensors["directions"], dtype=np.float32)


def pooled(
    con: duckdb.DuckDBPyConnection, image_ids: Int64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " m"], Float[np.ndarray, "m d"]]:
    """Pooled activations of those of the images for which they are stored, and their ids."""
    rows = con.execute(
        """
        SELECT image_id::BIGINT AS image_id, vector FROM pooled
        WHERE image_id IN (SELECT unnest($ids)) ORDER BY image_id
        """,
        {"ids": image_ids.tolist()},
    ).fetchnumpy()
    vectors = [np.asarray(v, dtype=np.float32) for v in rows["vector"]]
    width = vectors[0].shape[0] if vectors else 0
    return np.asarray(rows["image_id"]), np.array(vectors, dtype=np.float32).reshape(-1, width)
