"""What the gallery sends to the browser, and how the browser reads it."""

from __future__ import annotations

import json
from base64 import b64decode
from io import BytesIO
from typing import Any

import in_node
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from app.widgets import gallery, minis

ROW: dict[str, Any] = {
    "image_id": 7,
    "file": "a/<b>.jpg",
    "thumb": b"\xff\xd8jpeg",
    "view_x0": -0.25,
    "view_y0": 0.0,
    "view_x1": 1.25,
    "view_y1": 1.0,
}


def _jpeg(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def _browser(expression: str) -> Any:
    if in_node.NODE is None:
        pytest.skip("node is not installed")
    used = "import * as g from '{}';".format(in_node.at("gallery"))
    return in_node.run(f"{used} console.log(JSON.stringify({expression}))")


def test_a_picture_travels_as_stored() -> None:
    item = gallery.item(ROW, lines=[])
    head, _, body = item["src"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert b64decode(body) == ROW["thumb"]
    assert item["box"] == [-0.25, 0.0, 1.25, 1.0]
    json.dumps(item)  # nothing in it that JSON cannot hold


def test_a_concept_takes_its_own_pictures_and_maps() -> None:
    pictures = pd.DataFrame([ROW | {"concept_id": c, "image_id": i} for c, i in ((3, 7), (4, 8))])
    row = pd.Series({"concept_id": 4, "map_scale": 0.5, "peak_p99": 2.0})
    steps = {(4, 8): ([1], [30]), (3, 7): ([2], [40])}
    group = gallery.group(row, pictures, title="Moss", lines=[{"text": "a"}], steps=steps)
    assert [group[k] for k in ("id", "title", "scale", "limit")] == [4, "Moss", 0.5, 2.0]
    assert [(one["id"], one["t"], one["v"]) for one in group["items"]] == [(8, [1], [30])]
    assert group["lines"] == [{"text": "a"}]


def test_sparse_steps_land_on_their_tokens() -> None:
    item = json.dumps(gallery.item(ROW, lines=[], steps=([1, 4], [300, -20])))
    codes = _browser(f"[...g.codes({item}, 0.5, 6)]")
    assert codes == [0, 150, 0, 0, -10, 0]


def test_dense_steps_fill_the_grid_in_order() -> None:
    item = json.dumps(gallery.item(ROW, lines=[], steps=(None, [3, 0, -1])))
    assert _browser(f"[...g.codes({item}, 2, 3)]") == [6, 0, -2]


def test_strip_sets_pictures_side_by_side() -> None:
    uri = minis.strip([_jpeg(90, 40, (250, 0, 0)), _jpeg(30, 70, (0, 0, 250))], side=20)
    assert uri is not None
    with Image.open(BytesIO(b64decode(uri.partition(",")[2]))) as strip:
        assert strip.size == (40, 20)
        pixels = np.asarray(strip.convert("RGB"), dtype=int)
    assert (pixels[:, 4:16, 0] > 200).all()
    assert (pixels[:, 24:36, 2] > 200).all()


def test_no_picture_is_no_strip() -> None:
    assert minis.strip([]) is None
