"""Labels of the images and outputs of the backbone in one list, matched by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Integer

from core.types import Targets

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

    A label that is written as one output is that output. The others are compared from strict to
    loose: by the same name without a number in front, by WordNet id, by the first of
    comma-separated synonyms, then the same without regard to case and punctuation, and at last by
    any synonym or bracketed name. Such a comparison counts only where it is one to one among all
    labels and all outputs. Outputs that share their name are told apart by their number.
    """
    names = sorted(labels.dropna().unique().tolist())
    alike = {name: n for name, n in Counter(outputs).items() if n > 1}
    matched = {name: outputs.index(name) for name in names if name in outputs and name not in alike}
    for of_label, of_output in _TIERS:
        by_key: dict[str, set[int]] = {}
        for index, output in enumerate(outputs):
            for key in of_output(output):
                by_key.setdefault(key, set()).add(index)
        keys = Counter(of_label(name) for name in names)
        wishes = {name: by_key.get(of_label(name), set()) for name in names if name not in matched}
        n_wishes = Counter(index for hits in wishes.values() for index in hits)
        free = {
            i for i in range(len(outputs)) if i not in set(matched.values()) and n_wishes[i] == 1
        }
        for name, hits in wishes.items():
            if len(hits) == 1 and hits <= free and keys[of_label(name)] == 1:
                matched[name] = min(hits)
    rest = [i for i in range(len(outputs)) if i not in set(matched.values())]
    told = [f"{outputs[i]} (output {i})" if outputs[i] in alike else outputs[i] for i in rest]
    frame = pd.DataFrame(
        {
            "class_id": range(len(names) + len(rest)),
            "name": [*names, *told],
            "labelled": [True] * len(names) + [False] * len(rest),
            "output": pd.array([*(matched.get(n) for n in names), *rest], dtype="UInt32"),
        }
    )
    place = {name: i for i, name in enumerate(names)}
    ids = [place[label] if isinstance(label, str) else -1 for label in labels]
    return Classes(frame, np.array(ids, dtype=np.int64))


def targets_of(
    carried: pd.DataFrame, labels: Sequence[str], classes: Classes, image_ids: Sequence[int]
) -> Targets | None:
    """The labels of images that can carry several, in order of `image_ids`; None: they cannot.

    `carried` and `labels` are those of the data set.
    """
    if not labels:
        return None
    of_name = dict(zip(classes.frame["name"], classes.frame["class_id"], strict=True))
    ids = np.array(sorted(of_name[label] for label in labels), dtype=np.int64)
    row = {image_id: i for i, image_id in enumerate(image_ids)}
    known = carried[carried["present"].notna() & carried["image_id"].isin(row)]
    y = np.full((len(image_ids), len(ids)), np.nan)
    at = np.searchsorted(ids, known["label"].map(of_name).to_numpy(dtype=np.int64))
    y[known["image_id"].map(row).to_numpy(dtype=np.int64), at] = known["present"].astype(float)
    return Targets(y, ids)


def several_classes(labels: Sequence[str], outputs: Sequence[str], n: int) -> Classes:
    """As `classes_of`, of a multi-label set: none of its `n` images has one class."""
    found = classes_of(pd.Series(list(labels), dtype=object), outputs)
    return Classes(found.frame, np.full(n, -1, dtype=np.int64))


def named_outputs(outputs: Sequence[str], n: int) -> tuple[str, ...]:
    """A name for each of `n` logits: those given, as far as there are any, else a number."""
    return tuple(outputs[i] if i < len(outputs) else f"output {i}" for i in range(n))


def doubts(classes: Classes, outputs: Sequence[str], n: int) -> Iterator[tuple[str, str]]:
    """Subject and words of what keeps predictions from being judged. `n`: logits of the model.

    `outputs`: their names, as the model gives them. Nothing for a model that does not classify.
    """
    if not n:
        return
    if len(outputs) != n:
        yield (
            "names of outputs",
            f"the model computes {n} logits and names {len(outputs)} classes (id2label of its "
            "config.json); logits without a name are called by their number, and further names "
            "are left out",
        )
    for name, count in Counter(outputs[:n]).items():
        if count > 1:
            at = [i for i, output in enumerate(outputs) if output == name]
            yield (
                name,
                f"{count} outputs of the model are called {name!r} (numbers {_listed(at)}); they "
                "are told apart by their number, and a label of that name is matched with none",
            )
    labelled = classes.frame[classes.frame["labelled"]]
    alone = labelled.loc[labelled["output"].isna(), "name"].tolist()
    if alone:
        yield (
            "labels",
            f"{len(alone)} of {len(labelled)} labels are not, or not clearly, an output of the "
            f"model ({_listed(alone)}); what it predicts for their images is not called right or "
            "wrong",
        )


def _listed(names: Sequence[object]) -> str:
    return ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")


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
