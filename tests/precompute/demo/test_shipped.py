"""The weights that come with the program are those that their own file speaks of."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core import backbones
from core.kinds import TEST, TRAIN
from core.recipe import parse
from data.datasets import PARAMETERS, Dataset
from data.datasets.aviary import species
from data.datasets.aviary.reader import aviary
from data.datasets.aviary.render import render
from precompute.__main__ import DEMO
from precompute.demo import WEIGHTS, shipped, weights_hash
from precompute.demo.training import MADE

FOLDER = WEIGHTS / "aviary"
FACTS = json.loads((FOLDER / MADE).read_text(encoding="utf-8"))
COUNTS = {name: value for name, value in FACTS["images"].items() if name != "limit"}


def test_weights_are_the_ones_that_were_described() -> None:
    assert weights_hash(FOLDER) == FACTS["sha256"]


def test_weights_were_trained_on_the_birds_that_the_demo_draws() -> None:
    recipe = parse(DEMO.read_text(encoding="utf-8"))
    usual = {name: p.default for name, p in inspect.signature(aviary).parameters.items()}
    asked = {name: usual[name] for name in FACTS["images"]} | dict(recipe.dataset.options)

    assert asked == FACTS["images"]
    assert recipe.seed == FACTS["seed"]


@pytest.mark.parametrize("split", [TRAIN, TEST, "shifted"])
def test_weights_are_right_as_often_as_described(split: str) -> None:
    """Where this fails the drawing was changed: train anew and ship those, see `shipped`."""
    plans = [p for p in species.plan_all(**COUNTS) if p.split == split][::25]
    backbone = backbones.load(str(FOLDER))
    seen = backbone.forward(
        backbone.preprocess([Image.fromarray(render(plan).pixels) for plan in plans])
    )
    assert seen.logits is not None
    told = [backbone.outputs[i] for i in seen.logits.argmax(1).tolist()]
    right = np.mean([name == plan.species for name, plan in zip(told, plans, strict=True)])

    n, p = len(plans), FACTS["accuracy"][split]
    assert abs(right - p) < 3 * np.sqrt(p * (1 - p) / n) + 1 / n


def test_other_birds_and_other_seeds_are_trained_for(tmp_path: Path) -> None:
    images = pd.DataFrame({"image_id": [], "file": [], "label": [], "split": []})
    drawn = Dataset(name="aviary", root=tmp_path, images=images)

    assert shipped("aviary", drawn, seed=FACTS["seed"]) is None
    (tmp_path / PARAMETERS).write_text(json.dumps(FACTS["images"]))
    assert shipped("aviary", drawn, seed=FACTS["seed"]) == FOLDER
    assert shipped("aviary", drawn, seed=FACTS["seed"] + 1) is None
    assert shipped("aviary-clip", drawn, seed=FACTS["seed"]) is None
    (tmp_path / PARAMETERS).write_text(json.dumps(FACTS["images"] | {"n_train": 300}))
    assert shipped("aviary", drawn, seed=FACTS["seed"]) is None
