"""Bottlenecks on images that carry several labels: read-outs of each label, or a refusal."""

from __future__ import annotations

from dataclasses import replace

import fakes
import numpy as np
import pytest
import torch

from core.bottleneck import logits, probabilities
from core.concepts import METHODS
from core.concepts.bottlenecks import cbm, sparse_cbm
from core.types import FitData, Labels, Targets

N, T, D, K = 120, 6, 8, 4


def data() -> FitData:
    """Four concepts, each a direction on some tokens; labels are the first, the last, and both
    swapped; a tenth of the marks is unknown."""
    generator = torch.Generator().manual_seed(0)
    shown = torch.rand(N, K, generator=generator) < 0.5
    x = 0.3 * torch.randn(N, T, D, generator=generator)
    x[:, :, :K] += 3 * shown[:, None].float()
    own = shown.numpy().astype(float)
    given = fakes.fit_data(x, Labels(("a", "b", "c", "d"), own[:80], own[80:], "image"))
    n = len(given.pooled)
    y = np.stack([own[:n, 0], own[:n, 3], 1 - own[:n, 0]], axis=1)
    y[np.random.default_rng(0).random(y.shape) < 0.1] = np.nan
    return replace(given, classes=None, targets=Targets(y, np.array([1, 4, 6])))


@pytest.mark.parametrize("training", cbm.TRAINING)
def test_each_label_is_read_off_concepts_where_it_is_known(training: str) -> None:
    given = data()
    assert given.targets is not None
    bank = cbm.fit(given, training=training, steps=300)
    readout = bank.readout
    assert readout is not None
    assert not isinstance(readout.classes, tuple)
    assert readout.classes.tolist() == [1, 4, 6]

    scores = bank.encode(torch.from_numpy(given.pooled)).numpy()
    p = probabilities(logits(readout.head, scores), "sigmoid")

    y = given.targets.y
    known = ~np.isnan(y)
    assert ((p >= 0.5) == (y == 1))[known].mean() > 0.9
    # the first and the third label exclude each other, the second goes with neither
    assert np.abs(p.sum(1) - 1).max() > 0.5


def test_sl_cbm_reads_labels_off_whole_maps() -> None:
    given = data()
    bank = METHODS["sl_cbm"].fit(given, n_steps=60)
    assert bank.readout is not None  # type: ignore[attr-defined]
    assert bank.readout.classes.tolist() == [1, 4, 6]  # type: ignore[attr-defined]


def test_a_family_of_one_class_an_image_refuses_in_words() -> None:
    with pytest.raises(ValueError, match="energy tells one class an image from the others"):
        METHODS["energy"].fit(data())


@pytest.mark.parametrize("kind", sparse_cbm.KINDS)
def test_sparse_cbm_reads_each_label_off_words_where_it_is_known(kind: str) -> None:
    """Words are the tokens' own channels, so that half of them say which concept is there."""
    given = data()
    assert given.text is not None
    words = np.eye(D, dtype=np.float32)
    names = tuple(f"word {i}" for i in range(D))
    given = replace(given, text=replace(given.text, words=names, words_in=words))
    bank = sparse_cbm.fit(given, n_concepts=0, kind=kind, strength=0.01, steps=300)
    assert bank.readout is not None
    assert not isinstance(bank.readout.classes, tuple)
    assert bank.readout.classes.tolist() == [1, 4, 6]
    scores = bank.encode(torch.from_numpy(given.pooled)).numpy()
    p = probabilities(logits(bank.readout.head, scores), "sigmoid")
    assert given.targets is not None
    known = ~np.isnan(given.targets.y)
    assert ((p >= 0.5) == (given.targets.y == 1))[known].mean() > 0.9
