"""The demonstration backbone: a small ResNet, trained on the Aviary images.

Its last layer keeps 12 x 16 tokens, is non-negative, and feeds the classifier by its mean alone,
so every method of the dashboard applies to it and additive explanations are exact.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel, ResNetConfig, ResNetForImageClassification

from data.datasets import Dataset
from precompute.demo.training import COLUMNS, ROWS, Lesson, Trained, train_classifier


def train_backbone(
    dataset: Dataset, out: Path, *, seed: int = 0, epochs: int = 12, progress: bool = True
) -> Trained:
    """As `train_classifier`."""
    lesson = Lesson(
        _network,
        lambda network, batch: network(batch).logits,
        size=(ROWS, COLUMNS),
        peak_rate=0.01,
        weight_decay=0.02,
        coarse=0.4,
    )
    return train_classifier(dataset, out, lesson, seed=seed, epochs=epochs, progress=progress)


def _network(names: list[str]) -> PreTrainedModel:
    config = ResNetConfig(
        layer_type="basic",
        embedding_size=16,
        hidden_sizes=[32, 64],
        depths=[1, 2],
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    network: PreTrainedModel = ResNetForImageClassification(config)
    nn.Module.to(network, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
