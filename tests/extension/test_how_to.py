"""Every row of "How to add" is true: its page, done literally, puts a toy into the app.

All rows are done to one copy of the packages, and two tiny stores are built and opened there.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import how_to
import in_node
import pytest
from paths import ROOT, TESTS

LABELLED = "cav · sparse"


@dataclass(frozen=True)
class Page:
    view: str
    params: dict[str, str] = field(default_factory=dict)
    """of the address"""
    chosen: dict[str, list[str]] = field(default_factory=dict)
    """values of widgets that the address does not hold"""


PAGES = {
    "overview": Page("overview"),
    "counts": Page("counts"),
    "counts of a split": Page("counts", {"sp": "test"}),
    "concepts": Page("concepts", {"b": "exemplars"}),
    "image": Page("image", {"b": "cav", "i": "0"}),
    "laboratory": Page("intervene", {"h": "cav · nearest_mean", "i": "0"}),
    "curves": Page("intervene", {"h": LABELLED, "i": "0", "t": "curves"}),
    "classes": Page("classes", {"h": LABELLED}),
    "differences": Page("differences", {"b": "cav", "a": "test~~", "z": "test+posterise~~"}),
    "metrics": Page("metrics"),
    "leaderboard": Page("leaderboard", chosen={"measures": ["Codes"]}),
}


class Toy(NamedTuple):
    row: str
    page: str
    kind: str
    text: str
    store: str = "shapes"


TOYS = (
    Toy("bank", "overview", "table", "exemplars,Exemplars,4"),
    Toy("bank", "concepts", "text", "a code is cosine"),
    Toy("bank", "image", "options", "exemplars"),
    Toy("bank", "overview", "table", "log_sae,Logarithmic sparse autoencoder,6"),
    Toy("importance", "classes", "table", "Halving"),
    Toy("saliency", "image", "element", '"unit": "logits a unit of input"'),
    Toy("saliency", "image", "element", "How much the target would change"),
    Toy("head", "laboratory", "options", "cav · nearest_mean"),
    Toy("head", "laboratory", "text", "Compares an image's scores with the mean scores"),
    Toy("head", "overview", "text", "Compares an image's scores with the mean scores"),
    Toy("backbone", "overview", "table", "4x6", store="birds"),
    Toy("dataset", "overview", "table", "birds", store="birds"),
    Toy("view", "counts", "text", "Counts"),
    Toy("view", "counts", "table", "train"),
    Toy("view", "counts", "options", "test"),
    Toy("view", "counts of a split", "table", "n_labelled\n1,test"),
    Toy("table", "image", "text", "the length of the mean token"),
    Toy("policy", "curves", "options", "largest score"),
    Toy("policy", "curves", "chart", "the concepts with the largest scores"),
    Toy("value", "curves", "options", "extreme values"),
    Toy("value", "laboratory", "element", "the highest or lowest score of any image"),
    Toy("measure", "metrics", "table", "How often the concepts of a bank are active."),
    Toy("measure", "leaderboard", "table", "silence"),
    Toy("colour-map", "image", "script", '"title": "Copper"'),
    Toy("column", "concepts", "columns", '"label": "Variation"'),
    Toy("column", "concepts", "columns", "divided by its mean"),
    Toy("column", "concepts", "options", "Sort: Variation"),
    Toy("corruption", "differences", "text", "four levels of each colour"),
)
ITERATED = (
    "exemplars",
    "log_sae",
    "halving",
    "input_gradient",
    "largest",
    "posterise",
    "variation",
)
"""names under which tests that iterate over all there is find some of the toys"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A copy with every row done, and the recipe that each row gives."""
    copy = how_to.copy(tmp_path_factory.mktemp("copy"))
    return copy, {row: how_to.done(row, copy) for row in how_to.ROWS}


@pytest.fixture(scope="module")
def found(tree: tuple[Path, dict[str, Any]], shapes: Path, tiny_model: Path) -> dict[str, Any]:
    """What the pages of two stores show that were built in the copy."""
    copy, recipes = tree
    work = copy / "work"
    work.mkdir()
    others = [recipe for row, recipe in recipes.items() if row not in ("backbone", "dataset")]
    tiny = {
        "name": "shapes",
        "dataset": {"reader": "manifest", "path": str(shapes)},
        "backbone": {"model": str(tiny_model), "size": [24, 40]},
        "banks": [{"method": "cav"}],
        "heads": [{"bank": "cav"}],
        "effects": {"latents": 0, "explained": 0},
    }
    birds = how_to.merged([recipes["backbone"], recipes["dataset"]])
    birds |= {"name": "birds", "banks": [{"method": "kmeans", "n_concepts": 3}]}
    birds["dataset"]["path"] = str(_listing(shapes, work))
    pages = {name: asdict(page) for name, page in PAGES.items()}
    plan = {
        "out": str(work / "out"),
        "found": str(work / "found.json"),
        "say": {"layers": ["layers", "4x6", "--family", "patch_colours"]},
        "builds": {
            "shapes": {"recipe": _recipe(how_to.merged([tiny, *others]), work), "pages": pages},
            "birds": {"recipe": _recipe(birds, work), "pages": {"overview": pages["overview"]}},
        },
    }
    (work / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    ended = _python(copy, str(TESTS / "in_copy.py"), str(work / "plan.json"))
    assert ended.returncode == 0, ended.stderr[-4000:]
    result: dict[str, Any] = json.loads((work / "found.json").read_text(encoding="utf-8"))
    return result


def _python(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python where the copy's packages are imported."""
    path = os.pathsep.join((str(tree), str(TESTS)))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def _recipe(recipe: dict[str, Any], folder: Path) -> str:
    path = folder / f"{recipe['name']}.toml"
    path.write_text(how_to.toml(recipe), encoding="utf-8")
    return str(path)


def _listing(shapes: Path, folder: Path) -> Path:
    """The labelled pictures, as lines of a file and its class."""
    with shapes.open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["label"]]
    (folder / "images").symlink_to(shapes.parent / "images")
    path = folder / "birds.txt"
    path.write_text("".join(f"{row['file']}\t{row['label']}\n" for row in rows), encoding="utf-8")
    return path


def test_no_page_fails(found: dict[str, Any]) -> None:
    errors = {
        (store, page): seen["error"]
        for store in ("shapes", "birds")
        for page, seen in found[store].items()
        if seen["error"]
    }
    assert errors == {}


@pytest.mark.parametrize("toy", TOYS, ids=lambda toy: f"{toy.row}-{toy.page}-{toy.kind}")
def test_the_toy_is_in_the_app(toy: Toy, found: dict[str, Any]) -> None:
    seen = found[toy.store][toy.page]
    assert any(toy.text in each for each in seen[toy.kind]), seen[toy.kind]


def test_the_command_line_reaches_a_family(found: dict[str, Any]) -> None:
    assert "colours" in found["said"]["layers"]
    assert "4 x 6" in found["said"]["layers"]


@in_node.needed
def test_a_colour_map_is_a_choice_on_an_opened_page(found: dict[str, Any]) -> None:
    """Asked of the page's own script, as the browser gets it."""
    scripts = found["shapes"]["image"]["script"]
    maps = [
        in_node.run(script + "\nconst out = mapsFor(false);" + in_node.SAY)
        for script in scripts
        if "function mapChoice(" in script
    ]
    assert maps
    assert all("copper" in names for names in maps)


def test_tests_that_iterate_pick_the_toys_up(tree: tuple[Path, dict[str, Any]]) -> None:
    """In the copy, with the tests beside it: those that the pages name."""
    copy = tree[0]
    shutil.copytree(TESTS, copy / "tests", ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    named = {
        test
        for row in how_to.ROWS
        for test in re.findall(r"`(tests/(?:core|data)/[\w/]+\.py)`", how_to.text_of(row))
    }
    asked = ("-m", "pytest", "-p", "no:cacheprovider", "-rA", "-k", " or ".join(ITERATED))
    ended = _python(copy, *asked, *sorted(named))
    passed = re.findall(r"^PASSED .*", ended.stdout, flags=re.MULTILINE)

    assert ended.returncode == 0, ended.stdout[-4000:]
    assert {n for n in ITERATED if not re.search(rf"[\[-]{n}", "\n".join(passed))} == set()


def test_every_row_has_a_toy_that_is_looked_for() -> None:
    assert {toy.row for toy in TOYS} == set(how_to.ROWS)


def test_a_line_that_a_page_names_and_is_gone_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("METHODS = {\n}\n")
    with pytest.raises(AssertionError, match="0 times"):
        how_to.patch(path, " HEADS = {\n+    1,\n")
    how_to.patch(path, " METHODS = {\n+    1,\n")
    assert path.read_text() == "METHODS = {\n    1,\n}\n"
