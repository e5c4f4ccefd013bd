"""What is forecast is what a build then writes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.recipe import BankSpec, Recipe
from data.store import open_readonly
from precompute.forecast import forecast


def told(text: str) -> dict[str, int]:
    """Rows by line of the forecast."""
    return {
        line[:28].strip(): int(rows[1].replace(",", ""))
        for line in text.splitlines()
        if (rows := re.match(r".{28}\s*([\d,]+) ", line))
    }


def test_rows_are_those_of_the_store(tiny_recipe: Recipe, tiny_store: Path, tmp_path: Path) -> None:
    """An image that cannot be used is counted, since nobody has looked at it yet."""
    expected = told(forecast(tiny_recipe, out=tmp_path, device="cpu"))
    with open_readonly(tiny_store) as con:
        scores = dict(
            con.execute(
                "SELECT bank.name, count(*) FROM score JOIN bank USING (bank_id) GROUP BY ALL"
            ).fetchall()
        )
        n_concepts = dict(con.execute("SELECT name, n_concepts FROM bank").fetchall())
        ((n_images, n_skipped, n_maps),) = con.execute(
            "SELECT n_images, n_skipped, (SELECT count(*) FROM saliency) FROM build"
        ).fetchall()
    n = n_images + n_skipped
    assert n_skipped == 1
    assert expected["images and pictures"] == expected["predictions"] == n
    assert expected["saliency"] == n_maps > 0
    for bank in ("nmf", "cav"):
        assert expected[f"scores of {bank}"] == n * n_concepts[bank]
        assert scores[bank] == n_images * n_concepts[bank]
    # of a sparse bank the most that there can be: tokens of an image may share concepts
    assert scores["sae"] <= expected["scores of sae"] <= n * n_concepts["sae"]


def test_a_recipe_that_the_build_refuses_is_refused(tiny_recipe: Recipe, tmp_path: Path) -> None:
    wrong = replace(tiny_recipe, banks=(BankSpec("crystals"),))
    with pytest.raises(ValueError, match="crystals"):
        forecast(wrong, out=tmp_path, device="cpu")
