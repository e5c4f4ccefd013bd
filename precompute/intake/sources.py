"""Opening what a recipe names."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core import backbones
from core.backbones import open_layers
from core.recipe import Recipe
from core.types import Backbone
from data import datasets, lock
from data.datasets import Dataset, corrupted
from precompute.demo import shipped, train_backbone, train_clip, train_vit
from precompute.intake.identity import fingerprint_data, short_hash
from precompute.intake.log import Log
from precompute.intake.shards import tell
from precompute.read_images import CONTENTS, read_images

READ_STAGE = "read data set"
TRAINED_HERE: dict[str, Callable[..., object]] = {
    "aviary": train_backbone,
    "aviary-clip": train_clip,
    "aviary-vit": train_vit,
}
"""models of a recipe that are the program's own"""


@dataclass(frozen=True)
class Sources:
    """What a recipe names, opened."""

    dataset: Dataset
    images: str
    """fingerprint of the data set"""
    backbone: Backbone
    log: Log
    model: str = ""
    """directory or hub name that the backbone was opened from"""
    device: str = "cpu"
    """torch device of the backbone and of what trains long"""


def open_sources(
    recipe: Recipe, *, out: Path, device: str, read: Callable[[], Dataset] | None = None
) -> Sources:
    """`read`, if it is given, waits for images whose reading has begun."""
    log = Log()
    spec = recipe.dataset
    started = time.perf_counter()
    dataset = read() if read else read_images(spec, out)
    log.stage(READ_STAGE, time.perf_counter() - started, len(dataset.images), "images")
    tell(datasets.told(dataset))
    for remark in dataset.remarks:
        log.notice(READ_STAGE, dataset.name, ValueError(remark))
    images = fingerprint_data(dataset, out / CONTENTS)
    model = recipe.backbone.model
    if model in TRAINED_HERE:
        model = str(_demo_model(model, dataset, images, recipe.seed, out, log))
    if spec.corruptions:
        images = short_hash(images, str(recipe.seed), *spec.corruptions)
        before, started = len(dataset.images), time.perf_counter()
        copies = out / "work" / f"corrupted-{images}"
        dataset = corrupted(dataset, spec.corruptions, copies, seed=recipe.seed)
        n = len(dataset.images) - before
        log.stage("corrupt images", time.perf_counter() - started, n, "images")
    size = recipe.backbone.size
    backbone = backbones.load(
        model,
        family=recipe.backbone.family,
        layer=recipe.backbone.layer,
        size=(size[0], size[1]) if size else None,
        device=device,
    )
    if recipe.depth.layers:
        open_layers(backbone, recipe.depth.layers)  # a wrong name is better told now
    return Sources(dataset, images, backbone, log, model, device)


def _demo_model(name: str, dataset: Dataset, images: str, seed: int, out: Path, log: Log) -> Path:
    """The model trained before with the same images and seed, else the shipped one, else a new."""
    folder = _demo_folder(name, images, seed, out)
    found = None if folder.exists() else shipped(name, dataset, seed=seed)
    if found:
        return found
    with lock.alone(folder, "trains this model", tell):
        if not folder.exists():
            with log.timed("train backbone", len(dataset.images), "images"):
                TRAINED_HERE[name](dataset, folder, seed=seed)
    return folder


def _demo_folder(name: str, images: str, seed: int, out: Path) -> Path:
    return out / "models" / f"{name}-{short_hash(images, str(seed))}"


def train_demo(recipe: Recipe, *, out: Path) -> Path:
    """Trains the model of a recipe anew; builds below `out` use it from then on."""
    dataset = read_images(recipe.dataset, out)
    name = recipe.backbone.model
    images = fingerprint_data(dataset, out / CONTENTS)
    folder = _demo_folder(name, images, recipe.seed, out)
    with lock.alone(folder, "trains this model", tell):
        shutil.rmtree(folder, ignore_errors=True)
        TRAINED_HERE[name](dataset, folder, seed=recipe.seed)
    return folder
