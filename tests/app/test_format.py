"""Numbers and names as people read them."""

from __future__ import annotations

import math

import pytest

from app.format import (
    cell,
    concept_titles,
    number,
    percent,
    plain,
    rate,
    seconds,
    short,
    short_file,
    signed,
    size,
)
from app.widgets import concept_list, concept_order
from data.queries.concepts import ORDERS, Filters


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (3, "3"),
        (12345, "12,345"),
        (0.123456, "0.123"),
        (1.005, "1.00"),
        (98.76, "98.8"),
        (987.6, "988"),
        (12345.6, "12,346"),
        (0.00012345, "1.23e-04"),
        (-2.345, "-2.35"),
        (4.5e7 + 0.5, "4.50e+07"),
        (None, "n/a"),
        (math.nan, "n/a"),
        (math.inf, "n/a"),
    ],
)
def test_three_significant_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_signed_numbers_say_so() -> None:
    assert [signed(v) for v in (1.5, -1.5, 0.0)] == ["+1.50", "-1.50", "0"]


def test_shares_carry_their_counts() -> None:
    assert rate(1, 3) == "33.3 % (1 of 3)"
    assert rate(0, 0) == "n/a (0 of 0)"
    assert percent(1.0) == "100 %"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (":material/bolt:", ":\u200bmaterial/bolt:"),
        (":streamlit: :+1:", ":\u200bstreamlit: :\u200b+1:"),
        ("http://a.b", "http:\u200b//a.b"),
        ("WWW.a.b", "WWW\u200b.a.b"),
        ("me@a.b", "me@\u200ba.b"),
        ("a->b--c", "a-\u200b>b-\u200b-c"),
        ("colour: red, a-b", "colour: red, a-b"),
    ],
)
def test_nothing_is_read_as_an_icon_an_address_or_an_arrow(text: str, shown: str) -> None:
    assert plain(text).replace("\\", "") == shown


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C'!A0", "@SUM(A1)", "\t=1", "\r=1", " =1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"\u200b{text}"


@pytest.mark.parametrize(
    "text",
    ["-0.5", "+1.20e-04", "+3.1 %", "-1,234", "-0.25 (n = 31)", "", "–", "wren", "a=b", "1-2"],
)
def test_a_number_stays_one_in_a_cell(text: str) -> None:
    assert cell(text) == text


def test_times_and_sizes_have_units() -> None:
    assert [seconds(v) for v in (0.25, 59, 61, 3720)] == [
        "0.250 s",
        "59 s",
        "1 min 1 s",
        "1 h 2 min",
    ]
    assert [size(v) for v in (0, 999, 1500, 38_285_312)] == ["0 B", "999 B", "1.50 KB", "38.3 MB"]


def test_markup_in_a_name_is_shown_as_letters() -> None:
    shown = plain("**a** <b>x</b>\n[l](http://x) $y$ :red[z] `c` # ~~s~~")
    for mark in "*<>[]()$:`#~":
        assert shown.count(mark) == shown.count(f"\\{mark}")
    assert "\n" not in shown


def test_long_names_are_cut_to_the_limit() -> None:
    assert short("a" * 48) == "a" * 48
    assert short("a" * 49) == "a" * 47 + "…"


def test_a_long_path_keeps_its_end() -> None:
    assert short_file("a/b.png", 7) == "a/b.png"
    assert short_file("folder/sub/name_0046.jpg", 14) == "…name_0046.jpg"


def test_a_concept_without_a_name_goes_by_its_number() -> None:
    assert concept_titles(["wing", None, math.nan, ""], [4, 5, 6, 7]) == ["wing", "#5", "#6", "#7"]


def test_every_order_has_words_for_people() -> None:
    assert set(concept_order.LABELS) == set(ORDERS)


@pytest.mark.parametrize(
    ("filters", "flags"),
    [
        (Filters(), None),
        (Filters(dead=False, named=True), "dead,named"),
        (Filters(densest=0.25), "dense:0.25"),
        (Filters(lowest=0.01, highest=0.5), "freq:0.01:0.5"),
    ],
)
def test_filters_survive_the_address(
    filters: Filters, flags: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert concept_list.flags(filters) == flags
    monkeypatch.setattr(concept_list.address, "param", {"f": flags}.get)
    assert concept_list.filters() == filters
