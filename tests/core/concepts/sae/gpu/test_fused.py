"""Training steps on a GPU beside the plain ones.

Without one, TRITON_INTERPRET=1 runs them slowly where Triton is; `test_interpreted` does so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import fakes
import pytest
import torch

if not torch.cuda.is_available() and not os.environ.get("TRITON_INTERPRET"):
    pytest.skip("needs a CUDA device", allow_module_level=True)
pytest.importorskip("triton", reason="Triton comes with torch for CUDA")

from core.concepts import METHODS
from core.concepts.sae import topk
from core.concepts.sae.gpu import fused
from core.concepts.sae.loop import optimise
from core.concepts.sae.plan import Plan
from core.concepts.sae.sparse_step import step
from core.concepts.sae.weights import Weights
from core.types import FitData

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(autouse=True)
def _no_grad() -> Iterator[None]:
    with torch.no_grad():
        yield


def drawn(n: int, d: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    parts = torch.randn(2 * d, d, generator=generator)
    codes = torch.rand(n, 2 * d, generator=generator).pow(8)
    return (codes @ parts + 0.1 * torch.randn(n, d, generator=generator)).to(DEVICE)


@pytest.mark.parametrize(
    ("d", "f", "top_k", "b", "tied"),
    [
        (24, 50, 4, 40, True),
        (24, 50, 4, 40, False),
        (64, 130, 12, 70, True),
        (16, 33, 1, 20, True),
        (200, 80, 5, 33, True),
        (300, 40, 40, 64, True),
    ],
)
def test_fused_steps_are_the_plain_ones(d: int, f: int, top_k: int, b: int, tied: bool) -> None:
    x = drawn(4 * b, d)
    data = fakes.fit_data(x.cpu()[:, None])
    ours, plain = (Weights.initial(data.tokens, f, tied=tied, seed=1) for _ in range(2))
    for weights in (ours, plain):
        for parameter in (weights.dictionary, weights.encoder):
            parameter.data = parameter.to(DEVICE)
        weights.encoder_bias = weights.encoder_bias.to(DEVICE)
        weights.decoder_bias = weights.decoder_bias.to(DEVICE)
    states = [torch.optim.Adam(w.parameters().values(), lr=1e-5) for w in (ours, plain)]
    move = fused.Fused(ours, states[0], top_k=top_k, batch=b)
    for i in range(4):
        batch = x[i * b : (i + 1) * b] if i < 3 else x[: b // 2]  # the last one is smaller
        found, expected = move(batch, 1.0, 1e-5), step(plain, batch / plain.unit, top_k=top_k)
        torch.testing.assert_close(found.residual, expected.residual, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(found.loss.sum(), expected.loss, atol=0, rtol=1e-3)
        assert torch.equal(found.fired, expected.fired)
        assert found.codes.count_nonzero() == expected.codes.count_nonzero()
        gradients = expected.gradients
        rows = plain.dictionary
        gradients["dictionary"] -= (gradients["dictionary"] * rows).sum(1, keepdim=True) * rows
        for name, parameter in plain.parameters().items():
            parameter.grad = gradients[name]
        states[1].step()
        plain.settle()
        for name, parameter in plain.parameters().items():
            mine = ours.parameters()[name]
            # of the smallest slopes, whose sign is chance, Adam makes whole steps
            slack = 3e-5 * (i + 1)
            torch.testing.assert_close(mine, parameter, atol=slack, rtol=0, msg=f"{name} at {i}")
            moments = states[1].state[parameter]["exp_avg"]
            torch.testing.assert_close(move.moments[name][0], moments, atol=5e-6, rtol=1e-2)


def test_wide_tokens_are_gathered_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "_TILE", 64)  # two rows at a time
    test_fused_steps_are_the_plain_ones(24, 50, 5, 40, True)


def test_the_same_batches_give_the_same_weights() -> None:
    data = fakes.fit_data(drawn(300, 16).cpu()[:, None])
    if DEVICE == "cuda":
        data = FitData(data.tokens, data.pooled, data.pooled_test, None, device=DEVICE)
        found = [topk.fit(data, n_concepts=40, top_k=3, n_steps=60, batch=64) for _ in range(2)]
        assert all(torch.equal(a, found[1].tensors()[n]) for n, a in found[0].tensors().items())
        assert found[0].directions.device.type == "cpu"
        return
    weights = [Weights.initial(data.tokens, 40, tied=True, seed=0) for _ in range(2)]
    for w in weights:
        optimise(
            data,
            w,
            lambda *_: pytest.fail("a plain step was taken"),
            Plan(6, 32, 1e-3, 250, 0),
            fused=lambda optimiser, w=w: fused.Fused(w, optimiser, top_k=3, batch=32),
        )
    assert torch.equal(weights[0].encoder, weights[1].encoder)
    assert not torch.equal(weights[0].encoder, weights[0].dictionary)


@pytest.mark.skipif(DEVICE != "cuda", reason="needs a CUDA device")
@pytest.mark.parametrize(
    "method", ["sae", "l1_sae", "gated_sae", "jumprelu_sae", "batch_topk_sae", "matryoshka_sae"]
)
def test_banks_trained_there_rebuild_as_well_and_come_back(method: str) -> None:
    x = drawn(900, 16).cpu()
    data = fakes.fit_data(x[:, None])
    errors = []
    for device in ("cpu", DEVICE):
        on = FitData(data.tokens, data.pooled, data.pooled_test, None, device=device)
        bank = METHODS[method].fit(on, n_concepts=40, n_steps=200, batch=128, revive_every=40)
        assert all(tensor.device.type == "cpu" for tensor in bank.tensors().values())
        rebuilt = bank.encode(x) @ bank.directions + bank.offset
        errors.append((x - rebuilt).square().mean())
    assert errors[1] == pytest.approx(errors[0], rel=0.1)
