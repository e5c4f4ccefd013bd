"""The demonstration's backbone trained anew, against the weights that are shipped."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

from data.datasets import load
from precompute.demo import WEIGHTS, train_backbone, weights_hash
from precompute.demo.training import MADE

_CLOSE = 0.02
"""by which accuracies may differ; other processors round otherwise, and training adds that up"""


def report() -> None:
    """Prints how far the two are apart. Raises ValueError where accuracies are not close."""
    folder = WEIGHTS / "aviary"
    facts = json.loads((folder / MADE).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        dataset = load("aviary", Path(scratch) / "birds", options={})
        made = train_backbone(
            dataset, Path(scratch) / "model", seed=facts["seed"], epochs=facts["epochs"]
        )
        same = weights_hash(made.path) == facts["sha256"]
        ours, theirs = (load_file(path / "model.safetensors") for path in (made.path, folder))
    apart = max(
        (ours[name].double() - theirs[name].double()).abs().max().item()
        for name in theirs
        if theirs[name].dtype == torch.float32
    )
    print(f"backbone trained anew: {'the same bytes' if same else 'other bytes'}, ", end="")
    print(f"weights at most {apart:.2g} from those shipped")
    for split, before in facts["accuracy"].items():
        print(f"{split:<12} accuracy {made.accuracy[split]:.3f}, shipped {before:.3f}")
        if abs(made.accuracy[split] - before) > _CLOSE:
            raise ValueError(f"training no longer gives the shipped weights: see split {split}")
    print()
