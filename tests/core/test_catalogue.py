"""The catalogue of definitions."""

from __future__ import annotations

import pytest

from core import catalogue


@pytest.mark.parametrize("definition", catalogue.DEFINITIONS.values(), ids=lambda one: one.key)
def test_every_definition_says_what_it_is(definition: catalogue.Definition) -> None:
    assert definition.title
    assert definition.source
    assert definition.meaning.endswith((".", "?"))
    assert definition.bounds[0] < definition.bounds[1]
    # they are joined into sentences
    assert not any(part.endswith(".") for part in (definition.formula, definition.n_of))


def test_help_says_everything_in_one_paragraph() -> None:
    defined = catalogue.Definition(
        "bank.r2",
        "R²",
        "Share of variance.",
        formula="1 - a / b",
        source="A 2020",
        better="higher",
        chance="the mean",
        n_of="tokens",
    )
    assert defined.help == (
        "Share of variance. Higher is better. n: tokens. Chance: the mean. Formula: 1 - a / b. "
        "Source: A 2020."
    )


def test_headings_say_the_unit_that_values_are_written_in() -> None:
    share = catalogue.Definition("bank.dead", "Dead", "Share.", format="percent")
    assert (share.heading, share.scale) == ("Dead, %", 100)
    time = catalogue.Definition("bank.time", "Fit time", "Time.", format="seconds", short="Fit")
    assert (time.heading, time.scale) == ("Fit, s", 1)


def test_what_nobody_defined_is_called_by_its_name() -> None:
    unknown = catalogue.of("metric.something_new")
    assert (unknown.title, unknown.meaning) == ("something_new", "")


def test_the_concept_list_has_a_column_for_each_fact_of_concepts() -> None:
    columns = list(catalogue.CONCEPT_COLUMNS)

    assert columns[:5] == ["by", "doubt", "frequency", "n_active", "peak_p99"]
    assert columns[5:7] == ["hint", "name_auc"]
    assert columns[-2:] == ["mean", "std"]
    defined = {k.partition(".")[2] for k in catalogue.DEFINITIONS if k.startswith("concept.")}
    assert defined - set(columns) == {"people", "present_q50"}
