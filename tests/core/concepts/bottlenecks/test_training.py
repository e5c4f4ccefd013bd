"""One loop trains what concept layers and their read-outs have in common."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.concepts.bottlenecks.training import Schedule, class_loss, descend, generator_of

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
    rows = torch.tensor([0, -1, 1])
    both = class_loss(head, ROWS, rows)
    torch.testing.assert_close(both, class_loss(head, ROWS[[0, 2]], rows[[0, 2]]))
    assert class_loss(head, ROWS, torch.full((3,), -1)) == 0
