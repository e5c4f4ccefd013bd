"""A store as a data set that FiftyOne opens: classifications, and concepts' maps as heat maps.

The layout is that of `fo.types.FiftyOneDataset`: samples.json lists the samples, whose pictures are
in data/; heat maps are 8-bit pictures in fields/.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from PIL import Image

from core.maps import LEVELS
from core.metrics.enlarge import Picture, enlarge
from core.types import Box
from precompute.export import reading
from precompute.export.folder import CARD, card, fresh, plain

_LISTED = 10
"""strongest concepts of an image that are listed for each bank"""
_LONG_SIDE = 112
"""pixels of a heat map's longer side"""

Values = dict[str, list[Any]]
"""of each field, a value an image; None: it has none"""


def export_fiftyone(path: Path, to: Path, *, concepts: int = 6) -> Path:
    """Writes data/, fields/, samples.json, metadata.json and README.md.

    Every image has its label and prediction, the heads' predictions, the labelled concepts that it
    shows, and for each bank its strongest concepts with their scores. Of a multi-label set labels
    and predictions are lists, and labels that are unknown stand apart. `concepts`: how many
    concepts of each bank have heat maps, those of the largest mean score. Raises ValueError for a
    folder that is not empty, StoreError where `path` is no store.
    """
    with reading.opened(path) as con:
        folder, origin = fresh(to), reading.origin_of(con)
        images = reading.images_of(con)
        fields = _labels(con, images)
        for bank in reading.banks_of(con):
            fields |= _concepts(con, folder, images, bank, n=concepts)
        (folder / "data").mkdir()
        samples = []
        for i, row in enumerate(images.to_dict("records")):
            picture = f"data/{row['image_id']}.jpg"
            (folder / picture).write_bytes(reading.picture_of(con, row["image_id"]))
            labels = {name: values[i] for name, values in fields.items() if values[i] is not None}
            facts = {"filepath": picture, "tags": [row["split"]], "metadata": None}
            samples.append({**facts, "_media_type": "image", "file": row["file"], **labels})
    about = {"name": origin.name, "media_type": "image", "info": {"store": origin.fingerprint}}
    (folder / "metadata.json").write_text(json.dumps(about), encoding="utf-8")
    (folder / "samples.json").write_text(json.dumps({"samples": samples}), encoding="utf-8")
    (folder / CARD).write_text(_card(origin, list(fields)), encoding="utf-8")
    return folder


def _labels(con: reading.Con, images: pd.DataFrame) -> Values:
    several = reading.several_labels(con)
    if several is not None:
        return _of_several(con, images, several)
    present = reading.present_labels(con)
    pairs = zip(images["predicted"], images["prob"], strict=True)
    out: Values = {
        "ground_truth": [_one(name) for name in images["label"]],
        "prediction": [_one(*pair) for pair in pairs],
        "concept_labels": [
            _several([(name, None) for name in present.get(i, [])]) for i in images["image_id"]
        ],
    }
    for head, rows in reading.head_predictions(con).groupby("head", sort=False):
        found = {i: (c, p) for i, c, p in rows[["image_id", "class", "prob"]].itertuples(False)}
        out[f"head_{plain(str(head))}"] = [
            _one(*found[i]) if i in found else None for i in images["image_id"]
        ]
    return {name: values for name, values in out.items() if any(values)}


def _of_several(con: reading.Con, images: pd.DataFrame, several: reading.SeveralLabels) -> Values:
    """Labels that do not exclude each other: an empty list says that none is shown."""
    present = reading.present_labels(con)
    ids = images["image_id"].tolist()
    out: Values = {
        "ground_truth": [
            _every([(n, None) for n in several.shown[i]]) if i in several.shown else None
            for i in ids
        ],
        "ground_truth_unknown": [
            _several([(n, None) for n in several.unknown.get(i, [])]) for i in ids
        ],
        "concept_labels": [_several([(n, None) for n in present.get(i, [])]) for i in ids],
    }
    for head, found in several.said.items():
        field = f"head_{plain(head)}" if head else "prediction"
        out[field] = [_every(found.get(i, [])) for i in ids]
    return {name: values for name, values in out.items() if any(values)}


def _concepts(
    con: reading.Con, folder: Path, images: pd.DataFrame, bank: reading.StoredBank, *, n: int
) -> Values:
    """The strongest concepts of each image, and heat maps of the bank's strongest concepts."""
    scores = reading.scores_of(con, bank, images["image_id"].to_numpy())
    names = [
        f"#{i}" if pd.isna(name) else str(name) for i, name in enumerate(bank.concepts["name"])
    ]
    mapped = np.argsort(-scores.mean(0), kind="stable")[:n].tolist()
    grid = reading.origin_of(con).grid
    listed = f"concepts_{plain(bank.name)}"
    titles = {c: f"map_{plain(bank.name)}_{c}_{plain(names[c])}" for c in mapped}
    out: Values = {listed: [], **{title: [] for title in titles.values()}}
    for title in titles.values():
        (folder / "fields" / title).mkdir(parents=True)
    for i, row in enumerate(images.to_dict("records")):
        order = np.argsort(-scores[i], kind="stable")[:_LISTED]
        pairs = [(names[c], float(scores[i, c])) for c in order if scores[i, c] > 0]
        out[listed].append(_several(pairs))
        codes = reading.maps_of(con, bank, row["image_id"], grid[0] * grid[1])
        for c, title in titles.items():
            file = f"fields/{title}/{row['image_id']}.png"
            largest = float(bank.concepts["map_scale"].iloc[c]) * LEVELS
            heat = _heat(np.maximum(codes[c], 0).reshape(grid), row, largest)
            Image.fromarray(heat).save(folder / file)
            out[title].append({"_cls": "Heatmap", "map_path": file, "range": [0, 255]})
    return out


def _heat(
    codes: Float[np.ndarray, "h w"], row: dict[Any, Any], largest: float
) -> UInt8[np.ndarray, "H W"]:
    """The map over the whole image, black outside what the model saw; `largest` is white."""
    factor = _LONG_SIDE / max(row["width"], row["height"])
    width, height = (max(1, round(row[side] * factor)) for side in ("width", "height"))
    view = Box(row["view_x0"], row["view_y0"], row["view_x1"], row["view_y1"])
    seen = enlarge(codes, Picture(width, height, view, {}))
    out = np.zeros((height, width), dtype=np.uint8)
    rows, columns = seen.values.shape
    shares = seen.values / largest if largest else seen.values
    out[seen.top : seen.top + rows, seen.left : seen.left + columns] = np.rint(255 * shares)
    return out


def _one(name: object, confidence: float | None = None) -> dict[str, Any] | None:
    if not isinstance(name, str):
        return None
    sure = {} if confidence is None else {"confidence": float(confidence)}
    return {"_cls": "Classification", "label": name, **sure}


def _several(pairs: Sequence[tuple[str, float | None]]) -> dict[str, Any] | None:
    each = [_one(*pair) for pair in pairs]
    return {"_cls": "Classifications", "classifications": each} if each else None


def _every(pairs: Sequence[tuple[str, float | None]]) -> dict[str, Any]:
    """As `_several`, but none is said by an empty list."""
    return {"_cls": "Classifications", "classifications": [_one(*pair) for pair in pairs]}


_OPEN = """```python
from pathlib import Path

import fiftyone as fo

folder = Path("FOLDER").resolve()
dataset = fo.Dataset.from_dir(str(folder), dataset_type=fo.types.FiftyOneDataset)
maps = [name for name in dataset.get_field_schema() if name.startswith("map_")]
for sample in dataset.iter_samples(autosave=True):
    for name in maps:
        sample[name].map_path = str(folder / sample[name].map_path)
fo.launch_app(dataset)
```"""


def _card(origin: reading.Origin, fields: list[str]) -> str:
    return card(
        {"tags": ["fiftyone", "interpretability", "vision"]},
        f"# {origin.name}",
        f"Images of {origin.dataset} with what `{origin.backbone}` at `{origin.layer}` makes of "
        "them. A heat map is black where its concept is silent and white where its code is the "
        "largest of all images; codes below zero are black, too.",
        "This opens it, and says where the heat maps are:",
        _OPEN,
        f"Fields: {', '.join(fields)}.",
    )
