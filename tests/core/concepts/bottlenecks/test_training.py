"""One loop trains what concept layers and their read-outs have in common."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from core.concepts.bottlenecks.training import Classes, Schedule, class_loss, descend, generator_of

ROWS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
SCHEDULE = Schedule(steps=200, batch=2, lr=0.05, seed=1)


def test_least_squares_are_found_and_what_no_loss_uses_stays() -> None:
    p = {"w": torch.zeros(2), "idle": torch.tensor([7.0])}
    truth, said = ROWS @ torch.tensor([2.0, -1.0]), list[str]()

    def loss(part: Tensor) -> Tensor:
        assert len(part) in (1, 2)
        return (ROWS[part] @ p["w"] - truth[part]).square().mean()

    found = descend(
        p,
        loss,
        3,
        schedule=SCHEDULE,
        generator=generator_of(SCHEDULE),
        progress=said.append,
        title="x",
    )
    torch.testing.assert_close(found["w"], torch.tensor([2.0, -1.0]), atol=0.1, rtol=0)
    assert found["idle"].tolist() == [7]
    assert not any(t.requires_grad for t in found.values())
    assert [text.partition(",")[0] for text in said] == ["step 100 of 200", "step 200 of 200"]


def test_a_loss_without_end_is_an_error() -> None:
    w = torch.ones(1)
    with pytest.raises(ValueError, match=r"x diverged at step 1; lower lr = 0\.05"):
        descend(
            {"w": w},
            lambda _: (w * torch.inf).sum(),
            3,
            schedule=SCHEDULE,
            generator=generator_of(SCHEDULE),
            progress=lambda _: None,
            title="x",
        )


def test_images_without_a_class_weigh_nothing() -> None:
    head = {"read_weight": torch.eye(2), "read_bias": torch.zeros(2)}
    classes, every = Classes(torch.tensor([0, -1, 1]), 2), torch.arange(3)
    both = class_loss(head, ROWS, classes, every)
    some = torch.tensor([0, 2])
    torch.testing.assert_close(both, class_loss(head, ROWS[some], classes, some))
    assert class_loss(head, ROWS, Classes(torch.full((3,), -1), 2), every) == 0


def test_several_labels_have_the_binary_cross_entropy_of_what_is_known() -> None:
    """Label by label and image by image, as the formula says it."""
    nan = float("nan")
    y = torch.tensor([[1.0, nan], [nan, nan], [0.0, 1.0]])
    head = {"read_weight": torch.tensor([[2.0, 0.5], [-1.0, 0.3]]), "read_bias": torch.ones(2)}
    part = torch.tensor([2, 0])

    found = class_loss(head, ROWS[part], Classes(torch.full((3,), -1), 2, y), part)

    losses = []
    for i in part.tolist():
        for j in range(2):
            z = float(head["read_weight"][j] @ ROWS[i] + head["read_bias"][j])
            p = 1 / (1 + math.exp(-z))
            if not math.isnan(y[i, j]):
                losses.append(-math.log(p if y[i, j] == 1 else 1 - p))
    assert len(losses) == 3
    assert float(found) == pytest.approx(sum(losses) / 3, rel=1e-5)
    nothing = Classes(torch.full((3,), -1), 2, torch.full((3, 2), nan))
    assert class_loss(head, ROWS, nothing, torch.arange(3)) == 0
