"""Captions for Aviary, written from what each image really shows.

Not named aviary_*: the drawing's fingerprint covers those files, and another wording must not draw
every image again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Integer

from data.datasets.aviary.species import GROUPS, SPECIES
from data.datasets.types import Dataset

# How a value of a group is called; {} stands for the value.
_WORDING = {
    "beak shape": "{} beak",
    "beak colour": "{} beak",
    "crest": "{} crest",
    "crown": "{} crown",
    "plumage": "{} plumage",
    "breast": "{} breast",
    "wing": "{} wing",
    "tail": "{} tail",
    "habitat": "{}",
}
_EXCEPTIONS = {
    "crest: none": "no crest",
    "crown: black cap": "black cap",
    "crown: white cap": "white cap",
    "wing: dark tip": "dark wing tip",
}
CAPTION_PHRASES: dict[str, str] = {
    name: _EXCEPTIONS.get(name, _WORDING[group].format(value))
    for group, values in GROUPS.items()
    for value in values
    for name in (f"{group}: {value}",)
}
"""name of a labelled concept -> what it is called in captions; 35 phrases, all different"""
SUBJECTS = ("a bird", "one bird", "a small bird", "the bird", "this bird")
HOW_MANY = (0.5, 0.35, 0.15)
"""chance that a caption mentions one, two or three concepts"""
NAMES_SPECIES = 0.2
"""chance that a caption names the species"""


class Caption(NamedTuple):
    text: str
    concepts: tuple[int, ...]
    """labelled_id of those it mentions"""
    species: str
    """"" where it does not name it"""


def caption(species: str, shown: Integer[np.ndarray, " s"], rng: np.random.Generator) -> Caption:
    """A true sentence or phrase about an image; `shown` are the labelled_id that are present."""
    n = 1 + int(rng.choice(len(HOW_MANY), p=HOW_MANY))
    chosen = [int(i) for i in rng.permutation(shown)[:n]]
    named = species if rng.random() < NAMES_SPECIES else ""
    phrases = tuple(CAPTION_PHRASES.values())
    habitat = len(phrases) - len(GROUPS["habitat"])
    parts = [phrases[i] for i in chosen if i < habitat]
    places = [phrases[i] for i in chosen if i >= habitat]
    if not named and rng.random() < 0.5:  # bare words, as a vocabulary lists them
        return Caption(" and ".join([*parts, *places]), tuple(chosen), "")
    subject = f"a {named.lower()}" if named else SUBJECTS[int(rng.integers(len(SUBJECTS)))]
    told = [subject]
    if parts:
        told.append("with " + " and ".join(parts))
    if places:
        told.append(
            ("in the {}", "near the {}", "seen in the {}")[int(rng.integers(3))].format(places[0])
        )
    return Caption(" ".join(told), tuple(chosen), named)


def captions_of(dataset: Dataset, *, seed: int) -> list[Caption]:
    """One for every image, in order; another seed mentions other concepts.

    Raises ValueError for a data set whose labelled concepts are not Aviary's.
    """
    shown, species = caption_truth(dataset)
    generators = np.random.default_rng(seed).spawn(len(shown))
    return [
        caption(name, np.flatnonzero(row), rng)
        for name, row, rng in zip(species, shown, generators, strict=True)
    ]


def caption_truth(dataset: Dataset) -> tuple[Bool[np.ndarray, "n l"], list[str]]:
    """Which labelled concepts every image shows, and its species, in order of `dataset.images`."""
    if dataset.labelled["name"].tolist() != list(CAPTION_PHRASES):
        raise ValueError(
            f"data set {dataset.name!r} has {len(dataset.labelled)} labelled concepts, which are "
            "not Aviary's 35; captions are written for Aviary alone"
        )
    row_of = {image_id: i for i, image_id in enumerate(dataset.images["image_id"])}
    shown = np.zeros((len(row_of), len(CAPTION_PHRASES)), dtype=bool)
    labels = dataset.image_labels[dataset.image_labels["image_id"].isin(row_of)]
    rows = labels["image_id"].map(row_of).to_numpy()
    shown[rows, labels["labelled_id"].to_numpy()] = labels["present"].to_numpy(dtype=bool)
    return shown, dataset.images["label"].tolist()


def caption_fits(
    written: Sequence[Caption], shown: Bool[np.ndarray, "n l"], species: Sequence[str]
) -> Bool[np.ndarray, "c n"]:
    """Which captions are true of which images: a caption fits more than the one it was made for."""
    mentioned = np.zeros((len(written), shown.shape[1]), dtype=np.int64)
    for row, made in zip(mentioned, written, strict=True):
        row[list(made.concepts)] = 1
    all_shown: Integer[np.ndarray, "c n"] = mentioned @ shown.T.astype(np.int64)
    true = all_shown == mentioned.sum(1, keepdims=True)
    named = np.array([made.species for made in written])[:, None]
    return true & ((named == "") | (named == np.array(species)[None]))


def caption_words() -> list[str]:
    """Every single word that a caption may hold, sorted."""
    said = [*CAPTION_PHRASES.values(), *SPECIES, *SUBJECTS, "with and in near the seen a"]
    return sorted({word for text in said for word in text.lower().split()})
