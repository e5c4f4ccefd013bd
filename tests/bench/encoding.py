"""What encoding adds to the forward pass, bank by bank, and what memory does with more images."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from core import backbones
from core.concepts import METHODS, parameters
from core.types import ConceptBank, FitData, Labels
from tests.bench import building
from tests.fakes import fit_data, text_side

_IMAGES, _BATCH = 24, 8
_SIZES = (1_024, 4_096)
"""images between which memory is compared"""
_SMALL = {"n_steps": 20, "batch": 256, "max_iter": 20, "top_k": 8}


def report() -> None:
    _beside_forward()
    _memory()


def _beside_forward() -> None:
    model = building.models(Path(tempfile.mkdtemp(prefix="bench-")))["ViT-S/16 224x224"]
    backbone = backbones.load(str(model))
    pixels = torch.rand(_IMAGES, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    backbone.forward(pixels[:_BATCH])
    started = time.perf_counter()
    tokens = torch.cat([backbone.forward(part).tokens for part in pixels.split(_BATCH)])
    forward = time.perf_counter() - started
    # factorisations want what a layer after a ReLU gives
    tokens = tokens.relu()
    print(
        f"encoding beside the forward pass of a ViT-S/16: {tokens.shape[1]} tokens of width "
        f"{tokens.shape[2]}, {_IMAGES} images, {1000 * forward / _IMAGES:.0f} ms an image"
    )
    print(f"{'bank':<26}{'concepts':>9}{'ms an image':>13}{'of forward':>12}")
    total = 0.0
    data = _data(tokens)
    for name in METHODS:
        if name.startswith("imported"):
            continue  # encodes as the kind that it was trained as
        bank = _fitted(name, data)
        seconds = _encoding(bank, tokens)
        total += seconds
        print(
            f"{name:<26}{len(bank.directions):>9}{1000 * seconds / _IMAGES:>13.2f}"
            f"{seconds / forward:>12.1%}"
        )
    print(f"{'all':<26}{'':>9}{1000 * total / _IMAGES:>13.2f}{total / forward:>12.1%}\n")


def _data(tokens: torch.Tensor) -> FitData:
    """With drawn labels and words: what is learned is of no account here, its size is."""
    rng = np.random.default_rng(0)
    n_train, n_labels = 16, 24
    labels = (rng.random((len(tokens), n_labels)) < 0.5).astype(np.float32)
    names = tuple(f"label {i}" for i in range(n_labels))
    data = fit_data(tokens, Labels(names, labels[:n_train], labels[n_train:], "image"))
    pooled = tokens.mean(1).numpy()
    return replace(data, text=text_side(pooled, n_train, words=256))


@torch.inference_mode()
def _fitted(name: str, data: FitData) -> ConceptBank:
    known = parameters(METHODS[name].fit)
    sizes = {"n_concepts": 24 if "n_steps" not in known else 256}
    small = {key: value for key, value in (_SMALL | sizes).items() if key in known}
    return METHODS[name].fit(data, seed=0, **small)


@torch.inference_mode()
def _encoding(bank: ConceptBank, tokens: torch.Tensor) -> float:
    """Seconds for all images, the best of three."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        bank.encode(tokens)  # a build too encodes many images at once
        best = min(best, time.perf_counter() - started)
    return best


_GROWTH = """
import json, resource, sys
from pathlib import Path
import numpy as np
import pandas as pd
from core.concepts import METHODS
from core.types import FitData
from precompute.banks import encode_bank
from precompute.intake import ActivationStore, StoredTokens, publish, put_facts
folder, n = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
for i in range(n // 256):
    with publish(folder / f"{i:05d}") as out:
        tokens = rng.random((256, 192, 64), dtype=np.float32)
        np.save(out / "tokens.npy", tokens)
        np.save(out / "pooled.npy", tokens.mean(1))
        put_facts(out, {"n": 256, "grid": [12, 16], "seconds": 0})
store = ActivationStore(sorted(folder.glob("0*")))
data = FitData(StoredTokens(store, np.arange(n)), store.pooled(), store.pooled()[:2], None)
bank = METHODS["sae"].fit(data, n_concepts=256, top_k=8, n_steps=200)
encode_bank(bank, store, folder / "codes", title="sae")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def _memory() -> None:
    """Largest resident memory of training and encoding an SAE, at two sizes."""
    found = []
    for n in _SIZES:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-c", _GROWTH, folder, str(n)],
                capture_output=True,
                text=True,
                check=True,
            )
            found.append(float(done.stdout))
    print(
        f"largest memory of training and encoding an SAE (256 latents, 192 tokens of width 64): "
        f"{found[0]:,.0f} MB at {_SIZES[0]:,} images, {found[1]:,.0f} MB at {_SIZES[1]:,} "
        f"({found[1] / found[0]:.2f}x for {_SIZES[1] // _SIZES[0]}x the images)\n"
    )
