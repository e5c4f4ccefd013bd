"""Heads of every kind: sparse by number, hybrid, own, matched profiles, zero-shot, from a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import fake_builds
import fakes
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from core import heads as core_heads
from core.bottleneck import logits, rest
from core.concepts.common import concept_layer
from core.concepts.factors import nmf
from core.naming.labels import same_words
from core.recipe import HeadSpec
from core.types import Head, Labels, Readout
from precompute.heads import HEADS, Fitted, HeadInput, fit_head, logits_of, predictions
from precompute.intake.texts import Texts
from precompute.quality.metric_maps import best_separator

N, N_TRAIN, K, D, Y = 60, 42, 5, 7, 3
NAMES = ("wren", "grey_heron", "finch")


def given(**changed: object) -> HeadInput:
    """Three classes told apart by concepts 0..2; concepts 3 and 4 are noise."""
    rng = np.random.default_rng(1)
    classes = np.arange(N) % Y
    pooled = rng.normal(size=(N, D)).astype(np.float32)
    pooled[np.arange(N), classes] += 3
    scores = pooled[:, :K].astype(np.float64) * 4 + 2
    present = (classes[:, None] == np.arange(Y)).astype(float)
    labels = Labels(
        ("beak: red", "wing: blue", "lake"), present[:N_TRAIN], present[N_TRAIN:], "image"
    )
    bank = concept_layer.of(np.eye(K, D), np.zeros(K), names=tuple("abcde"))
    known = fake_builds.build(
        classes=fake_builds.classes(classes, *NAMES),
        train=np.arange(N_TRAIN),
        held_out=np.arange(N_TRAIN, N),
        labels=labels,
        pooled=pooled,
    )
    made = HeadInput(known, bank, scores, np.array([0, 1, 2, -1, -1]))
    return replace(made, **changed)  # type: ignore[arg-type]


def right(fitted: Fitted, taken: HeadInput) -> float:
    predicted, _ = predictions(fitted, taken.scores)
    held_out = taken.build.held_out
    return float((predicted[held_out] == taken.build.class_of[held_out]).mean())


# -- trained -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sparse", "hybrid"])
def test_a_fit_that_ends_before_it_is_done_is_a_notice(kind: str) -> None:
    taken = given()
    done = fit_head(taken, HeadSpec("bank", kind))
    assert done is not None
    assert done.gap is not None
    assert done.gap <= core_heads.CLOSE
    assert taken.build.log.told() == []
    ended = fit_head(taken, HeadSpec("bank", kind, params={"max_iter": 2}))
    assert ended is not None
    assert ended.gap is not None
    assert ended.gap > core_heads.CLOSE
    [(stage, _, why)] = taken.build.log.told()
    assert stage == "heads"
    assert f"{100 * ended.gap:.2g} %" in why
    assert "max_iter" in why


@pytest.mark.parametrize("per_class", [1, 2, 3])
def test_a_class_gets_as_many_weights_as_asked(per_class: int) -> None:
    taken = given()
    fitted = HEADS["sparse"].make(taken, per_class=per_class)
    each = (fitted.head.weight != 0).sum(1)
    assert abs(each.mean() - per_class) <= 0.5
    assert f"{each.mean():.3g} a class where {per_class} were asked for" in fitted.about
    assert right(fitted, taken) > 0.8


def test_the_strength_is_chosen_on_the_val_split_and_on_no_other() -> None:
    """What the test images are called changes nothing; what the val images are called does."""
    taken = given()
    parts = np.repeat(["train", "val", "test"], (30, 12, 18)).astype(object)
    classes = np.arange(N) % Y

    def fitted(*wrong: str) -> Fitted:
        of_image = np.where(np.isin(parts, wrong), (classes + 1) % Y, classes)
        known = fake_builds.classes(of_image, *NAMES)
        build = replace(taken.build, classes=known, split=parts, train=np.arange(30))
        return HEADS["sparse"].make(replace(taken, build=build))

    usual = fitted()
    assert "penalised as is best on 12 val images (c = 0.01)" not in usual.about
    np.testing.assert_array_equal(fitted("test").head.weight, usual.head.weight)
    assert "penalised as is best on 12 val images (c = 0.01)" in fitted("val").about
    assert "val" not in HEADS["sparse"].make(taken).about


def test_more_weights_than_concepts_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and the 5 concepts"):
        HEADS["sparse"].make(given(), per_class=6)


def test_without_bias_nothing_but_concepts_counts() -> None:
    taken = given()
    fitted = HEADS["sparse"].make(taken, fit_bias=False)
    assert (fitted.head.bias == 0).all()
    assert (logits(fitted.head, np.zeros((1, K))) == 0).all()
    assert right(fitted, taken) > 0.6
    assert (HEADS["sparse"].make(taken).head.bias != 0).any()


def test_a_hybrid_adds_what_the_concepts_leave() -> None:
    """A class that no concept shows is read off the activations; the concept part stays itself."""
    taken = given()
    blind = replace(taken, scores=taken.scores[:, [3, 4, 3, 4, 3]] * 1.0)
    plain, hybrid = HEADS["sparse"].make(blind), HEADS["hybrid"].make(blind)
    np.testing.assert_array_equal(hybrid.head.weight, plain.head.weight)
    np.testing.assert_array_equal(hybrid.head.bias, plain.head.bias)
    assert hybrid.head.residual
    assert right(plain, blind) < 0.6 < 0.85 < right(hybrid, blind)
    own = logits_of(hybrid, blind.scores)
    assert hybrid.rest is not None
    np.testing.assert_allclose(rest(hybrid.head, blind.scores, own), hybrid.rest)


def test_every_trained_kind_is_made_again_from_other_scores() -> None:
    taken = given()
    noise = np.random.default_rng(5).normal(size=(N, K))
    for kind in ("sparse", "matrix_search"):
        fitted = HEADS[kind].make(taken)
        assert fitted.refit is not None
        again = fitted.refit(noise)
        predicted, _ = predictions(again, noise)
        held_out = taken.build.held_out
        assert (predicted[held_out] == taken.build.class_of[held_out]).mean() < 0.7
        assert right(fitted, taken) > 0.8


# -- own ---------------------------------------------------------------------------------------


def test_own_is_the_banks_read_out() -> None:
    head = Head(np.eye(Y, K), np.array([0.5, 0, -1]))
    bank = concept_layer.of(
        np.eye(K, D), np.zeros(K), readout=Readout(head, np.array([2, 0, 1]), "So it was.")
    )
    fitted = HEADS["own"].make(given(bank=bank))
    np.testing.assert_array_equal(fitted.head.weight, head.weight)
    assert fitted.classes.tolist() == [2, 0, 1]
    assert fitted.about == "So it was."
    assert fitted.refit is not None
    assert fitted.refit(np.random.default_rng(0).normal(size=(N, K))).head.weight.shape == (Y, K)
    named = Readout(head, ("Finch", "eagle", "grey heron"), "Trained elsewhere.")
    bank = concept_layer.of(np.eye(K, D), np.zeros(K), readout=named)
    fitted = HEADS["own"].make(given(bank=bank))
    assert fitted.classes.tolist() == [2, 1]
    np.testing.assert_array_equal(fitted.head.weight, head.weight[[0, 2]])
    assert "1 of its 3 classes are not of this build" in fitted.about
    assert fitted.refit is None


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ((), "classes.txt"),
        (("eagle", "owl", "wren"), r"of which 1 are among this build's \(wren, grey_heron"),
    ],
)
def test_a_read_out_of_other_classes_is_refused(classes: tuple[str, ...], said: str) -> None:
    readout = Readout(Head(np.eye(Y, K), np.zeros(Y)), classes, "")
    bank = concept_layer.of(np.eye(K, D), np.zeros(K), readout=readout)
    with pytest.raises(ValueError, match=said):
        HEADS["own"].make(given(bank=bank))


def test_a_bank_without_read_out_has_no_own_head() -> None:
    x = torch.rand(9, 4, D, generator=torch.Generator().manual_seed(0))
    for bank in (nmf.fit(fakes.fit_data(x), n_concepts=K), given().bank):
        with pytest.raises(ValueError, match="learned no classes"):
            HEADS["own"].make(given(bank=bank))


# -- not trained -------------------------------------------------------------------------------


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("centred", [True, False])
def test_matched_profiles_rank_classes_as_the_cosine_does(centred: bool) -> None:
    rng = np.random.default_rng(2)
    scores, profiles = rng.random((13, K)) + 1, rng.random((Y, K))
    head = core_heads.match_profiles(profiles, scores if centred else None)
    z, t = scores, profiles
    if centred:
        z, t = (scores - scores.mean(0)) / scores.std(0), profiles - profiles.mean(0)
    found = logits(head, scores)
    np.testing.assert_allclose(found / np.linalg.norm(z, axis=1)[:, None], cosines(z, t))


def test_a_constant_score_and_an_empty_profile_count_for_nothing() -> None:
    scores = np.random.default_rng(0).random((6, 3))
    scores[:, 1] = 7
    head = core_heads.match_profiles(np.array([[1.0, 9, 0], [0, 0, 1], [0, 0, 0]]), scores)
    assert (head.weight[:, 1] == 0).all()
    plain = core_heads.match_profiles(np.array([[1.0, 0, 0], [0, 0, 0]]))
    assert plain.weight.tolist() == [[1, 0, 0], [0, 0, 0]]


def test_matrix_search_takes_profiles_from_labels_or_from_texts() -> None:
    taken = given()
    by_labels = HEADS["matrix_search"].make(taken)
    assert right(by_labels, taken) > 0.8
    assert (by_labels.head.weight[:, 3:] == 0).all()
    words = ("a", "b", "c", "d", "e", "wren", "grey heron", "finch")
    vectors = np.eye(8, dtype=np.float32)
    vectors[5:, :] = 0
    vectors[[5, 6, 7], [0, 1, 2]] = 1  # each class is its own concept's word
    texts = Texts(words, vectors, np.zeros((N, 8), np.float32))
    by_texts = HEADS["matrix_search"].make(replace(taken, texts=texts))
    assert right(by_texts, taken) > 0.8
    assert "cosines of its name" in by_texts.about
    few = Texts(words[:-1], vectors[:-1], texts.images_in)
    with pytest.raises(ValueError, match=r"1 of 3 class names are not in the vocabulary \(finch\)"):
        HEADS["matrix_search"].make(replace(taken, texts=few))
    with pytest.raises(ValueError, match="which concepts a class shows"):
        HEADS["matrix_search"].make(replace(taken, label_of=np.full(K, -1)))


def trimmed(values: np.ndarray, limit: float) -> float:
    """The slow twin, one value at a time."""
    middle = float(np.median(values))
    mad = float(np.median(np.abs(values - middle))) + 1e-6
    beyond = [abs(v - middle) / mad > limit for v in values]
    share = min(max(sum(beyond) / len(values), 1e-6), 1 - 1e-6)
    slope = min(max(np.log((1 - share) / share), 0.1), 4.0)
    weights = [1 / (1 + np.exp(slope * (abs(v - middle) / mad - limit))) for v in values]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def test_outliers_on_either_side_hardly_count() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(5, 4, 11))
    found = core_heads.soft_trimmed_mean(values, limit=2.0)
    for i in range(5):
        for j in range(4):
            assert found[i, j] == pytest.approx(trimmed(values[i, j], 2.0))
    near = np.array([1.0, 1.1, 0.9, 1.05, 0.95])
    for odd in (50.0, -50.0):
        assert abs(float(core_heads.soft_trimmed_mean(np.append(near, odd))) - 1) < 0.05
    assert float(core_heads.soft_trimmed_mean(np.full(4, 0.3))) == pytest.approx(0.3)


def prompts() -> Texts:
    rng = np.random.default_rng(3)
    words = tuple(f"a {n} with {w}" for n in ("wren", "grey heron", "finch") for w in "pqrs")
    centres = np.repeat(np.eye(Y), 4, axis=0) * 3
    images = np.eye(Y)[np.arange(N) % Y] * 3
    rows = [np.pad(x, ((0, 0), (0, 3))) + rng.normal(size=(len(x), 6)) for x in (centres, images)]
    return Texts(words, *((r / np.linalg.norm(r, axis=1)[:, None]).astype("f4") for r in rows))


def test_bayesian_reads_classes_off_their_own_phrases() -> None:
    taken = given(texts=prompts())
    fitted = HEADS["bayesian"].make(taken)
    assert not fitted.linear
    assert (fitted.head.weight == 0).all()
    assert right(fitted, taken) > 0.8
    own = taken.texts.images_in @ taken.texts.words_in.T  # type: ignore[union-attr]
    expected = [[100 * trimmed(row[4 * y : 4 * y + 4], 2.5) for y in range(Y)] for row in own]
    assert fitted.unlike is not None
    np.testing.assert_allclose(fitted.unlike, np.array(expected), rtol=1e-4)
    assert fitted.refit is not None
    assert right(fitted.refit(taken.scores), taken) < 0.75


def test_bayesian_composes_phrases_where_the_vocabulary_has_too_few() -> None:
    texts = prompts()
    asked: list[str] = []

    def embed(lines: Sequence[str]) -> np.ndarray:
        asked.extend(lines)
        at = [next(i for i, n in enumerate(NAMES) if n.replace("_", " ") in s) for s in lines]
        rng = np.random.default_rng(len(asked))
        rows = np.eye(Y, 6)[at] * 3 + rng.normal(size=(len(lines), 6))
        return (rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32)

    few = Texts(tuple("pqrs"), texts.words_in[:4], texts.images_in)  # type: ignore[index]
    with pytest.raises(ValueError, match=r"has 0 phrases about 'wren', and a class needs 3"):
        HEADS["bayesian"].make(given(texts=few))
    fitted = HEADS["bayesian"].make(given(texts=replace(few, embed=embed)), per_class=3)
    assert "grey heron with p" in asked
    assert "3 prompts" in fitted.about
    with pytest.raises(ValueError, match="this build has none"):
        HEADS["bayesian"].make(given())


# -- from a file -------------------------------------------------------------------------------


def written(path: Path, *, drop: tuple[str, ...] = (), **facts: object) -> Path:
    rng = np.random.default_rng(6)
    tensors = {
        "weight": rng.normal(size=(2, 3)),
        "bias": rng.normal(size=2),
        "concept_ids": np.array([4, 0, 2]),
    }
    metadata = {"classes": ["finch", "Wren"], **facts}
    save_file(
        {name: t for name, t in tensors.items() if name not in drop},
        path,
        {name: json.dumps(value) for name, value in metadata.items() if name not in drop},
    )
    return path


def test_a_head_from_a_file_lands_on_its_concepts_and_classes(tmp_path: Path) -> None:
    path = written(tmp_path / "h.safetensors", concepts=["e", "a", "#2"])
    fitted = HEADS["imported"].make(given(), path=str(path))
    expected = np.random.default_rng(6).normal(size=(2, 3))
    np.testing.assert_array_equal(fitted.head.weight[:, [4, 0, 2]], expected)
    assert (fitted.head.weight[:, [1, 3]] == 0).all()
    assert fitted.classes.tolist() == [2, 0]
    assert fitted.rest is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"drop": ("concept_ids",)}, "weight has 3 columns, but the bank has 5 concepts"),
        ({"drop": ("weight",)}, "lacks weight; a head is"),
        ({"drop": ("classes",)}, "lacks classes; a head is"),
        (
            {"classes": ["finch", "wren", "owl"]},
            "weight has 2 rows, bias 2 numbers and there are 3",
        ),
        ({"classes": ["owl", "eagle"]}, "of which 0 are among"),
        ({"concepts": ["e", "b", "c"]}, r"concept 0 is called 'b', which is 'a' in this bank"),
        ({"residual": True, "kind": "hybrid"}, "kind 'hybrid' that adds each image's rest"),
    ],
)
def test_a_file_that_does_not_fit_says_why(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = written(tmp_path / "h.safetensors", **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=said):
        HEADS["imported"].make(given(), path=str(path))


def test_files_that_are_no_head_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'' is none"):
        HEADS["imported"].make(given())
    for name, text in (("h.json", "[1]"), ("h.safetensors", "no weights")):
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match="cannot be read as a head"):
            HEADS["imported"].make(given(), path=str(tmp_path / name))


# -- names and sides ---------------------------------------------------------------------------


def test_words_say_a_label_by_its_value() -> None:
    labels = ["beak colour: red", "breast: red", "crown: plain", "wing: plain", "striped", "a: b c"]
    names = ["red beak", "Beak-colour: RED", "red", "plain", "striped", "c b", "b", "beak", "", "x"]
    assert same_words(names, labels).tolist() == [0, 0, -1, -1, 4, 5, -1, -1, -1, -1]


def test_the_best_separator_is_that_of_trying_all() -> None:
    rng = np.random.default_rng(8)
    scores = rng.normal(size=(23, 3)).round(1)  # ties
    labels = (scores + rng.normal(size=scores.shape) > 0).astype(float)
    labels[3:6] = np.nan
    labels[:, 2] = 1
    found = best_separator(scores, labels)
    for j in range(3):
        known = ~np.isnan(labels[:, j])
        s, y = scores[known, j], labels[known, j] == 1
        tried = [((s > t) == y).mean() for t in [s.min() - 1, *s, *(s - 0.05)]]
        assert ((s > found[j]) == y).mean() == pytest.approx(max(tried))
