"""Names of concepts, planted: which label, by what, and how sure that is on other images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fake_builds
import numpy as np
import pandas as pd

from core.metrics.association import area_matched_overlap
from core.types import Labels
from precompute.banks.encode import Codes, sparse
from precompute.intake.build import Build, Masks
from precompute.naming.match_labels import label_scores

N, T = 40, 6
"""images of either split, and tokens of each"""
NAMES = ("part: left", "part: right", "middle")
PLACE = {0: (0, 1), 1: (4, 5), 2: (2,)}
"""labelled_id -> tokens of its mask"""
TRAIN, TEST = np.arange(N), np.arange(N, 2 * N)


def labels() -> np.ndarray:
    """2N x 3: the two parts are always there together, so that no score tells them apart."""
    first = np.arange(2 * N) % 4 == 0
    third = np.arange(2 * N) % 3 == 0
    return np.stack([first, first, third], axis=1).astype(np.float64)


def covered(y: np.ndarray) -> np.ndarray:
    out = np.zeros((len(y), T, 3), dtype=np.float32)
    for label, tokens in PLACE.items():
        out[:, tokens, label] = y[:, label, None]
    return out.reshape(-1, 3)


def known() -> Build:
    y = labels()
    return fake_builds.build(
        classes=fake_builds.classes(np.full(2 * N, -1)),
        train=TRAIN,
        held_out=TEST,
        labels=Labels(NAMES, y[TRAIN], y[TEST], "image"),
        masks=Masks(TEST, covered(y[TEST])),
        masks_train=Masks(TRAIN, covered(y[TRAIN])),
    )


def codes(folder: Path, concepts: list[tuple[int, tuple[int, ...]]]) -> Codes:
    """Each concept fires where a label is present, a little everywhere, at the tokens given."""
    rng = np.random.default_rng(3)
    y = labels()
    dense = rng.uniform(0, 0.01, (2 * N, len(concepts), T)).astype(np.float32)
    for k, (label, tokens) in enumerate(concepts):
        dense[:, k, tokens] += y[:, label, None].astype(np.float32)
    folder.mkdir(exist_ok=True)
    np.savez(folder / "codes.npz", **sparse(dense, first=0, pool="mean"))
    return Codes([folder], [2 * N], T, len(concepts))


def judged(
    made: Codes,
    among: Build,
    measured: list[dict[str, float]] | None = None,
    words: tuple[str, ...] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = np.arange(made.n_concepts)
    frame = pd.DataFrame({"concept_id": ids})
    table = label_scores(
        measured or [], made, made.scores.toarray(), ids, among, frame, words=words
    )
    return frame, table


NAMED = ["name_auc", "name_n", "name_iou", "name_iou_chance", "name_iou_best", "name_iou_n"]
PLANTED = [(0, (4, 5)), (0, (0, 1)), (0, (2, 3)), (2, (2,)), (2, (0,))]


def test_of_two_labels_detected_alike_the_one_in_place_is_the_name(tmp_path: Path) -> None:
    frame, _ = judged(codes(tmp_path, PLANTED), known())
    assert frame["name_source"].tolist() == ["matched"] * 2 + ["unnamed", "matched", "unnamed"]
    assert frame["labelled_id"].tolist()[:2] == [1, 0]
    assert frame["labelled_id"][3] == 2
    assert frame["second_id"].tolist()[:2] == [0, 1]
    assert frame["doubt"].tolist() == ["", "", "small lead, out of place", "", "out of place"]
    np.testing.assert_allclose(frame["name_margin"][:2], 0)
    assert (frame["place_margin"][:2] > 0.9).all()
    assert frame["place_margin"][2:].isna().all()
    # without masks nothing tells the two apart
    bare = replace(
        known(),
        masks_train=Masks(TRAIN[:0], np.zeros((0, 3))),
    )
    frame, _ = judged(codes(tmp_path, PLANTED), bare)
    assert frame["doubt"].tolist() == ["small lead"] * 3 + ["", "out of place"]


def test_names_are_chosen_on_train_images_and_judged_on_others(tmp_path: Path) -> None:
    made = codes(tmp_path, PLANTED[:2])
    moved = covered(labels()[TEST])[:, [1, 0, 2]]  # held-out masks of the two parts change places
    frame, _ = judged(made, replace(known(), masks=Masks(TEST, moved)))
    assert frame["labelled_id"].tolist() == [1, 0]
    assert frame["name_iou"].max() < 0.1
    assert frame["doubt"].tolist() == ["out of place"] * 2
    other = codes(tmp_path, [(2, (4, 5))])  # on held-out images the label is another's
    y = labels()
    swapped = Labels(NAMES, y[TRAIN][:, [2, 2, 0]], y[TEST], "image")
    taught = covered(y[TRAIN][:, [2, 2, 0]])
    frame, _ = judged(other, replace(known(), labels=swapped, masks_train=Masks(TRAIN, taught)))
    assert frame["name_source"].tolist() == ["matched"]
    assert frame["labelled_id"].tolist() == [1]
    assert frame["name_auc"][0] < 0.75
    assert "low AUC" in frame["doubt"][0]


def test_every_label_has_its_iou_beside_chance_and_n(tmp_path: Path) -> None:
    made = codes(tmp_path, PLANTED)
    frame, table = judged(made, known())
    assert len(table) == len(PLANTED) * len(NAMES)
    y, masks = labels()[TEST], covered(labels()[TEST])
    expected = area_matched_overlap(made.dense_maps(TEST), masks, n_tokens=T)
    np.testing.assert_allclose(table["iou"], expected.iou.ravel())
    np.testing.assert_allclose(table["iou_chance"], expected.chance.ravel())
    np.testing.assert_allclose(table["iou_best"], expected.best.ravel())
    assert table["iou_n"][:3].tolist() == y.sum(0).tolist()
    named = table.set_index(["concept_id", "labelled_id"])
    for _, row in frame.iterrows():
        own = named.loc[(row["concept_id"], row["labelled_id"])]
        found = row[NAMED]
        assert found.tolist() == own.tolist()


def test_a_probe_keeps_its_label_and_is_marked_where_it_is_weak(tmp_path: Path) -> None:
    made = codes(tmp_path, [(0, (0, 1)), (0, (4, 5)), (2, (2,))])
    measured = [{"label": 0.0}, {"label": 0.0}, {"label": 1.0}]
    frame, _ = judged(made, known(), measured)
    assert frame["name_source"].tolist() == ["label"] * 3
    assert frame["labelled_id"].tolist() == [0, 0, 1]
    assert frame["doubt"].tolist() == ["", "out of place", "low AUC, out of place"]
    assert frame["second_id"].tolist() == [1, 1, 2]
    assert frame["name_margin"][2] < -0.3
    assert (frame["present_q50"].notna() & frame["absent_q50"].notna()).all()


def test_a_word_is_marked_where_the_label_of_its_words_is_not_found(tmp_path: Path) -> None:
    made = codes(tmp_path, [(2, (2,)), (2, (4, 5)), (0, (0, 1))])
    frame, _ = judged(made, known(), words=("middle", "right", "spaceship"))
    assert frame["name_source"].tolist() == ["word"] * 3
    assert frame["labelled_id"].tolist()[:2] == [2, 1]
    assert frame["labelled_id"][2] in (0, 1)  # only the nearest
    assert frame["doubt"].tolist() == ["", "low AUC", ""]


def test_no_labels_doubt_nothing(tmp_path: Path) -> None:
    frame, table = judged(codes(tmp_path, PLANTED), replace(known(), labels=None))
    assert set(frame["doubt"]) == {""}
    assert table.empty
    empty = ["name_margin", "place_margin", "name_iou_chance", "name_iou_n"]
    assert frame[empty].isna().all(axis=None)


def test_maps_of_some_concepts_are_columns_of_those_of_all(tmp_path: Path) -> None:
    made = codes(tmp_path, PLANTED)
    rows = np.array([1, 4, 50])
    every = made.dense_maps(rows)
    assert every.shape == (3 * T, len(PLANTED))
    np.testing.assert_array_equal(made.dense_maps(rows, np.array([3, 0])), every[:, [3, 0]])
    assert every[T : 2 * T, 0].round().tolist() == [0, 0, 0, 0, 1, 1]  # image 4 has the part
