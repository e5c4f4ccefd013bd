"""The sparse training step against autograd, and the revival of silent latents."""

from __future__ import annotations

from dataclasses import replace

import fakes
import pytest
import reference
import torch

from core.concepts.sae.plan import Plan
from core.concepts.sae.sparse_step import step, train
from core.concepts.sae.weights import Weights


def weights(*, k: int = 11, d: int = 7, tied: bool) -> Weights:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return Weights(draw(k, d), draw(k, d), draw(k), draw(d), tied, 1.0)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("top_k", [1, 3, 11])
def test_step_gives_the_gradients_of_autograd(top_k: int, tied: bool) -> None:
    start = weights(tied=tied)
    x = torch.randn(6, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    result = step(start, x, top_k=top_k)
    loss, gradients = reference.sae_gradients(x, start.parameters(), top_k=top_k, tied=tied)
    assert result.loss == pytest.approx(loss, rel=1e-12)
    assert result.gradients.keys() == gradients.keys()
    for name, expected in gradients.items():
        torch.testing.assert_close(result.gradients[name], expected, rtol=1e-10, atol=1e-12)


def test_step_reports_who_fired_and_what_is_left() -> None:
    start = weights(tied=True)
    x = torch.randn(6, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    result = step(start, x, top_k=2)
    pre = torch.relu((x - start.decoder_bias) @ start.encoder.T + start.encoder_bias)
    values, index = pre.topk(2, dim=1)
    codes = torch.zeros_like(pre).scatter_(1, index, values)
    assert torch.equal(result.fired, (codes > 0).any(0))
    torch.testing.assert_close(result.residual, x - codes @ start.dictionary - start.decoder_bias)


def trained(*, revive_every: int, n_steps: int = 100) -> tuple[Weights, torch.Tensor, float]:
    """A run in which half of the latents begin silent."""
    x = torch.rand(400, 7, generator=torch.Generator().manual_seed(2)).square()
    stream = fakes.ArrayStream(x)
    start = Weights.initial(stream, 12, tied=True, seed=0)
    start.encoder_bias[:6] = -100.0
    said: list[str] = []
    data = replace(fakes.fit_data(torch.zeros(3, 2, 5)), tokens=stream, progress=said.append)
    end = train(data, start, Plan(n_steps, 64, 1e-2, revive_every, 0), top_k=3)
    return end, x, float(said[-1].split("loss ")[1].split(",")[0])


def n_dead(end: Weights, x: torch.Tensor) -> int:
    return 12 - int(step(end, x / end.unit, top_k=3).fired.sum())


def test_silent_latents_are_revived() -> None:
    without = trained(revive_every=10_000)
    with_ = trained(revive_every=10)
    assert n_dead(*without[:2]) >= 6
    assert n_dead(*with_[:2]) < n_dead(*without[:2]) - 3
    assert with_[2] < without[2]


def test_revived_latents_start_at_a_fifth_of_the_live_ones() -> None:
    start = weights(tied=True)
    live = start.encoder[2:].norm(dim=1).mean()
    rows = torch.eye(7, dtype=start.encoder.dtype)[:2]

    start.revive(torch.tensor([0, 1]), rows)

    torch.testing.assert_close(start.encoder[:2], rows * live / 5)
    assert torch.equal(start.dictionary[:2], rows)


def test_training_lowers_the_loss_and_keeps_unit_rows() -> None:
    short, _, before = trained(revive_every=10, n_steps=2)
    long, _, after = trained(revive_every=10)
    assert after < 0.6 * before
    assert short.unit == long.unit
    torch.testing.assert_close(long.dictionary.norm(dim=1), torch.ones(12))


def test_start_is_the_mean_token_at_unit_scale() -> None:
    x = 40 + 3 * torch.randn(500, 7, generator=torch.Generator().manual_seed(2))
    start = Weights.initial(fakes.ArrayStream(x), 5, tied=True, seed=0)
    torch.testing.assert_close(start.decoder_bias * start.unit, x.mean(0))
    assert start.unit == pytest.approx(3, rel=0.1)
