"""Training and factorising against bounds and a library, on drawn activations, in one run."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from sklearn.decomposition import NMF
from torch import Tensor

from core.concepts.factors import nmf
from core.concepts.sae import topk
from core.types import FitData

_D, _LATENTS, _KEPT, _BATCH = 512, 4_096, 32, 1_024
_STEPS = {"cpu": 60, "cuda": 3_000}
_ROUNDS = 3


@dataclass(frozen=True)
class Drawn:
    """A `TokenStream` of the same rows, epoch after epoch."""

    rows: Float[Tensor, "n d"]

    @property
    def n_tokens(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        return self.rows.shape[1]

    def batches(self, size: int, *, seed: int | None) -> Iterator[Float[Tensor, "b d"]]:  # noqa: ARG002
        yield from self.rows.split(size)

    def sample(self, n: int, *, seed: int) -> Float[Tensor, "n d"]:  # noqa: ARG002
        return self.rows[:n]


def report(*, large: bool) -> None:
    print(f"training, {torch.get_num_threads()} threads, float32")
    _topk("cpu")
    if torch.cuda.is_available():
        _topk("cuda")
    _nmf(20_000, 512, 25)
    if large:
        _nmf(200_000, 1_280, 25)
    print()


@torch.inference_mode()
def _topk(device: str) -> None:
    """Tokens/s of TopK training over those of the encoder's forward product alone."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(_BATCH * 20, _D, generator=generator).to(device)
    weight = torch.randn(_D, _LATENTS, generator=generator).to(device)
    n_steps = _STEPS[device]

    def forward() -> None:
        for i in range(n_steps):
            rows[(i % 20) * _BATCH : (i % 20 + 1) * _BATCH] @ weight

    def train(steps: int) -> None:
        data = replace(_data(rows), device=device)
        topk.fit(data, n_concepts=_LATENTS, top_k=_KEPT, n_steps=steps, batch=_BATCH)

    forward()
    train(3)  # compiles
    ratios = []
    for _ in range(_ROUNDS):
        bound = _seconds(forward)
        # a run of one step pays for everything that is not a step
        spent = _seconds(lambda: train(n_steps + 3)) - _seconds(lambda: train(3))
        ratios.append((bound / spent, n_steps * _BATCH / spent))
    ratio, rate = sorted(ratios)[len(ratios) // 2]
    low, high = min(ratios)[0], max(ratios)[0]
    where = torch.cuda.get_device_name() if device == "cuda" else "the CPU"
    print(
        f"TopK SAE on {where}, d {_D}, {_LATENTS:,} latents, k {_KEPT}, batch {_BATCH:,}: "
        f"{rate:,.0f} tokens/s, {ratio:.2f} of the encoder's forward product "
        f"({low:.2f}-{high:.2f}, n {_ROUNDS})"
    )


def _nmf(n: int, d: int, rank: int) -> None:
    """Seconds against scikit-learn's coordinate descent, stopped when it reaches our error."""
    generator = torch.Generator().manual_seed(1)
    parts = torch.rand(rank * 2, d, generator=generator).square()
    codes = torch.rand(n, rank * 2, generator=generator).square()
    rows = codes @ (parts * (torch.rand(parts.shape, generator=generator) < 0.2))
    rows += 0.05 * torch.rand(rows.shape, generator=generator)
    started = time.perf_counter()
    with torch.inference_mode():
        bank = nmf.fit(_data(rows), n_concepts=rank, max_rows=n)
    ours = time.perf_counter() - started
    with torch.inference_mode():
        error = (rows - bank.encode(rows) @ bank.directions).norm().item()
    for iterations in (5, 10, 20, 40, 80, 160, 200):
        model = NMF(rank, init="nndsvda", max_iter=iterations, tol=0.0, random_state=0)
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # stopped on purpose
            found = model.fit_transform(rows.numpy())
        theirs = time.perf_counter() - started
        reached = float(np.linalg.norm(rows.numpy() - found @ model.components_))
        if reached <= error * 1.001:
            break
    print(
        f"NMF {n:,} x {d:,}, rank {rank}: {ours:.1f} s, error {error:.4g}; scikit-learn "
        f"{theirs:.1f} s to {reached:.4g} in {iterations} iterations: {theirs / ours:.1f}x faster"
    )


def _data(rows: Float[Tensor, "n d"]) -> FitData:
    few = rows[:2].cpu().numpy()
    return FitData(Drawn(rows), few, few, None)


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
