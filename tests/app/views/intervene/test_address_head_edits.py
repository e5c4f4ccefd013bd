"""Edits of heads and regions of images survive the way through an address, in both languages."""

from __future__ import annotations

import numpy as np
import pytest
from in_node import SAY, needed, run, use

from app.views.intervene import address_head_edits
from app.views.intervene.address_head_edits import Edit, EditSet
from app.views.intervene.tabs import regions
from app.views.intervene.tabs import spatial as spatial_tab
from app.views.intervene.tabs.regions import Regions
from core.intervention import spatial
from core.types import Grid

GRID = Grid(3, 5)


def test_an_edit_set_reads_back_as_it_was_written() -> None:
    given = EditSet(
        (
            Edit("prune", 30),
            Edit("scale", 12, 4, 0.5),
            Edit("set", 7, None, -1.25),
            Edit("keep", value=3.0),
        ),
        True,
        "no habitat",
        False,
    )
    text = address_head_edits.write(given)
    assert text == "p30,s12.4:0.5,w7:-1.25,k3,r,z~no habitat"
    assert address_head_edits.parse(text) == given
    assert address_head_edits.write(EditSet()) == ""
    assert address_head_edits.parse(None) == EditSet()
    assert address_head_edits.parse("p1,m").hold is True


def test_what_an_average_image_got_stays_by_default_where_codes_are_never_negative() -> None:
    assert address_head_edits.holds(EditSet(), signed=False)
    assert not address_head_edits.holds(EditSet(), signed=True)
    assert address_head_edits.holds(EditSet(hold=True), signed=True)
    assert not address_head_edits.holds(EditSet(hold=False), signed=False)


@pytest.mark.parametrize(
    "text", ["p", "px", "s3", "s3:nan", "w1.:2", "q5", "p-1", "s1:1e300", "p٣"]
)
def test_what_is_no_edit_is_passed_over(text: str) -> None:
    assert address_head_edits.parse(f"{text},p2,p2").edits == (Edit("prune", 2),)


def test_regions_read_back_in_both_languages() -> None:
    texts = ["k3-9,11;x0-1;a0.35", "x14", "", "k2,4,6;a0", "k0-99999;x3", "kx;;a7;k-1,5-2,4"]
    ours = [regions.write(regions.parse(t, n_tokens=15)) for t in texts]
    assert ours[:4] == texts[:4]
    assert ours[4] == "k0-2,4-14;x3"
    assert ours[5] == "k4"
    assert regions.parse("k1;x1", n_tokens=15) == Regions(frozenset(), frozenset({1}), None)


@needed
def test_the_browser_reads_and_writes_the_same_regions() -> None:
    texts = ["k3-9,11;x0-1;a0.35", "k2,4,6;a0", "k0-99999;x3", "kx;;a7;k-1,5-2,4", "x14;a1.0"]
    out = run(
        use("regions", "parseRegions", "formatRegions", "rectangle", "withCells")
        + """
        const all = given.texts.map((t) => formatRegions(parseRegions(t, 15)));
        let some = withCells(parseRegions("", 15), rectangle(11, 3, 5), "keep");
        some = withCells(some, rectangle(7, 7, 5), "remove");
        some = withCells(some, [1], "erase");
        const out = { all, some: formatRegions(some) };"""
        + SAY,
        texts=texts,
    )
    assert out["all"] == [regions.write(regions.parse(t, n_tokens=15)) for t in texts]
    assert out["some"] == "k2-3,6,8,11-13;x7"


@needed
@pytest.mark.parametrize("pooling", spatial.POOLINGS)
@pytest.mark.parametrize("text", ["", "k3-7", "x0,14", "k1-2;x3-9;a0.5", "k4;a0"])
def test_the_browser_pools_as_python_does(text: str, pooling: str) -> None:
    rng = np.random.default_rng(5)
    maps, scores = rng.normal(size=(4, 15)), rng.normal(size=4)
    maps[:, 0] += 4  # so that the largest value lies where some of the marks are
    given = regions.parse(text, n_tokens=15)
    ours = spatial_tab.pooled(scores, maps, given, GRID, pooling=pooling)
    theirs = run(
        use("regions", "parseRegions", "attention", "pooled")
        + """const out = [...pooled(given.scores, given.maps,
          attention(parseRegions(given.text, 15), 15), given.pooling)];"""
        + SAY,
        text=text,
        pooling=pooling,
        maps=maps.tolist(),
        scores=scores.tolist(),
    )
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-12)
    if not text:
        np.testing.assert_allclose(ours, scores, rtol=0, atol=1e-12)
    else:
        assert np.abs(ours - scores).max() > 0.01


def test_keeping_one_cell_alone_makes_its_code_the_score() -> None:
    maps = np.random.default_rng(6).normal(size=(2, 15))
    found = spatial_tab.pooled(maps.mean(1), maps, Regions(frozenset({7}), elsewhere=0.0), GRID)
    np.testing.assert_allclose(found, maps[:, 7])


def test_a_largest_value_is_taken_again_from_what_is_marked() -> None:
    """A * max(S, 0) and its largest value, as CSR defines it; never negative parts."""
    maps = np.array([[0.9, 0.4, -0.3, 0.1, *[-1.0] * 11], [-0.2, -0.1, *[-1.0] * 13]])
    scores = maps.max(1)

    def after(**marks: object) -> list[float]:
        given = Regions(**{"keep": frozenset(), "remove": frozenset(), **marks})
        return spatial_tab.pooled(scores, maps, given, GRID, pooling="max").round(9).tolist()

    assert after() == [0.9, -0.1]
    assert after(remove=frozenset({0})) == [0.4, -0.1]
    assert after(keep=frozenset({1})) == [0.4, -0.1]  # 0.4 whole, 0.9 at a fifth
    assert after(keep=frozenset({3})) == [0.18, -0.1]
    assert after(remove=frozenset(range(15))) == [0.0, -0.1]


@needed
def test_nothing_left_to_average_is_no_score() -> None:
    nothing = Regions(frozenset(), frozenset(range(15)), None)
    with pytest.raises(ValueError, match="nothing is left"):
        spatial_tab.pooled(np.zeros(1), np.ones((1, 15)), nothing, GRID)
    out = run(
        use("regions", "parseRegions", "attention", "pooled")
        + "const out = pooled([0], [Array(15).fill(1)], attention(parseRegions('x0-14', 15), 15));"
        + SAY
    )
    assert out is None
