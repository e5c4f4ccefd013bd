"""Everything that a recipe or a page can choose from: banks, heads, readers, policies and more."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Any

from core import concepts, importance, saliency
from core.backbones import BACKBONES
from core.intervention.policies import POLICIES
from core.intervention.strategies import STRATEGIES
from data.datasets import CORRUPTIONS, READERS
from docs.generate import markdown
from docs.generate.source import docstring, module_of, parameters
from precompute import heads

_ABOUT = """What a recipe, or a person in the app, can choose from. A parameter is written in the
recipe's `params` table of the bank, head or saliency method, and in `[dataset] options` for a
reader. `required` marks a parameter that has no default."""


def page() -> str:
    return markdown.document(
        "Methods",
        _ABOUT,
        ["core/concepts", "core/importance", "core/saliency", "precompute/heads", "data/datasets"],
        "## Concept banks",
        "`n_concepts` is a key of `[[banks]]` beside `params`.",
        _overview(concepts.METHODS),
        *_banks(),
        "## Heads",
        _overview(heads.HEADS),
        *_each(
            {name: kind.make for name, kind in heads.HEADS.items()},
            lambda name: heads.HEADS[name].parameters or (heads.HEADS[name].make,),
        ),
        "## Importance of concepts",
        _overview(importance.METHODS),
        "## Saliency",
        _overview(saliency.METHODS),
        *_each(
            {name: method.function for name, method in saliency.METHODS.items()},
            lambda name: (saliency.METHODS[name].function,),
        ),
        "## Readers of data sets",
        *_each(READERS, lambda name: (READERS[name],), given={"limit", "work"}, whole=True),
        "## Corruptions",
        _overview(CORRUPTIONS),
        "## Families of backbones",
        *_each(BACKBONES, lambda _: ()),
        "## Intervention policies",
        "Which concepts a person is asked about first.",
        markdown.table(
            ("policy", "what comes first", "usefulness of a concept", "needs ground truth"),
            [
                (markdown.code(name), p.about, _first(docstring(p.usefulness)), _yes(p.needs_truth))
                for name, p in POLICIES.items()
            ],
        ),
        "## Value choices",
        "What a concept is set to once it is known to be present or absent.",
        markdown.table(
            ("choice", "title", "value"),
            [(markdown.code(name), s.title, docstring(s.score)) for name, s in STRATEGIES.items()],
        ),
    )


def _overview(methods: Mapping[str, Any]) -> str:
    """A row a method, a column for each of its facts."""
    kind = type(next(iter(methods.values())))
    facts = [f.name for f in dataclasses.fields(kind) if _told(methods, f.name)]
    facts.sort(key=("title", "about", *facts).index)
    rows = [
        (markdown.code(name), *(_fact(fact, getattr(method, fact)) for fact in facts))
        for name, method in methods.items()
    ]
    return markdown.table(("name", *(fact.replace("_", " ") for fact in facts)), rows)


def _told(methods: Mapping[str, Any], name: str) -> bool:
    """A fact in words, a number or yes or no: no function."""
    return all(isinstance(getattr(method, name), str | bool) for method in methods.values())


def _fact(name: str, value: object) -> str:
    if isinstance(value, bool):
        return _yes(value)
    return markdown.sentence(str(value)) if name == "about" else str(value)


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _first(text: str) -> str:
    return text.split("\n\n")[0]


def _banks() -> list[str]:
    out: list[str] = []
    family = ""
    for name, method in concepts.METHODS.items():
        file, about = module_of(method.fit)
        package = method.fit.__module__.rpartition(".")[0]
        if package != family:
            family = package
            out += [f"### {_first(docstring(sys.modules[package])).split(':')[0]}".rstrip(".")]
        out += [
            f"#### {markdown.code(name)}",
            f"{markdown.sentence(method.about)} It is in {markdown.link(file)}.",
            markdown.prose(about),
            markdown.prose(docstring(method.fit)),
            parameters(method.fit, given={"seed"}),
        ]
    return out


def _each(
    functions: Mapping[str, Callable[..., Any]],
    parts: Callable[[str], tuple[Callable[..., Any], ...]],
    *,
    given: frozenset[str] | set[str] = frozenset(),
    whole: bool = False,
) -> list[str]:
    """A section a function; `whole`: with the text of its module, which it has for itself."""
    out = []
    for name, function in functions.items():
        file, about = module_of(function)
        out += [
            f"### {markdown.code(name)}",
            f"It is in {markdown.link(file)}.",
            markdown.prose(about) if whole else "",
            markdown.prose(docstring(function)),
            parameters(*parts(name), given={"seed", *given}),
        ]
    return out
