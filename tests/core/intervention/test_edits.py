"""Edits of the head, previewed over all images, and edits of codes."""

from __future__ import annotations

import numpy as np
import pytest

from core import bottleneck
from core.intervention import global_edits, head_edits
from core.intervention.head_edits import HeadEdit
from core.types import Head

N, K, Y = 29, 6, 4


@pytest.fixture
def head() -> Head:
    rng = np.random.default_rng(21)
    return Head(rng.normal(size=(Y, K)), rng.normal(size=Y))


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(22).normal(size=(N, K))


@pytest.mark.parametrize(
    "edits",
    [
        [HeadEdit("prune", 2)],
        [HeadEdit("scale", 1, 3, 0.0), HeadEdit("set", 4, None, 2.5)],
        [HeadEdit("keep", value=2.0), HeadEdit("scale", 0, value=-1.0)],
    ],
)
def test_a_preview_equals_running_the_edited_head(
    edits: list[HeadEdit], head: Head, scores: np.ndarray
) -> None:
    rng = np.random.default_rng(3)
    rest = rng.normal(size=(N, Y))
    full = Head(head.weight, head.bias, residual=True)
    classes = np.where(np.arange(N) % 5 == 0, -1, rng.integers(0, Y - 1, N))
    splits = np.where(np.arange(N) < 11, "train", "test")
    z = bottleneck.logits(full, scores, rest)
    edited = head_edits.apply(full, edits, scores.std(0))
    found = global_edits.preview(
        full, edited, scores=scores, logits=z, classes=classes, splits=splits
    )
    new, old = bottleneck.logits(edited, scores, rest).argmax(1), z.argmax(1)
    np.testing.assert_array_equal(found.predicted, new)
    assert found.gained.tolist() == [i for i in range(N) if new[i] == classes[i] != old[i]]
    assert found.lost.tolist() == [i for i in range(N) if old[i] == classes[i] != new[i]]
    assert found.flipped.tolist() == np.flatnonzero(new != old).tolist()
    for s, name in enumerate(("test", "train")):
        rows = (splits == name) & (classes >= 0)
        change = found.by_split[name]
        assert change.before.value == pytest.approx((old == classes)[rows].mean())
        assert change.after.value == pytest.approx((new == classes)[rows].mean())
        assert change.after.n == rows.sum()
        assert change.after.chance == np.bincount(classes[rows]).max() / rows.sum()
        for y in range(Y):
            own = rows & (classes == y)
            assert found.n[s, y] == own.sum()
            if own.any():
                assert found.after[s, y] == pytest.approx((new == y)[own].mean())
        assert np.isnan(found.before[s, Y - 1])


def test_a_preview_follows_the_bias_too(head: Head, scores: np.ndarray) -> None:
    other = Head(head.weight, head.bias + np.array([0.0, 3.0, 0.0, -1.0]))
    z = bottleneck.logits(head, scores)
    found = global_edits.preview(
        head, other, scores=scores, logits=z, classes=z.argmax(1), splits=["all"] * N
    )
    np.testing.assert_array_equal(found.predicted, bottleneck.logits(other, scores).argmax(1))
    assert found.flipped.size


def test_head_edits_do_what_they_say_and_undo_is_identity(head: Head, scores: np.ndarray) -> None:
    kept = head.weight.copy()
    pruned = head_edits.apply(head, [HeadEdit("prune", 3)])
    assert (pruned.weight[:, 3] == 0).all()
    np.testing.assert_array_equal(head.weight, kept)
    edit, undo = HeadEdit("set", 3, 1, 9.0), HeadEdit("set", 3, 1, float(head.weight[1, 3]))
    back = head_edits.apply(head, [edit, undo])
    np.testing.assert_array_equal(back.weight, head.weight)
    z = bottleneck.logits(head, scores)
    found = global_edits.preview(
        head, back, scores=scores, logits=z, classes=z.argmax(1), splits=["all"] * N
    )
    assert found.flipped.size == 0
    assert found.by_split["all"].after.value == 1
    np.testing.assert_array_equal(head_edits.apply(head, []).weight, head.weight)
    doubled = head_edits.apply(head, [HeadEdit("scale", 2, value=2.0)])
    np.testing.assert_array_equal(doubled.weight[:, 2], 2 * kept[:, 2])
    few = head_edits.apply(head, [HeadEdit("keep", value=2.0)], np.ones(K))
    assert (few.weight != 0).sum(1).max() == 2
    with pytest.raises(ValueError, match="without scores"):
        head_edits.apply(head, [HeadEdit("keep", value=2.0)])


def test_impossible_head_edits_are_refused(head: Head) -> None:
    for edit, error, words in [
        (HeadEdit("tilt", 0), ValueError, "choose from prune"),
        (HeadEdit("prune", K), IndexError, r"0\.\.5"),
        (HeadEdit("set", 0, Y, 1.0), IndexError, r"no class 4"),
        (HeadEdit("scale", 0), ValueError, "finite value"),
    ]:
        with pytest.raises(error, match=words):
            head_edits.apply(head, [edit])
