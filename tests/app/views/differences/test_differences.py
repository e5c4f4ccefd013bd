"""The Differences page finds the shortcut that the rendered birds were given: their habitat."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import opening
import pandas as pd
import pytest
import streamlit as st
import torch
from paths import ROOT
from streamlit.testing.v1 import AppTest
from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessorPil

from app.views.differences import compared, difference_kinds, difference_table, top
from app.views.differences.set_choice import ImageSet
from core.recipe import parse
from data import datasets
from data.datasets.aviary.reader import aviary
from data.datasets.aviary.species import GROUPS, SPECIES
from data.datasets.types import Dataset

KEPT = ("habitat", "tail", "plumage", "crown")
"""groups of concepts: the habitat and three others, which depart from the species in 10 % of the
images of every split; fewer than all, for random filters do not tell small parts apart"""
RECIPE = """
name = "few birds"
[dataset]
reader = "aviary"
options = {{ n_train = 300, n_test = 120, n_shifted = 120 }}
[backbone]
model = "{model}"
batch = 60
[[banks]]
method = "cav"
"""


@pytest.fixture(scope="module")
def few_birds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store of few images, seen by random filters: they tell colours, and the probes do the rest;
    read, rendered and built as any other."""
    from precompute import pipeline
    from precompute.naming import layout

    @functools.wraps(aviary)
    def fewer(*arguments: object, **options: object) -> Dataset:
        full = aviary(*arguments, **options)  # type: ignore[arg-type]
        labelled = full.labelled[full.labelled["grouping"].isin(KEPT)]
        ids = set(labelled["labelled_id"])
        new = {old: i for i, old in enumerate(sorted(ids))}

        def few(table: pd.DataFrame) -> pd.DataFrame:
            mine = table[table["labelled_id"].isin(ids)]
            return mine.assign(labelled_id=mine["labelled_id"].map(new)).reset_index(drop=True)

        return replace(
            full,
            labelled=few(full.labelled),
            image_labels=few(full.image_labels),
            class_labels=few(full.class_labels),
        )

    out = tmp_path_factory.mktemp("few_birds")
    with torch.random.fork_rng(devices=[]), pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.READERS, "aviary", fewer)
        patch.setattr(layout, "IMAGES", layout.FEWEST - 1)  # none: slow without compiling
        torch.manual_seed(2)
        shape = {"embedding_size": 128, "hidden_sizes": [128, 384], "depths": [1, 1]}
        network = ResNetForImageClassification(ResNetConfig(layer_type="basic", **shape))
        network.save_pretrained(out / "model")
        ViTImageProcessorPil(size={"height": 48, "width": 64}).save_pretrained(out / "model")
        recipe = parse(RECIPE.format(model=(out / "model").as_posix()))
        yield pipeline.run(recipe, text=recipe.canonical(), out=out)


def opened(store: Path, monkeypatch: pytest.MonkeyPatch, **params: str) -> AppTest:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(store)])
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    at.query_params.update(params)
    opening.choose(at, "differences")
    at.query_params.update(params)
    at.run()
    assert not at.exception, at.exception[0].value
    return at


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    st.cache_resource.clear()


HABITATS = {f"habitat: {h}" for h in GROUPS["habitat"]}


def table(at: AppTest) -> pd.DataFrame:
    return at.dataframe[0].value


def drawn(at: AppTest) -> list[str]:
    """Names beside the picture, from the top."""
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    return list(figure["layout"]["yaxis"]["ticktext"])


def test_habitat_surfaces_first(few_birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared, and by what, is the page's own choice."""
    at = opened(few_birds, monkeypatch)
    assert at.session_state["kind"] == "tie"
    found = table(at)
    first = found.head(5)
    assert set(first["Concept"]) == HABITATS
    assert set(drawn(at)[:5]) == HABITATS
    assert (first["tie to"] < 0).all()
    assert (-first["Tie B − A"] > 2 * first["95 %"]).all()
    assert (first["p"] < 0.01).all()
    assert (first["Tie in A"] > 0.75).all()
    assert (first["Tie in B"] < 0.2).all()
    told = " ".join(caption.value for caption in at.caption)
    assert difference_kinds.ABOUT["tie"] in told
    assert "120 and 120 images of the 10 classes" in told


def test_exchanged_sets_show_the_other_direction(
    few_birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(few_birds, monkeypatch, a="shifted~~", z="test~~")
    first = table(at).head(5)
    assert set(first["Concept"]) == HABITATS
    assert (first["tie from"] > 0).all()
    assert set(drawn(at)[:5]) == HABITATS


def test_within_classes_tells_who_lost_a_habitat_and_who_gained_it(
    few_birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = table(opened(few_birds, monkeypatch, k="within")).set_index("Concept").loc[[*HABITATS]]
    assert (found["More in B"] > found["95 % more"]).all()
    assert (found["Less in B"] > found["95 % less"]).all()
    np.testing.assert_allclose(found["More in B"] + found["Less in B"], found["Within"])
    for name, row in found.iterrows():
        assert name == f"habitat: {SPECIES[row['Most less in']]['habitat']}"
        assert name != f"habitat: {SPECIES[row['Most more in']]['habitat']}"
        assert row["less by"] < 0 < row["more by"]


def test_energy_has_nothing_to_show_for_it(
    few_birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each habitat is as frequent in both splits: why the page does not open there."""
    found = table(opened(few_birds, monkeypatch, k="energy")).set_index("Concept").loc[[*HABITATS]]
    assert ((found["from"] < 0) & (found["to"] > 0)).all()
    assert (found["q"] > 0.05).all()


def test_false_discoveries_are_counted_over_the_bank_and_both_directions() -> None:
    found = pd.DataFrame({"energy_a": [1.0, 0, 0, 2], "energy_b": [0.0, 0, 3, 2]}).assign(
        more_p=[0.001, 1, 0.2, 1], less_p=[1, 1, 0.004, 0.5], within_p=[0.01, 1, 0.02, 1]
    )
    judged = compared.discovered(found, "within")
    np.testing.assert_allclose(judged["within_q"], [0.03, 1, 0.03, 1])
    np.testing.assert_allclose(judged["more_q"], [0.006, 1, 0.4, 1])
    np.testing.assert_allclose(judged["less_q"], [1, 1, 0.012, 0.75])


def test_what_is_called_beyond_chance_is_told_with_its_rate(
    few_birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(few_birds, monkeypatch, k="tie")
    found = table(at)
    sure = found[found["q"] <= 0.05]
    told = " ".join(caption.value for caption in at.caption)
    closer, looser = (int((sign * sure["Tie B − A"] > 0).sum()) for sign in (1, -1))
    assert f"{closer:,} of {len(found):,} concepts are tied closer in B and {looser:,}" in told
    assert "false discovery rate 5 %" in told


ONE, TWO = ImageSet("test"), ImageSet("shifted")


@pytest.mark.parametrize(
    ("a", "b", "n_classes", "paired", "kind"),
    [
        (ONE, TWO, 10, False, "tie"),
        (ONE, TWO, 1, False, "energy"),
        (ONE, TWO, 0, False, "energy"),
        (ONE, TWO, 10, True, "energy"),
        (ImageSet("test", judged="right"), ImageSet("test", judged="wrong"), 9, False, "within"),
        (ImageSet(class_id=1), ImageSet(class_id=2), 0, False, "energy"),
    ],
)
def test_the_first_view_answers_the_question(
    a: ImageSet, b: ImageSet, n_classes: int, paired: bool, kind: str
) -> None:
    found = difference_kinds.default(a, b, n_classes=n_classes, paired=paired)
    assert found == kind
    assert found in difference_kinds.offered(n_classes)
    assert difference_kinds.KINDS.keys() == difference_kinds.ABOUT.keys()


def rows(values: list[float]) -> pd.DataFrame:
    """A concept each, by ties."""
    tie = np.array(values)
    return pd.DataFrame(
        {
            "concept_id": range(len(tie)),
            "tie": tie,
            "tie_lo": tie - 0.1,
            "tie_hi": tie + 0.1,
            "tie_chance_95": 0.2,
            "tie_p": np.where(np.abs(tie) > 0.2, 0.01, 0.4),
            "tie_q": np.where(np.abs(tie) > 0.2, 0.03, 0.6),
        }
    )


def test_both_directions_largest_first_and_short_ones_leave_their_places() -> None:
    n = 3 * top.TOP
    found = rows([0.3, -0.9, 0.1, 0.0, *np.linspace(-0.5, -0.1, n)])
    more, less = top.directions(found, "tie")
    assert more["concept_id"].tolist() == [0, 2]
    assert more["sure"].tolist() == [True, False]
    assert less["value"].is_monotonic_increasing
    assert (less["chance_95"] == -0.2).all()
    shown = top.picked(more, less)
    assert len(shown) == 2 * top.TOP
    assert shown["concept_id"].iloc[0] == 1  # the largest of all
    assert shown["concept_id"].tail(2).tolist() == [0, 2]
    of = top.exemplary(more, less, "tie")
    assert list(zip(of["concept_id"], of["side"], strict=True)) == [
        (1, "less"),
        (1, "more"),
        (4, "less"),
        (4, "more"),
    ]


def test_table_orders_by_the_view_that_is_open() -> None:
    found = rows([0.1, -0.9, 0.3]).assign(difference=[-5.0, 1.0, 2.0], within=[0.2, 0.1, 0.3])
    orders = {"tie": [1, 2, 0], "energy": [0, 2, 1], "within": [2, 0, 1]}
    for kind, order in orders.items():
        assert difference_table.ordered(found, kind)["concept_id"].tolist() == order


def test_within_draws_a_concept_on_both_sides_of_zero() -> None:
    part = {"": 0.5, "_chance_95": 0.2, "_p": 0.01, "_q": 0.04}
    found = pd.DataFrame(
        [{f"{side}{end}": v for side in ("more", "less") for end, v in part.items()}]
    ).assign(concept_id=3)
    more, less = top.directions(found, "within")
    drawn_ = [(r["value"], r["chance_95"], r["q"], r["sure"]) for r in (more.iloc[0], less.iloc[0])]
    assert drawn_ == [(0.5, 0.2, 0.04, True), (-0.5, -0.2, 0.04, True)]
    of = top.exemplary(more, less, "within")
    assert of["side"].tolist() == ["more", "less"]
