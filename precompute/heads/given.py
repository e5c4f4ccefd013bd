"""Heads that are there already: learned with the bank's concepts, or written in a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from jaxtyping import Float, Integer
from safetensors import SafetensorError, safe_open

from core import heads as core_heads
from core.kinds import Link
from core.naming.labels import same_words
from core.types import Head, ReadsClasses, words_of
from precompute.heads import several
from precompute.heads.last_layer import backbone
from precompute.heads.types import Fitted, HeadInput, labelled, one_class


def own(given: HeadInput) -> Fitted:
    """The read-out that was learned together with the concept layer.

    Raises ValueError for a bank that learned none, or whose classes are not the store's.
    """
    bank = given.bank
    readout = bank.readout if isinstance(bank, ReadsClasses) else None
    if readout is None:
        raise ValueError(
            "this bank learned no classes together with its concepts; use a head of kind "
            '"sparse", or a bank such as cbm on images of two labelled classes or more'
        )
    if isinstance(readout.classes, tuple):
        one_class(given.build, "the read-out of this bank, which was trained elsewhere,")
        rows, classes, left_out = _matched(readout.classes, given, "the bank's folder")
        head = Head(readout.head.weight[rows], readout.head.bias[rows])
        return Fitted(head, classes, readout.about + left_out)

    if given.build.targets is not None:
        return Fitted(
            replace(readout.head, link="sigmoid"),
            readout.classes,
            f"{readout.about} Of each label alone: its probability is the sigmoid of its logit.",
            refit=lambda scores: several.own_again(given, scores),
        )

    def again(scores: Float[np.ndarray, "n k"]) -> Fitted:
        known = labelled(given.build)
        targets = given.build.class_of[known]
        head, present = core_heads.fit_probe(scores[known], targets, seed=given.build.seed)
        return Fitted(head, present, "A linear read-out of random directions.")

    return Fitted(readout.head, readout.classes, readout.about, refit=again)


def imported(given: HeadInput, *, path: str = "", link: str = "") -> Fitted:
    """A linear head from a file, as the app exports it or any other program.

    .safetensors: tensors `weight` (classes x concepts) and `bias`; metadata `classes`, a JSON list
    of names; optional `concept_ids` where the columns are some of the bank's concepts, and metadata
    `concepts`, their names. .json: the same under the key `weights`. `link`, also a fact of the
    file, says how logits become probabilities, "softmax" or "sigmoid"; a multi-label set needs it.
    Raises ValueError naming the file and what does not fit.
    """
    file = Path(path).expanduser()
    if not path or not file.is_file():
        raise ValueError(f"imported needs path, a .safetensors or .json file; {path!r} is none")
    stored = _read_json(file) if file.suffix == ".json" else _read_safetensors(file)
    k = given.scores.shape[1]
    (n_classes, n_columns), n_bias = stored.weight.shape, len(stored.bias)
    if n_bias != n_classes or len(stored.classes) != n_classes:
        raise ValueError(
            f"{file}: weight has {n_classes} rows, bias {n_bias} numbers and there are "
            f"{len(stored.classes)} class names; they must be as many"
        )
    columns = np.arange(n_columns) if stored.concept_ids is None else stored.concept_ids
    if stored.concept_ids is None and n_columns != k:
        raise ValueError(
            f"{file}: weight has {n_columns} columns, but the bank has {k} concepts; say which in "
            "a tensor concept_ids"
        )
    if len(columns) != n_columns or (len(columns) and not 0 <= columns.min() <= columns.max() < k):
        raise ValueError(
            f"{file}: concept_ids must be {n_columns} numbers of 0..{k - 1}, one a column of weight"
        )
    _check_concepts(stored.concepts, columns, given, file)
    weight = np.zeros((n_classes, k))
    weight[:, columns] = stored.weight
    if not (np.isfinite(weight).all() and np.isfinite(stored.bias).all()):
        raise ValueError(f"{file}: weight or bias has values that are NaN or infinite")
    rows, classes, left_out = _matched(stored.classes, given, str(file))
    about = f"Read from {file.name}, made elsewhere.{left_out}"
    head = Head(weight[rows], stored.bias[rows], link=_link(link or stored.link, given, file))
    if not stored.residual:
        return Fitted(head, classes, about)
    if stored.kind != "backbone":
        raise ValueError(
            f"{file} is a head of kind {stored.kind or 'unknown'!r} that adds each image's rest, "
            'which the file does not hold; only such heads of kind "backbone" can be read again'
        )
    first = backbone(given)
    assert first.rest is not None
    at = {int(c): i for i, c in enumerate(first.classes)}
    if any(int(c) not in at for c in classes):
        raise ValueError(f"{file}: some of its classes are not among the backbone's outputs")
    rest = first.rest[:, [at[int(c)] for c in classes]]
    return Fitted(replace(head, residual=True), classes, about, rest)


@dataclass(frozen=True)
class _File:
    weight: Float[np.ndarray, "y k"]
    bias: Float[np.ndarray, " b"]
    classes: tuple[str, ...]
    concepts: tuple[str, ...]
    concept_ids: Integer[np.ndarray, " m"] | None
    residual: bool
    kind: str
    link: str


def _read_safetensors(file: Path) -> _File:
    try:
        with safe_open(file, framework="numpy") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            given = opened.metadata() or {}
        facts = {name: json.loads(given[name]) for name in _FACTS if name in given}
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"{file} cannot be read as a head: {error}") from error
    return _file(file, tensors, facts)


def _read_json(file: Path) -> _File:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["weights"]
        tensors = {name: np.array(found[name]) for name in _TENSORS if name in found}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} cannot be read as a head: it must be JSON with a table weights ({error!r})"
        ) from error
    return _file(file, tensors, found)


_TENSORS = ("weight", "bias", "concept_ids")
_FACTS = ("classes", "concepts", "residual", "kind", "link")


def _file(file: Path, tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> _File:
    missing = [name for name in ("weight", "bias") if name not in tensors]
    if missing or "classes" not in facts:
        raise ValueError(
            f"{file} lacks {', '.join([*missing, *([] if 'classes' in facts else ['classes'])])}; "
            "a head is weight (classes x concepts), bias, and the classes' names"
        )
    weight, bias = tensors["weight"], tensors["bias"]
    if weight.ndim != 2 or bias.ndim != 1:
        raise ValueError(
            f"{file}: weight has shape {weight.shape} and bias {bias.shape}; they must be classes "
            "x concepts and classes"
        )
    ids = tensors.get("concept_ids")
    return _File(
        weight.astype(np.float64),
        bias.astype(np.float64),
        tuple(map(str, facts["classes"])),
        tuple(map(str, facts.get("concepts", ()))),
        None if ids is None else ids.astype(np.int64).ravel(),
        bool(facts.get("residual", False)),
        str(facts.get("kind", "")),
        str(facts.get("link", "")),
    )


def _link(said: str, given: HeadInput, file: Path) -> Link:
    if said and said not in get_args(Link):
        raise ValueError(f"{file}: link must be one of {', '.join(get_args(Link))}, not {said!r}")
    if not said and given.build.targets is not None:
        raise ValueError(
            f"{file} does not say how its logits become probabilities, and here an image can carry "
            'several labels; give the head the parameter link = "sigmoid" if each label stands for '
            'itself, or "softmax"'
        )
    return cast(Link, said or "softmax")


def _matched(
    names: tuple[str, ...], given: HeadInput, where: str
) -> tuple[Integer[np.ndarray, " y"], Integer[np.ndarray, " y"], str]:
    """Rows whose class this build has, their class_ids, and a sentence on the others."""
    if not names:
        raise ValueError(
            f"{where} does not name its classes, so they cannot be matched with this build's; "
            "list them, one a line, in classes.txt beside the tensors"
        )
    at = same_words(
        [n.replace("_", " ") for n in names], [n.replace("_", " ") for n in given.build.class_names]
    )
    rows, ours = np.flatnonzero(at >= 0), given.build.class_names
    if len(rows) < 2 or len(np.unique(at[rows])) < len(rows):
        raise ValueError(
            f"{where} names {len(names)} classes ({', '.join(names[:3])}, ...), of which "
            f"{len(rows)} are among this build's ({', '.join(ours[:3])}, ...); two "
            "or more must match by name, each once"
        )
    left = len(names) - len(rows)
    told = f" {left:,} of its {len(names):,} classes are not of this build and are left out."
    return rows, at[rows], told if left else ""


def _check_concepts(
    names: tuple[str, ...], columns: Integer[np.ndarray, " m"], given: HeadInput, file: Path
) -> None:
    """Raises ValueError where a column is called something else here."""
    here: dict[int, str] = dict(enumerate(words_of(given.bank)))
    labels = given.build.labels
    if not here and labels is not None:
        here = {i: labels.names[j] for i, j in enumerate(given.label_of) if j >= 0}
    if not names:
        return
    if len(names) != len(columns):
        raise ValueError(f"{file} names {len(names)} concepts for {len(columns)} columns")
    for name, column in zip(names, columns.tolist(), strict=True):
        known = here.get(column)
        if known is not None and not name.startswith("#") and known != name:
            raise ValueError(
                f"{file}: the column of concept {column} is called {name!r}, which is {known!r} in "
                "this bank; the head belongs to another bank"
            )
