"""Sparse autoencoders beside TopK: what each finds, its formulas slowly, the shared loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import fakes
import pytest
import torch
from scipy.optimize import nnls
from torch import Tensor

from core.concepts import METHODS, parameters
from core.concepts.sae import (
    archetypal,
    batch_budget,
    batch_topk,
    gated,
    jumprelu,
    l1,
    loop,
    matryoshka,
)
from core.concepts.sae.archetypes import Archetypes
from core.concepts.sae.weights import Weights
from core.types import FitData

SAES = [name for name in METHODS if name.endswith("_sae") and name not in fakes.TAUGHT]
SMALL: dict[str, Any] = {"n_steps": 30, "batch": 64}
K, WIDTH = 11, 7


def planted(
    *, width: int = 32, n_parts: int = 24, n: int = 200, share: float = 0.06
) -> tuple[Tensor, Tensor]:
    """Tokens that are sparse non-negative mixtures of known signed directions."""
    generator = torch.Generator().manual_seed(7)
    parts = torch.randn(n_parts, width, generator=generator)
    parts = parts / parts.norm(dim=1, keepdim=True)
    on = torch.rand(n, 15, n_parts, generator=generator) < share
    amount = 0.5 + torch.rand(n, 15, n_parts, generator=generator)
    noise = 0.01 * torch.randn(n, 15, width, generator=generator)
    return (amount * on) @ parts + noise, parts


def plain(n: int = 40) -> Tensor:
    return torch.randn(n, 15, WIDTH, generator=torch.Generator().manual_seed(1))


def data_of(x: Tensor, said: list[str] | None = None) -> FitData:
    data = fakes.fit_data(x)
    progress = data.progress if said is None else said.append
    return FitData(data.tokens, data.pooled, data.pooled_test, None, progress)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("l1_sae", {"sparsity": 0.2}),
        ("gated_sae", {"sparsity": 0.8}),
        ("jumprelu_sae", {"sparsity": 0.1}),
        ("batch_topk_sae", {"top_k": 1}),
        ("batch_topk_sae", {"top_k": 3}),
        ("matryoshka_sae", {"top_k": 1, "prefixes": [16, 32]}),
        ("matryoshka_sae", {"top_k": 2, "prefixes": [16, 32]}),
        ("archetypal_sae", {"top_k": 3, "n_candidates": 96, "relaxation": 0.3}),
    ],
)
def test_planted_parts_are_recovered(method: str, params: dict[str, Any]) -> None:
    values, found = recovered(method, params)
    assert values.min() > 0.95
    assert len(found.unique()) == len(values)


@pytest.mark.parametrize(("top_k", "n_pure"), [(1, 22), (2, 18)])
def test_deeply_nested_prefixes_recover_most_parts(top_k: int, n_pure: int) -> None:
    """Of 24 parts 8 and 16 latents must do for all, so some hedge between two parts: 23 and 20 come
    out pure, where one prefix of 16 leaves all 24 so."""
    values, found = recovered("matryoshka_sae", {"top_k": top_k, "prefixes": [8, 16, 32]})
    assert (values > 0.95).sum() >= n_pure
    assert values.mean() > 0.95
    assert values[found < 8].median() > 0.95  # those at the front, too


def recovered(method: str, params: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Each planted part's largest cosine with a latent, and with which. A budget of latents is met:
    on average, a token has as many parts."""
    budget = params["top_k"] / 24 if method in ("batch_topk_sae", "matryoshka_sae") else 0.06
    x, parts = planted(share=budget)
    with torch.inference_mode():
        bank = METHODS[method].fit(
            data_of(x), n_concepts=32, n_steps=900, batch=256, lr=5e-3, revive_every=75, **params
        )
    values, found = (parts @ bank.directions.T).max(1)
    return values, found


# -- the formulas, slowly ----------------------------------------------------------------------


def draw(seed: int = 0) -> tuple[dict[str, Tensor], Tensor]:
    """Parameters and a batch, double precision."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    drawn = {
        "dictionary": normal(K, WIDTH),
        "encoder": normal(K, WIDTH),
        "encoder_bias": normal(K),
        "decoder_bias": normal(WIDTH),
    }
    return drawn, normal(6, WIDTH)


def pre_activations(p: dict[str, Tensor], x: Tensor) -> list[list[float]]:
    return [
        [
            float(sum((x[b, c] - p["decoder_bias"][c]) * p["encoder"][j, c] for c in range(WIDTH)))
            for j in range(K)
        ]
        for b in range(len(x))
    ]


def squared_error(p: dict[str, Tensor], x: Tensor, codes: list[list[float]]) -> float:
    """Mean over tokens and channels."""
    total = 0.0
    for b in range(len(x)):
        for c in range(WIDTH):
            rebuilt = sum(codes[b][j] * float(p["dictionary"][j, c]) for j in range(K))
            total += (float(x[b, c]) - rebuilt - float(p["decoder_bias"][c])) ** 2
    return total / x.numel()


def test_l1_objective() -> None:
    p, x = draw()
    bias = p["encoder_bias"].tolist()
    codes = [
        [max(0.0, v + e) for v, e in zip(row, bias, strict=True)] for row in pre_activations(p, x)
    ]
    size = sum(map(sum, codes)) / len(x) / math.sqrt(WIDTH)
    loss = loop.differentiated(p, l1.objective(x, 0.3)).loss
    assert loss == pytest.approx(squared_error(p, x, codes) + 0.3 * size)


def test_gated_objective() -> None:
    p, x = draw()
    p |= {
        "log_magnitude": torch.linspace(-1, 1, K).double(),
        "magnitude_bias": p["encoder_bias"] / 2,
    }
    shared = pre_activations(p, x)
    gate = [
        [max(0.0, shared[b][j] + float(p["encoder_bias"][j])) for j in range(K)] for b in range(6)
    ]
    codes = [
        [
            max(0.0, shared[b][j] * math.exp(p["log_magnitude"][j]) + float(p["magnitude_bias"][j]))
            * (gate[b][j] > 0)
            for j in range(K)
        ]
        for b in range(6)
    ]
    size = sum(map(sum, gate)) / len(x) / math.sqrt(WIDTH)
    expected = squared_error(p, x, codes) + 0.3 * size + squared_error(p, x, gate)
    assert loop.differentiated(p, gated.objective(x, 0.3)).loss == pytest.approx(expected)


def test_gate_does_not_train_the_dictionary() -> None:
    p, x = draw()
    p |= {
        "log_magnitude": torch.zeros(K).double(),
        "magnitude_bias": torch.full((K,), -1e3).double(),
    }
    # no code is on, so only the gate's own reconstruction is left
    found = loop.differentiated(p, gated.objective(x, 0.0)).gradients
    assert not found["dictionary"].any()
    assert found["encoder_bias"].any()


def test_jumprelu_thresholds_follow_the_published_pseudo_gradient() -> None:
    p, x = draw()
    h, sparsity = 0.9, 0.2
    threshold = torch.linspace(0.3, 1.4, K).double()
    p["log_threshold"] = threshold.log()
    pre = [
        [v + float(e) for v, e in zip(row, p["encoder_bias"], strict=True)]
        for row in pre_activations(p, x)
    ]
    codes = [
        [v if v > float(t) else 0.0 for v, t in zip(row, threshold, strict=True)] for row in pre
    ]
    step = loop.differentiated(p, jumprelu.objective(x, sparsity=sparsity, bandwidth=h))
    n_on = sum(v > 0 for row in codes for v in row) / len(x)
    assert step.loss == pytest.approx(squared_error(p, x, codes) + sparsity * n_on)
    n_near = 0
    for j, t in enumerate(threshold.tolist()):
        expected = 0.0
        for b in range(len(x)):
            kernel = 1.0 if abs((pre[b][j] - t) / h) <= 0.5 else 0.0
            n_near += int(kernel)
            slope = -2 / x.numel() * float(step.residual[b] @ p["dictionary"][j])
            expected += slope * -(t / h) * kernel + sparsity / len(x) * -(1 / h) * kernel
        assert step.gradients["log_threshold"][j].item() == pytest.approx(expected * t, abs=1e-12)
    assert n_near > 5


def test_jumprelu_step_passes_no_gradient_to_the_encoder() -> None:
    p, x = draw()
    p["log_threshold"] = torch.zeros(K).double()
    loose, strict = (
        loop.differentiated(p, jumprelu.objective(x, sparsity=s, bandwidth=0.5)).gradients
        for s in (0.0, 5.0)
    )
    torch.testing.assert_close(loose["encoder"], strict["encoder"])
    assert not torch.allclose(loose["log_threshold"], strict["log_threshold"])


def test_batch_budget_is_spent_where_codes_are_strongest() -> None:
    p, x = draw()
    running = batch_budget.Running()
    step = loop.differentiated(p, batch_budget.objective(x, (K,), 2, running))
    pre = torch.relu((x - p["decoder_bias"]) @ p["encoder"].T + p["encoder_bias"])
    strongest = sorted(pre.flatten().tolist(), reverse=True)[:12]
    assert step.codes.count_nonzero() == 12
    assert running.mean == pytest.approx(strongest[-1])
    kept = torch.where(pre >= strongest[-1], pre, 0.0)
    assert step.loss == pytest.approx(squared_error(p, x, kept.tolist()))


def test_matryoshka_objective_is_the_mean_over_prefixes() -> None:
    p, x = draw()
    step = loop.differentiated(p, batch_budget.objective(x, (2, 5, K), 3, batch_budget.Running()))
    pre = torch.relu((x - p["decoder_bias"]) @ p["encoder"].T + p["encoder_bias"])
    kept = torch.where(pre >= pre.flatten().sort(descending=True).values[17], pre, 0.0)
    errors = []
    for last in (2, 5, K):
        front = kept.clone()
        front[:, last:] = 0.0
        errors.append(squared_error(p, x, front.tolist()))
    assert step.loss == pytest.approx(sum(errors) / 3)


def archetypes(seed: int = 0) -> tuple[Archetypes, Tensor]:
    p, x = draw(seed)
    generator = torch.Generator().manual_seed(seed)
    mixture = torch.rand(K, 5, generator=generator, dtype=torch.float64)
    candidates = torch.randn(5, WIDTH, generator=generator, dtype=torch.float64)
    return (
        Archetypes(
            mixture=mixture / mixture.sum(1, keepdim=True),
            candidates=candidates,
            relaxation=p["dictionary"] / 10,
            bound=0.2,
            log_scale=torch.tensor(-0.3, dtype=torch.float64),
            encoder=p["encoder"],
            encoder_bias=p["encoder_bias"],
            decoder_bias=p["decoder_bias"],
            unit=1.0,
            top_k=3,
        ),
        x,
    )


def test_archetypal_gradients_are_those_of_autograd() -> None:
    made, x = archetypes()
    ours = made.step(x, 1.0)
    leaf = {name: p.clone().requires_grad_() for name, p in made.parameters().items()}
    dictionary = leaf["log_scale"].exp() * (leaf["mixture"] @ made.candidates + leaf["relaxation"])
    pre = torch.relu((x - leaf["decoder_bias"]) @ leaf["encoder"].T + leaf["encoder_bias"])
    keep = torch.zeros_like(pre).scatter_(1, pre.topk(3, dim=1).indices, 1.0)
    loss = (x - (pre * keep) @ dictionary - leaf["decoder_bias"]).square().mean()
    loss.backward()
    assert ours.loss == pytest.approx(loss.item())
    for name, p in leaf.items():
        torch.testing.assert_close(ours.gradients[name], p.grad)


def test_archetypes_stay_mixtures_within_bounds() -> None:
    made, _ = archetypes()
    made.mixture.sub_(0.25)
    made.mixture[4] = -1.0
    made.relaxation.mul_(7)
    made.settle()
    assert made.mixture.min() >= 0
    torch.testing.assert_close(made.mixture.sum(1), torch.ones(K).double())
    assert made.relaxation.norm(dim=1).max() <= 0.2 + 1e-9


def test_archetypes_without_relaxation_are_mixtures_of_tokens() -> None:
    x = plain()
    data = data_of(x)
    bank = archetypal.fit(data, n_concepts=3, n_candidates=6, relaxation=0.0, **SMALL)
    made = Archetypes.initial(data, 3, n_candidates=6, relaxation=0.0, top_k=1, seed=0)
    # each direction lies in the cone of the candidates
    for direction in bank.directions.double().numpy():
        assert nnls(made.candidates.double().numpy().T, direction)[1] < 1e-4


# -- inference ---------------------------------------------------------------------------------


def test_threshold_keeps_the_budget_on_average() -> None:
    x, _ = planted()
    bank = batch_topk.fit(data_of(x), n_concepts=32, top_k=2, n_steps=300, batch=256, lr=5e-3)
    assert (bank.encode(x) > 0).sum(-1).float().mean() == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("method", SAES)
def test_a_token_is_coded_alike_in_any_company(method: str) -> None:
    x = plain()
    bank = METHODS[method].fit(data_of(x), n_concepts=K, **SMALL)
    alone = torch.stack([bank.encode(token) for token in x[0]])
    torch.testing.assert_close(alone, bank.encode(x)[0], rtol=1e-4, atol=1e-5)


def test_jumprelu_codes_lie_above_their_thresholds() -> None:
    bank = jumprelu.fit(data_of(plain()), n_concepts=K, **SMALL)
    codes = bank.encode(plain())
    assert bank.threshold.min() > 0
    assert (codes[codes > 0] > bank.threshold.expand_as(codes)[codes > 0]).all()


def test_prefixes_are_kept_and_rise_to_all() -> None:
    bank = matryoshka.fit(data_of(plain()), n_concepts=K, **SMALL)
    assert bank.prefixes.tolist() == [1, 2, 5, 11]
    chosen = matryoshka.fit(data_of(plain()), n_concepts=K, prefixes=[3, 11], **SMALL)
    assert chosen.prefixes.tolist() == [3, 11]


def test_first_prefix_rebuilds_more_alone_than_as_many_latents_elsewhere() -> None:
    x, _ = planted()
    params = {"n_concepts": 32, "top_k": 2, "n_steps": 300, "batch": 256, "lr": 5e-3}
    nested = matryoshka.fit(data_of(x), prefixes=[8, 32], **params)
    flat = batch_topk.fit(data_of(x), **params)

    def error(bank: matryoshka.Bank | batch_topk.Bank) -> float:
        front = bank.encode(x)[..., :8] @ bank.directions[:8] + bank.decoder_bias
        return (x - front).square().sum().item()

    assert error(nested) < 0.9 * error(flat)


@pytest.mark.parametrize(
    ("fit", "low", "high"),
    [(l1.fit, 0.02, 1.0), (gated.fit, 0.02, 2.0), (jumprelu.fit, 0.002, 0.3)],
)
def test_sparsity_lowers_the_number_of_latents_on(
    fit: Callable[..., Any], low: float, high: float
) -> None:
    x = plain()
    counts = [
        (fit(data_of(x), n_concepts=K, sparsity=s, n_steps=200, batch=64, lr=5e-3).encode(x) > 0)
        .sum(-1)
        .float()
        .mean()
        .item()
        for s in (low, high)
    ]
    assert counts[1] < 0.7 * counts[0]


# -- the loop ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*SAES, "sae", "vq"])
def test_scale_of_the_activations_scales_the_codes_alone(method: str) -> None:
    params = {**SMALL, "n_concepts": K}
    if "top_k" in parameters(METHODS[method].fit):
        params["top_k"] = 2
    x = plain()
    small = METHODS[method].fit(data_of(x), **params)
    large = METHODS[method].fit(data_of(64 * x), **params)
    torch.testing.assert_close(large.directions, small.directions, rtol=1e-3, atol=1e-3)
    ratio = large.encode(64 * x).sum() / small.encode(x).sum()
    assert ratio.item() == pytest.approx(64, rel=0.02)


@pytest.mark.parametrize("method", [*SAES, "sae", "vq"])
def test_progress_tells_loss_r2_l0_and_the_dead(method: str) -> None:
    said: list[str] = []
    METHODS[method].fit(
        data_of(plain(), said), n_concepts=K, **SMALL, **({"top_k": 2} if method == "sae" else {})
    )
    for word in ("step 30 of 30", "loss", "R2", "L0", "dead"):
        assert word in said[-1]


def test_reported_dead_share_is_that_of_latents_that_never_fire() -> None:
    said: list[str] = []
    x = torch.zeros(60, 15, WIDTH)
    x[::2, :, 0], x[1::2, :, 1] = 1.0, 1.0  # two kinds of token: two latents are enough
    bank = METHODS["sae"].fit(
        data_of(x, said), n_concepts=50, top_k=1, n_steps=300, batch=64, revive_every=50
    )
    silent = (bank.encode(x) == 0).all(0).all(0).float().mean().item()
    assert silent > 0.9
    shares = [float(line.split("dead ")[1].rstrip("%")) / 100 for line in said]
    assert shares[-1] == pytest.approx(silent, abs=0.021)
    assert min(shares[3:]) > 0.8  # revivals in between do not hide them


def test_reported_r2_is_the_share_of_variance_rebuilt() -> None:
    said: list[str] = []
    x, _ = planted()
    bank = l1.fit(data_of(x, said), n_concepts=32, n_steps=300, batch=2000, lr=5e-3)
    rest = x - bank.encode(x) @ bank.directions - bank.decoder_bias
    expected = 1 - rest.square().sum() / (x - x.mean((0, 1))).square().sum()
    told = float(said[-1].split("R2 ")[1].split(",")[0])
    assert told == pytest.approx(expected.item(), abs=0.02)


@pytest.mark.parametrize("method", [*SAES, "vq"])
def test_silent_latents_wake(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    real = loop._revive

    def watched(weights: Any, optimiser: Any, dead: Tensor, *rest: Any) -> None:
        real(weights, optimiser, dead, *rest)
        woken.append(len(dead))
        for parameter in weights.revive(dead[:0], torch.zeros(0, WIDTH)):
            state = optimiser.state[parameter]
            assert not state["exp_avg"][dead].any()

    monkeypatch.setattr(loop, "_revive", watched)
    # two tokens in turn: most of the latents never fire
    x = torch.eye(WIDTH)[torch.arange(30 * 15) % 2].reshape(30, 15, WIDTH)
    x = x + 1e-3 * plain(30)
    params: dict[str, Any] = {"n_steps": 40, "batch": 64, "revive_every": 5}
    known = parameters(METHODS[method].fit)
    params |= {"top_k": 1} if "top_k" in known else {"sparsity": 1.0}
    METHODS[method].fit(data_of(x), n_concepts=K, **params)
    assert sum(woken) > 0


def test_extra_parameters_start_again_when_a_latent_is_revived() -> None:
    weights = Weights.initial(data_of(plain()).tokens, K, tied=True, seed=0, fresh={"extra": 0.5})
    weights.extra["extra"].fill_(9.0)
    rows = torch.eye(WIDTH)[:2]
    changed = weights.revive(torch.tensor([3, 8]), rows)
    assert weights.extra["extra"][[3, 8, 4]].tolist() == [0.5, 0.5, 9.0]
    assert any(p is weights.extra["extra"] for p in changed)
    assert torch.equal(weights.dictionary[[3, 8]], rows)


@pytest.mark.parametrize("method", SAES)
def test_late_bad_values_are_counted_in_their_batch(method: str) -> None:
    """A sample may miss them, a batch must not."""
    x = plain().flatten(0, 1)
    x[17, 3] = float("nan")

    class Late(fakes.ArrayStream):
        def sample(self, n: int, *, seed: int) -> Tensor:
            return torch.nan_to_num(super().sample(n, seed=seed))

    data = data_of(plain())
    spoilt = FitData(Late(x), data.pooled, data.pooled_test, None)
    with pytest.raises(ValueError, match=r"1 of \d+ activations are NaN or infinite"):
        METHODS[method].fit(spoilt, n_concepts=K, **SMALL)


def test_divergence_is_named() -> None:
    with pytest.raises(ValueError, match=r"diverged by step .*lower lr = 1e"):
        l1.fit(data_of(plain()), n_concepts=K, lr=1e30, n_steps=30, batch=64)


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["batch_topk_sae", "matryoshka_sae", "archetypal_sae", "vq"])
def test_more_active_latents_than_there_are_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match=r"n_concepts = 5.*not 6"):
        METHODS[method].fit(data_of(plain()), n_concepts=5, top_k=6)


@pytest.mark.parametrize("method", SAES)
def test_fewer_tokens_than_latents_are_refused(method: str) -> None:
    with pytest.raises(ValueError, match=r"406 latents.*there are 405"):
        METHODS[method].fit(data_of(plain()), n_concepts=406)


@pytest.mark.parametrize(
    ("fit", "params", "words"),
    [
        (l1.fit, {"sparsity": -0.1}, "0 or more, not -0.1"),
        (gated.fit, {"sparsity": -0.1}, "0 or more, not -0.1"),
        (jumprelu.fit, {"sparsity": 0.0}, r"above 0, not 0\.0"),
        (jumprelu.fit, {"bandwidth": -1.0}, r"above 0, not 0\.01 and -1"),
        (matryoshka.fit, {"prefixes": [2, 2, 5]}, r"rise .*n_concepts = 5, not \[2, 2, 5\]"),
        (matryoshka.fit, {"prefixes": [2, 4]}, r"n_concepts = 5, not \[2, 4\]"),
        (archetypal.fit, {"relaxation": -1.0}, "0 or more, not -1.0"),
        (archetypal.fit, {"n_candidates": 999}, "999 concepts needs at least as many tokens"),
        (l1.fit, {"n_steps": 0}, "1 or more, not 0"),
    ],
)
def test_parameters_out_of_range_are_refused(
    fit: Callable[..., Any], params: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        fit(data_of(plain()), n_concepts=5, **params)
