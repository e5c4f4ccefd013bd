"""Heads on concept scores: the folded backbone is exact, the sparse head is sparse and right."""

from __future__ import annotations

import fakes
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from core.bottleneck import logits, probabilities, rest
from core.concepts.sae import topk
from core.heads import SparseSettings, fit_probe, fit_sparse, fold_backbone


def separable(n: int = 60, *, n_classes: int = 4, k: int = 11) -> tuple[np.ndarray, np.ndarray]:
    """One telling score a class, of different sizes; the others are noise."""
    rng = np.random.default_rng(0)
    classes = np.arange(n) % n_classes + 2
    scores = rng.normal(size=(n, k)) * np.linspace(0.1, 40, k)
    for c in range(n_classes):
        scores[:, c] += 3 * scores[:, c].std() * (classes == c + 2)
    return scores, classes


def test_sparse_head_beats_chance_and_has_zeros() -> None:
    scores, classes = separable()
    head, present, _ = fit_sparse(scores[:40], classes[:40], SparseSettings(c=0.5))
    assert present.tolist() == [2, 3, 4, 5]
    predicted = present[logits(head, scores[40:]).argmax(1)]
    assert (predicted == classes[40:]).mean() > 0.7  # chance 0.25
    assert 0.2 < (head.weight == 0).mean() < 1
    assert not head.residual


def test_stronger_penalty_leaves_fewer_weights() -> None:
    scores, classes = separable()
    counts = [
        np.count_nonzero(fit_sparse(scores, classes, SparseSettings(c=c))[0].weight)
        for c in (30.0, 1.0, 0.1)
    ]
    assert counts[0] > counts[1] > counts[2] > 0


@pytest.mark.parametrize("n_classes", [2, 4])
def test_head_on_raw_scores_gives_sklearns_probabilities(n_classes: int) -> None:
    """The standardisation is folded in, and two classes make two rows."""
    scores, classes = separable(n_classes=n_classes)
    head, present = fit_probe(scores, classes)
    assert head.weight.shape == (n_classes, scores.shape[1])
    scaler = StandardScaler().fit(scores)
    model = LogisticRegression(C=1.0, max_iter=1000, random_state=0)
    expected = model.fit(scaler.transform(scores), classes).predict_proba(scaler.transform(scores))
    np.testing.assert_allclose(probabilities(logits(head, scores)), expected, atol=1e-9)
    assert present.tolist() == model.classes_.tolist()


def test_constant_score_gets_no_weight() -> None:
    scores, classes = separable()
    scores[:, 5] = 7.0
    head, *_ = fit_sparse(scores, classes)
    assert (head.weight[:, 5] == 0).all()
    assert np.isfinite(head.weight).all()


@pytest.mark.parametrize("fit", [fit_sparse, fit_probe])
def test_single_class_is_refused(fit) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="at least two classes, but there are 1"):
        fit(np.ones((5, 3)), np.zeros(5, dtype=int))


def test_backbone_read_through_a_bank_is_the_backbone() -> None:
    fake = fakes.FakeBackbone()
    pixels = torch.randn(6, 3, 12, 20, generator=torch.Generator().manual_seed(0))
    seen = fake.forward(pixels)
    assert seen.logits is not None
    bank = topk.fit(fakes.fit_data(seen.tokens), n_concepts=11, top_k=2, n_steps=30, batch=16)
    readout = fake.linear_readout()
    assert readout is not None
    head = fold_backbone(readout, bank.directions.numpy(), bank.offset.numpy())
    codes = bank.encode(seen.tokens).double()
    scores = codes.mean(1).numpy()
    left = rest(head, scores, seen.logits.numpy())
    np.testing.assert_allclose(logits(head, scores, left), seen.logits.numpy(), atol=1e-12)
    # the rest is exactly what the dictionary leaves of the mean token, read by the last layer
    residual = (seen.tokens.double() - codes @ bank.directions.double() - bank.offset).mean(1)
    np.testing.assert_allclose(left, residual.numpy() @ readout[0].T.astype(float), atol=1e-6)
    assert np.abs(left).max() > 1e-3


def test_folded_weight_is_the_logit_that_a_unit_of_the_concept_adds() -> None:
    fake = fakes.FakeBackbone()
    readout = fake.linear_readout()
    assert readout is not None
    directions = np.eye(7)[[2, 5]]
    head = fold_backbone(readout, directions, np.full(7, 0.5))
    before, after = (readout[0] @ x + readout[1] for x in (np.zeros(7), directions[1]))
    np.testing.assert_allclose(head.weight[:, 1], after - before, atol=1e-6)
    np.testing.assert_allclose(head.bias, readout[0] @ np.full(7, 0.5) + readout[1], atol=1e-6)
    assert head.residual
