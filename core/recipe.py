"""What a build is asked to do: a TOML file read into frozen dataclasses.

Two recipes that say the same have the same `canonical` text, and so the same store name.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True)
class DatasetSpec:
    """Which images there are, and what is known of each."""

    reader: str = "folder"
    """key of data.datasets.READERS"""
    path: str = ""
    """folder or file that the reader reads"""
    limit: int = 0
    """at most this many images, spread over classes and splits; 0: all"""
    options: Mapping[str, Any] = field(default_factory=dict)
    """further arguments of the reader"""
    corruptions: tuple[str, ...] = ()
    """keys of data.datasets.corruptions.CORRUPTIONS: the held-out images once more, altered so"""


@dataclass(frozen=True)
class BackboneSpec:
    """The vision model, and the layer in which concepts are sought."""

    model: str = ""
    """what the family opens: a Hugging Face directory or hub name; "aviary", "aviary-clip"
    and "aviary-vit" are the demos' own"""
    family: str = "huggingface"
    """key of core.backbones.BACKBONES"""
    layer: str = ""
    """dotted module name; "": the last one on the model's main path whose patch tokens change its
    logits, or what an encoder without a classifier gives after its last block"""
    size: tuple[int, ...] = ()
    """height and width in pixels; empty: what the model's image processor says"""
    batch: int = 32
    """images that go through the model at once"""


@dataclass(frozen=True)
class BankSpec:
    """One concept bank, fitted on the train images."""

    method: str
    """key of core.concepts.METHODS"""
    name: str = ""
    """what the bank is called; "": as its method"""
    n_concepts: int = 0
    """how many; 0: the method's default (cav: every labelled concept that varies)"""
    params: Mapping[str, Any] = field(default_factory=dict)
    """parameters of the method, and `labels`: "image" or "class", which labels it may learn from"""
    pool: str = ""
    """what an image's score is read from: "mean" of its map, its largest value ("max"), or the code
    of the image's CLS token ("cls") where the model reads one; "": as fits method and model, see
    docs/scores.md"""
    stability: int = 0
    """2 or more: compare so many fits with different seeds, this one among them, and as many on
    disjoint parts of the train images; 0: no"""
    control: str = "matched"
    """what stands in its place to compare it with: its own directions turned at random, each on as
    often and as strongly as its concept ("matched"), or plainly random ones ("random")"""

    @property
    def title(self) -> str:
        return self.name or self.method


@dataclass(frozen=True)
class HeadSpec:
    """One head, which turns a bank's scores into logits of classes."""

    bank: str
    """title of a bank"""
    kind: str = "sparse"
    """key of precompute.heads.HEADS"""
    name: str = ""
    """what the head is called; "": as its bank and kind"""
    params: Mapping[str, Any] = field(default_factory=dict)
    """parameters of the kind"""

    @property
    def title(self) -> str:
        return self.name or f"{self.bank} · {self.kind}"


@dataclass(frozen=True)
class SaliencySpec:
    """Which parts of an image the model's prediction rests on."""

    methods: tuple[str, ...] = ()
    """keys of core.saliency.METHODS; "default": grad_cam where the model classifies, else none"""
    limit: int = 200
    """images explained, spread over splits; 0: all"""
    params: Mapping[str, Any] = field(default_factory=dict)
    """a table for each method that is to differ from its defaults"""
    faithfulness: int = 6
    """images on which each method is tested by showing and hiding what it marks; also how many
    maps of concepts are, times four, for each bank; 0: none"""


@dataclass(frozen=True)
class EffectSpec:
    """What the model itself does when a concept changes, by running the rest of the network."""

    latents: int = 12
    """how many latents of each bank that reconstructs have their edits run to the model's own
    logits, those of most energy; 0: none"""
    images: int = 16
    """images for each such latent; where the read-out is linear all images, for it costs nothing"""
    explained: int = 4
    """images of each such bank on which the model's own logit is explained by every importance
    method, at some 1,500 passes through the rest of the network each; where the read-out is linear
    none, for there a head is exact; 0: none"""


@dataclass(frozen=True)
class TextSpec:
    """Words that name concepts, and the model that reads them."""

    model: str = ""
    """CLIP-like directory or hub name; "": the backbone itself"""
    vocabulary: str = ""
    """file of one word or phrase a line"""
    vectors: str = ""
    """instead of a model: safetensors with `texts` and `images`, see precompute.intake.texts"""
    template: str = "{}"
    """what the model reads; {} stands for the word"""


@dataclass(frozen=True)
class DepthSpec:
    """At which depth of the model labelled concepts can be read off."""

    layers: tuple[str, ...] = ()
    """layers at which every labelled concept is probed; empty: none"""
    limit: int = 600
    """images looked at, spread over classes; 0: all"""


@dataclass(frozen=True)
class Recipe:
    """Everything that a build is asked to do."""

    name: str
    """begins the store's file name"""
    seed: int = 0
    """of everything that is drawn at random"""
    dataset: DatasetSpec = field(default_factory=DatasetSpec)
    backbone: BackboneSpec = field(default_factory=BackboneSpec)
    banks: tuple[BankSpec, ...] = ()
    """none: those that fit the images and the model, with heads"""
    heads: tuple[HeadSpec, ...] = ()
    saliency: SaliencySpec = field(default_factory=SaliencySpec)
    effects: EffectSpec = field(default_factory=EffectSpec)
    text: TextSpec = field(default_factory=TextSpec)
    depth: DepthSpec = field(default_factory=DepthSpec)

    def canonical(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


_TABLES: dict[str, type] = {
    "dataset": DatasetSpec,
    "backbone": BackboneSpec,
    "saliency": SaliencySpec,
    "effects": EffectSpec,
    "text": TextSpec,
    "depth": DepthSpec,
}
_LISTS: dict[str, type] = {"banks": BankSpec, "heads": HeadSpec}
_KIND = {int: "a whole number", str: "text", tuple: "a list", Mapping: "a table"}


def parse(text: str) -> Recipe:
    """Read a recipe.

    Raises ValueError naming the key, the allowed ones and the closest match, on anything that a
    recipe does not have, on a value of another kind, and on text that is not TOML.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the recipe is not valid TOML: {error}") from error
    values = dict(raw)
    for key, spec in _TABLES.items():
        if key in values:
            values[key] = _build(spec, values[key], where=f"[{key}]")
    for key, spec in _LISTS.items():
        rows = values.get(key, [])
        if not isinstance(rows, list):
            raise ValueError(f"{key} must be a list of tables; write [[{key}]]")
        values[key] = tuple(
            _build(spec, row, where=f"[[{key}]] number {i + 1}") for i, row in enumerate(rows)
        )
    recipe: Recipe = _build(Recipe, values, where="the recipe")
    return _checked(recipe)


def _build(spec: type, values: object, *, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise ValueError(f"{where} must be a table, not {values!r}")
    known = {f.name: f for f in fields(spec)}
    for key in values:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ValueError(
                f"{where} has an unknown key {key!r}{hint} Known keys: {', '.join(known)}"
            )
    cleaned = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    for key, value in cleaned.items():
        _check_kind(key, value, str(known[key].type), where=where)
    missing = [
        name
        for name, f in known.items()
        if name not in cleaned and f.default is f.default_factory  # both MISSING
    ]
    if missing:
        raise ValueError(f"{where} lacks {missing[0]!r}")
    return spec(**cleaned)


def _check_kind(key: str, value: object, annotation: str, *, where: str) -> None:
    kinds = {"int": int, "str": str, "tuple": tuple, "Mapping": Mapping}
    kind = kinds.get(annotation.split("[")[0])
    if kind is None:
        return
    where = f"{where}: {key} must be"
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{where} {_KIND[kind]}, not {value!r}")
    if isinstance(value, int) and value < 0:
        raise ValueError(f"{where} 0 or more, not {value!r}")
    item = {"tuple[int, ...]": int, "tuple[str, ...]": str}.get(annotation)
    if item and isinstance(value, tuple) and any(type(v) is not item for v in value):
        raise ValueError(f"{where} a list of {_KIND[item]} each, not {list(value)}")


def _checked(recipe: Recipe) -> Recipe:
    if not recipe.name.strip() or "/" in recipe.name or "\\" in recipe.name:
        raise ValueError(f"name becomes part of a file's name; it cannot be {recipe.name!r}")
    size = recipe.backbone.size
    if size and not (len(size) == 2 and all(type(side) is int and side > 0 for side in size)):
        raise ValueError(f"[backbone]: size must be [height, width] in pixels, not {list(size)}")
    if recipe.backbone.batch < 1:
        raise ValueError(f"[backbone]: batch must be 1 or more, not {recipe.backbone.batch}")
    titles = [bank.title for bank in recipe.banks]
    doubles = {t for t in titles if titles.count(t) > 1}
    if doubles:
        raise ValueError(f"two banks are called {doubles.pop()!r}; give one a name of its own")
    names = [head.title for head in recipe.heads]
    doubles = {t for t in names if names.count(t) > 1}
    if doubles:
        raise ValueError(f"two heads are called {doubles.pop()!r}; give one a name of its own")
    for head in recipe.heads:
        if head.bank not in titles:
            raise ValueError(
                f"head {head.title!r} reads bank {head.bank!r}, which the recipe does not have; "
                f"its banks: {', '.join(titles) or 'none'}"
            )
    return recipe
