"""Pages start without torch: nothing that the app or `data` imports loads it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import PurePosixPath

import house
import pytest
from paths import ROOT

HEAVY = {"torch", "transformers", "sklearn", "umap", "captum", "numba"}
PACKAGES = {"umap-learn": "umap", "scikit-learn": "sklearn"}
"""what is called otherwise than its module"""
SCRIPTS = {"main.py", "page.py"}
"""run by Streamlit: what they import is imported here, and they are not"""
LOADED = f"""
import sys
print(*({HEAVY} & sys.modules.keys()))
"""


def _imports() -> str:
    """One line for each module of `app` and `data`, and for what a page imports."""
    lines = set()
    for name, tree in house.files().items():
        if not name.startswith(("app/", "data/")):
            continue
        if PurePosixPath(name).name in SCRIPTS:
            taken = ((f"from {m} " if m else "", a.name) for m, a in house.imports(tree))
            lines |= {f"{start}import {of}" for start, of in taken}
        else:
            lines.add(f"import {name.removesuffix('.py').replace('/', '.')}")
    return "\n".join(sorted(lines))


def _loaded(code: str) -> set[str]:
    """The heavy packages that are there after `code`, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LOADED}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.split())


def test_pages_and_data_load_no_torch() -> None:
    assert _loaded(_imports()) == set()


def test_a_container_that_shows_stores_leaves_out_just_that() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    left_out = re.search(r"grep -vE '\^\(([\w|-]+)\)=='", text)[1].split("|")
    required = (ROOT / "requirements.txt").read_text(encoding="utf-8")

    assert {PACKAGES.get(name, name) for name in left_out} == HEAVY
    assert [name for name in left_out if f"\n{name}==" not in required] == []


@pytest.mark.parametrize(
    ("module", "package"), [("core.metrics.leakage", "torch"), ("core.heads", "sklearn")]
)
def test_a_heavy_package_is_noticed(module: str, package: str) -> None:
    assert package in _loaded(f"import {module}")
