"""Flags become a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from precompute import arguments


@pytest.mark.parametrize(
    ("flag", "given", "reader", "path", "name"),
    [
        ("--dataset", "owner/birds", "huggingface", "owner/birds", "birds"),
        ("--dataset", "HERE", "huggingface", "HERE", "here"),
        ("--shards", "HERE/train-{00..12}.tar", "webdataset", "HERE/train-{00..12}.tar", "train"),
        ("--shards", "HERE/*.tar", "webdataset", "HERE/*.tar", "here"),
        ("--images", "HERE", "folder", "HERE", "here"),
    ],
)
def test_flags_name_reader_place_and_store(
    flag: str, given: str, reader: str, path: str, name: str, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    argv = ["run", flag, given.replace("HERE", str(here)), "--model", "m"]

    recipe, _ = arguments.recipe(arguments.parser().parse_args(argv))

    assert recipe.dataset.reader == reader
    assert recipe.dataset.path == path.replace("HERE", str(here))
    assert recipe.name == name
