"""The README is true: names, paths and commands exist, and nothing that exists is missing."""

from __future__ import annotations

import re

import pytest
from paths import ROOT

from app.pages import PAGES
from core import concepts, saliency
from core.backbones import BACKBONES
from data.datasets import READERS
from precompute import arguments
from precompute.heads import HEADS

README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMES = {
    **{f"bank {name}": name for name in concepts.METHODS},
    **{f"saliency {name}": name for name in saliency.METHODS},
    **{f"reader {name}": name for name in READERS},
    **{f"head {name}": name for name in HEADS},
    **{f"backbone {name}": name for name in BACKBONES},
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_method_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("view", PAGES)
def test_every_page_is_in_the_readme(view: str) -> None:
    assert f"**{view.capitalize()}**" in README


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_every_linked_file_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:core|data|app)/[\w/.]+)`", README))))
def test_every_path_in_code_exists(path: str) -> None:
    if "foo" not in path:
        assert (ROOT / path).exists()


def test_every_flag_in_the_readme_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "name"):
        with pytest.raises(SystemExit):
            arguments.parser().parse_args([command, "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))

    assert set(re.findall(r"(?<=[ `])--[a-z-]+", README)) <= known


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make (\w+)|^make (\w+)", README, flags=re.MULTILINE)):
        assert re.search(rf"^{''.join(target)}:", makefile, flags=re.MULTILINE)
