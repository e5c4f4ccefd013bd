"""What SL-CBM computes and minimises: forward pass, start, losses; see `sl_cbm`."""

from __future__ import annotations

import math

import numpy as np
import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import layer_norm

from core.types import FitData


def forward(
    x: Float[Tensor, "*n t d"], p: dict[str, Tensor]
) -> tuple[Float[Tensor, "*n t k"], Float[Tensor, "*n t"], Float[Tensor, "*n t k"]]:
    """S, attention over tokens, and the normalised values it pools."""
    maps = x @ p["weight"].T + p["bias"]
    k = maps.shape[-1]
    values = layer_norm(maps, (k,), p["gain"], p["shift"])
    query = (x.mean(-2) @ p["ask"].T + p["ask_bias"]) @ p["query"].T
    match = einsum(values @ p["key"].T, query, "... t k, ... k -> ... t")
    return maps, torch.softmax(match / math.sqrt(k), dim=-1), values


def initial(
    data: FitData, chosen: list[int], *, n_classes: int, unit: float, seed: int
) -> dict[str, Tensor]:
    """On tokens of size about 1. The projection starts at the probe that asks."""
    k, d = len(chosen), data.pooled.shape[1]
    generator = torch.Generator().manual_seed(seed)
    ask, ask_bias = _probe(data, chosen, unit=unit)

    def drawn(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator) / math.sqrt(columns)

    p = {
        "weight": ask / ask.norm(dim=1, keepdim=True).clamp_min(1e-8) + drawn(k, d) / 10,
        "bias": torch.zeros(k),
        "gain": torch.ones(k),
        "shift": torch.zeros(k),
        "query": torch.eye(k) + drawn(k, k) / 10,
        "key": torch.eye(k) + drawn(k, k) / 10,
        "head_weight": drawn(n_classes, k),
        "head_bias": torch.zeros(n_classes),
    }
    for value in p.values():
        value.requires_grad_()
    return p | {"ask": ask, "ask_bias": ask_bias}


def _probe(
    data: FitData, chosen: list[int], *, unit: float
) -> tuple[Float[Tensor, "k d"], Float[Tensor, " k"]]:
    """Linear concept scores of the mean token, of mean 0 and spread 1 over the train images.

    By the concepts' words where those live among the tokens, else by ridge regression of the
    labels; unknown labels count as their concept's mean.
    """
    assert data.labels is not None
    x = data.pooled.astype(np.float64) / unit
    centred = x - x.mean(0)
    text = data.text
    names = [data.labels.names[j] for j in chosen]
    if text is not None and text.joint and set(names) <= set(text.words):
        w = text.words_in[[text.words.index(name) for name in names]].astype(np.float64)
    else:
        c = data.labels.train[:, chosen]
        c = np.where(np.isnan(c), 0.0, c - np.nanmean(c, axis=0))
        gram = centred.T @ centred
        ridge = 0.1 * np.trace(gram) / len(gram) + 1e-12
        w = np.linalg.solve(gram + ridge * np.eye(len(gram)), centred.T @ c).T
    w = w / np.maximum((centred @ w.T).std(0), 1e-8)[:, None]
    return (
        torch.from_numpy(w.astype(np.float32)),
        torch.from_numpy((-x.mean(0) @ w.T).astype(np.float32)),
    )


def distance(f: Float[Tensor, "b k"], labels: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    known = ~labels.isnan()
    gap = (torch.sigmoid(f) - labels.nan_to_num()).abs()
    return (gap * known).sum() / known.sum().clamp_min(1)


def entropy(maps: Float[Tensor, "b t k"]) -> Float[Tensor, ""]:
    """nats, summed over tokens, mean over images."""
    logp = torch.log_softmax(maps, dim=-1)
    return -(logp.exp() * logp).sum((1, 2)).mean()
