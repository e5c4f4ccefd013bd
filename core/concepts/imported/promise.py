"""What a checkpoint says of how well it rebuilds and how sparse it is.

Looked up in its settings, in what evaluations leave beside it, and in the metrics of a model card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.concepts.imported.foreign import Promise
from core.concepts.imported.opening import Opened, settings

_LEFT = {"fvu", "frac_variance_unexplained", "fraction_of_variance_unexplained"}
_EXPLAINED = {
    "explained_variance",
    "frac_variance_explained",
    "fraction_variance_explained",
    "variance_explained",
}
_SPARSE = {"l0", "avg_l0", "average_l0", "mean_l0", "l0_norm"}
_MODELS = ("model_name", "lm_name", "backbone", "model_id")
_RESULTS = ("eval_results.json", "eval.json", "metrics.json", "results.json")
_METRIC = re.compile(r"-?\s*type:\s*(\S+)\s*\n\s*value:\s*([-+.\deE]+)")


def promised(opened: Opened, l0: float | None = None) -> Promise:
    """`l0`: what the rule itself keeps, such as the k of TopK; a measured one goes first.

    Raises ValueError for results beside the file that are no JSON.
    """
    found: dict[str, float] = {}
    for name, value in _stated(opened):
        found.setdefault(name.lower(), value)
    fvu = next((v for n, v in found.items() if n in _LEFT), None)
    explained = next((v for n, v in found.items() if n in _EXPLAINED), None)
    if fvu is None and explained is not None:
        # cards state percents, programs shares
        fvu = 1 - (explained / 100 if explained > 1 else explained)
    measured = next((v for n, v in found.items() if n in _SPARSE), None)
    settings_of = [one for facts in (opened.facts, opened.header) for one in _tables(facts)]
    models = [one[n] for one in settings_of for n in _MODELS if isinstance(one.get(n), str)]
    return Promise(fvu, l0 if measured is None else measured, models[0] if models else "")


def _stated(opened: Opened) -> Iterator[tuple[str, float]]:
    for name in _RESULTS:
        beside = opened.file.with_name(name)
        if beside.is_file():
            yield from _numbers(settings(beside))
    yield from _numbers(opened.facts)
    yield from _numbers(opened.header)
    card = opened.file.with_name("README.md")
    if card.is_file():
        text = card.read_text(encoding="utf-8", errors="replace")
        front = text.split("---")[1] if text.startswith("---") else ""
        yield from ((name, float(value)) for name, value in _METRIC.findall(front))


def _tables(facts: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The table and those within it."""
    yield facts
    for value in facts.values():
        if isinstance(value, Mapping):
            yield from _tables(value)


def _numbers(facts: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for one in _tables(facts):
        for name, value in one.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield name, float(value)
