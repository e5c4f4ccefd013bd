"""Rules of the house that no tool knows: sizes, names, what crosses files, where pages are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import house
import pytest
from paths import ROOT

from app.pages import PAGES
from core.kinds import TEST, TRAIN, VAL

LONGEST_FILE, FULLEST_FOLDER, MOST_PARAMETERS, UNFORMATTED = 300, 25, 7, 10
SHELVES = {
    "core.compare",
    "core.controls",
    "core.intervention",
    "core.metrics",
    "core.naming",
    "data.queries",
    "app.widgets",
}
LIBRARIES = {
    "PIL",
    "captum",
    "core",
    "einops",
    "jaxtyping",
    "numba",
    "numpy",
    "safetensors",
    "scipy",
    "sklearn",
    "torch",
    "transformers",
    "triton",
}
"""what `core` imports; one more is a choice to be made on purpose"""
OLD_NAME = "concept" + "arium"
UNFINISHED = r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b|placeholder text"


def test_no_file_is_longer_than_the_limit() -> None:
    lengths = {
        name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in house.files()
    }

    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_folder_is_fuller_than_the_limit() -> None:
    """Of whatever kind the files are."""
    full = Counter(
        house.relative(path.parent)
        for top in {*house.OURS, "tests", "docs"}
        for path in (ROOT / top).rglob("*.*")
        if path.is_file() and not {"__pycache__", "artifacts"} & set(path.parts)
    )

    assert max(full.values()) > 20
    assert {folder: n for folder, n in full.items() if n > FULLEST_FOLDER} == {}


def test_the_formatter_breaks_nearly_every_line() -> None:
    n = sum(
        len(re.findall(r"# fmt: (?:skip|off)", (ROOT / name).read_text(encoding="utf-8")))
        for name in house.files()
    )

    assert n <= UNFORMATTED


def test_no_function_takes_many_parameters() -> None:
    """Compiled GPU kernels and methods' `fit`, whose parameters are a recipe's, may take more."""
    many = {
        f"{name}:{node.name}"
        for name, tree in house.files().items()
        if not name.startswith("core/concepts/sae/gpu/")
        for node in ast.walk(tree)
        if isinstance(node, house.FUNCTIONS) and house.n_parameters(node) > MOST_PARAMETERS
        if not (name.startswith("core/concepts/") and node.name == "fit")
    }

    assert many == set()


@pytest.mark.parametrize("name", house.files())
def test_no_private_name_crosses_files(name: str) -> None:
    assert house.private_names(house.files()[name]) == set()


def test_query_modules_go_by_their_own_names() -> None:
    renamed = {name: house.renamed_queries(tree) for name, tree in house.files().items()}

    assert {name: found for name, found in renamed.items() if found} == {}


def test_every_import_is_seen_by_the_contracts() -> None:
    hidden = {name: house.imports_by_string(tree) for name, tree in house.files().items()}

    assert {name: found for name, found in hidden.items() if found} == {}


def test_no_file_reaches_past_a_door() -> None:
    past = {
        name: {
            reached
            for reached in house.behind_doors(tree)
            if not name.startswith(f"{'/'.join(reached.split('.')[:2])}/")
        }
        for name, tree in house.files().items()
    }

    assert {name: reached for name, reached in past.items() if reached} == {}


def test_the_splits_that_have_a_meaning_are_written_once() -> None:
    """Readers also know them as words that people write."""
    written = {
        name
        for name, tree in house.files().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in (TRAIN, VAL, TEST)
    }

    known = {"core/kinds.py", "data/datasets/split.py", "core/concepts/bottlenecks/supervised.py"}
    assert written == known


def test_every_picture_that_is_opened_is_of_a_named_format() -> None:
    """Without names Pillow tries all that it knows, PostScript as well, which runs programs."""
    bare = [
        f"{name}:{node.lineno}"
        for name, tree in house.files().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr == "open" and ast.unparse(node.func) == "Image.open"
        if "formats" not in {word.arg for word in node.keywords}
    ]

    assert bare == []


def test_every_folder_is_a_room_or_a_shelf() -> None:
    """A new one is either named among the doors or among the shelves of the architecture."""
    folders = {
        f"{package}.{path.parent.name}"
        for package in ("core", "data", "precompute")
        for path in (ROOT / package).glob("*/__init__.py")
    }

    assert folders - house.ROOMS == SHELVES - {"app.widgets"}
    assert folders >= house.ROOMS


def test_the_mathematics_stands_on_few_libraries() -> None:
    used = {
        library
        for name, tree in house.files().items()
        if name.startswith("core/")
        for library in (taken.split(".")[0] for taken in house.foreign(tree))
        if library not in sys.stdlib_module_names or library in {"sqlite3", "http", "urllib"}
    }

    assert used == LIBRARIES


BREAKS = {
    house.behind_doors: (
        "from core import concepts\nconcepts.sae.topk.Bank",
        "from core import concepts as room\nroom.sae.topk.Bank",
        "import core.concepts\ncore.concepts.factors.nmf",
        "import precompute.heads as h\nh.baselines",
    ),
    house.private_names: (
        'getattr(format, "_x")',
        "from app.format import _x",
        "from app import format\nformat._x(1)",
        "import app.format\napp.format._x(1)",
        "from app import widgets\nwidgets.gallery._x.y",
        "import core._room.file",
    ),
    house.renamed_queries: (
        "from data import queries as q",
        "from data.queries import heads as h",
        "import data.queries.heads as h",
        "from data.queries.heads import heads as h",
    ),
    house.imports_by_string: (
        'importlib.import_module("core.concepts.sae")',
        'import_module("core.concepts.sae")',
        '__import__("core.concepts.sae")',
        'exec("import core.concepts.sae")',
        "from importlib import import_module as load",
        "import pkgutil",
        "from runpy import run_module",
    ),
}
"""each rule to lines that break it"""


@pytest.mark.parametrize(("rule", "line"), [(r, line) for r, ls in BREAKS.items() for line in ls])
def test_a_break_of_a_rule_is_found(rule: Callable[[ast.Module], set[str]], line: str) -> None:
    assert rule(ast.parse(line))


def _tracked() -> dict[str, str]:
    """Every text file that git knows or would take in, by its path; pictures left out."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = [n for n in listed.stdout.splitlines() if (ROOT / n).is_file()]
    if listed.returncode:  # an unpacked copy, without git
        names = [house.relative(p) for k in house.OURS for p in (ROOT / k).rglob("*.*")]
    return {
        name: (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for name in names
        if PurePosixPath(name).suffix not in {".png", ".pyc"}
    }


def test_the_old_name_is_history() -> None:
    lines = [
        f"{name}: {line}"
        for name, text in _tracked().items()
        for line in text.splitlines()
        if OLD_NAME in line.lower()
    ]

    assert len(lines) == 1
    assert lines[0].startswith("docs/changelog.md")


def test_nothing_is_left_unfinished() -> None:
    found = {
        name: match[0]
        for name, text in _tracked().items()
        if not name.startswith("tests/") and (match := re.search(UNFINISHED, text))
    }

    assert found == {}


def test_every_view_is_a_page_and_every_page_a_view() -> None:
    folders = {p.name for p in (ROOT / "app" / "views").iterdir() if (p / "__init__.py").exists()}

    assert folders == set(PAGES)
    for folder in folders:
        assert (ROOT / "app" / "views" / folder / "page.py").is_file()


def test_no_file_goes_through_the_door_of_its_own_room() -> None:
    """Else the room needs the file, and the file the room."""
    through = {
        f"{file}: {module}.{alias.name}"
        for file, tree in house.files().items()
        for module, alias in house.imports(tree)
        if file.startswith(f"{module.replace('.', '/')}/")
        and Path(file).name not in {"__init__.py", "__main__.py"}
        and not any(
            (ROOT / module.replace(".", "/") / alias.name).with_suffix(s).exists()
            for s in ("", ".py")
        )
    }
    assert through == set()
