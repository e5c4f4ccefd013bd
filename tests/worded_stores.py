"""Stores whose concepts are named from words, by an untrained model of images and texts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import tiny_clips

from core.naming import vocabulary as naming_text
from core.recipe import parse
from data import store
from precompute import pipeline

FIRST = ("red", "blue", "bird", "wing", "a red bird")
OTHER = ("snow", "beak", "in snow", "red beak", "blue wing", "bird")
NAMES = ("concept", "concept_name", "naming", "quality", "text_space")

PROBES = """
[[banks]]
method = "cav"
"""


def lenient(patch: pytest.MonkeyPatch) -> None:
    """Untrained models put no word near a concept; names are to be seen all the same."""
    patch.setattr(naming_text, "QUANTILE", 0.2)


def save_clip(folder: Path) -> Path:
    return tiny_clips.save("clip", folder / "clip")


def vocabulary(folder: Path, words: tuple[str, ...], name: str = "words.txt") -> Path:
    path = folder / name
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return path


def recipe(shapes: Path, model: Path, text: str, layer: str = "") -> str:
    return f"""
name = "worded"
seed = 1
[dataset]
reader = "manifest"
path = "{shapes.as_posix()}"
[backbone]
model = "{model.as_posix()}"
layer = "{layer}"
batch = 8
[text]
{text}
[[banks]]
method = "semi_nmf"
n_concepts = 7
"""


def build(text: str, out: Path) -> Path:
    return pipeline.run(parse(text), text=text, out=out)


def tables(path: Path, names: tuple[str, ...] = NAMES) -> dict[str, pd.DataFrame]:
    with store.open_readonly(path) as con:
        return {name: con.execute(f"FROM {name} ORDER BY ALL").df() for name in names}


def build_worded(shapes: Path, clip: Path, out: Path) -> Path:
    """A blank line and a word that comes twice are among its words."""
    with pytest.MonkeyPatch.context() as patch:
        lenient(patch)
        file = vocabulary(out, (*FIRST, "", "red"))
        return build(recipe(shapes, clip, f'vocabulary = "{file.as_posix()}"') + PROBES, out)
