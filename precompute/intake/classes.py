"""Labels of the images and outputs of the backbone in one list, matched by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Integer

_NUMBER = re.compile(r"^(n\d{8}|\d+)[_.\s-]+")
_WORDNET = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class Classes:
    frame: pd.DataFrame
    """class_id, name, labelled, output (NA: not an output)"""
    of_image: Integer[np.ndarray, " n"]
    """class_id of each image's label; -1: unlabelled"""

    @property
    def of_output(self) -> Integer[np.ndarray, " y"]:
        """class_id of every logit, in order."""
        outputs = self.frame.dropna(subset=["output"]).sort_values("output")
        return outputs["class_id"].to_numpy(dtype=np.int64)


def classes_of(labels: pd.Series, outputs: Sequence[str]) -> Classes:
    """Label classes first, in name order; outputs that match none of them follow.

    Names are compared from strict to loose, and a comparison counts only where it is one to one:
    as written, by WordNet id, by the first of comma-separated synonyms, then the same without
    regard to case and punctuation, and at last by any synonym or bracketed name.
    """
    names = sorted(labels.dropna().unique().tolist())
    matched: dict[str, int] = {}
    for of_label, of_output in _TIERS:
        open_names = [name for name in names if name not in matched]
        taken = set(matched.values())
        by_key: dict[str, set[int]] = {}
        for index, output in enumerate(outputs):
            for key in of_output(output) if index not in taken else ():
                by_key.setdefault(key, set()).add(index)
        wishes = {name: by_key.get(of_label(name), set()) for name in open_names}
        n_wishes = Counter(index for hits in wishes.values() for index in hits)
        for name, hits in wishes.items():
            if len(hits) == 1 and n_wishes[min(hits)] == 1:
                matched[name] = min(hits)
    rest = [i for i in range(len(outputs)) if i not in set(matched.values())]
    frame = pd.DataFrame(
        {
            "class_id": range(len(names) + len(rest)),
            "name": [*names, *(outputs[i] for i in rest)],
            "labelled": [True] * len(names) + [False] * len(rest),
            "output": pd.array([*(matched.get(n) for n in names), *rest], dtype="UInt32"),
        }
    )
    place = {name: i for i, name in enumerate(names)}
    ids = [place[label] if isinstance(label, str) else -1 for label in labels]
    return Classes(frame, np.array(ids, dtype=np.int64))


def _written(name: str) -> str:
    """Without a WordNet id or number in front; underscores are spaces."""
    return _NUMBER.sub("", name).replace("_", " ").strip()


def _plain(name: str) -> str:
    return " ".join(re.findall(r"\w+", _written(name).lower().replace("'", "")))


def _wordnet(name: str) -> str:
    found = _WORDNET.search(name)
    return found.group() if found else ""


def _first(name: str) -> str:
    return re.sub(r"\([^)]*\)", "", name.split(",")[0]).strip()


def _synonyms(name: str) -> set[str]:
    inside = re.findall(r"\(([^)]*)\)", name)
    outside = re.sub(r"\([^)]*\)", "", name)
    return {_plain(part) for part in [outside, *inside, *outside.split(",")]} - {""}


_TIERS: tuple[tuple[Callable[[str], str], Callable[[str], set[str]]], ...] = (
    (_written, lambda output: {_written(output)}),
    (_wordnet, lambda output: {_wordnet(output)} - {""}),
    (_written, lambda output: {_first(output)}),
    (_plain, lambda output: {_plain(output)}),
    (_plain, lambda output: {_plain(_first(output))}),
    (_plain, _synonyms),
    (lambda name: _plain(_first(name)), _synonyms),
)
