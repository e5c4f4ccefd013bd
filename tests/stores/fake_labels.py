"""A multi-label set: rendered birds, and of each whether it shows any of five attributes.

The attributes belong to different parts of a bird, so that an image can show none or all. Two
marks are missing and two say uncertain. The outputs of the model, a random ResNet, are sigmoids of
four of the labels.
"""

from __future__ import annotations

from pathlib import Path

import fakes
import numpy as np
import pandas as pd
import torch
from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessorPil

from core.recipe import Recipe, parse
from data.datasets import load
from precompute import pipeline

LABELS = {
    "barred wing": "wing: barred",
    "black beak": "beak colour: black",
    "plain crown": "crown: plain",
    "snow": "habitat: snow",
    "white breast": "breast: white",
}
"""in order, and the concept of Aviary that each is"""
OUTPUTS = ("white breast", "snow", "black beak", "plain crown")
ATTRIBUTES = ("tail: long", "plumage: blue", "plumage: sand")
BLANK, UNCERTAIN = ((3, 0), (70, 4)), ((5, 1), (61, 2))
"""image and label whose mark is missing, or uncertain"""
_SPLITS = {"train": "train", "shifted": "val", "test": "test"}


def birds(root: Path) -> Path:
    """The table, among the images; columns are those of a person, not of the program."""
    options = {"n_train": 48, "n_test": 24, "n_shifted": 16}
    found = load("aviary", root, options=options)
    shown = found.image_labels.pivot(index="image_id", columns="labelled_id", values="present")
    names = found.labelled.set_index("name")["labelled_id"]
    table = pd.DataFrame({"Path": found.images["file"], "split": found.images["split"]})
    table["split"] = table["split"].map(_SPLITS)
    for label, concept in LABELS.items():
        table[label] = shown[names[concept]].astype(int).astype(object).to_numpy()
    for concept in ATTRIBUTES:
        column = f"concept:{concept.replace(': ', '/')}"
        table[column] = shown[names[concept]].astype(int).to_numpy()
    at = {label: table.columns.get_loc(label) for label in LABELS}
    columns = [at[label] for label in LABELS]
    for image, label in BLANK:
        table.iat[image, columns[label]] = ""
    for image, label in UNCERTAIN:
        table.iat[image, columns[label]] = -1
    path = found.root / "birds.csv"
    table.to_csv(path, index=False)
    return path


def truth(table: Path) -> np.ndarray:
    """By image and label: 1, 0, NaN unknown."""
    frame = pd.read_csv(table)[list(LABELS)].to_numpy(dtype=np.float64)
    return np.where(frame == -1, np.nan, frame)


def model(path: Path) -> Path:
    torch.manual_seed(3)
    shape = {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1]}
    network = ResNetForImageClassification(
        ResNetConfig(
            layer_type="basic",
            id2label=dict(enumerate(OUTPUTS)),
            label2id={name: i for i, name in enumerate(OUTPUTS)},
            problem_type="multi_label_classification",
            **shape,
        )
    )
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3 if "embed" in name else 0.2)
    network.save_pretrained(path)
    ViTImageProcessorPil(size={"height": 24, "width": 32}).save_pretrained(path)
    return path


def recipe(table: Path, network: Path) -> Recipe:
    labels = ", ".join(f'"{label}"' for label in LABELS)
    return parse(
        f"""
name = "labels"
seed = 1

[dataset]
reader = "manifest"
path = "{table.as_posix()}"
options = {{ file = "Path", labels = [{labels}] }}

[backbone]
model = "{network.as_posix()}"
size = [{fakes.SIZE[0]}, {fakes.SIZE[1]}]
batch = 16

[[banks]]
method = "nmf"
n_concepts = 5

[[banks]]
method = "cbm"
params = {{ training = "joint", steps = 60, min_each = 3 }}

[[heads]]
bank = "nmf"

[[heads]]
bank = "nmf"
kind = "backbone"

[[heads]]
bank = "nmf"
kind = "hybrid"

[[heads]]
bank = "cbm"
kind = "own"

[[heads]]
bank = "cbm"
kind = "matrix_search"

[saliency]
methods = ["grad_cam"]
limit = 4
"""
    )


def build(root: Path) -> Path:
    """The store's path; several seconds."""
    return pipeline.run(recipe(birds(root / "birds"), model(root / "model")), out=root / "out")
