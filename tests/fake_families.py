"""A small store with bottlenecks of several families, through the real pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import fakes
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from core import backbones
from core.recipe import parse
from precompute import pipeline

WORDS = (
    "colour: red",
    "square",
    "noise one",
    *(f"a {c} {w}" for c in fakes.CLASSES for w in "abc"),
)
BANKS = (
    'method = "label_free"\nparams = { least_similarity = -1.0, steps = 40 }',
    'method = "cbm"\nparams = { training = "joint", steps = 60, min_each = 3 }',
)
KINDS = {
    "label_free": ("bayesian", "sparse"),
    "cbm": ("hybrid", "own", "matrix_search"),
}


def vectors(path: Path, shapes: Path) -> Path:
    """Image vectors say what each picture shows; so do the words, and classes' phrases."""
    rows = pd.read_csv(shapes, keep_default_na=False)
    red = rows["concept:colour/red"].replace("", "0").astype(float).to_numpy()
    square = rows["concept:shape/square"].replace("", "0").astype(float).to_numpy()
    rng = np.random.default_rng(0)
    images = np.stack([2 * red - 1, 2 * square - 1], axis=1)
    images = np.concatenate([images, rng.normal(size=(len(rows), 3)) / 4], axis=1)
    class_rows = [[1, 1], [1, -1], [-1, 1], [-1, -1]]  # red square, red disc, blue square, disc
    texts = np.zeros((len(WORDS), 5))
    texts[[0, 1, 2], [0, 1, 2]] = 1
    texts[3:, :2] = np.repeat(class_rows, 3, axis=0)
    texts[3:, 2:] = rng.normal(size=(12, 3)) / 4
    save_file(
        {"texts": texts.astype(np.float32), "images": images.astype(np.float32)},
        path,
        {"words": json.dumps(WORDS), "files": json.dumps(rows["file"].tolist())},
    )
    return path


def build(shapes: Path, out: Path) -> Path:
    """The store's path; several seconds."""
    banks = "".join(f"[[banks]]\n{bank}\n" for bank in BANKS)
    made = "".join(
        f'[[heads]]\nbank = "{b}"\nkind = "{kind}"\n'
        for b, kinds in KINDS.items()
        for kind in kinds
    )
    words = vectors(out / "v.safetensors", shapes).as_posix()
    text = (
        f'name = "families"\n[dataset]\nreader = "manifest"\npath = "{shapes.as_posix()}"\n'
        f'[backbone]\nmodel = "fake"\n[text]\nvectors = "{words}"\n'
        f"{banks}{made}"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbones.BACKBONES, "huggingface", lambda _, **__: fakes.FakeBackbone())
        return pipeline.run(parse(text), text=text, out=out)
