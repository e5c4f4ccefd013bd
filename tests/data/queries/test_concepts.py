"""Questions about concepts, answered as the store's own rows answer them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from core.catalogue import CONCEPT_COLUMNS
from data import store
from data.queries import build, concept, concepts
from data.queries.concepts import Filters


@pytest.fixture
def con(tiny_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    opened = store.open_readonly(tiny_store)
    yield opened
    opened.close()


@pytest.fixture(params=["dense", "sparse"])
def bank_id(con: duckdb.DuckDBPyConnection, request: pytest.FixtureRequest) -> int:
    mine = [bank for bank in build.banks(con) if bank.dense == (request.param == "dense")]
    if not mine:
        pytest.skip(f"the store has no {request.param} bank")
    return mine[-1].bank_id


def _tokens(con: duckdb.DuckDBPyConnection) -> int:
    facts = build.build(con)
    return facts.grid_h * facts.grid_w


def _alive(con: duckdb.DuckDBPyConnection, bank_id: int) -> list[int]:
    return [int(c) for c in concepts.matching(con, bank_id, filters=Filters(), order="id")]


@pytest.mark.parametrize("order", concepts.ORDERS)
def test_every_order_lists_the_same_concepts(
    con: duckdb.DuckDBPyConnection, bank_id: int, order: str
) -> None:
    found = concepts.matching(con, bank_id, filters=Filters(dead=False), order=order)
    n = con.execute("SELECT n_concepts FROM bank WHERE bank_id = ?", [bank_id]).fetchone()
    assert n is not None
    assert sorted(found.tolist()) == list(range(n[0]))


@pytest.mark.parametrize("column", [c for c in CONCEPT_COLUMNS if c != "by"])
def test_every_column_of_the_list_is_a_fact_of_each_concept(
    con: duckdb.DuckDBPyConnection, bank_id: int, column: str
) -> None:
    """Where a name comes from is put into words by the list itself."""
    assert column in concepts.concepts(con, bank_id, _alive(con, bank_id)[:2])


def test_frequency_order_never_rises(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    found = concepts.matching(con, bank_id, filters=Filters(), order="frequency")
    frequency = concepts.concepts(con, bank_id, found)["frequency"].to_numpy()
    assert (np.diff(frequency) <= 0).all()


def test_concepts_come_in_the_order_asked(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    asked = _alive(con, bank_id)[:4][::-1]
    assert concepts.concepts(con, bank_id, asked)["concept_id"].tolist() == asked


def test_search_for_a_number_finds_that_concept_alone(
    con: duckdb.DuckDBPyConnection, bank_id: int
) -> None:
    found = concepts.matching(con, bank_id, filters=Filters(search="#2"), order="id")
    assert found.tolist() == [2]


def test_search_takes_percent_signs_as_letters(
    con: duckdb.DuckDBPyConnection, bank_id: int
) -> None:
    assert not len(concepts.matching(con, bank_id, filters=Filters(search="%_%"), order="id"))


def test_frequency_range_keeps_both_ends(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    alive = _alive(con, bank_id)
    facts = concepts.concepts(con, bank_id, alive)
    low, high = facts["frequency"].quantile([0.25, 0.75], interpolation="nearest")
    found = concepts.matching(con, bank_id, filters=Filters(lowest=low, highest=high), order="id")
    inside = facts[(facts["frequency"] >= low) & (facts["frequency"] <= high)]
    assert found.tolist() == inside["concept_id"].tolist()
    assert {low, high} <= set(inside["frequency"])


def test_a_map_averages_to_its_score(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    n_tokens = _tokens(con)
    concept_id = _alive(con, bank_id)[1]
    scale = con.execute(
        "SELECT map_scale FROM concept WHERE bank_id = ? AND concept_id = ?", [bank_id, concept_id]
    ).fetchone() or (0.0,)
    rows = con.execute(
        "SELECT image_id, score FROM score WHERE bank_id = ? AND concept_id = ?",
        [bank_id, concept_id],
    ).fetchall()
    scores = dict(rows)
    (n_images,) = con.execute("SELECT count(*) FROM image").fetchone() or (0,)
    steps = concept.maps(
        con, bank_id, [(concept_id, i) for i in range(n_images)], n_tokens=n_tokens
    )
    assert len(steps) == n_images
    for (_, image_id), (tokens, values) in steps.items():
        assert tokens is None or len(tokens) == len(values) == len(set(tokens))
        # each code is off by half a step at most
        mean = sum(values) * scale[0] / n_tokens
        assert mean == pytest.approx(scores.get(image_id, 0.0), abs=0.51 * scale[0] + 1e-6)


def test_maps_of_several_concepts_are_not_mixed_up(
    con: duckdb.DuckDBPyConnection, bank_id: int
) -> None:
    n_tokens = _tokens(con)
    one, other = _alive(con, bank_id)[:2]
    both = concept.maps(con, bank_id, [(one, 0), (other, 1), (other, 0)], n_tokens=n_tokens)
    for pair in both:
        assert concept.maps(con, bank_id, [pair], n_tokens=n_tokens) == {pair: both[pair]}
    assert both[(one, 0)] != both[(other, 0)]


def test_first_example_is_the_strongest_image(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    for concept_id in _alive(con, bank_id)[:5]:
        best = con.execute(
            "SELECT max(score) FROM score WHERE bank_id = ? AND concept_id = ?",
            [bank_id, concept_id],
        ).fetchone() or (0.0,)
        assert concept.examples(con, bank_id, concept_id)["score"].iloc[0] == best[0]
        thumbs = concepts.thumbs(con, bank_id, [concept_id], n=1)
        assert thumbs["score"].tolist() == [best[0]]


def test_examples_lie_within_their_group(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    for concept_id in _alive(con, bank_id):
        groups = concept.example_groups(con, bank_id, concept_id)
        rows = concept.examples(con, bank_id, concept_id).merge(groups, on="group_id")
        assert (rows["score"] >= rows["lo"] - 1e-6).all()
        assert (rows["score"] <= rows["hi"] + 1e-6).all()
        assert (rows.groupby("group_id").size() <= groups.set_index("group_id")["n"]).all()


def test_histogram_counts_every_image_once(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    n_images = build.build(con).n_images
    for concept_id in _alive(con, bank_id):
        row = concept.histogram(con, bank_id, concept_id)
        assert row is not None
        assert sum(row.counts) + row.n_zero == n_images


def test_class_scores_put_the_largest_difference_first(
    con: duckdb.DuckDBPyConnection, bank_id: int
) -> None:
    found = concept.class_scores(con, bank_id, _alive(con, bank_id)[0])
    assert (np.diff(found["difference"].abs()) <= 0).all()


def test_a_concept_is_not_its_own_neighbour(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    concept_id = _alive(con, bank_id)[0]
    found = concept.neighbours(con, bank_id, concept_id)
    assert concept_id not in found["other_id"].tolist()
    assert not found.duplicated(["kind", "rank"]).any()


def test_missing_concept_is_none(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    assert concept.concept(con, bank_id, 2**31 - 1) is None
    assert concept.histogram(con, bank_id, 2**31 - 1) is None


def test_overview_counts_agree_with_the_tables(con: duckdb.DuckDBPyConnection) -> None:
    facts = build.build(con)
    splits = build.splits(con)
    assert splits["n"].sum() == facts.n_images
    assert splits["n_labelled"].sum() == build.classes(con)["n"].sum()
    samples = build.sample_images(con, per_split=3)
    assert (samples.groupby("split").size() <= 3).all()
    assert set(samples["split"]) == set(splits["split"])
