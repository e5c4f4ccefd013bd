"""A store's images as a folder of the Hugging Face library `datasets`: pictures, labels, scores.

Each split is a Parquet file below data/, whose schema carries the features as `datasets` reads
them, so that the images are images and the labels classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float

from precompute.export import reading
from precompute.export.folder import CARD, card, fresh, plain, table

_BATCH = 256
"""images written at once"""


@dataclass(frozen=True)
class _Content:
    """What the columns are made of; rows of scores are in the order of the images."""

    classes: list[str]
    present: dict[int, list[str]]
    scores: dict[str, Float[np.ndarray, "n k"]]
    """by column"""
    several: reading.SeveralLabels | None
    """None: every image has one class at most"""


def export_images(path: Path, to: Path) -> Path:
    """Writes data/SPLIT.parquet for each split, concepts.csv and README.md.

    Columns: image, file, label (-1: unlabelled), prediction, labels (labelled concepts that are
    present) and, where images carry several labels, label and prediction as lists of classes, and
    label_unknown; for each bank its scores by concept_id. Raises ValueError for a folder that is
    not empty, StoreError where `path` is no store.
    """
    with reading.opened(path) as con:
        folder, origin = fresh(to), reading.origin_of(con)
        images, banks = reading.images_of(con), list(reading.banks_of(con))
        ids = images["image_id"].to_numpy()
        several = reading.several_labels(con)
        own = images["label"].dropna() if several is None else several.names
        content = _Content(
            sorted({*own, *images["predicted"].dropna()}),
            reading.present_labels(con),
            {_column(bank): reading.scores_of(con, bank, ids) for bank in banks},
            several,
        )
        features = _features(content)
        schema = _schema(content, features)
        (folder / "data").mkdir()
        files = {}
        for split, rows in images.groupby("split", sort=False):
            name = plain(str(split))
            files[name] = f"data/{name}.parquet"
            with pq.ParquetWriter(folder / files[name], schema) as file:
                for start in range(0, len(rows), _BATCH):
                    part = rows.iloc[start : start + _BATCH]
                    file.write_table(_table(con, part, content, schema))
    named = [bank.concepts.assign(bank=bank.name)[["bank", "concept_id", "name"]] for bank in banks]
    if named:
        pd.concat(named).to_csv(folder / "concepts.csv", index=False)
    configs = [{"split": name, "path": file} for name, file in files.items()]
    text = card(
        {
            "task_categories": ["image-classification"],
            "tags": ["interpretability", "vision"],
            "configs": [{"config_name": "default", "data_files": configs}],
            "dataset_info": {"features": [{"name": n, **f} for n, f in _told(features).items()]},
        },
        f"# {origin.name}",
        f"Images of {origin.dataset} with what `{origin.backbone}` at `{origin.layer}` makes of "
        "them. Images are at most 384 pixels long.",
        table(
            ("column", "what it is"),
            [
                ("image", "the picture"),
                ("file", "where it lay in the data set"),
                *_about_labels(content),
                ("labels", "the labelled concepts that it is known to show"),
                *((_column(b), f"scores of {b.title}, unit: {b.code_unit}") for b in banks),
            ],
        ),
        "`concepts.csv` names the concepts: the place in a list of scores is the `concept_id`.",
    )
    (folder / CARD).write_text(text, encoding="utf-8")
    return folder


def _about_labels(content: _Content) -> list[tuple[str, str]]:
    if content.several is None:
        return [
            ("label", "its class; -1: unlabelled"),
            ("prediction", "the class that the model predicts; -1: it does not classify"),
        ]
    return [
        ("label", "the labels that it is known to show; null: none is known"),
        ("label_unknown", "labels of which it is unknown or uncertain whether it shows them"),
        ("prediction", "the labels that the model says it shows"),
    ]


def _column(bank: reading.StoredBank) -> str:
    return f"scores_{plain(bank.name)}"


def _features(content: _Content) -> dict[str, dict[str, Any]]:
    """As `datasets` writes them into a schema."""
    label = {"names": content.classes, "_type": "ClassLabel"}
    text = {"dtype": "string", "_type": "Value"}
    number = {"dtype": "float32", "_type": "Value"}
    return {
        "image": {"_type": "Image"},
        "file": text,
        **_labels(content, label),
        "labels": {"feature": text, "_type": "Sequence"},
        **{name: {"feature": number, "_type": "Sequence"} for name in content.scores},
    }


def _labels(content: _Content, label: dict[str, Any]) -> dict[str, dict[str, Any]]:
    if content.several is None:
        return {"label": label, "prediction": label}
    names = ("label", "label_unknown", "prediction")
    return {name: {"feature": label, "_type": "Sequence"} for name in names}


def _told(features: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same as a card's front matter has them."""
    out: dict[str, dict[str, Any]] = {}
    for name, feature in features.items():
        kind = feature["_type"]
        if kind == "ClassLabel":
            names = {str(i): n for i, n in enumerate(feature["names"])}
            out[name] = {"dtype": {"class_label": {"names": names}}}
        elif kind == "Sequence" and feature["feature"]["_type"] == "ClassLabel":
            names = {str(i): n for i, n in enumerate(feature["feature"]["names"])}
            out[name] = {"sequence": {"class_label": {"names": names}}}
        elif kind == "Sequence":
            out[name] = {"sequence": feature["feature"]["dtype"]}
        else:
            out[name] = {"dtype": "image" if kind == "Image" else feature["dtype"]}
    return out


def _schema(content: _Content, features: dict[str, dict[str, Any]]) -> pa.Schema:
    fields = [
        pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        pa.field("file", pa.string()),
        *(
            pa.field(name, pa.int64() if f["_type"] == "ClassLabel" else pa.list_(pa.int64()))
            for name, f in features.items()
            if name in ("label", "label_unknown", "prediction")
        ),
        pa.field("labels", pa.list_(pa.string())),
        *(pa.field(name, pa.list_(pa.float32())) for name in content.scores),
    ]
    return pa.schema(fields, {"huggingface": json.dumps({"info": {"features": features}})})


def _label_columns(
    rows: pd.DataFrame, content: _Content, place: dict[str, int]
) -> dict[str, list[Any]]:
    if content.several is None:
        return {
            "label": [place.get(name, -1) for name in rows["label"]],
            "prediction": [place.get(name, -1) for name in rows["predicted"]],
        }
    several, said = content.several, content.several.said.get("", {})
    return {
        "label": [
            [place[n] for n in several.shown[i]] if i in several.shown else None
            for i in rows["image_id"]
        ],
        "label_unknown": [
            [place[n] for n in several.unknown.get(i, several.names)] for i in rows["image_id"]
        ],
        "prediction": [[place[n] for n, _ in said.get(i, [])] for i in rows["image_id"]],
    }


def _table(con: reading.Con, rows: pd.DataFrame, content: _Content, schema: pa.Schema) -> pa.Table:
    place = {name: i for i, name in enumerate(content.classes)}
    ids = rows["image_id"].tolist()
    pictures = [
        {"bytes": reading.picture_of(con, i), "path": Path(file).name}
        for i, file in zip(ids, rows["file"], strict=True)
    ]
    columns: dict[str, Any] = {
        "image": pictures,
        "file": rows["file"].tolist(),
        **_label_columns(rows, content, place),
        "labels": [content.present.get(i, []) for i in ids],
        **{name: list(values[rows.index]) for name, values in content.scores.items()},
    }
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)
