"""Heads of several labels on banks that are scored by CLS tokens."""

from __future__ import annotations

import fake_builds
import fakes
import numpy as np
import torch

from core.bottleneck import logits
from core.concepts import METHODS
from core.types import Targets
from precompute.heads import HEADS, HeadInput, logits_of


def test_a_hybrid_reads_what_concepts_leave_off_the_cls_token() -> None:
    rng = np.random.default_rng(3)
    cls = rng.normal(size=(60, 6)).astype(np.float32)
    pooled = rng.normal(size=(60, 6)).astype(np.float32)
    y = np.stack([cls[:, 0] > 0, cls[:, 5] > 0], axis=1).astype(float)
    known = {
        "classes": fake_builds.classes(np.full(60, -1), "wet", "dry"),
        "train": np.arange(40),
        "targets": Targets(y, np.arange(2)),
        "pooled": pooled,
        "cls": cls,
    }
    build = fake_builds.build(**known)
    scores = np.maximum(cls[:, :2], 0)  # nothing of the second label

    def fitted(pool: str) -> np.ndarray:
        bank = METHODS["random"].fit(
            fakes.fit_data(torch.from_numpy(pooled)[:, None]), n_concepts=2
        )
        given = HeadInput(build, bank, scores, np.full(2, -1), pool=pool)  # type: ignore[arg-type]
        head = HEADS["hybrid"].make(given, strength=0.01)
        assert head.head.link == "sigmoid"
        assert head.rest is not None
        np.testing.assert_allclose(logits_of(head, scores), logits(head.head, scores, head.rest))
        return ((logits_of(head, scores) > 0) == (y == 1))[40:, 1]

    assert fitted("cls").mean() > 0.85
    assert fitted("mean").mean() < 0.8
