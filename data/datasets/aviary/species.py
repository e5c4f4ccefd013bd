"""Aviary's facts: which concepts exist, which species show which, and what each image will show.

Nothing is drawn here. An image depends only on the seed, its split and its number, so asking for
more images leaves the earlier ones as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.kinds import TEST, TRAIN

PARTS = ("beak", "eye", "crest", "crown", "breast", "wing", "tail", "legs", "back")

# Concepts of one group exclude each other; an image shows exactly one value of each group.
GROUPS: dict[str, tuple[str, ...]] = {
    "beak shape": ("cone", "hooked", "needle", "spatulate"),
    "beak colour": ("yellow", "red", "black"),
    "crest": ("none", "tuft", "spiky", "swept"),
    "crown": ("plain", "black cap", "white cap"),
    "plumage": ("blue", "green", "russet", "sand"),
    "breast": ("white", "yellow", "red", "black"),
    "wing": ("plain", "barred", "spotted", "dark tip"),
    "tail": ("short", "long", "forked", "fan"),
    "habitat": ("forest", "lake", "meadow", "desert", "snow"),
}

GROUP_PART: dict[str, str] = {
    "beak shape": "beak",
    "beak colour": "beak",
    "crest": "crest",
    "crown": "crown",
    "plumage": "back",
    "breast": "breast",
    "wing": "wing",
    "tail": "tail",
    "habitat": "background",
}


def _species(*values: str) -> dict[str, str]:
    return dict(zip(GROUPS, values, strict=True))


# Five pairs of sisters. Sisters live in different habitats and differ in three further groups, so
# the habitat is a tempting shortcut and the parts are what tells them apart.
SPECIES: dict[str, dict[str, str]] = {
    "Ember Finch": _species(
        "cone", "yellow", "tuft", "plain", "russet", "red", "plain", "forked", "desert"
    ),
    "Clover Finch": _species(
        "cone", "yellow", "tuft", "plain", "green", "yellow", "spotted", "forked", "meadow"
    ),
    "Tide Kinglet": _species(
        "needle", "black", "none", "black cap", "blue", "white", "barred", "forked", "lake"
    ),
    "Rime Kinglet": _species(
        "needle", "black", "none", "white cap", "blue", "black", "barred", "short", "snow"
    ),
    "Moss Shrike": _species(
        "hooked", "yellow", "spiky", "plain", "green", "yellow", "dark tip", "long", "forest"
    ),
    "Dune Shrike": _species(
        "hooked", "black", "spiky", "plain", "sand", "white", "dark tip", "long", "desert"
    ),
    "Marsh Paddlebill": _species(
        "spatulate", "red", "swept", "white cap", "sand", "white", "spotted", "fan", "lake"
    ),
    "Lantern Paddlebill": _species(
        "spatulate", "yellow", "swept", "black cap", "russet", "white", "spotted", "fan", "meadow"
    ),
    "Glacier Jay": _species(
        "hooked", "red", "swept", "black cap", "blue", "red", "plain", "short", "snow"
    ),
    "Bramble Jay": _species(
        "hooked", "black", "swept", "black cap", "russet", "red", "barred", "short", "forest"
    ),
}

SPLITS = (TRAIN, TEST, "shifted")
DEPARTURE = 0.10  # chance, in each group but habitat, that an image departs from its species
HABITAT_AGREES = 0.95  # in train and test; in shifted the habitat is uniform over all


@dataclass(frozen=True)
class Plan:
    """One image before it is drawn. `values`: group -> value shown."""

    split: str
    number: int
    species: str
    values: Mapping[str, str]
    seed: int

    @property
    def file(self) -> str:
        slug = self.species.lower().replace(" ", "-")
        return f"images/{self.split}/{self.number:05d}-{slug}.jpg"

    def generator(self, purpose: int) -> np.random.Generator:
        """purpose 0: what is shown; 1: how it is drawn."""
        return np.random.default_rng([self.seed, SPLITS.index(self.split), self.number, purpose])


def plan_image(*, split: str, number: int, seed: int) -> Plan:
    species = tuple(SPECIES)[number % len(SPECIES)]
    empty = Plan(split=split, number=number, species=species, values={}, seed=seed)
    rng = empty.generator(0)
    values = {}
    for group, choices in GROUPS.items():
        usual = SPECIES[species][group]
        if group == "habitat" and split == "shifted":
            values[group] = choices[int(rng.integers(len(choices)))]
            continue
        departs = 1 - HABITAT_AGREES if group == "habitat" else DEPARTURE
        others = [value for value in choices if value != usual]
        other = others[int(rng.integers(len(others)))]
        values[group] = other if rng.random() < departs else usual
    return Plan(split=split, number=number, species=species, values=values, seed=seed)


def plan_all(*, n_train: int, n_test: int, n_shifted: int, seed: int) -> list[Plan]:
    """In order of file."""
    sizes = {TRAIN: n_train, TEST: n_test, "shifted": n_shifted}
    plans = [
        plan_image(split=split, number=number, seed=seed)
        for split, size in sizes.items()
        for number in range(size)
    ]
    return sorted(plans, key=lambda plan: plan.file)
