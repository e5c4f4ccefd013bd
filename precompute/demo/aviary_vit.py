"""A small ViT that reads its CLS token, trained on the Aviary images.

Most of its training sees images at half the size, with its position embeddings interpolated.
"""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedModel, ViTConfig, ViTForImageClassification

from data.datasets import Dataset
from precompute.demo.training import Lesson, Trained, train_classifier

SIDE, PATCH = 96, 8
"""pixels; 12 x 12 tokens"""


def train_vit(
    dataset: Dataset, out: Path, *, seed: int = 0, epochs: int = 12, progress: bool = True
) -> Trained:
    """As `train_classifier`."""
    lesson = Lesson(
        _network, _run, size=(SIDE, SIDE), peak_rate=2e-3, weight_decay=0.05, coarse=0.75
    )
    return train_classifier(dataset, out, lesson, seed=seed, epochs=epochs, progress=progress)


def _network(names: list[str]) -> PreTrainedModel:
    config = ViTConfig(
        hidden_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=128,
        image_size=SIDE,
        patch_size=PATCH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    network: PreTrainedModel = ViTForImageClassification(config)
    return network


def _run(network: nn.Module, batch: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b y"]:
    logits: Tensor = network(batch, interpolate_pos_encoding=True).logits
    return logits
