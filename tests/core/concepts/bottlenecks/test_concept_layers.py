"""Concept bottlenecks' layers: planted concepts are found, and each training does what it says."""

from __future__ import annotations

from dataclasses import replace

import fakes
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from core.bottleneck import logits
from core.concepts.bottlenecks import cbm, label_free, sparse_cbm, supervised
from core.concepts.common import concept_layer
from core.concepts.words import worded
from core.types import FitData, Head, Labels, Readout, TextSide, words_of

N, T, D, K, Y = 90, 3, 7, 4, 3
N_TRAIN = 60


def planted(*, unknown: float = 0.0, seed: int = 3) -> FitData:
    """Four concepts, each a channel that is higher where it is present; two make the classes."""
    rng = np.random.default_rng(seed)
    present = (rng.random((N, K)) < 0.5).astype(float)
    x = rng.normal(size=(N, T, D)).astype(np.float32) * 0.3
    x[:, :, :K] += 2 * present[:, None]
    classes = (present[:, 0] + present[:, 1]).astype(np.int64)
    shown = np.where(rng.random((N, K)) < unknown, np.nan, present)
    labels = Labels(("a", "b", "c", "d"), present[:N_TRAIN], present[N_TRAIN:], "image")
    data = fakes.fit_data(torch.from_numpy(x), labels)
    labels = replace(labels, train=shown[:N_TRAIN])
    return replace(data, classes=classes[:N_TRAIN], labels=labels)


@pytest.mark.parametrize("training", cbm.TRAINING)
def test_every_training_finds_concepts_and_classes(training: str) -> None:
    data = planted(unknown=0.2)
    bank = cbm.fit(data, training=training, steps=400)
    assert data.labels is not None
    scores = data.pooled_test @ (bank.directions * bank.gain[:, None]).numpy().T + bank.bias.numpy()
    assert ((scores > 0) == (data.labels.test == 1)).mean() > 0.78  # chance 0.5
    assert [fact["label"] for fact in bank.facts()] == [0, 1, 2, 3]
    for j, fact in enumerate(bank.facts()):
        assert fact["test_accuracy"] == ((scores[:, j] > 0) == (data.labels.test[:, j] == 1)).mean()
    readout = bank.readout
    assert readout is not None
    assert np.asarray(readout.classes).tolist() == [0, 1, 2]
    truth = (data.labels.test[:, 0] + data.labels.test[:, 1]).astype(int)
    assert (logits(readout.head, scores).argmax(1) == truth).mean() > 0.8  # chance 0.5


def test_the_mean_of_a_map_is_the_score() -> None:
    bank = cbm.fit(planted(), steps=30)
    x = torch.randn(5, T, D, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(bank.encode(x).mean(1), bank.encode(x.mean(1)))


def test_independent_reads_truth_and_sequential_reads_what_is_predicted() -> None:
    data = planted()
    assert data.labels is not None
    one, two = (cbm.fit(data, training=t, steps=300) for t in ("independent", "sequential"))
    torch.testing.assert_close(one.encode(torch.eye(D)), two.encode(torch.eye(D)))
    scores = one.encode(torch.from_numpy(data.pooled)).double().numpy()
    coded = cbm.coded(scores, data.labels.train)
    for j in range(K):
        label = data.labels.train[:, j] == 1
        assert np.unique(coded[label, j]) == pytest.approx(np.median(scores[label, j]))
        assert np.unique(coded[~label, j]) == pytest.approx(np.median(scores[~label, j]))
    for bank, shown in ((one, coded), (two, scores)):
        z = (shown - shown.mean(0)) / shown.std(0)
        twin = LogisticRegression(max_iter=1000).fit(z, data.classes)
        assert bank.readout is not None
        ours = logits(bank.readout.head, shown)
        theirs = twin.decision_function(z)
        np.testing.assert_allclose(ours - ours[:, :1], theirs - theirs[:, :1], atol=1e-3)


def test_an_unknown_concept_lies_between_present_and_absent() -> None:
    scores = np.array([[4.0], [2.0], [-1.0], [9.0]])
    labels = np.array([[1.0], [1.0], [0.0], [np.nan]])
    np.testing.assert_allclose(cbm.coded(scores, labels)[:, 0], [3, 3, -1, 3 * 2 / 3 - 1 / 3])


def test_a_heavier_concept_loss_keeps_joint_concepts_truer() -> None:
    """Classes that contradict a concept bend it, the more so the less it counts."""
    data = planted()
    assert data.labels is not None
    data = replace(data, classes=(data.labels.train.sum(1) % 2).astype(np.int64))
    light, heavy = (
        cbm.fit(data, training="joint", weight=w, steps=300, decay=0.0) for w in (0.01, 30.0)
    )
    auc = [np.mean([f["train_accuracy"] for f in b.facts()]) for b in (light, heavy)]
    assert auc[1] > auc[0]


def test_unknown_labels_weigh_nothing() -> None:
    data = planted()
    assert data.labels is not None
    holed = data.labels.train.copy()
    holed[5] = np.nan
    known = replace(data.labels, train=holed)
    data = replace(data, labels=known, classes=None)
    moved = data.pooled.copy()
    moved[[5, 6]] = moved[[6, 5]]  # the same spread, another image without labels
    labels = replace(known, train=holed[[*range(5), 6, 5, *range(7, N_TRAIN)]])
    one = cbm.fit(data, steps=30, batch=N)
    two = cbm.fit(replace(data, pooled=moved, labels=labels), steps=30, batch=N)
    torch.testing.assert_close(one.directions, two.directions, rtol=1e-3, atol=1e-4)
    assert one.readout is None


def test_cbm_says_what_it_lacks() -> None:
    data = planted()
    with pytest.raises(ValueError, match="needs labelled concepts"):
        cbm.fit(replace(data, labels=None))
    with pytest.raises(ValueError, match=r"joint training.*there are 0"):
        cbm.fit(replace(data, classes=None), training="joint")
    with pytest.raises(ValueError, match="independent, sequential, joint, not 'both'"):
        cbm.fit(data, training="both")


# -- words -------------------------------------------------------------------------------------


def worded_data(*, joint: bool = False) -> FitData:
    """Six words: three that the tokens show in their first channels, three that are noise."""
    data = planted()
    rng = np.random.default_rng(0)
    e = 6 if not joint else D
    words = np.eye(e, dtype=np.float32)[:6]
    images = rng.normal(size=(N, e)).astype(np.float32)
    pooled = np.concatenate([data.pooled, data.pooled_test])
    images[:, :3] = 3 * pooled[:, :3]
    images = pooled[:, :e] if joint else images
    images = images / np.linalg.norm(images, axis=1, keepdims=True)
    names = ("red beak", "blue wing", "lake", "noise 1", "noise 2", "noise 3")
    text = TextSide(names, words, images[:N_TRAIN], images[N_TRAIN:], joint, "words.txt")
    return replace(data, text=text)


def test_label_free_keeps_the_words_that_the_tokens_show() -> None:
    data = worded_data()
    bank = label_free.fit(data, n_concepts=3, least_similarity=-1.0, steps=300)
    assert bank.names == ("red beak", "blue wing", "lake")
    assert words_of(bank) == bank.names
    assert data.text is not None
    scores = bank.encode(torch.from_numpy(data.pooled)).numpy()
    np.testing.assert_allclose(scores.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(scores.std(0), 1, atol=1e-4)
    held_out = bank.encode(torch.from_numpy(data.pooled_test)).numpy()
    for j in range(3):
        said = data.text.images_in_test @ data.text.words_in[j]
        assert np.corrcoef(held_out[:, j], said)[0, 1] > 0.6


def test_label_free_filters_and_says_so() -> None:
    data = worded_data()
    kept = label_free.fit(data, n_concepts=2, least_similarity=0.1, steps=200)
    assert len(kept.names) == 2
    assert set(kept.names) < {"red beak", "blue wing", "lake"}
    with pytest.raises(ValueError, match=r"follows no word to a similarity of 0\.999"):
        label_free.fit(data, least_similarity=0.999, steps=20)
    with pytest.raises(ValueError, match="mean cosine of 2"):
        label_free.fit(data, least_cosine=2.0)
    with pytest.raises(ValueError, match="this build has none"):
        label_free.fit(replace(data, text=None))


def test_label_free_is_judged_on_val_images_where_there_are_any() -> None:
    """Images of the val split that say nothing of the words end it, and set_aside has no say."""
    data = worded_data()
    assert data.text is not None
    rng = np.random.default_rng(2)
    said = rng.normal(size=data.text.images_in_test.shape).astype(np.float32)
    said /= np.linalg.norm(said, axis=1, keepdims=True)

    def val(images_in: np.ndarray, n: int = 30) -> FitData:
        text = replace(data.text, images_in_val=images_in[:n])
        return replace(data, text=text, pooled_val=data.pooled_test[:n])

    agrees = val(data.text.images_in_test)
    one = label_free.fit(agrees, least_similarity=0.3, steps=200)
    assert set(one.names) <= {"red beak", "blue wing", "lake"}
    other = label_free.fit(agrees, least_similarity=0.3, steps=200, set_aside=0.5)
    assert torch.equal(one.directions, other.directions)
    with pytest.raises(ValueError, match=r"similarity of 0\.8 on 30 images of the val split"):
        label_free.fit(val(said), least_similarity=0.8, steps=200)
    # too few to judge by
    with pytest.raises(ValueError, match=r"similarity of 0\.999 on 12 images set aside"):
        label_free.fit(val(said, 7), least_similarity=0.999, steps=20)


def test_similarity_is_the_cosine_of_cubed_standard_scores() -> None:
    rng = np.random.default_rng(1)
    q, p = rng.normal(size=(11, 2)), rng.normal(size=(11, 2))
    found = label_free.similarity(torch.from_numpy(q), torch.from_numpy(p)).numpy()
    for j in range(2):
        a, b = (((m[:, j] - m[:, j].mean()) / m[:, j].std()) ** 3 for m in (q, p))
        assert found[j] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_words_are_chosen_by_how_much_they_vary() -> None:
    images = np.array([[1, 0, 0], [0.6, 0.8, 0], [1, 0, 0]], dtype=np.float32)
    text = TextSide(("x", "y", "z"), np.eye(3, dtype=np.float32), images, images[:0], False, "")
    assert worded.varied_words(text, 2).tolist() == [0, 1]
    assert worded.varied_words(text, 1).tolist() == [1]
    assert worded.varied_words(text, 0).tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", sparse_cbm.KINDS)
def test_sparse_cbm_reads_classes_from_words_on_tokens(kind: str) -> None:
    data = worded_data(joint=True)
    bank = sparse_cbm.fit(data, n_concepts=0, kind=kind, steps=300)
    assert bank.readout is not None
    scores = bank.encode(torch.from_numpy(data.pooled_test))
    assert data.labels is not None
    truth = (data.labels.test[:, 0] + data.labels.test[:, 1]).astype(int)
    found = logits(bank.readout.head, scores.numpy()).argmax(1)
    assert (found == truth).mean() > 0.8
    x = torch.randn(5, T, D, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(bank.encode(x).mean(1), bank.encode(x.mean(1)))


def test_a_stronger_l1_mixes_fewer_words() -> None:
    data = worded_data(joint=True)

    def mixed(strength: float) -> float:
        bank = sparse_cbm.fit(data, n_concepts=0, kind="l1", strength=strength, steps=300)
        weight = (bank.directions * bank.gain[:, None])[:, :6].abs()
        return float(weight.fill_diagonal_(0).sum() / weight.numel())

    assert mixed(0.5) < 0.6 * mixed(0.0)


def test_the_contrast_pulls_an_image_to_its_own_word() -> None:
    own = torch.tensor([0, 1, 1, 2])
    right = torch.nn.functional.one_hot(own, 5).float() * 9
    wrong = right.roll(1, dims=1)
    # two images own word 1, so that half of its share is the best that either can have
    assert float(sparse_cbm.contrast(right, own)) == pytest.approx(np.log(2) / 6, abs=1e-3)
    assert sparse_cbm.contrast(wrong, own) > 4
    # by hand: one image among two words, two images of which both own word 0
    z = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    words = np.mean([np.log(1 + np.exp(-1)), np.log(1 + np.exp(-3))])
    images = -np.mean([1 - np.log(np.e + np.e**3), 3 - np.log(np.e + np.e**3)])
    found = sparse_cbm.contrast(z, torch.tensor([0, 0]))
    assert float(found) == pytest.approx((words + images) / 2, rel=1e-5)
    noisy = sparse_cbm.contrast(z, torch.tensor([0, 0]), noise=torch.Generator().manual_seed(0))
    assert float(noisy) != pytest.approx(float(found))


def test_own_words_are_not_the_word_that_all_resemble() -> None:
    cosines = torch.tensor([[0.9, 0.2, 0.1], [0.91, 0.1, 0.3], [0.95, 0.1, 0.1]])
    assert sparse_cbm.own_word(cosines).tolist() == [1, 2, 0]


def test_sparse_cbm_refuses_tokens_outside_the_space() -> None:
    with pytest.raises(ValueError, match=r"do not live in the space.*label_free"):
        sparse_cbm.fit(worded_data())


def test_a_layer_keeps_names_and_read_out_whole() -> None:
    weight = np.array([[3.0, 4, 0], [0, 0, 0]])
    head = Head(np.array([[1.0, -2], [0.5, 0], [0, 7]]), np.array([1.0, 2, 3]))
    bank = concept_layer.of(
        weight,
        np.array([1.0, -1]),
        names=("a\nb", "c"),
        readout=Readout(head, np.array([4, 0, 9]), "so"),
    )
    assert bank.gain.tolist() == [5, 0]
    torch.testing.assert_close(bank.directions.norm(dim=1), torch.ones(2))
    assert bank.encode(torch.tensor([[1.0, 1, 1]])).tolist() == [[8, -1]]
    back = concept_layer.Bank(**bank.tensors())  # type: ignore[arg-type]
    assert back.names == ("a b", "c")
    assert back.readout is not None
    assert np.asarray(back.readout.classes).tolist() == [4, 0, 9]
    assert back.readout.about == "so"
    np.testing.assert_array_equal(back.readout.head.weight, head.weight)
    assert concept_layer.of(weight, np.zeros(2)).readout is None
    assert supervised.learnable(planted(), n_concepts=0, min_each=5, title="x") == [0, 1, 2, 3]
