"""What an export asks of a finished store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import Float, Integer
from safetensors.torch import load

from core.concepts import restore
from core.kinds import Pool
from core.maps import restore as restore_codes
from core.types import ConceptBank
from data import store

Con = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Origin:
    """Where a store is from."""

    name: str
    fingerprint: str
    dataset: str
    backbone: str
    layer: str
    grid: tuple[int, int]


@dataclass(frozen=True)
class StoredBank:
    bank_id: int
    name: str
    method: str
    title: str
    """of the method, for people"""
    r2: float | None
    """on held-out tokens where there are any; None: it does not reconstruct"""
    l0: float
    code_unit: str
    pool: Pool
    """what an image's score is read from"""
    bank: ConceptBank
    concepts: pd.DataFrame
    """concept_id, name (missing: unnamed), frequency, map_scale"""


def opened(path: Path) -> Con:
    """Raises StoreError where `path` is no store."""
    return store.open_readonly(path)


def origin_of(con: Con) -> Origin:
    ((name, fingerprint, dataset, backbone, layer, h, w),) = con.execute(
        "SELECT b.name, fingerprint, dataset, m.name, layer, grid_h, grid_w "
        "FROM build b, backbone m"
    ).fetchall()
    return Origin(name, fingerprint, dataset, backbone, layer, (h, w))


def bank_of(con: Con, title: str) -> StoredBank:
    """Raises ValueError for a bank that the store does not have, naming those that it has."""
    names = [name for (name,) in con.execute("SELECT name FROM bank ORDER BY bank_id").fetchall()]
    if title not in names:
        raise ValueError(
            f"the store has no bank {title!r}; its banks: {', '.join(names) or 'none'}"
        )
    return next(bank for bank in banks_of(con) if bank.name == title)


def banks_of(con: Con) -> Iterator[StoredBank]:
    rows = con.execute(
        "SELECT bank.bank_id, name, bank.method, title, coalesce(value, r2), l0, code_unit, pool, "
        "tensors FROM bank JOIN method ON method.kind = 'bank' AND method.method = bank.method "
        "LEFT JOIN quality ON quality.bank_id = bank.bank_id AND measure = 'r2' "
        "ORDER BY bank.bank_id"
    ).fetchall()
    for bank_id, name, method, title, r2, l0, code_unit, pool, tensors in rows:
        concepts = con.execute(
            "SELECT concept_id, name, frequency, map_scale FROM concept WHERE bank_id = $bank "
            "ORDER BY concept_id",
            {"bank": bank_id},
        ).df()
        bank = restore(method, load(bytes(tensors)))
        yield StoredBank(bank_id, name, method, title, r2, l0, code_unit, pool, bank, concepts)


def tables_of(con: Con) -> dict[str, int]:
    """Every table that has rows, and how many."""
    names = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY table_name"
    ).fetchall()
    counts = {n: con.execute(f'SELECT count(*) FROM "{n}"').fetchall()[0][0] for (n,) in names}
    return {name: count for name, count in counts.items() if count}


def rows_of(con: Con, table: str, *, most: int = 20_000) -> Iterator[pa.RecordBatch]:
    """A table in pieces of at most `most` rows."""
    reader: pa.RecordBatchReader = con.sql(f'SELECT * FROM "{table}"').to_arrow_reader(most)
    yield from reader


def images_of(con: Con) -> pd.DataFrame:
    """image_id, file, split, width, height, label, predicted, prob, view_x0, .., view_y1."""
    return con.execute(
        """
        SELECT image_id, file, split, width, height, label.name AS label, p.name AS predicted,
            prob, view_x0, view_y0, view_x1, view_y1
        FROM image LEFT JOIN class label USING (class_id)
        LEFT JOIN prediction USING (image_id)
        LEFT JOIN class p ON p.class_id = prediction.class_id
        ORDER BY image_id
        """
    ).df()


def head_predictions(con: Con) -> pd.DataFrame:
    """image_id, head, class, prob."""
    return con.execute(
        "SELECT image_id, head.name AS head, class.name AS class, prob FROM head_prediction "
        "JOIN head USING (head_id) JOIN class USING (class_id) ORDER BY head_id, image_id"
    ).df()


def present_labels(con: Con) -> dict[int, list[str]]:
    """Of images, the labelled concepts that they are known to show."""
    rows = con.execute(
        "SELECT image_id, name FROM image_label JOIN labelled_concept USING (labelled_id) "
        "WHERE present ORDER BY image_id, labelled_id"
    ).fetchall()
    out: dict[int, list[str]] = {}
    for image_id, name in rows:
        out.setdefault(image_id, []).append(name)
    return out


class SeveralLabels(NamedTuple):
    """Of a multi-label set, by image_id; an image of which no label is known is in none."""

    names: list[str]
    """all labels"""
    shown: dict[int, list[str]]
    """what it is known to show; empty: none"""
    unknown: dict[int, list[str]]
    """what is not known, or was called uncertain"""
    said: dict[str, dict[int, list[tuple[str, float]]]]
    """by "" (the backbone) or the name of a head, what it says that each image shows, and how
    probable that is; an image that it says shows none is not listed"""


def several_labels(con: Con) -> SeveralLabels | None:
    """None where every image has one class at most."""
    if not con.execute("SELECT multi_label FROM build").fetchall()[0][0]:
        return None
    names = [
        n
        for (n,) in con.execute(
            "SELECT name FROM class WHERE labelled ORDER BY class_id"
        ).fetchall()
    ]
    marks = con.execute(
        "SELECT image_id, name, present FROM image_class JOIN class USING (class_id) "
        "ORDER BY image_id, class_id"
    ).fetchall()
    shown: dict[int, list[str]] = {}
    known: dict[int, set[str]] = {}
    for image_id, name, present in marks:
        if present is not None:
            known.setdefault(image_id, set()).add(name)
            shown.setdefault(image_id, []).extend([name] if present else [])
    unknown = {i: [name for name in names if name not in of] for i, of in known.items()}
    said: dict[str, dict[int, list[tuple[str, float]]]] = {}
    for head, image_id, name, prob in con.execute(
        "SELECT coalesce(head.name, ''), image_id, class.name, prob FROM label_prediction "
        "JOIN class USING (class_id) LEFT JOIN head USING (head_id) "
        "ORDER BY head_id NULLS FIRST, image_id, class_id"
    ).fetchall():
        said.setdefault(head, {}).setdefault(image_id, []).append((name, prob))
    return SeveralLabels(names, shown, unknown, said)


def picture_of(con: Con, image_id: int) -> bytes:
    """JPEG."""
    sql = "SELECT picture FROM picture WHERE image_id = $id"
    return bytes(con.execute(sql, {"id": image_id}).fetchall()[0][0])


def scores_of(
    con: Con, bank: StoredBank, image_ids: Integer[np.ndarray, " n"]
) -> Float[np.ndarray, "n k"]:
    """Of every image (ascending) and concept; pairs that are not listed are 0."""
    rows = con.execute(
        "SELECT image_id, concept_id, score FROM score WHERE bank_id = $bank",
        {"bank": bank.bank_id},
    ).fetchnumpy()
    out = np.zeros((len(image_ids), len(bank.concepts)), dtype=np.float32)
    out[np.searchsorted(image_ids, rows["image_id"]), rows["concept_id"]] = rows["score"]
    return out


def maps_of(con: Con, bank: StoredBank, image_id: int, n_tokens: int) -> Float[np.ndarray, "k t"]:
    """The codes of one image."""
    ((concept, token, value),) = con.execute(
        "SELECT concept, token, value FROM code WHERE bank_id = $bank AND image_id = $image",
        {"bank": bank.bank_id, "image": image_id},
    ).fetchall()
    ids = [None if part is None else np.array(part, dtype=np.int64) for part in (concept, token)]
    scale = bank.concepts["map_scale"].to_numpy(dtype=np.float64)
    steps = np.array(value, dtype=np.int64)
    return restore_codes(ids[0], ids[1], steps, scale, n_tokens=n_tokens)
