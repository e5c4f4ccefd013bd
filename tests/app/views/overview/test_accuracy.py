"""The table of accuracies: short cells, and n and chance said once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from app.views.overview.accuracy import chart, read_out, wide
from data.queries import build
from data.store import open_readonly


def test_n_and_chance_stand_in_the_last_row_and_where_they_differ() -> None:
    rows = [
        ("backbone", "test", 0.957, 700, 0.1, None),
        ("cav · sparse", "test", 0.963, 700, 0.1, 0.94),
        ("cav · sparse", "train", 0.99, 2600, 0.1, 0.98),
        ("later", "test", 0.5, 300, 0.2, None),
    ]
    columns = ["model", "split", "accuracy", "n", "chance", "control"]
    frame = pd.DataFrame(rows, columns=columns).assign(target="label")

    found = wide(frame).set_index("Model")

    assert list(found.index) == ["backbone", "cav · sparse", "later", "chance"]
    assert found["test"].tolist() == [
        "95.7 %",
        "96.3 % (random 94 %)",
        "50 % of 300, chance 20 %",
        "10 % · n 700",
    ]
    assert found["train"].tolist() == ["n/a", "99 % (random 98 %)", "n/a", "10 % · n 2,600"]


def test_each_target_has_its_own_chance() -> None:
    rows = [("probe", "label", 0.25), ("probe", "backbone", 0.5)]
    frame = pd.DataFrame(rows, columns=["model", "target", "chance"])
    frame = frame.assign(split="test", accuracy=0.75, n=12)

    found = wide(frame)

    assert found["Target"].tolist() == ["label", "label", "backbone", "backbone"]
    assert found["test"].tolist() == ["75 %", "25 % · n 12", "75 %", "50 % · n 12"]


def test_the_bar_spans_splits_that_nothing_was_fitted_to_or_chosen_on() -> None:
    splits = {"train": 1.0, "val": 0.9, "test": 0.7, "night": 0.4}
    frame = pd.DataFrame({"model": "cav", "split": list(splits), "accuracy": list(splits.values())})

    bar = chart(frame.assign(target="label", n=9, chance=0.1), list(splits)).data[0]

    assert list(bar.x) == [70, 40]


def test_the_read_out_is_said_of_each_token(tiny_store: Path) -> None:
    with open_readonly(tiny_store) as con:
        known = build.build(con)
    for linear, cls, patches, said in (
        (True, False, True, "linear in the mean token"),
        (False, True, False, "linear in the CLS token; patches are not read"),
        (False, False, None, "not linear in a token"),
    ):
        facts = replace(known, linear=linear, cls_linear=cls, reads_patches=patches)
        assert read_out(facts) == said
