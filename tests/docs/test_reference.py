"""`docs/reference/` says what the code says, whole."""

from __future__ import annotations

import re
from typing import get_type_hints

import duckdb
import pytest
from paths import ROOT

from core import concepts, importance, saliency
from core.backbones import BACKBONES
from core.intervention.policies import POLICIES
from core.intervention.strategies import STRATEGIES
from core.recipe import Recipe
from data.datasets import CORRUPTIONS, READERS
from data.store import SCHEMA
from docs.generate import REFERENCE, commands, methods, schema
from docs.generate.recipe import spec_of
from docs.generate.source import docstring, field_docs
from precompute.heads import HEADS

REFERENCES = ROOT / "docs" / "reference"
SPECS = {name: spec_of(hint) for name, hint in get_type_hints(Recipe).items()}
NAMES = {
    **{f"bank {name}": name for name in concepts.METHODS},
    **{f"importance {name}": name for name in importance.METHODS},
    **{f"saliency {name}": name for name in saliency.METHODS},
    **{f"reader {name}": name for name in READERS},
    **{f"corruption {name}": name for name in CORRUPTIONS},
    **{f"head {name}": name for name in HEADS},
    **{f"backbone {name}": name for name in BACKBONES},
    **{f"policy {name}": name for name in POLICIES},
    **{f"value {name}": name for name in STRATEGIES},
}


@pytest.mark.parametrize("name", REFERENCE)
def test_a_page_says_what_the_code_says(name: str) -> None:
    stale = (REFERENCES / name).read_text(encoding="utf-8") != REFERENCE[name]()

    assert not stale, f"docs/reference/{name} is stale; run `make docs`"


def test_no_page_is_left_over() -> None:
    assert {path.name for path in REFERENCES.iterdir()} == set(REFERENCE)


@pytest.fixture(scope="module")
def page_of_methods() -> str:
    return methods.page()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_method_is_in_the_reference(name: str, page_of_methods: str) -> None:
    assert f"`{name}`" in page_of_methods


def test_every_column_of_a_store_is_in_the_reference() -> None:
    text = SCHEMA.read_text(encoding="utf-8")
    with duckdb.connect() as con:
        con.execute(text)
        known = con.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "ORDER BY table_name, ordinal_position"
        ).fetchall()
    read = [
        (table.name, column[0])
        for table in sorted(
            (entry for entry in schema.read(text) if isinstance(entry, schema.Table)),
            key=lambda table: table.name,
        )
        for column in table.columns
    ]

    assert read == known


@pytest.mark.parametrize("key", SPECS)
def test_every_key_of_a_recipe_is_explained(key: str) -> None:
    spec = SPECS[key]
    texts = {key: field_docs(Recipe)[key]} if spec is None else field_docs(spec)

    assert [name for name, text in texts.items() if not text] == []
    assert spec is None or docstring(spec)


def test_every_argument_of_a_command_is_explained() -> None:
    rows = re.findall(r"^\| `(.+?)` \|.*\| *\|$", commands.page(), flags=re.MULTILINE)

    assert rows == []
