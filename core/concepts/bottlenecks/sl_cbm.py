"""SL-CBM: a concept map by 1x1 projection, pooled by attention; concepts and classes share it.

AAAI 2026, "SL-CBM: Enhancing concept bottleneck models with semantic locality" (arXiv 2601.12804).
S = x W' + b gives every token k concept values. A query q, one value a concept, is the image's
concept scores by a plain linear probe of its mean token (with words in the tokens' own space: by
the words). Cross-attention as SimPool's pools them: v = LayerNorm(S), a = softmax over tokens of
(W_q q) . (W_k v) / sqrt(k), f = sum_t a_t v_t. The loss is

    lambda1 CE(classes) + lambda2 10^4 L1(sigmoid(f), labels) + lambda3 H,
    H = sum over tokens of the entropy of softmax over concepts of S, mean over images.

A code is T a_t v_t, so that the mean of a map is exactly the pooled score f, whose sign says
whether the concept is there; to encode a token is to look at all tokens of its image. Normalised
over concepts, v tells which concepts a token shows, not how many: a data set in which an image may
show none or all of a few concepts is beyond it. The map of a class is its head weights over these
maps. The paper's classifier normalises f over concepts once
more; f is mixed from normalised values already, and without that the head is linear. (Orders of
intervention of the paper's code sort ascending, the least useful first; the app's policies sort
descending.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from einops import einsum
from jaxtyping import Float, Integer
from torch import Tensor

from core.concepts.bottlenecks import supervised
from core.concepts.bottlenecks.sl_cbm_parts import distance, entropy, forward, initial
from core.concepts.bottlenecks.training import Classes, class_loss
from core.concepts.common.stored import Stored
from core.types import FitData, Head, ImageStream, Readout

_LIKENESS = 1e4
"""of the paper's code: weight of the concept loss beside the entropy's sum over tokens"""
_SHARED = ("bias", "gain", "shift", "ask", "ask_bias", "query", "key")
_SAY = 50
"""steps between two messages"""


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows: those of the 1x1 projection"""
    size: Float[Tensor, " k"]
    """norms of the projection's rows"""
    bias: Float[Tensor, " k"]
    gain: Float[Tensor, " k"]
    """of the normalisation over concepts"""
    shift: Float[Tensor, " k"]
    ask: Float[Tensor, "k d"]
    """mean token to query, before W_q"""
    ask_bias: Float[Tensor, " k"]
    query: Float[Tensor, "k k"]
    key: Float[Tensor, "k k"]
    head_weight: Float[Tensor, "y k"] | None = None
    """logit per unit of score; None: no class was labelled"""
    head_bias: Float[Tensor, " y"] | None = None
    head_classes: Integer[Tensor, " y"] | None = None
    measured: list[dict[str, float]] = field(default_factory=list)
    """label (index into Labels.names), train_accuracy, train_auc of the pooled score"""
    signed = True
    offset = None

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Logits; `x` is one image's tokens, or images x tokens: the last axis but one is T."""
        whole = x if x.ndim > 1 else x[None]
        _, attention, values = forward(whole, self._parameters())
        codes = whole.shape[-2] * attention[..., None] * values
        return codes.reshape(*x.shape[:-1], len(self.directions))

    def plain(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """S, the map before attention, which the paper draws as concept saliency."""
        return x @ (self.directions * self.size[:, None]).T + self.bias

    @property
    def readout(self) -> Readout | None:
        if self.head_weight is None or self.head_bias is None or self.head_classes is None:
            return None
        return Readout(
            Head(self.head_weight.numpy(), self.head_bias.numpy()),
            self.head_classes.numpy(),
            "Linear layer on the pooled concept scores, trained together with the concept maps.",
        )

    def _parameters(self) -> dict[str, Tensor]:
        return {
            "weight": self.directions * self.size[:, None],
            **{name: getattr(self, name) for name in _SHARED},
        }


@torch.inference_mode(mode=False)
def fit(
    data: FitData,
    *,
    n_concepts: int = 0,
    seed: int = 0,
    min_each: int = 5,
    lambda1: float = 1.0,
    lambda2: float = 1.0,
    lambda3: float = 5.0,
    n_steps: int = 1000,
    batch: int = 16,
    lr: float = 3e-3,
) -> Bank:
    """Train on whole maps of the train images, concepts that vary enough (`min_each`) only.

    lambda1..3 are the paper's; its learning rate is a tenth of this at half the batch, for five
    epochs. Tokens are divided by their overall size first, which the weights take back. Unknown
    labels weigh nothing. Raises ValueError without labels or whole maps, for n_steps or batch below
    1, and when training diverges.
    """
    chosen = supervised.learnable(data, n_concepts=n_concepts, min_each=min_each, title="sl_cbm")
    assert data.labels is not None
    if data.images is None:
        raise ValueError("sl_cbm looks at whole maps, and this source of tokens gives none")
    if n_steps < 1 or batch < 1:
        raise ValueError(f"n_steps and batch must be 1 or more, not {n_steps} and {batch}")
    labels = supervised.targets(data.labels, chosen)
    classes, class_ids = _classes(data)
    unit = float(np.sqrt(np.mean(np.square(data.pooled, dtype=np.float64)))) or 1.0
    p = initial(data, chosen, n_classes=len(class_ids), unit=unit, seed=seed)
    trained = [value for name, value in p.items() if not name.startswith("ask")]
    optimiser = torch.optim.Adam(trained, lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=n_steps + 1)
    batches = _endless(data.images, batch, seed=seed)
    for step, (rows, x) in zip(range(n_steps), batches, strict=False):
        with torch.enable_grad():
            maps, attention, values = forward(x / unit, p)
            f = einsum(attention, values, "b t, b t k -> b k")
            loss = lambda2 * _LIKENESS * distance(f, labels[rows]) + lambda3 * entropy(maps)
            if classes.n:
                read = {"read_weight": p["head_weight"], "read_bias": p["head_bias"]}
                loss = loss + lambda1 * class_loss(read, f, classes, rows)
            optimiser.zero_grad()
            loss.backward()
        optimiser.step()
        schedule.step()
        if not math.isfinite(loss.item()):
            raise ValueError(f"sl_cbm diverged at step {step + 1}; lower lr = {lr}")
        if step % _SAY == 0 or step == n_steps - 1:
            data.progress(f"step {step + 1} of {n_steps}, loss {loss.item():.4g}")
    return _bank(data, chosen, {n: v.detach() for n, v in p.items()}, class_ids, unit=unit)


def _endless(
    images: ImageStream, batch: int, *, seed: int
) -> Iterator[tuple[Integer[Tensor, " b"], Float[Tensor, "b t d"]]]:
    epoch = 0
    while True:
        yield from images.batches(batch, seed=seed + epoch)
        epoch += 1


def _classes(data: FitData) -> tuple[Classes, Integer[Tensor, " y"]]:
    one = data.classes is None or len(np.unique(data.classes[data.classes >= 0])) < 2
    if one and data.targets is None:
        return Classes(torch.full((len(data.pooled),), -1), 0), torch.zeros(0, dtype=torch.int64)
    return supervised.classes_of(data, title="sl_cbm")


def _bank(
    data: FitData,
    chosen: list[int],
    p: dict[str, Tensor],
    class_ids: Integer[Tensor, " y"],
    *,
    unit: float,
) -> Bank:
    assert data.labels is not None
    assert data.images is not None
    size = p["weight"].norm(dim=1)
    shared = {name: p[name] for name in _SHARED} | {"ask": p["ask"] / unit}
    bank = Bank(p["weight"] / size[:, None], size / unit, **shared, measured=[])
    if len(class_ids):
        bank = replace(
            bank, head_weight=p["head_weight"], head_bias=p["head_bias"], head_classes=class_ids
        )
    scores = pooled_scores(bank, data.images, len(chosen))
    return replace(bank, measured=supervised.facts(data.labels, chosen, scores))


def pooled_scores(bank: Bank, images: ImageStream, k: int) -> Float[np.ndarray, "n k"]:
    out = np.zeros((images.n_images, k), dtype=np.float32)
    for rows, x in images.batches(64, seed=None):
        out[rows.numpy()] = bank.encode(x).mean(1).numpy()
    return out
