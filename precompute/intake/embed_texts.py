"""A recipe's words and where they come from: a CLIP-like model, or vectors made elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from core import backbones
from core.backbones import JOINT_LAYER, load_text_tower
from core.recipe import TextSpec
from core.types import Backbone
from precompute.intake import shards, word_files
from precompute.intake.activations import SHARD
from precompute.intake.build import Build
from precompute.intake.texts import Texts

_BATCH = 32
"""images at once, where another model than the backbone looks at them"""


def read_texts(build: Build) -> Texts:
    """What the recipe's [text] asks for. What cannot be done becomes a notice, and no words.

    `build.work` keeps image vectors that another model than the backbone has to make.
    """
    spec = build.recipe.text
    if spec == TextSpec():
        return Texts()
    with build.log.attempt("texts", spec.vectors or spec.vocabulary or "text"):
        return _read(build)
    return Texts()


def _read(build: Build) -> Texts:
    spec, activations = build.recipe.text, build.activations
    if spec.vectors:
        if spec.vocabulary or spec.model or spec.template != "{}":
            raise ValueError(
                "[text]: vectors holds the words and both kinds of vectors, so vocabulary, model "
                "and template have no say; leave them out, or leave vectors out"
            )
        path = Path(spec.vectors)
        files = build.rows["file"].tolist()
        words, words_in, images_in = word_files.read_vectors(path, files)
        return Texts(words, words_in, images_in, False, path.name, _tag(words, words_in))
    if not spec.vocabulary:
        raise ValueError("[text]: name a vocabulary, a text file of one word or phrase a line")
    if "{}" not in spec.template:
        raise ValueError(f"[text]: template is {spec.template!r}; {{}} must stand for the word")
    path = Path(spec.vocabulary).expanduser()
    log = build.log
    listed = word_files.read_vocabulary(path, lambda error: log.notice("texts", path.name, error))
    model = spec.model or build.model
    with log.timed("embed words", len(listed), "words"):
        tower = load_text_tower(model)
        words = word_files.readable(
            listed,
            lambda word: tower.problem(spec.template.replace("{}", word)),
            lambda error: log.notice("texts", path.name, error),
        )
        words_in = tower.embed([spec.template.replace("{}", word) for word in words])
    own = not spec.model or spec.model == build.model
    seen = activations.embedding() if own else _image_vectors(model, build)
    if seen is None:
        raise ValueError(
            f"backbone {build.backbone.name!r} gives no image vectors beside texts; name a CLIP "
            "or SigLIP model in [text]: model"
        )
    if seen.shape[1] != words_in.shape[1]:
        raise ValueError(
            f"image vectors of {model!r} have {seen.shape[1]} numbers, its text vectors "
            f"{words_in.shape[1]}; its two parts do not belong together"
        )
    in_space = own and build.backbone.layer == JOINT_LAYER
    tag = _tag(words, words_in)

    def embed(further: Sequence[str]) -> Float[np.ndarray, "v e"]:
        return tower.embed([spec.template.replace("{}", word) for word in further])

    return Texts(words, words_in, seen, in_space, path.name, tag, embed)


def _tag(words: tuple[str, ...], words_in: Float[np.ndarray, "v e"]) -> str:
    digest = hashlib.sha256("\n".join(words).encode())
    digest.update(np.ascontiguousarray(words_in).tobytes())
    return f"-{digest.hexdigest()[:8]}"


def _image_vectors(model: str, build: Build) -> Float[np.ndarray, "n e"]:
    """Image vectors of a CLIP-like model that is not the backbone, shard by shard."""
    tower = backbones.load(model)
    files = build.rows["file"].tolist()
    parts = [files[i : i + SHARD] for i in range(0, len(files), SHARD)]
    key = hashlib.sha256("\n".join([tower.fingerprint, *files]).encode()).hexdigest()[:10]
    folders = [build.work / f"image-vectors-{key}" / f"{i:05d}" for i in range(len(parts))]

    def embed(i: int, out: Path) -> dict[str, int]:
        found = [
            _vectors(tower, build, parts[i][at : at + _BATCH], model)
            for at in range(0, len(parts[i]), _BATCH)
        ]
        np.save(out / "embedding.npy", np.concatenate(found))
        return {"n": len(parts[i])}

    seconds = shards.run_shards(
        "images → text space", folders, embed, units=[len(p) for p in parts]
    )
    build.log.stage("image vectors", seconds, len(files), "images")
    return np.concatenate([np.load(folder / "embedding.npy") for folder in folders])


def _vectors(
    tower: Backbone, build: Build, files: list[str], model: str
) -> Float[np.ndarray, "b e"]:
    pictures = [build.dataset.open(file) for file in files]
    with torch.no_grad():
        seen = tower.forward(tower.preprocess(pictures)).embedding
    if seen is None:
        raise ValueError(f"model {model!r} has no image vectors beside texts; use CLIP or SigLIP")
    return seen.float().cpu().numpy()
