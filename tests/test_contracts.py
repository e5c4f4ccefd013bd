"""Each import contract of pyproject.toml bites: a copy of the packages breaks every one of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from house import PACKAGES
from paths import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {c["id"]: c["name"] for c in SETTINGS["tool"]["importlinter"]["contracts"]}
BREAKS: dict[str, tuple[str, str]] = {
    "packages": ("core/sampling.py", "import data.images"),
    "torch-free": ("data/images/reading.py", "import core.heads"),
    "numpy": ("core/naming/vocabulary.py", "import torch"),
    "writers": ("precompute/quality/rows.py", "import data.queries.heads"),
    "mathematics": ("core/measure.py", "import duckdb"),
    "core": ("core/naming/labels.py", "import core.concepts"),
    "data": ("data/queries/atlas.py", "import data.write"),
    "families": ("core/concepts/common/token_sample.py", "import core.concepts.sae.topk"),
    "gpu": ("core/concepts/sae/vq.py", "import core.concepts.sae.gpu.fused"),
    "precompute": ("precompute/intake/crops.py", "import precompute.quality"),
    "app": ("app/format.py", "import app.widgets.gallery"),
    "pages": ("app/views/depth/page.py", "import app.views.overview.page"),
    "circles": ("data/images/reading.py", "import data.datasets"),
    "catalogue": ("core/catalogue/definition.py", "import core.types"),
}
"""contract to a file of the copy and the line that is added to it; doors are broken below"""
OUTSIDE = "app/main.py"
"""imports what lies behind every door"""


def _behind(door: str) -> str:
    """Some module of a room, which only the room itself may import."""
    room = ROOT / door.replace(".", "/")
    parts = [*room.glob("[a-z]*.py"), *(p.parent for p in room.glob("*/__init__.py"))]
    return f"{door}.{min(p.stem for p in parts)}"


def _lines() -> dict[str, list[str]]:
    """By file, what is added to it."""
    out: dict[str, list[str]] = {}
    for contract in CONTRACTS:
        room = contract.removeprefix("door-")
        is_door = contract.startswith("door-")
        file, line = (OUTSIDE, f"import {_behind(room)}") if is_door else BREAKS[contract]
        out.setdefault(file, []).append(line)
    return out


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name of each contract to KEPT or BROKEN, in the copy."""
    copy = tmp_path_factory.mktemp("broken")
    for package in PACKAGES:
        ignore = shutil.ignore_patterns("artifacts", "__pycache__")
        shutil.copytree(ROOT / package, copy / package, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for file, lines in _lines().items():
        with (copy / file).open("a", encoding="utf-8") as handle:
            handle.write("\n" + "\n".join(lines) + "\n")
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [linter, "--no-cache"], cwd=copy, capture_output=True, text=True, check=False
    )
    plain = re.sub(r"\x1b\[[\d;]*m", "", ran.stdout)
    return dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", plain, flags=re.MULTILINE))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_bites(contract: str, verdicts: dict[str, str]) -> None:
    assert verdicts[CONTRACTS[contract]] == "BROKEN"


def test_every_break_belongs_to_a_contract() -> None:
    assert BREAKS.keys() <= CONTRACTS.keys()
