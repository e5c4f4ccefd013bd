"""Trains the demonstration backbone: a small ResNet on the Aviary images, saved for the loader.

Its last layer keeps 12 x 16 tokens, is non-negative, and feeds the classifier by its mean alone,
so every method of the dashboard applies to it and additive explanations are exact.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm
from transformers import (
    PreTrainedModel,
    ResNetConfig,
    ResNetForImageClassification,
    ViTImageProcessorPil,
)

from core.backbones import quiet
from core.kinds import TRAIN
from data.datasets import PARAMETERS, Dataset

ROWS, COLUMNS = 96, 128  # pixels
BATCH = 64
PEAK_RATE = 0.01
COARSE = 0.4  # share of the epochs that see half as many rows and columns, four times as fast
SHIFT = 6  # pixels an image is moved by at most while training
MADE = "made.json"
"""file beside the weights: what they were trained on, and how often they are right"""
GREY = 0.5  # mean and deviation of the normalisation, for colours in 0..1


class Trained(NamedTuple):
    path: Path
    accuracy: dict[str, float]  # by split, 0..1, without augmentation
    n_images: dict[str, int]


def train_backbone(
    dataset: Dataset, out: Path, *, seed: int = 0, epochs: int = 12, progress: bool = True
) -> Trained:
    """Trains on split "train" and writes a Hugging Face directory to `out`, whole or not at all.

    Its `made.json` says which images and seed the weights come from, their SHA-256, and their
    accuracy, 0..1, on each split. The same seed and number of threads give the same weights.
    Raises FileExistsError where `out` exists, ValueError for a data set without labelled training
    images.
    """
    if out.exists():
        raise FileExistsError(f"{out} exists already; remove it to train the backbone again")
    images = dataset.images[dataset.images["label"].notna()]
    names = sorted(images.loc[images["split"] == TRAIN, "label"].unique())
    if len(names) < 2 or epochs < 1:
        raise ValueError(
            f"data set {dataset.name!r} has {len(names)} classes in split 'train' and epochs is "
            f"{epochs}; at least two classes and one epoch are needed"
        )
    images = images[images["label"].isin(names)]
    pixels = read(dataset, images["file"].tolist(), progress=progress)
    labels = torch.tensor([names.index(label) for label in images["label"]])
    splits = images["split"].to_numpy()
    network = _network(names, seed=seed)
    chosen = torch.from_numpy(np.flatnonzero(splits == TRAIN))
    _fit(network, pixels[chosen], labels[chosen], seed=seed, epochs=epochs, progress=progress)
    accuracy, n_images = {}, {}
    for split in dict.fromkeys(splits):
        chosen = torch.from_numpy(np.flatnonzero(splits == split))
        correct = _predict(network, pixels[chosen]) == labels[chosen]
        accuracy[str(split)], n_images[str(split)] = correct.float().mean().item(), len(chosen)
    made = {"images": drawn_with(dataset), "seed": seed, "epochs": epochs}
    _publish(network, out, {**made, "accuracy": accuracy, "n_images": n_images})
    return Trained(out, accuracy, n_images)


def drawn_with(dataset: Dataset) -> dict[str, int]:
    """The parameters that Aviary's images were drawn with; none of another data set."""
    file = dataset.root / PARAMETERS
    found: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def read(dataset: Dataset, files: list[str], *, progress: bool) -> UInt8[Tensor, "n H W 3"]:
    pixels = torch.empty(len(files), ROWS, COLUMNS, 3, dtype=torch.uint8)
    bar = tqdm(files, desc="read images", unit="image", disable=not progress, leave=False)
    for index, file in enumerate(bar):
        image = dataset.open(file)
        if image.size != (COLUMNS, ROWS):
            image = image.resize((COLUMNS, ROWS), Image.Resampling.BILINEAR)
        pixels[index] = torch.from_numpy(np.array(image))
    return pixels


def _network(names: list[str], *, seed: int) -> PreTrainedModel:
    config = ResNetConfig(
        layer_type="basic",
        embedding_size=16,
        hidden_sizes=[32, 64],
        depths=[1, 2],
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: PreTrainedModel = ResNetForImageClassification(config)
    nn.Module.to(network, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def normalised(pixels: UInt8[Tensor, "b H W 3"]) -> Float[Tensor, "b 3 H W"]:
    """What the saved image processor does; the permuted view is channels-last already."""
    return ((pixels.float() / 255 - GREY) / GREY).permute(0, 3, 1, 2)


def _batches(
    pixels: UInt8[Tensor, "n H W 3"], labels: Int[Tensor, " n"], *, generator: torch.Generator
) -> Iterator[tuple[Float[Tensor, "b 3 H W"], Int[Tensor, " b"]]]:
    """One epoch in random order, each image mirrored or not, each batch moved a few pixels."""
    for chosen in torch.randperm(len(pixels), generator=generator).split(BATCH):
        batch = normalised(pixels[chosen])
        mirrored = torch.rand(len(batch), generator=generator) < 0.5
        batch[mirrored] = batch[mirrored].flip(3)
        padded = nn.functional.pad(batch, [SHIFT] * 4, mode="reflect")
        top, left = torch.randint(2 * SHIFT + 1, (2,), generator=generator).tolist()
        moved = padded[:, :, top : top + ROWS, left : left + COLUMNS]
        yield moved.contiguous(memory_format=torch.channels_last), labels[chosen]


def _fit(
    network: PreTrainedModel,
    pixels: UInt8[Tensor, "n H W 3"],
    labels: Int[Tensor, " n"],
    *,
    seed: int,
    epochs: int,
    progress: bool,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=0.02)
    n_steps = epochs * math.ceil(len(pixels) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=PEAK_RATE, total_steps=n_steps, pct_start=0.25
    )
    network.train()
    correct, loss_mean = 0.0, float("nan")  # running means, so that the bar does not flicker
    with tqdm(total=n_steps, desc="train backbone", unit="step", disable=not progress) as bar:
        for epoch in range(epochs):
            for batch, wanted in _batches(pixels, labels, generator=generator):
                if epoch < epochs * COARSE:
                    batch = nn.functional.avg_pool2d(batch, 2)
                logits = network(batch).logits
                loss = nn.functional.cross_entropy(logits, wanted, label_smoothing=0.05)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                schedule.step()
                hit = (logits.argmax(1) == wanted).float().mean().item()
                correct += 0.1 * (hit - correct)
                loss_mean = (
                    loss.item() if math.isnan(loss_mean) else (0.9 * loss_mean + 0.1 * loss.item())
                )
                bar.set_postfix(loss=f"{loss_mean:.3f}", accuracy=f"{correct:.3f}", refresh=False)
                bar.update()
    network.eval()


@torch.no_grad()
def _predict(network: PreTrainedModel, pixels: UInt8[Tensor, "n H W 3"]) -> Int[Tensor, " n"]:
    return torch.cat([network(normalised(part)).logits.argmax(1) for part in pixels.split(256)])


def _publish(network: PreTrainedModel, out: Path, made: dict[str, Any]) -> None:
    """Beside the target first, then under its name: a directory that can be found is complete."""
    building = out.with_name(f".{out.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    nn.Module.to(network, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with quiet():
        network.save_pretrained(building)
    ViTImageProcessorPil(
        size={"height": ROWS, "width": COLUMNS}, image_mean=[GREY] * 3, image_std=[GREY] * 3
    ).save_pretrained(building)
    made |= {"torch": torch.__version__, "sha256": weights_hash(building)}
    (building / MADE).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    building.replace(out)


def weights_hash(folder: Path) -> str:
    """SHA-256 of the weights in a model's folder."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
