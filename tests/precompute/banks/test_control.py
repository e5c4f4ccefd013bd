"""Controls stand in a bank's place: on as often and as strongly, pooled and judged as its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import fake_builds
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from core.concepts.bottlenecks import cav
from core.concepts.factors import random_directions
from core.kinds import ControlKind
from core.metrics import association, concept_quality, dictionary
from core.types import ConceptBank, Labels
from precompute.banks import control
from precompute.banks.control import ControlCodes
from precompute.banks.encode import Codes, encode_bank
from precompute.banks.run import LabelledScores
from precompute.intake import shards
from precompute.intake.activations import ActivationStore
from precompute.intake.build import Build, Masks
from precompute.naming import labelled_scores
from precompute.quality import meaning, metric_maps

N, TRAIN, T, D, K = 60, 40, 6, 7, 5
"""images, train images, tokens, channels, concepts"""


@pytest.fixture
def activations(tmp_path: Path) -> ActivationStore:
    """Of which the first channel tells whether an image shows the label "a"."""
    rng = np.random.default_rng(0)
    tokens = rng.normal(size=(N, T, D)).astype(np.float32)
    tokens[:, :, 0] += 3 * _labels()[:, :1]
    folders = [tmp_path / "0", tmp_path / "1"]
    for folder, part in zip(folders, np.split(tokens, [25]), strict=True):
        folder.mkdir()
        np.save(folder / "tokens.npy", part)
        np.save(folder / "pooled.npy", part.mean(1))
        (folder / shards.FACTS).write_text(json.dumps({"n": len(part)}))
    return ActivationStore(folders)


def _labels() -> np.ndarray:
    return (np.random.default_rng(1).random((N, 3)) < 0.4).astype(np.float64)


def _known(activations: ActivationStore | None = None, *, seed: int = 0) -> Build:
    y = _labels()
    rows = np.arange(N)
    labels = Labels(("a", "b", "c"), y[:TRAIN], y[TRAIN:], "image")
    none = fake_builds.masks(rows[:0], np.zeros((0, 3), dtype=np.float32))
    stored = {} if activations is None else {"activations": activations}
    return fake_builds.build(
        seed=seed,
        classes=fake_builds.classes(rows % 2, "wren", "heron"),
        train=rows[:TRAIN],
        held_out=rows[TRAIN:],
        labels=labels,
        masks=none,
        masks_train=none,
        pooled=np.zeros((N, 0)) if activations is None else activations.pooled(),
        **stored,
    )


def _bank(kind: str) -> ConceptBank:
    rows = torch.randn(K, D, generator=torch.Generator().manual_seed(2))
    if kind == "signed":
        return cav.Bank(rows, torch.zeros(K))
    rows = rows.abs() if kind == "non-negative" else rows
    return random_directions.Bank(rows, torch.zeros(D), torch.tensor(1.0), torch.tensor(2))


def _drawn(
    activations: ActivationStore,
    folder: Path,
    kind: str = "sparse",
    pool: str = "mean",
    choice: ControlKind = "matched",
) -> tuple[Codes, ControlCodes]:
    bank = _bank(kind)
    codes, _ = encode_bank(bank, activations, folder / "codes", title=kind, pool=pool)
    return codes, control.draw_control(bank, codes, _known(activations), kind=choice)


# -- directions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sparse", "non-negative"])
def test_each_concept_of_a_matched_control_is_on_as_often_and_as_strongly(
    activations: ActivationStore, tmp_path: Path, kind: str
) -> None:
    codes, drawn = _drawn(activations, tmp_path, kind)
    train = np.arange(TRAIN)
    ours, theirs = codes.dense_maps(train), drawn.dense_maps(train)
    assert (theirs >= 0).all()
    # matched on all train tokens, there being so few
    on = (ours > 0).sum(0)
    assert len(set(on)) > 2
    assert ((theirs > 0).sum(0) == on).all()
    np.testing.assert_allclose(theirs.sum(0), ours.sum(0), rtol=1e-4)
    for j in range(K):
        one, two = (np.sort(maps[maps[:, j] > 0, j]) for maps in (ours, theirs))
        np.testing.assert_allclose(two[[len(two) // 2, -1]], one[[len(one) // 2, -1]], rtol=0.25)
    assert np.abs(np.corrcoef(ours.T, theirs.T)[:K, K:].diagonal()).max() < 0.9


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_a_matched_control_of_signed_codes_has_their_mean_and_deviation(
    activations: ActivationStore, tmp_path: Path, pool: str
) -> None:
    codes, drawn = _drawn(activations, tmp_path, "signed", pool)
    train = np.arange(TRAIN)
    ours, theirs = (
        made.scores.toarray()[train] if pool == "mean" else made.dense_maps(train)
        for made in (codes, drawn)
    )
    np.testing.assert_allclose(theirs.mean(0), ours.mean(0), atol=1e-4)
    np.testing.assert_allclose(theirs.std(0), ours.std(0), rtol=1e-4)


@pytest.mark.parametrize("kind", ["sparse", "non-negative", "signed"])
def test_a_matched_control_keeps_every_cosine_among_directions(
    activations: ActivationStore, tmp_path: Path, kind: str
) -> None:
    _, drawn = _drawn(activations, tmp_path, kind)
    ours, theirs = _bank(kind).directions, drawn.control.directions
    np.testing.assert_allclose(theirs @ theirs.T, ours @ ours.T, atol=1e-4)
    ranks = [dictionary.effective_rank(rows) for rows in (ours, theirs)]
    assert ranks[0] == pytest.approx(ranks[1], rel=1e-5)
    assert not np.allclose(ours, theirs, atol=0.1)
    mean = torch.from_numpy(activations.pooled()[:TRAIN]).mean(0)
    # a bank without a centre rebuilds the mean, too
    assert np.allclose(ours @ mean, theirs @ mean, atol=1e-4) == (kind != "signed")


def test_a_concept_that_is_never_on_has_a_control_that_is_not(
    activations: ActivationStore, tmp_path: Path
) -> None:
    bank = _bank("sparse")
    assert isinstance(bank, random_directions.Bank)
    directions = bank.directions.clone()
    directions[0] = 0
    bank = replace(bank, directions=directions)
    codes, _ = encode_bank(bank, activations, tmp_path / "codes", title="dead")
    drawn = control.draw_control(bank, codes, _known(activations), kind="matched")
    on = (drawn.dense_maps(np.arange(N)) > 0).sum(0)
    assert on[0] == 0
    assert (on[1:] > 0).all()


@pytest.mark.parametrize("kind", ["sparse", "non-negative"])
def test_every_plain_direction_is_on_as_often_as_the_banks_codes_on_average(
    activations: ActivationStore, tmp_path: Path, kind: str
) -> None:
    codes, drawn = _drawn(activations, tmp_path, kind, choice="random")
    maps = drawn.dense_maps(np.arange(TRAIN))
    assert maps.shape == (TRAIN * T, K)
    assert (maps >= 0).all()
    assert 1 < codes.l0 <= 2
    # the thresholds were set on all train tokens, there being so few
    assert set((maps > 0).sum(0)) == {round(codes.l0 / K * TRAIN * T)}
    rows = drawn.control.directions
    assert rows.norm(dim=1).numpy() == pytest.approx(np.ones(K), abs=1e-5)
    assert bool((rows >= 0).all()) == (kind == "non-negative")


def test_plain_control_of_signed_codes_are_distances_to_separators_through_the_mean(
    activations: ActivationStore, tmp_path: Path
) -> None:
    _, drawn = _drawn(activations, tmp_path, "signed", choice="random")
    pooled = activations.pooled()
    expected = (pooled - pooled[:TRAIN].mean(0)) @ drawn.control.directions.numpy().T
    np.testing.assert_allclose(drawn.scores.toarray(), expected, atol=1e-5)
    assert (drawn.dense_maps(np.arange(N)) < 0).any()


def test_rebuilt_tokens_are_those_of_the_gain_that_fits_train_tokens_best(
    activations: ActivationStore, tmp_path: Path
) -> None:
    _, drawn = _drawn(activations, tmp_path, "non-negative")
    x = torch.from_numpy(
        np.concatenate([activations.tokens(i) for i in range(2)])[:TRAIN].reshape(-1, D)
    )
    codes = drawn.dictionary.codes(x)
    maps = drawn.dense_maps(np.arange(TRAIN))
    factor = codes.numpy()[maps > 0] / maps[maps > 0]
    assert factor == pytest.approx(np.full(len(factor), factor[0]), rel=1e-4)
    errors = [
        float((x - drawn.dictionary.rebuilt(gain * codes)).square().sum())
        for gain in (0.99, 1.0, 1.01)
    ]
    assert errors[1] == min(errors)


def test_separators_of_a_control_are_chosen_on_train_images(
    activations: ActivationStore, tmp_path: Path
) -> None:
    """Concept accuracy, written out: the best of all separators on train, judged elsewhere."""
    codes, drawn = _drawn(activations, tmp_path, "signed")
    y, of = _labels(), np.arange(K) % 3
    own = LabelledScores(codes.scores.toarray(), of, True, codes.of_images())
    made = labelled_scores.control_scores(own, drawn)
    build = replace(_known(activations), presence=y)
    rows = metric_maps.right_side(made, build)
    found = {row.split: row.measure.value for row in rows if row.name == "concept_accuracy"}
    right = []
    for j, label in enumerate(of):
        s, t = drawn.scores.toarray()[:, j], y[:, label] == 1
        cuts = [s.min() - 1, *((np.sort(s[:TRAIN])[1:] + np.sort(s[:TRAIN])[:-1]) / 2), s.max() + 1]
        best = max(cuts, key=lambda cut: ((s[:TRAIN] > cut) == t[:TRAIN]).mean())
        right.append((s[:TRAIN] > best) == t[:TRAIN])
    assert found["train"] == pytest.approx(np.mean(right))
    commoner = [max(y[:TRAIN, label].mean(), 1 - y[:TRAIN, label].mean()) for label in of]
    assert found["train"] >= np.mean(commoner)


@pytest.mark.parametrize("kind", ["sparse", "signed"])
@pytest.mark.parametrize("pool", ["mean", "max"])
def test_scores_are_pooled_as_the_bank_is_and_all_roads_give_one_map(
    activations: ActivationStore, tmp_path: Path, kind: str, pool: str
) -> None:
    _, drawn = _drawn(activations, tmp_path, kind, pool)
    one = drawn.of_images()
    maps = np.stack([one(row) for row in range(N)])
    pooled = maps.max(1) if pool == "max" else maps.mean(1)
    np.testing.assert_allclose(drawn.scores.toarray(), pooled, rtol=1e-4, atol=1e-5)
    some, few = np.array([3, 24, 25, 59]), np.array([1, 4])
    np.testing.assert_allclose(
        drawn.dense_maps(some, few), maps[some][:, :, few].reshape(-1, 2), atol=1e-6
    )
    by_shard = Codes.of_images(drawn)
    np.testing.assert_allclose(np.stack([by_shard(row) for row in range(N)]), maps, atol=1e-6)


def test_control_keeps_the_labels_of_the_concepts_it_stands_in_for(
    activations: ActivationStore, tmp_path: Path
) -> None:
    codes, drawn = _drawn(activations, tmp_path)
    own = LabelledScores(
        codes.scores.toarray(),
        np.array([0, 1, -1, 2, 0]),
        True,
        codes.of_images(),
        sided=False,
    )
    made = labelled_scores.control_scores(own, drawn)
    np.testing.assert_array_equal(made.scores, drawn.scores.toarray())
    assert not np.allclose(made.scores, own.scores)
    assert made.label_of is own.label_of
    assert (made.probes, made.worded, made.sided) == (True, False, False)


# -- what concepts mean --------------------------------------------------------------------------


def _concept(scores: np.ndarray) -> pd.DataFrame:
    """Rows of `concept` whose every concept is named."""
    k = scores.shape[1]
    columns = ("name_auc", "separability", "monosemanticity", "separability_chance")
    return pd.DataFrame(
        {
            "n_active": (scores > 0).sum(0),
            "name_source": ["matched"] * k,
            "name_iou": np.nan,
            "name_iou_chance": np.nan,
            "monosemanticity_chance": 0.1,
            **dict.fromkeys(columns, 0.9),
        }
    )


def _by_hand(scores: np.ndarray) -> tuple[list[float], list[bool]]:
    """Held-out AUC for the best label on train images, and whether that is a name."""
    y, areas, names = _labels(), [], []
    for own in scores.T:
        train = [roc_auc_score(y[:TRAIN, j], own[:TRAIN]) for j in range(3)]
        best = int(np.argmax(train))
        second = max(v for j, v in enumerate(train) if j != best)
        areas.append(roc_auc_score(y[TRAIN:, best], own[TRAIN:]))
        names.append(train[best] >= 0.75 and train[best] - second >= 0.02)
    return areas, names


def test_control_directions_are_named_and_judged_as_concepts_are(
    activations: ActivationStore, tmp_path: Path
) -> None:
    codes, drawn = _drawn(activations, tmp_path, choice="random")
    own, theirs = codes.scores.toarray(), drawn.scores.toarray()
    pooled = activations.pooled()
    known = _known(activations)
    names_of = meaning.control_names(drawn, known)
    figures = meaning.figures(_concept(own), codes, drawn, known, names_of)
    found = {f.measure: f for f in figures}
    assert set(found) == {"dead", "named", "name_auc", "separability", "monosemanticity"}
    areas, names = _by_hand(theirs)
    assert 0 < sum(names) < K
    assert found["name_auc"].control == pytest.approx(np.mean(areas))
    assert found["named"].control == pytest.approx(np.mean(names))
    assert found["named"].value == 1
    assert found["dead"].control == (theirs.max(0) <= 0).mean()
    apart = concept_quality.separability(theirs[TRAIN:], np.arange(TRAIN, N) % 2, seed=0)
    assert found["separability"].control == pytest.approx(apart.mean())
    tops = [np.argsort(-column)[:24] for column in theirs.T]
    alike = [
        concept_quality.mean_cosine(pooled[rows[theirs[rows, k] > 0]])
        for k, rows in enumerate(tops)
    ]
    assert found["monosemanticity"].control == pytest.approx(np.mean(alike))
    assert {f.n for f in found.values()} == {K}


def test_chance_of_names_is_what_the_scores_get_with_labels_of_other_images(
    activations: ActivationStore, tmp_path: Path
) -> None:
    """The best of three labels on train images, on others: chance is near 0.5, not above."""
    codes, drawn = _drawn(activations, tmp_path)
    known = _known(activations)
    luck = {}
    for seed in range(40):
        dealt = meaning.dealt(_known(seed=seed))
        assert dealt.labels is not None
        for side, before in (("train", _labels()[:TRAIN]), ("test", _labels()[TRAIN:])):
            after = getattr(dealt.labels, side)
            assert sorted(map(tuple, after)) == sorted(map(tuple, before))
        named = meaning.named(codes, codes.scores.toarray(), dealt, np.arange(K))
        luck[seed] = named["name_auc"].mean()
    assert abs(np.mean(list(luck.values())) - 0.5) < 0.03
    names = meaning.control_names(drawn, known)
    figures = meaning.figures(_concept(codes.scores.toarray()), codes, drawn, known, names)
    assert {f.measure: f.chance for f in figures}["name_auc"] == pytest.approx(luck[0])


def test_maps_of_random_directions_lie_on_masks_as_their_labels_say(
    activations: ActivationStore, tmp_path: Path
) -> None:
    codes, drawn = _drawn(activations, tmp_path, choice="random")
    known = _known(activations)
    rng = np.random.default_rng(5)
    masked_train, masked = np.arange(0, TRAIN, 3), np.arange(TRAIN, N)
    covered_train, covered = (
        (rng.random((len(rows) * T, 3)) < 0.3).astype(np.float32) for rows in (masked_train, masked)
    )
    known = replace(
        known, masks=Masks(masked, covered), masks_train=Masks(masked_train, covered_train)
    )
    concept = _concept(codes.scores.toarray()).assign(name_iou=0.7, name_iou_chance=0.3)
    figures = meaning.figures(concept, codes, drawn, known, meaning.control_names(drawn, known))
    iou = {f.measure: f for f in figures}["iou"]
    frame = meaning.named(drawn, drawn.scores.toarray(), known, np.arange(K))
    one = drawn.of_images()
    maps = np.concatenate([one(int(row)) for row in masked])
    each = association.area_matched_overlap(maps, covered, n_tokens=codes.n_tokens).iou
    best = frame["labelled_id"].to_numpy(dtype=int)
    assert len(set(best)) > 1
    assert (iou.value, iou.chance) == pytest.approx((0.7, 0.3))
    assert iou.control == pytest.approx(each[np.arange(K), best].mean())


def test_few_masks_stand_for_many_each_with_its_own_image() -> None:
    n, width = 2 * meaning.MASKED - 1, 3
    covered = np.repeat(np.arange(n), T)[:, None] / n + np.zeros(width)
    many = replace(_known(), masks=Masks(np.arange(n) + 7, covered))
    few = meaning.thinned(many)
    assert few.masks.images.tolist() == list(range(7, n + 7, 2))
    np.testing.assert_allclose(few.masks.covered[::T, 0] * n, few.masks.images - 7)
    assert meaning.thinned(few).masks is few.masks
    assert len(few.masks_train.images) == 0


def test_a_bank_that_is_a_control_has_none(activations: ActivationStore, tmp_path: Path) -> None:
    codes, _ = _drawn(activations, tmp_path)
    concept = _concept(codes.scores.toarray())
    found = list(meaning.figures(concept, codes, None, _known(activations), None))
    assert len(found) == 5
    assert np.isnan([f.control for f in found]).all()
    assert not np.isnan([f.chance for f in found if f.measure != "dead"]).any()


def test_only_images_that_show_a_direction_say_how_alike_its_images_are() -> None:
    rng = np.random.default_rng(3)
    pooled, scores = rng.normal(size=(60, D)), rng.normal(size=(60, 2))
    scores[:, 0] = -1
    scores[[4, 17, 40], 0] = 2.0, 1.0, 0.5
    few, many = meaning.alike(scores, pooled)
    assert few == pytest.approx(concept_quality.mean_cosine(pooled[[4, 17, 40]]))
    top = np.argsort(-scores[:, 1])[:24]
    assert many == pytest.approx(concept_quality.mean_cosine(pooled[top]))
