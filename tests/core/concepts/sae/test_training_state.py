"""A training that was killed goes on where it was and ends with the same weights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import fakes
import pytest
import torch
from torch import Tensor

from core.concepts import METHODS
from precompute.banks.fit import State

TRAINED = [m for m in METHODS if (m == "vq" or m.endswith("sae")) and m not in fakes.TAUGHT]
PARAMS: dict[str, Any] = {"n_concepts": 9, "n_steps": 60, "batch": 32, "revive_every": 7}


@dataclass
class Kept:
    """A checkpoint in memory that kills the run after some saves."""

    lives: int = 10_000
    state: dict[str, Tensor] = field(default_factory=dict)
    n_saved: int = 0

    def load(self) -> dict[str, Tensor] | None:
        return self.state or None

    def save(self, state: dict[str, Tensor]) -> None:
        self.state = state
        self.n_saved += 1
        if self.n_saved == self.lives:
            raise KeyboardInterrupt


def tokens() -> Tensor:
    """Two kinds of tokens, so that most latents fall silent and are revived."""
    x = torch.eye(7)[torch.arange(30 * 15) % 2].reshape(30, 15, 7)
    return x + 0.05 * torch.rand(30, 15, 7, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("method", TRAINED)
@pytest.mark.parametrize("lives", [1, 7])
def test_a_killed_training_ends_with_the_same_weights(method: str, lives: int) -> None:
    data = fakes.fit_data(tokens())
    with torch.inference_mode():  # as a build does
        whole = METHODS[method].fit(data, **PARAMS).tensors()
    kept = Kept(lives)
    with pytest.raises(KeyboardInterrupt):
        METHODS[method].fit(replace(data, checkpoint=kept), **PARAMS)
    said: list[str] = []
    with torch.inference_mode():
        again = METHODS[method].fit(replace(data, checkpoint=kept, progress=said.append), **PARAMS)
    assert not any(line.startswith("step 1 of") for line in said)
    for name, tensor in again.tensors().items():
        assert torch.equal(tensor, whole[name]), name


def test_a_state_of_another_training_is_refused() -> None:
    data = fakes.fit_data(tokens())
    kept = Kept(3)
    with pytest.raises(KeyboardInterrupt):
        METHODS["sae"].fit(replace(data, checkpoint=kept), **PARAMS)
    with pytest.raises(ValueError, match=r"dictionary is \(9, 7\), expected \(8, 7\)"):
        METHODS["sae"].fit(replace(data, checkpoint=kept), **PARAMS | {"n_concepts": 8})


def test_the_state_on_disk_comes_back_whole(tmp_path: Path) -> None:
    state = State(tmp_path / "sae" / "bank.state")
    assert state.load() is None
    state.save({"step": torch.tensor(5), "a": torch.ones(2, 3)})
    state.save({"step": torch.tensor(6), "a": torch.zeros(2, 3)})
    back = state.load()
    assert back is not None
    assert int(back["step"]) == 6
    assert back["a"].sum() == 0
    assert [f.name for f in state.file.parent.iterdir()] == ["bank.state"]
