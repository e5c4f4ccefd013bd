"""Training of the demonstration's classifiers on the Aviary images, saved for the loader."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedModel, ViTImageProcessorPil

from core.backbones import quiet
from core.kinds import TRAIN
from data.datasets import PARAMETERS, Dataset

ROWS, COLUMNS = 96, 128
"""pixels of an image as it is drawn"""
BATCH = 64
SHIFT = 6  # pixels an image is moved by at most while training
MADE = "made.json"
"""file beside the weights: what they were trained on, and how often they are right"""
GREY = 0.5  # mean and deviation of the normalisation, for colours in 0..1


class Trained(NamedTuple):
    path: Path
    accuracy: dict[str, float]  # by split, 0..1, without augmentation
    n_images: dict[str, int]


class Lesson(NamedTuple):
    """A classifier, and how it is trained."""

    network: Callable[[list[str]], PreTrainedModel]
    """fresh, for classes of these names"""
    run: Callable[[nn.Module, Float[Tensor, "b 3 h w"]], Float[Tensor, "b y"]]
    """logits, of images at half the size, too"""
    size: tuple[int, int]
    """rows and columns in pixels"""
    peak_rate: float
    weight_decay: float
    coarse: float
    """share of the epochs that see half as many rows and columns, four times as fast"""


class _Pace(NamedTuple):
    seed: int
    epochs: int
    progress: bool


def train_classifier(
    dataset: Dataset, out: Path, lesson: Lesson, *, seed: int, epochs: int, progress: bool
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
    pixels = read(dataset, images["file"].tolist(), size=lesson.size, progress=progress)
    labels = torch.tensor([names.index(label) for label in images["label"]])
    splits = images["split"].to_numpy()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = lesson.network(names)
    chosen = torch.from_numpy(np.flatnonzero(splits == TRAIN))
    _fit(network, lesson, pixels[chosen], labels[chosen], _Pace(seed, epochs, progress))
    accuracy, n_images = {}, {}
    for split in dict.fromkeys(splits):
        chosen = torch.from_numpy(np.flatnonzero(splits == split))
        correct = _predict(network, lesson, pixels[chosen]) == labels[chosen]
        accuracy[str(split)], n_images[str(split)] = correct.float().mean().item(), len(chosen)
    made = {"images": drawn_with(dataset), "seed": seed, "epochs": epochs}
    _publish(network, out, lesson.size, {**made, "accuracy": accuracy, "n_images": n_images})
    return Trained(out, accuracy, n_images)


def drawn_with(dataset: Dataset) -> dict[str, int]:
    """The parameters that Aviary's images were drawn with; none of another data set."""
    file = dataset.root / PARAMETERS
    found: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def read(
    dataset: Dataset,
    files: list[str],
    *,
    size: tuple[int, int] = (ROWS, COLUMNS),
    progress: bool,
) -> UInt8[Tensor, "n H W 3"]:
    """size: rows and columns in pixels."""
    rows, columns = size
    pixels = torch.empty(len(files), rows, columns, 3, dtype=torch.uint8)
    bar = tqdm(files, desc="read images", unit="image", disable=not progress, leave=False)
    for index, file in enumerate(bar):
        image = dataset.open(file)
        if image.size != (columns, rows):
            image = image.resize((columns, rows), Image.Resampling.BILINEAR)
        pixels[index] = torch.from_numpy(np.array(image))
    return pixels


def normalised(pixels: UInt8[Tensor, "b H W 3"]) -> Float[Tensor, "b 3 H W"]:
    """What the saved image processor does; the permuted view is channels-last already."""
    return ((pixels.float() / 255 - GREY) / GREY).permute(0, 3, 1, 2)


def _batches(
    pixels: UInt8[Tensor, "n H W 3"], labels: Int[Tensor, " n"], *, generator: torch.Generator
) -> Iterator[tuple[Float[Tensor, "b 3 H W"], Int[Tensor, " b"]]]:
    """One epoch in random order, each image mirrored or not, each batch moved a few pixels."""
    rows, columns = pixels.shape[1:3]
    for chosen in torch.randperm(len(pixels), generator=generator).split(BATCH):
        batch = normalised(pixels[chosen])
        mirrored = torch.rand(len(batch), generator=generator) < 0.5
        batch[mirrored] = batch[mirrored].flip(3)
        padded = nn.functional.pad(batch, [SHIFT] * 4, mode="reflect")
        top, left = torch.randint(2 * SHIFT + 1, (2,), generator=generator).tolist()
        moved = padded[:, :, top : top + rows, left : left + columns]
        yield moved.contiguous(memory_format=torch.channels_last), labels[chosen]


def _fit(
    network: PreTrainedModel,
    lesson: Lesson,
    pixels: UInt8[Tensor, "n H W 3"],
    labels: Int[Tensor, " n"],
    pace: _Pace,
) -> None:
    generator = torch.Generator().manual_seed(pace.seed)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=lesson.peak_rate, weight_decay=lesson.weight_decay
    )
    n_steps = pace.epochs * math.ceil(len(pixels) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=lesson.peak_rate, total_steps=n_steps, pct_start=0.25
    )
    network.train()
    correct, loss_mean = 0.0, float("nan")  # running means, so that the bar does not flicker
    with tqdm(total=n_steps, desc="train backbone", unit="step", disable=not pace.progress) as bar:
        for epoch in range(pace.epochs):
            for batch, wanted in _batches(pixels, labels, generator=generator):
                if epoch < pace.epochs * lesson.coarse:
                    batch = nn.functional.avg_pool2d(batch, 2)
                logits = lesson.run(network, batch)
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
def _predict(
    network: PreTrainedModel, lesson: Lesson, pixels: UInt8[Tensor, "n H W 3"]
) -> Int[Tensor, " n"]:
    parts = pixels.split(256)
    return torch.cat([lesson.run(network, normalised(part)).argmax(1) for part in parts])


def _publish(
    network: PreTrainedModel, out: Path, size: tuple[int, int], made: dict[str, Any]
) -> None:
    """Beside the target first, then under its name: a directory that can be found is complete."""
    building = out.with_name(f".{out.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    nn.Module.to(network, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with quiet():
        network.save_pretrained(building)
    ViTImageProcessorPil(
        size={"height": size[0], "width": size[1]}, image_mean=[GREY] * 3, image_std=[GREY] * 3
    ).save_pretrained(building)
    made |= {"torch": torch.__version__, "sha256": weights_hash(building)}
    (building / MADE).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    building.replace(out)


def weights_hash(folder: Path) -> str:
    """SHA-256 of the weights in a model's folder."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
