"""The trained weights of the demonstration's backbone, which come with the program.

`python -m precompute demo --train` makes them again; `make bench` compares those with these. To
ship others, copy the folder that it leaves in data/artifacts/models over `weights/aviary`.
"""

from __future__ import annotations

import json
from pathlib import Path

from data.datasets import Dataset
from precompute.demo.training import MADE, drawn_with

WEIGHTS = Path(__file__).with_name("weights")


def shipped(name: str, dataset: Dataset, *, seed: int) -> Path | None:
    """The folder of the demonstration model `name`; None unless it was trained with this seed, on
    images that were drawn as these were."""
    made = WEIGHTS / name / MADE
    if not made.is_file():
        return None
    facts = json.loads(made.read_text(encoding="utf-8"))
    same = (facts["images"], facts["seed"]) == (drawn_with(dataset), seed)
    return made.parent if same else None
