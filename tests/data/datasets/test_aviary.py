"""Aviary: what the tables say is what the drawing shows, the same for the same seed."""

import importlib
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.datasets import load
from data.datasets.aviary.bird import PART
from data.datasets.aviary.reader import MIN_PIXELS, aviary, part_rows
from data.datasets.aviary.render import render
from data.datasets.aviary.species import GROUPS, SPECIES, plan_all, plan_image
from data.images import from_runs

AVIARY = importlib.import_module("data.datasets.aviary.reader")  # the module, not its reader
SIZES = {"n_train": 40, "n_test": 20, "n_shifted": 30}


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    return aviary(tmp_path_factory.mktemp("aviary"), **SIZES, seed=3)


@pytest.fixture(scope="module")
def plans():
    return plan_all(n_train=3000, n_test=1000, n_shifted=1000, seed=1)


def test_species_differ_in_three_groups_beside_the_habitat():
    for a, b in combinations(SPECIES.values(), 2):
        assert sum(a[g] != b[g] for g in GROUPS if g != "habitat") >= 3
    for group, values in GROUPS.items():
        assert {signature[group] for signature in SPECIES.values()} == set(values)


def test_splits_and_classes_have_equal_shares(birds):
    counts = birds.images.groupby(["split", "label"]).size()
    assert counts["train"].tolist() == [4] * 10
    assert counts["test"].tolist() == [2] * 10
    assert counts["shifted"].tolist() == [3] * 10
    assert birds.images["file"].is_monotonic_increasing
    assert birds.images["image_id"].tolist() == list(range(90))


def test_the_same_seed_draws_the_same_pixels(birds, tmp_path):
    again = aviary(tmp_path, **SIZES, seed=3)
    other = aviary(tmp_path, **SIZES, seed=4)
    names = birds.images["file"][::9]
    assert all(birds.path(f).read_bytes() == again.path(f).read_bytes() for f in names)
    assert any(birds.path(f).read_bytes() != other.path(f).read_bytes() for f in names)
    pd.testing.assert_frame_equal(birds.masks, again.masks)


def test_asking_for_more_images_leaves_the_others_as_they_were():
    few = plan_all(n_train=5, n_test=0, n_shifted=0, seed=2)
    many = plan_all(n_train=9, n_test=4, n_shifted=0, seed=2)
    assert [p for p in many if p.split == "train"][:5] == few


def test_a_second_call_reads_instead_of_drawing(birds, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("drew again")

    monkeypatch.setattr(AVIARY, "render", refuse)
    again = aviary(birds.root.parent, **SIZES, seed=3)
    pd.testing.assert_frame_equal(again.parts, birds.parts)
    assert again.root == birds.root
    assert [p.name for p in birds.root.parent.iterdir()] == [birds.root.name]


def test_a_drawing_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("out of ink")

    monkeypatch.setattr(AVIARY, "render", fail)
    with pytest.raises(RuntimeError, match="ink"):
        aviary(tmp_path, **SIZES)
    assert list(tmp_path.iterdir()) == []


def test_the_habitat_agrees_except_where_it_is_shifted(plans):
    agrees = pd.Series([p.values["habitat"] == SPECIES[p.species]["habitat"] for p in plans])
    shares = agrees.groupby([p.split for p in plans]).mean()
    assert 0.93 < shares["train"] < 0.97
    assert 0.92 < shares["test"] < 0.98
    assert 0.15 < shares["shifted"] < 0.25  # one in five by chance
    shifted = pd.Series([p.values["habitat"] for p in plans if p.split == "shifted"])
    assert shifted.value_counts(normalize=True).between(0.15, 0.25).all()


def test_one_image_in_ten_departs_in_each_group(plans):
    for group in GROUPS:
        if group != "habitat":
            departs = [p.values[group] != SPECIES[p.species][group] for p in plans]
            assert 0.085 < np.mean(departs) < 0.115, group


def test_every_image_shows_one_value_of_each_group(birds):
    table = birds.image_labels.merge(birds.labelled, on="labelled_id")
    assert len(table) == 90 * 35
    assert (table.groupby(["image_id", "grouping"])["present"].sum() == 1).all()


def test_labels_of_classes_are_signatures_and_differ_from_those_of_images(birds):
    table = birds.class_labels.merge(birds.labelled, on="labelled_id")
    shown = table[(table["label"] == "Moss Shrike") & (table["fraction"] == 1.0)]["name"]
    assert set(shown) == {f"{g}: {v}" for g, v in SPECIES["Moss Shrike"].items()}
    both = birds.image_labels.merge(birds.images, on="image_id").merge(
        birds.class_labels, on=["label", "labelled_id"]
    )
    assert 0.02 < (both["present"] != (both["fraction"] > 0.5)).mean() < 0.12


def test_points_lie_inside_their_masks_and_masks_are_of_visible_parts(birds):
    masks = {
        (row.image_id, row.part): from_runs(row.runs, h=row.height, w=row.width)
        for row in birds.masks.itertuples()
    }
    assert len(birds.parts) == 90 * len(PART)
    for row in birds.parts.itertuples():
        assert row.visible == ((row.image_id, row.part) in masks)
        if row.visible:
            assert masks[row.image_id, row.part][int(row.y), int(row.x)]
            assert masks[row.image_id, row.part].sum() >= MIN_PIXELS
        else:
            assert np.isnan(row.x)
            assert np.isnan(row.y)


def test_masks_do_not_overlap_and_the_background_is_what_is_left(birds):
    for _, rows in birds.masks.groupby("image_id"):
        cover = sum(from_runs(r.runs, h=96, w=128).astype(int) for r in rows.itertuples())
        assert cover.max() == 1
        assert (cover == 0).sum() < MIN_PIXELS * len(PART)
        assert 0.3 < from_runs(rows["runs"].iloc[-1], h=96, w=128).mean() < 0.97


def test_a_crest_is_visible_only_where_one_is_drawn(birds):
    name = dict(zip(birds.labelled["name"], birds.labelled["labelled_id"], strict=True))
    labels = birds.image_labels
    bare = labels[(labels["labelled_id"] == name["crest: none"]) & labels["present"]]["image_id"]
    crests = birds.parts[birds.parts["part"] == "crest"].set_index("image_id")["visible"]
    assert len(bare) > 5
    assert not crests[bare].any()
    assert crests.drop(bare).mean() > 0.8


def test_masks_and_pixels_are_of_the_same_drawing():
    """A red beak is red where its mask is, and nowhere is it as red on average."""
    red = [
        p
        for p in plan_all(n_train=60, n_test=0, n_shifted=0, seed=5)
        if p.values["beak colour"] == "red"
    ]
    for plan in red:
        drawn = render(plan)
        excess = drawn.pixels[..., 0].astype(int) - drawn.pixels[..., 1:].astype(int).max(axis=2)
        beak = drawn.parts == PART["beak"]
        if beak.sum() >= 20:
            assert excess[beak].mean() > 60


def test_parts_below_the_smallest_size_are_not_visible():
    parts = np.zeros((96, 128), dtype=np.uint8)
    parts[4, 10 : 10 + MIN_PIXELS] = PART["eye"]
    parts[9, 20 : 20 + MIN_PIXELS - 1] = PART["beak"]
    points, masks = part_rows(parts)
    visible = {part: seen for part, _, _, seen in points}
    assert visible["eye"]
    assert not visible["beak"]
    assert not visible["tail"]
    assert [part for part, _ in masks] == ["eye", "background"]


def test_leaves_hide_parts_in_some_images():
    unseen = 0
    for number in range(60):
        plan = plan_image(split="train", number=number, seed=9)
        expected = set(PART) - ({"crest"} if plan.values["crest"] == "none" else set())
        points, _ = part_rows(render(plan).parts)
        unseen += any(not seen for part, _, _, seen in points if part in expected)
    assert 0 < unseen < 20


def test_a_limit_spreads_evenly_and_draws_the_same_images(birds, tmp_path):
    few = load("aviary", tmp_path, limit=30, options={**SIZES, "seed": 3})
    assert few.images.groupby(["split", "label"]).size().tolist() == [1] * 30
    file = few.images["file"].iloc[7]
    assert few.path(file).read_bytes() == birds.path(file).read_bytes()
    with Image.open(few.path(file)) as image:
        assert image.size == (128, 96)


def test_impossible_sizes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="n_train is -1"):
        aviary(tmp_path, n_train=-1)
    with pytest.raises(ValueError, match="at least one image"):
        aviary(tmp_path, n_train=0, n_test=0, n_shifted=0)
