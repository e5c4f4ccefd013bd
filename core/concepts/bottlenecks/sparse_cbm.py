"""Sparse CBM: a concept layer on text similarities, made sparse by one of three losses.

Semenov et al. 2024 (arXiv 2404.03323). S holds the similarities of images and words, Z = S W' the
concepts (W is word x word, so each concept is a mix of words), and a linear layer on Z reads the
classes. The loss is

    cross-entropy of the classes + strength x sparsity(W, Z) - mean cos-cubed similarity of Z and S,

the last (of the label-free CBM) keeping concept k about word k, and sparsity one of

* l1: mean over concepts of sum |W_k|, which shrinks what a concept mixes in (not to exactly 0).
* contrastive: cross-entropy of an image's own word against the other words, and of a word's own
  images against the other images, as CLIP is trained, on Z.
* gumbel: the same with Gumbel noise on Z, so that a concept has to stand out clearly
  (Gumbel-softmax at temperature 1).

An image's own word is the one it resembles most, each word counted in its standard deviations over
images. (The released code pairs image i with word i by their place in the batch, which pairs
nothing; the text asks for pairs that belong together.)

Where tokens live in the texts' space, S is linear in them: the composed layer W T is a concept
layer on tokens, so that maps exist. S is taken from the mean token at one scale for all images and
not from each image's vector, because that is what the mean of a map can say.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.concepts.bottlenecks import supervised
from core.concepts.bottlenecks.label_free import similarity
from core.concepts.bottlenecks.training import (
    Classes,
    Schedule,
    class_loss,
    descend,
    generator_of,
    starting_readout,
)
from core.concepts.common import concept_layer
from core.concepts.common.concept_layer import Bank
from core.concepts.words import worded
from core.types import FitData, Head, Readout

__all__ = ["Bank", "fit"]

KINDS = ("l1", "contrastive", "gumbel")


@torch.inference_mode(mode=False)
def fit(
    data: FitData,
    *,
    n_concepts: int = 128,
    seed: int = 0,
    kind: str = "gumbel",
    strength: float = 0.1,
    steps: int = 1000,
    batch: int = 64,
    lr: float = 1e-2,
) -> Bank:
    """Train on the n_concepts words (0: all) whose cosine to the train images varies most.

    Raises ValueError without words, for tokens outside the texts' space, without two labelled
    classes, for settings out of range, and when training diverges.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if steps < 1 or batch < 2 or strength < 0:
        raise ValueError(
            f"steps must be 1 or more, batch 2 or more and strength 0 or more, not {steps}, "
            f"{batch} and {strength}"
        )
    text = worded.side(data, method="sparse_cbm")
    if not text.joint:
        raise ValueError(
            "sparse_cbm reads similarities of tokens and words, but the tokens of this layer do "
            'not live in the space of the texts; choose the layer "joint" of a CLIP-like model, '
            "or use label_free, which fits any layer to words"
        )
    classes, class_ids = supervised.classes_of(data, title="sparse_cbm")
    chosen = worded.varied_words(text, n_concepts)
    # one scale for all images, so that similarities are of the size of cosines
    scale = float(np.linalg.norm(data.pooled, axis=1).mean()) or 1.0
    words = text.words_in[chosen].astype(np.float64) / scale
    raw = data.pooled @ words.T
    mean, spread = raw.mean(0), np.where(raw.std(0) > 0, raw.std(0), 1.0)
    s = torch.from_numpy(((raw - mean) / spread).astype(np.float32))
    p = _train(
        s,
        classes,
        own_word(torch.from_numpy(worded.cosines(text, chosen))),
        kind=kind,
        strength=strength,
        schedule=Schedule(steps, batch, lr, seed),
        progress=data.progress,
    )
    mix = p["mix"].double().numpy() / spread
    head = Head(p["read_weight"].double().numpy(), p["read_bias"].double().numpy())
    about = f"Trained together with the concept layer, whose concepts the {kind} loss kept apart."
    return concept_layer.of(
        mix @ words,
        -mix @ mean,
        names=tuple(text.words[i] for i in chosen),
        readout=Readout(head, class_ids.numpy(), about),
    )


def own_word(cosines: Float[Tensor, "n k"]) -> Integer[Tensor, " n"]:
    """Of each image the word it resembles most, in the word's standard deviations."""
    centred = cosines - cosines.mean(0)
    return (centred / centred.square().mean(0).sqrt().clamp_min(1e-8)).argmax(1)


def contrast(
    z: Float[Tensor, "b k"],
    own: Integer[Tensor, " b"],
    *,
    noise: torch.Generator | None = None,
) -> Tensor:
    """Half the loss of words among words and half that of images among images, in nats.

    Words that no image of the batch has for its own count in the first half only.
    """
    if noise is not None:
        uniform = torch.rand(z.shape, generator=noise).clamp(1e-6, 1 - 1e-6)
        z = z - (-uniform.log()).log()
    pairs = torch.zeros_like(z)
    pairs[torch.arange(len(z)), own] = 1.0
    images = pairs / pairs.sum(0).clamp_min(1.0)
    among_images = -(images * z.log_softmax(0)).sum() / (pairs.sum(0) > 0).sum()
    return (cross_entropy(z, own) + among_images) / 2


def _train(
    s: Float[Tensor, "n k"],
    classes: Classes,
    own: Integer[Tensor, " n"],
    *,
    kind: str,
    strength: float,
    schedule: Schedule,
    progress: Callable[[str], None],
) -> dict[str, Tensor]:
    generator = generator_of(schedule)
    n, k = s.shape
    p = {"mix": torch.eye(k), **starting_readout(classes.n, k, generator)}

    def loss(part: Integer[Tensor, " b"]) -> Tensor:
        z = s[part] @ p["mix"].T
        value = strength * _sparsity(kind, p["mix"], z, own[part], generator)
        value = value - similarity(z, s[part]).mean()
        return value + class_loss(p, z, classes, part)

    return descend(
        p, loss, n, schedule=schedule, generator=generator, progress=progress, title="sparse_cbm"
    )


def _sparsity(
    kind: str,
    mix: Float[Tensor, "k k"],
    z: Float[Tensor, "b k"],
    own: Integer[Tensor, " b"],
    generator: torch.Generator,
) -> Tensor:
    if kind == "l1":
        return mix.abs().sum() / len(mix)
    return contrast(z, own, noise=generator if kind == "gumbel" else None)
