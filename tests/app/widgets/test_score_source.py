"""Whether map and score decompose: a badge with its own words for each place that scores are read
from, on every page that shows both."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import opening
import pytest
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.widgets import score_source
from data.queries import build, concept
from data.store import open_readonly
from tests.in_node import SAY, needed, run, use

WORDS = {
    "mean": ("score = mean of its map", "Map and score decompose exactly"),
    "max": ("score = largest code on its map", "the largest code on the map"),
    "cls": ("score from the CLS token", "does not sum to it"),
}


def test_each_place_has_its_own_words(cls_store: Path) -> None:
    with open_readonly(cls_store) as con:
        facts = build.build(con)
        for pool, (badge, words) in WORDS.items():
            bank = next(b for b in build.banks(con) if b.name == pool)
            source = score_source.of(bank, facts)
            assert source.badge == badge
            assert words in source.about
            told = "no logit rests on what the map shows" in source.about
            assert told == (pool == "cls")
            assert ("a head of kind backbone is exact" in source.about) == (pool == "cls")


def test_a_concept_says_how_far_its_map_goes_along(cls_store: Path) -> None:
    with open_readonly(cls_store) as con:
        ids = {bank.name: bank.bank_id for bank in build.banks(con)}
        told = []
        for k in range(9):
            one = concept.concept(con, ids["cls"], k)
            other = concept.concept(con, ids["mean"], k)
            assert one is not None
            assert other is not None
            assert score_source.agreement(other) == ""
            told.append(score_source.agreement(one))
        said = [text for text in told if text]
        assert said
        assert all(
            re.fullmatch(
                r"Over \d+ images the score and the mean of the map correlate by \S+ "
                r"\((95 % interval \S+ to \S+, )?\S+ in size with the images shuffled\)\.",
                text,
            )
            for text in said
        )


@pytest.mark.parametrize("pool", WORDS)
@pytest.mark.parametrize("page", ["concept", "image", "intervene"])
def test_pages_show_the_badge_of_their_bank(
    page: str, pool: str, cls_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(cls_store)])
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    opening.choose(at, page)
    at.query_params.update({"b": pool, "h": f"{pool} · sparse", "t": "spatial", "c": "0"})
    at.run()
    assert not at.exception
    shown = " ".join(m.value for m in [*at.markdown, *at.caption])
    assert WORDS[pool][0] in shown
    assert (WORDS["cls"][1] in shown) == (pool == "cls")
    if page == "intervene":
        refused = [i.value for i in at.info if "cannot be kept or removed here" in i.value]
        assert len(refused) == (pool == "cls")


@needed
def test_the_class_map_says_that_it_does_not_add_up() -> None:
    out = run(
        use("class_map", "classLayers")
        + """
        const codes = { starts: [0, 1], tokens: null, values: [1], scales: [1] };
        const data = { codes, weights: new Float64Array([0]), scores: [1], grid: [1, 1],
          classes: [{ name: "a" }] };
        const about = (pool) => classLayers({ ...data, pool }, 0)[0].about;
        const out = ["mean", "max", "cls"].map(about);
        """
        + SAY
    )
    assert ["does not add up" in about for about in out] == [False, True, True]
    assert "CLS token" in out[2]
