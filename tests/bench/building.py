"""The whole build against the bare forward pass on the same images, bank training apart."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import duckdb
import torch
from transformers import (
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from core import backbones
from core.recipe import BackboneSpec, BankSpec, DatasetSpec, HeadSpec, Recipe
from data.datasets import load
from data.datasets.types import Dataset
from precompute import pipeline

_REPEATS = 3
_APART = ("fit ", "read data set", "train backbone")
"""stages that are not the build's per-image work"""


def report(n_images: int) -> Path:
    """Prints one row a model; returns the last store built."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    dataset = load(
        "aviary",
        folder / "birds",
        options={"n_train": n_images // 2, "n_test": n_images // 4, "n_shifted": n_images // 4},
    )
    print(f"build of {len(dataset.images)} images, banks sae (256, top 8) and cav (35)")
    print(
        f"{'model':<22}{'forward':>12}{'build':>12}{'ratio':>8}{'bytes/image':>13}{'saliency':>12}"
    )
    path = folder
    for name, model in models(folder).items():
        forward = _forward_rate(model, dataset)
        path = pipeline.run(_recipe(name, model, dataset), out=folder)
        with duckdb.connect(str(path), read_only=True) as con:
            stages = con.execute("SELECT name, seconds, n FROM stage").fetchall()
        work = sum(s for stage, s, _ in stages if not stage.startswith((*_APART, "saliency")))
        explained = [n / s for stage, s, n in stages if stage.startswith("saliency") and s]
        rate = len(dataset.images) / work
        size = path.stat().st_size / len(dataset.images)
        saliency = f"{min(explained):.1f}/s" if explained else ""
        print(
            f"{name:<22}{forward:>10.1f}/s{rate:>10.1f}/s{rate / forward:>8.2f}{size:>13,.0f}"
            f"{saliency:>12}"
        )
    print(
        "forward: images/s of the model alone on decoded pixels; build: images/s of everything\n"
        "but bank training and saliency; saliency: images/s of the slowest method\n"
    )
    return path


def models(folder: Path) -> dict[str, Path]:
    """The demo's architecture and a ViT-S/16, with random weights: speed is the same."""
    torch.manual_seed(0)
    labels = {i: f"class {i}" for i in range(10)}
    resnet = ResNetForImageClassification(
        ResNetConfig(
            embedding_size=32,
            hidden_sizes=[32, 64, 128],
            depths=[1, 1, 1],
            layer_type="basic",
            id2label=labels,
        )
    )
    vit = ViTForImageClassification(
        ViTConfig(
            hidden_size=384,
            num_hidden_layers=12,
            num_attention_heads=6,
            intermediate_size=1536,
            id2label=labels,
        )
    )
    out = {}
    for name, model, height, width in (
        ("small ResNet 96x128", resnet, 96, 128),
        ("ViT-S/16 224x224", vit, 224, 224),
    ):
        path = folder / name.split()[0] / str(height)
        model.save_pretrained(path)
        ViTImageProcessorPil(size={"height": height, "width": width}).save_pretrained(path)
        out[name] = path
    return out


def _forward_rate(model: Path, dataset: Dataset) -> float:
    """Images/s of forward passes over decoded pixels, the best of a few runs."""
    backbone = backbones.load(str(model))
    files = dataset.images["file"].iloc[:64]
    pixels = backbone.preprocess([dataset.open(f) for f in files])
    backbone.forward(pixels)
    best = 0.0
    for _ in range(_REPEATS):
        started = time.perf_counter()
        backbone.forward(pixels[:32])
        backbone.forward(pixels[32:])
        best = max(best, len(pixels) / (time.perf_counter() - started))
    return best


def _recipe(name: str, model: Path, dataset: Dataset) -> Recipe:
    return Recipe(
        name=name.split()[0].lower(),
        dataset=DatasetSpec("aviary", str(dataset.root.parent), options=_options(dataset)),
        backbone=BackboneSpec(str(model)),
        banks=(
            BankSpec("sae", n_concepts=256, params={"top_k": 8, "n_steps": 50}),
            BankSpec("cav"),
        ),
        heads=(HeadSpec("sae"), HeadSpec("cav")),
    )


def _options(dataset: Dataset) -> dict[str, int]:
    counts = dataset.images["split"].value_counts()
    return {f"n_{split}": int(counts[split]) for split in ("train", "test", "shifted")}
