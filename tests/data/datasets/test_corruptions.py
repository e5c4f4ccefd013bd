"""Corrupted copies are a further split: same labels, same masks, known originals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.compare import class_shifts, image_sets
from data.datasets import load
from data.datasets.corruptions import CORRUPTIONS, corrupted


@pytest.fixture
def original(shapes: Path):
    return load("manifest", shapes)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_every_kind_changes_an_image_and_keeps_its_size(kind: str) -> None:
    pixels = np.random.default_rng(5).integers(0, 255, (31, 47, 3), dtype=np.uint8)
    found = CORRUPTIONS[kind].apply(Image.fromarray(pixels), np.random.default_rng(0))

    assert (found.size, found.mode) == ((47, 31), "RGB")
    assert (np.asarray(found) != pixels).mean() > 0.5


def test_grey_has_no_colour_and_noise_the_strength_it_says() -> None:
    rng = np.random.default_rng(5)
    image = Image.fromarray(rng.integers(0, 255, (31, 47, 3), dtype=np.uint8))
    grey = np.asarray(CORRUPTIONS["grey"].apply(image, rng))
    assert (grey[..., 0] == grey[..., 2]).all()
    noise = np.asarray(CORRUPTIONS["noise"].apply(Image.new("RGB", (99, 98), (128,) * 3), rng))
    assert noise.std() / 255 == pytest.approx(0.12, rel=0.05)


def test_copies_are_a_split_with_the_labels_of_their_originals(original, tmp_path: Path) -> None:
    found = corrupted(original, ("blur", "noise"), tmp_path, seed=3)
    images = found.images.set_index("image_id")
    held_out = original.images[original.images["split"] == "test"]
    assert images["split"].value_counts()["test+blur"] == len(held_out)
    assert images.index.is_unique
    assert images["file"].is_unique
    assert found.altered["original_id"].tolist() == held_out["image_id"].tolist() * 2
    for row in found.altered.to_dict("records"):
        copy, source = images.loc[row["image_id"]], images.loc[row["original_id"]]
        assert copy["label"] == source["label"] or pd.isna(source["label"])
        assert found.open(copy["file"]).size == found.open(source["file"]).size
        for name in ("image_labels", "parts", "masks"):
            table = getattr(found, name).set_index("image_id")
            of_copy, of_source = (table.loc[[row[c]]] for c in ("image_id", "original_id"))
            pd.testing.assert_frame_equal(
                of_copy.reset_index(drop=True), of_source.reset_index(drop=True)
            )
    assert found.image_labels.dtypes.equals(original.image_labels.dtypes)


def test_same_seed_makes_the_same_copies_and_another_does_not(original, tmp_path: Path) -> None:
    def pixels(folder: str, seed: int) -> np.ndarray:
        found = corrupted(original, ("noise",), tmp_path / folder, seed=seed)
        return np.asarray(found.open(found.images["file"].iloc[-1]))

    np.testing.assert_array_equal(pixels("a", 1), pixels("b", 1))
    assert (pixels("a", 1) != pixels("c", 2)).any()


def test_what_cannot_be_corrupted_is_told(original, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown corruption 'fog'; known: blur"):
        corrupted(original, ("fog",), tmp_path, seed=0)
    with pytest.raises(ValueError, match="twice"):
        corrupted(original, ("blur", "blur"), tmp_path, seed=0)
    from dataclasses import replace

    alone = replace(original, images=original.images.assign(split="train"))
    with pytest.raises(ValueError, match="held-out"):
        corrupted(alone, ("blur",), tmp_path, seed=0)
    assert corrupted(original, (), tmp_path, seed=0) is original


def test_what_strengths_are_chosen_on_is_not_altered(original, tmp_path: Path) -> None:
    from dataclasses import replace

    images = original.images.assign(split=["train", "val", *["night"] * (len(original.images) - 2)])
    found = corrupted(replace(original, images=images), ("dark",), tmp_path, seed=0)
    assert set(found.images["split"]) == {"train", "val", "night", "night+dark"}


def test_pairs_see_a_small_change_that_sets_do_not() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(60, 2))
    b = a + np.array([0.1, 0.0]) + rng.normal(scale=0.05, size=(60, 2))
    apart, together = image_sets.compare(a, b), image_sets.compare(a, b, paired=True)
    assert apart.lo[0] < 0 < together.lo[0] < 0.1 < together.hi[0]
    assert together.lo[1] < 0.02
    assert together.hi[1] > -0.02
    np.testing.assert_array_equal(apart.energy_b, together.energy_b)
    classes = np.zeros(60, dtype=np.int64)
    loose = class_shifts.within(a, classes, b, classes)
    paired = class_shifts.within(a, classes, b, classes, paired=True)
    assert paired.value == pytest.approx(loose.value)
    assert paired.p[0] < 0.01 < loose.p[0]
    assert paired.p[1] > 0.05
    with pytest.raises(ValueError, match="cannot be pairs"):
        image_sets.compare(a, b[:9], paired=True)
