"""Which images are fitted on, and what counts as held out, whatever splits are called."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from core.recipe import parse
from precompute.intake import Build, classes_of, extract, gather, open_sources

pytestmark = pytest.mark.usefixtures("fake_backbone")


def _gathered(root: Path, tmp_path: Path) -> Build:
    recipe = parse(
        f'name = "x"\n[dataset]\npath = "{root}"\n[backbone]\nmodel = "fake"\n'
        '[[banks]]\nmethod = "nmf"'
    )
    sources = open_sources(recipe, out=tmp_path, device="cpu")
    activations, _ = extract(sources.dataset, sources.backbone, tmp_path / "work", batch=4)
    classes = classes_of(activations.rows["label"], sources.backbone.outputs)
    return gather(recipe, sources, activations, classes, tmp_path / "work")


def _put(root: Path, *files: str) -> Path:
    for i, file in enumerate(files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 12), (i, 2 * i, 90)).save(root / file)
    return root


def test_what_was_fitted_on_or_chosen_on_is_not_held_out(tmp_path, capsys):
    """Labels by hand and folders in capitals came to be tested on what was trained on."""
    root = _put(
        tmp_path / "birds",
        *(
            f"{split}/wren/{i}.png"
            for split in ("Training", "Dev", "TESTING", "shifted")
            for i in "ab"
        ),
    )
    build = _gathered(root, tmp_path)
    assert build.split[build.train].tolist() == ["train"] * 2
    assert build.split[build.held_out].tolist() == ["test"] * 2
    assert build.split[build.chosen_on].tolist() == ["val"] * 2
    assert build.held_out_splits == "test"
    assert build.judged == ["test", "shifted"]
    told = capsys.readouterr().err
    assert "birds: 8 images, 1 class (wren 8); splits: train 2, val 2, test 2, shifted 2" in told


def test_what_was_decided_in_reading_is_a_notice(tmp_path):
    root = _put(tmp_path / "birds", "train/wren/a.png", "val/wren/b.png")
    build = _gathered(root, tmp_path)
    assert build.judged == ["test"]
    assert [subject for _, subject, _ in build.log.notices] == ["birds"]
    assert "no test split" in build.log.notices[0][2]


def test_no_image_to_fit_on_ends_the_build(tmp_path):
    root = _put(tmp_path / "birds", "train/wren/a.png", "test/wren/b.png")
    (root / "train/wren/a.png").write_text("no image")
    with pytest.raises(ValueError, match="no image of the split 'train' is left, only 1 of 'test'"):
        _gathered(root, tmp_path)
