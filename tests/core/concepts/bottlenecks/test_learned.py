"""Bottlenecks that learn concept maps and classes together: SL-CBM, CSR, energies."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import fakes
import numpy as np
import pytest
import torch
from safetensors.numpy import load
from safetensors.torch import save
from sklearn.metrics import roc_auc_score
from torch import Tensor

from core.bottleneck import logits
from core.concepts import METHODS
from core.concepts.bottlenecks import csr, energy, sl_cbm
from core.concepts.bottlenecks.csr_training import local_vectors
from core.concepts.bottlenecks.prototypes import Projector, project
from core.intervention import energy_propagation
from core.types import ConceptBank, FitData, Labels

N, N_TRAIN, T, D = 120, 90, 14, 9
NAMES = ("one", "two", "three", "four")
K = len(NAMES)
METHODS_HERE = ("sl_cbm", "csr", "energy")


@cache
def planted() -> tuple[Tensor, Tensor, Tensor]:
    """Tokens n t d; which images show which concept; and where. A concept is one direction, added
    to two neighbouring tokens of the images that show it; of the first two every image shows one,
    and of the last two."""
    generator = torch.Generator().manual_seed(1)
    directions = torch.linalg.qr(torch.randn(D, K, generator=generator)).Q.T
    one, four = torch.rand(2, N, generator=generator) < 0.5
    present = torch.stack([one, ~one, ~four, four], dim=1)
    place = torch.randint(0, T - 1, (N, K), generator=generator)
    x = 0.3 * torch.randn(N, T, D, generator=generator) + 0.5
    where = torch.zeros(N, T, K, dtype=torch.bool)
    for i in range(N):
        for k in range(K):
            if present[i, k]:
                x[i, place[i, k] : place[i, k] + 2] += 4 * directions[k]
                where[i, place[i, k] : place[i, k] + 2, k] = True
    return x, present, where


def data() -> FitData:
    """Classes are pairs of the first and the last concept."""
    x, present, _ = planted()
    values = present.numpy().astype(float)
    return fakes.fit_data(x, Labels(NAMES, values[:N_TRAIN], values[N_TRAIN:], "image"))


@cache
def fitted(method: str) -> Any:
    return METHODS[method].fit(data())


def scores(method: str, bank: ConceptBank) -> np.ndarray:
    maps = bank.encode(planted()[0])
    return (maps.amax(1) if METHODS[method].pool == "max" else maps.mean(1)).numpy()


@pytest.fixture(params=METHODS_HERE)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_planted_concepts_are_told_on_images_never_seen(method: str) -> None:
    found = scores(method, fitted(method))[N_TRAIN:]
    truth = planted()[1][N_TRAIN:].numpy()
    assert min(roc_auc_score(truth[:, k], found[:, k]) for k in range(K)) > 0.9


@pytest.mark.parametrize("local", ["csr", "energy"])
def test_maps_peak_where_the_concept_is(local: str) -> None:
    _, present, where = planted()
    peak = fitted(local).encode(planted()[0]).argmax(1)
    hit = where.gather(1, peak[:, None])[:, 0]
    assert hit[present].float().mean() > 0.8


def test_the_read_out_tells_classes(method: str) -> None:
    bank = fitted(method)
    train = data().classes
    assert train is not None
    present = planted()[1].numpy()
    classes = present[:, 0] + 2 * present[:, 3]
    found = logits(bank.readout.head, scores(method, bank)).argmax(1)
    right = np.asarray(bank.readout.classes)[found] == classes
    assert right[N_TRAIN:].mean() > 0.8


def test_without_classes_there_is_no_read_out(method: str) -> None:
    nobody = replace(data(), classes=None)
    if method == "energy":
        with pytest.raises(ValueError, match="two labelled classes or more; there are 0"):
            energy.fit(nobody)
        return
    bank: Any = METHODS[method].fit(nobody)
    assert bank.readout is None
    assert METHODS[method].bank(**bank.tensors()).readout is None


def test_labels_and_whole_maps_are_asked_for(method: str) -> None:
    with pytest.raises(ValueError, match=f"{method} needs labelled concepts"):
        METHODS[method].fit(replace(data(), labels=None))
    if method != "energy":
        with pytest.raises(ValueError, match="looks at whole maps"):
            METHODS[method].fit(replace(data(), images=None))


def test_unknown_labels_weigh_nothing(method: str) -> None:
    """A concept known of nobody in half the images is still learned from the others."""
    base = data()
    assert base.labels is not None
    holed = base.labels.train.copy()
    holed[::2, 1] = np.nan
    bank: Any = METHODS[method].fit(replace(base, labels=replace(base.labels, train=holed)))
    found = scores(method, bank)[N_TRAIN:]
    assert np.isfinite(found).all()
    assert roc_auc_score(planted()[1][N_TRAIN:, 1], found[:, 1]) > 0.85


# -- SL-CBM ------------------------------------------------------------------------------------


def test_sl_cbm_map_averages_to_the_attention_pooled_score() -> None:
    """Token by token, in double precision, from the bank's tensors."""
    bank = fitted("sl_cbm")
    p = {name: t.double().numpy() for name, t in bank.tensors().items()}
    x = planted()[0][7].double().numpy()
    s = x @ (p["directions"] * p["size"][:, None]).T + p["bias"]
    v = (s - s.mean(1, keepdims=True)) / np.sqrt(s.var(1, keepdims=True) + 1e-5)
    v = v * p["gain"] + p["shift"]
    q = p["query"] @ (p["ask"] @ x.mean(0) + p["ask_bias"])
    match = np.array([q @ (p["key"] @ v[t]) for t in range(T)]) / np.sqrt(K)
    attention = np.exp(match - match.max()) / np.exp(match - match.max()).sum()
    np.testing.assert_allclose(bank.encode(planted()[0])[7].mean(0), attention @ v, atol=1e-4)
    np.testing.assert_allclose(bank.plain(planted()[0][7]).numpy(), s, atol=1e-4)


def test_sl_cbm_code_depends_on_the_other_tokens_of_its_image_only() -> None:
    bank, x = fitted("sl_cbm"), planted()[0][:2].clone()
    before = bank.encode(x)
    x[0, 3] += 5
    after = bank.encode(x)
    assert not torch.allclose(before[0, 0], after[0, 0])
    torch.testing.assert_close(before[1], after[1])


def test_sl_cbm_entropy_makes_tokens_choose() -> None:
    """H is what lambda3 lowers."""
    sharp, soft = (
        sl_cbm.fit(data(), n_steps=200, lambda1=0.0, lambda2=0.01, lambda3=weight).plain(
            planted()[0]
        )
        for weight in (50.0, 0.0)
    )
    entropy = [-(m.softmax(-1) * m.log_softmax(-1)).sum(-1).mean() for m in (sharp, soft)]
    assert entropy[0] < 0.7 * entropy[1]


def test_sl_cbm_asks_by_words_where_they_live_among_the_tokens() -> None:
    base = data()
    assert base.text is not None
    rows = np.eye(D, dtype=np.float32)[:5]
    text = replace(base.text, words=("two", "x", "one", "four", "three"), words_in=rows, joint=True)
    ask = sl_cbm.fit(replace(base, text=text), n_steps=1).ask
    for k, axis in enumerate((2, 0, 4, 3)):
        assert ask[k].abs().argmax() == axis
        assert int((ask[k] != 0).sum()) == 1


# -- CSR ---------------------------------------------------------------------------------------


def test_csr_exemplars_are_the_train_tokens_most_like_each_prototype() -> None:
    bank = fitted("csr")
    net = Projector(bank.projector, bank.shift, bank.blocks)
    x = planted()[0][:N_TRAIN]
    cosine = torch.einsum("ntp,kmp->ntkm", project(x, net), bank.prototypes)
    nearest = cosine.amax(1).argmax(-1)
    for k in range(K):
        for m in range(bank.prototypes.shape[1]):
            image, token = bank.exemplar[k, m].tolist()
            assert cosine[image, token, k, m] == pytest.approx(float(cosine[..., k, m].max()))
            assert bank.hits[k, m] == (nearest[:, k] == m).sum()
            assert bank.alive[k, m] == (bank.hits[k, m] > 0)


def test_csr_map_is_the_nearest_living_prototype() -> None:
    bank = fitted("csr")
    net = Projector(bank.projector, bank.shift, bank.blocks)
    tokens = planted()[0][3]
    cosine = torch.einsum("tp,kmp->tkm", project(tokens, net), bank.prototypes)
    expected = torch.stack([cosine[:, k, bank.alive[k] == 1].amax(-1) for k in range(K)], dim=-1)
    torch.testing.assert_close(bank.encode(tokens), expected)


def test_csr_pruned_prototypes_no_longer_speak() -> None:
    bank = csr.fit(data(), prune=False)
    assert bank.alive.all()
    left = csr.pruned(bank, [(1, m) for m in range(9)])
    assert left.alive.sum(1).tolist() == [10, 1, 10, 10]
    assert [fact["n_prototypes"] for fact in left.facts()] == [10, 1, 10, 10]
    x = planted()[0]
    assert (left.encode(x)[..., 1] < bank.encode(x)[..., 1]).any()
    torch.testing.assert_close(left.encode(x)[..., 0], bank.encode(x)[..., 0])
    with pytest.raises(ValueError, match="concept 1 would lose its last prototype"):
        csr.pruned(left, [(1, 9)])
    with pytest.raises(ValueError, match="no prototype 10 of concept 2"):
        csr.pruned(bank, [(2, 10)])


def test_csr_local_vectors_are_attended_means_of_images_that_show_the_concept() -> None:
    x, present, _ = planted()
    cam = torch.randn(K, D, generator=torch.Generator().manual_seed(2))
    labels = present.float()
    labels[5, 0] = float("nan")
    vectors, concept = local_vectors(fakes.MapStream(x), cam, labels, most=10_000, seed=0)
    expected = [
        (k, torch.softmax(x[i] @ cam[k], dim=0) @ x[i])
        for i in range(N)
        for k in range(K)
        if labels[i, k] == 1
    ]
    assert concept.tolist() == [k for k, _ in expected]
    torch.testing.assert_close(vectors, torch.stack([v for _, v in expected]))
    assert len(local_vectors(fakes.MapStream(x), cam, labels, most=7, seed=0)[0]) == 7


# -- energies ----------------------------------------------------------------------------------


def test_energy_score_is_affine_so_its_map_averages_to_it() -> None:
    bank, x = fitted("energy"), planted()[0]
    torch.testing.assert_close(bank.encode(x).mean(1), bank.encode(x.mean(1)), rtol=1e-4, atol=1e-4)
    facts = bank.facts()
    assert [fact["label"] for fact in facts] == [0, 1, 2, 3]
    assert all(fact["test_accuracy"] > 0.85 for fact in facts)


def test_the_global_energy_knows_which_concepts_make_a_class() -> None:
    """Classes are the first and the last concept: 0 neither, 1 the first, 2 the last, 3 both."""
    found = energy_propagation.read(load(save(fitted("energy").tensors())))
    assert found.classes.tolist() == [0, 1, 2, 3]
    table = energy_propagation.given_class(found)
    np.testing.assert_array_equal(table[:, 0] > 0.5, [False, True, False, True])
    np.testing.assert_array_equal(table[:, 1] > 0.5, [True, False, True, False])
    np.testing.assert_array_equal(table[:, 3] > 0.5, [False, False, True, True])


def test_an_edit_carries_the_concepts_of_its_class_along() -> None:
    """An image says nothing of its concepts, but that its class is neither or both: without the
    first concept it is neither, so the second must be there, and the fourth goes."""
    found = energy_propagation.read(
        {name: t.numpy() for name, t in fitted("energy").tensors().items()}
    )
    start, own = np.zeros((1, K)), np.array([[2.0, -8.0, -8.0, 2.0]])
    moved = energy_propagation.follow(found, start, {0: -12.0}, class_logits=own)
    np.testing.assert_array_equal(np.sign(moved.scores[0]), [-1, 1, 1, -1])
    assert moved.moved[0].tolist() == [False, True, True, True]
    assert moved.classes[0].argmax() == 0


def test_class_energy_is_a_linear_map_of_the_mean_token_that_tells_classes() -> None:
    base = data()
    bank = fitted("energy")
    found = bank.class_logits(base.pooled)
    assert (found.argmax(1) == base.classes).mean() > 0.9
    twice = energy.fit(base, class_share=2.0).class_logits(base.pooled)
    np.testing.assert_allclose(twice, 2 * found, rtol=1e-5)
