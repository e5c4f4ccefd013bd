"""Recipes say what they mean, or are refused in words."""

from __future__ import annotations

import pytest

from core.recipe import Recipe, parse

FULL = """
name = "birds"
seed = 3
[dataset]
reader = "folder"
path = "photos"
limit = 12
options = { fold = 2, marks = ["a", "b"] }
[backbone]
model = "checkpoint"
size = [24, 40]
[[banks]]
method = "sae"
n_concepts = 64
params = { top_k = 4, lr = 0.01 }
[[banks]]
method = "sae"
name = "wide"
[[heads]]
bank = "wide"
kind = "backbone"
[saliency]
methods = ["grad_cam"]
limit = 5
"""


def test_every_key_arrives() -> None:
    recipe = parse(FULL)
    assert recipe.seed == 3
    assert recipe.dataset.options == {"fold": 2, "marks": ["a", "b"]}
    assert recipe.backbone.size == (24, 40)
    assert recipe.backbone.batch == 32
    assert [bank.title for bank in recipe.banks] == ["sae", "wide"]
    assert recipe.banks[0].params == {"top_k": 4, "lr": 0.01}
    assert recipe.heads[0].title == "wide · backbone"
    assert recipe.saliency.methods == ("grad_cam",)


def test_smallest_recipe_has_every_default() -> None:
    assert parse('name = "x"') == Recipe("x")


def test_order_of_keys_changes_nothing() -> None:
    shuffled = """
    name = "x"
    seed = 1
    [backbone]
    batch = 4
    model = "m"
    [[banks]]
    params = { lr = 0.1, top_k = 2 }
    method = "sae"
    """
    sorted_ = """
    seed = 1
    name = "x"
    [[banks]]
    method = "sae"
    params = { top_k = 2, lr = 0.1 }
    [backbone]
    model = "m"
    batch = 4
    """
    assert parse(shuffled).canonical() == parse(sorted_).canonical()
    assert parse(shuffled).canonical() != parse(sorted_.replace("0.1", "0.2")).canonical()


def test_every_value_is_part_of_the_canonical_text() -> None:
    base = parse(FULL).canonical()
    for old, new in (
        ("birds", "fish"),
        ("seed = 3", "seed = 4"),
        ("limit = 12", "limit = 13"),
        ("24, 40", "40, 24"),
        ("64", "65"),
        ("fold = 2", "fold = 3"),
        ('"grad_cam"', ""),
        ("limit = 5", "limit = 6"),
    ):
        assert parse(FULL.replace(old, new)).canonical() != base


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        ("seed = 1", "lacks 'name'"),
        ('name = "x"\nsed = 1', r"unknown key 'sed'; did you mean 'seed'\? Known keys: name, seed"),
        ('name = "x"\nzzz = 1', r"unknown key 'zzz'\. Known keys: name"),
        ('name = "x"\n[dataset]\npaths = "a"', r"\[dataset\] has an unknown key 'paths'.*'path'"),
        ('name = "x"\n[[banks]]\nn_concepts = 3', r"\[\[banks\]\] number 1 lacks 'method'"),
        ('name = "x"\n[banks]\nmethod = "nmf"', r"list of tables; write \[\[banks\]\]"),
        ('name = "x"\ndataset = "a"', r"\[dataset\] must be a table, not 'a'"),
        ("name = 3", "name must be text, not 3"),
        ('name = "x"\nseed = "1"', "seed must be a whole number"),
        ('name = "x"\nseed = 1.5', "seed must be a whole number"),
        ('name = "x"\nseed = true', "seed must be a whole number"),
        ('name = "x"\nseed = -1', "0 or more, not -1"),
        ('name = "x"\n[backbone]\nsize = 24', "size must be a list"),
        ('name = "x"\n[backbone]\nsize = [24]', r"size must be \[height, width\]"),
        ('name = "x"\n[backbone]\nsize = [24, 40, 3]', r"size must be \[height, width\]"),
        ('name = "x"\n[backbone]\nsize = ["24", 40]', "size must be a list of a whole number each"),
        ('name = "x"\n[backbone]\nsize = [24, 0]', r"size must be \[height, width\]"),
        ('name = "x"\n[backbone]\nbatch = 0', "batch must be 1 or more"),
        ('name = "a/b"', "name.*'a/b'"),
        ('name = ""', "name.*''"),
        ('name = "x"\n[[banks]]\nmethod = "nmf"\nparams = 3', "params must be a table"),
        ('name = "x"\n[[banks]]\nmethod = "nmf"\n[[banks]]\nmethod = "nmf"', "two banks.*'nmf'"),
        ('name = "x"\n[[heads]]\nbank = "nmf"', "bank 'nmf'.*its banks: none"),
        (
            'name = "x"\n[[banks]]\nmethod = "nmf"' + 2 * '\n[[heads]]\nbank = "nmf"',
            "two heads",
        ),
    ],
)
def test_what_a_recipe_cannot_say_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)
