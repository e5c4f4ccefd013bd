"""README, CONTRIBUTING and `docs/` are true: links, paths, commands and make targets exist."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import how_to
import pytest
from paths import ROOT

from app.__main__ import parser as app_parser
from app.pages import PAGES
from precompute import arguments

WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN += sorted((ROOT / "docs" / "how-to").glob("*.md"))
PAPERS = {
    path.relative_to(ROOT).as_posix(): path
    for path in [*WRITTEN, *sorted((ROOT / "docs" / "reference").glob("*.md"))]
}
TARGETS = set(
    re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
)


@pytest.mark.parametrize("view", PAGES)
def test_every_page_is_in_the_readme(view: str) -> None:
    assert f"**{PAGES[view].title}**" in PAPERS["README.md"].read_text(encoding="utf-8")


def test_every_paper_can_be_found_from_the_readme() -> None:
    seen: set[Path] = set()
    ahead = [PAPERS["README.md"]]
    while ahead:
        paper = ahead.pop()
        seen.add(paper)
        ahead += [to for to, _ in _links(paper) if to.suffix == ".md" and to not in seen]

    assert {name for name, path in PAPERS.items() if path not in seen} == set()


@pytest.mark.parametrize("name", PAPERS)
def test_every_link_leads_somewhere(name: str) -> None:
    for path, heading in _links(PAPERS[name]):
        assert path.exists(), path
        assert not heading or heading in _headings(path), heading


@pytest.mark.parametrize("name", PAPERS)
def test_every_path_in_code_exists(name: str) -> None:
    text = PAPERS[name].read_text(encoding="utf-8")
    paths = re.findall(r"`((?:core|data|app|precompute|tests|docs)/[\w/.-]+)`", text)

    made = ("foo", "data/artifacts", *how_to.new_files(text))  # examples, and what a build makes
    assert [p for p in paths if not any(m in p for m in made) and not (ROOT / p).exists()] == []


def test_rows_of_the_readme_and_pages_of_how_to_are_the_same() -> None:
    text = PAPERS["README.md"].read_text(encoding="utf-8").split("## How to add")[1]
    rows = re.findall(r"^\| \[([^\]]+)\]\(docs/how-to/([\w-]+)\.md\)", text, flags=re.MULTILINE)

    assert sorted(row for _, row in rows) == sorted(how_to.ROWS)
    assert len(rows) == text.count("\n|") - 2
    for title, row in rows:
        page = PAPERS[f"docs/how-to/{row}.md"].read_text(encoding="utf-8")
        assert page.startswith(f"# Add {title}\n")


@pytest.mark.parametrize("row", how_to.ROWS)
def test_every_how_to_says_where_it_appears_and_what_tests_it(row: str) -> None:
    page = PAPERS[f"docs/how-to/{row}.md"].read_text(encoding="utf-8")

    assert "**Where it appears.**" in page
    assert "**Which tests pick it up.**" in page


@pytest.mark.parametrize("name", PAPERS)
def test_every_flag_is_one(name: str) -> None:
    commands = next(
        action
        for action in arguments.parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    known = {
        flag
        for command in commands.choices.values()
        for action in command._actions
        for flag in action.option_strings
    }
    known |= {flag for action in app_parser()._actions for flag in action.option_strings}
    text = PAPERS[name].read_text(encoding="utf-8")

    assert set(re.findall(r"(?<=[ `])--[a-z][a-z-]*", text)) <= known


@pytest.mark.parametrize("name", PAPERS)
def test_every_make_target_exists(name: str) -> None:
    text = PAPERS[name].read_text(encoding="utf-8")

    assert set(re.findall(r"(?:`|^)make (\w+)", text, flags=re.MULTILINE)) <= TARGETS


def _links(paper: Path) -> list[tuple[Path, str]]:
    """Files of the repository that a paper links to, with the heading, "" for none."""
    text = re.sub(r"```.*?```", "", paper.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", text)
    return [((paper.parent / to).resolve() if to else paper, heading) for to, heading in found]


def _headings(path: Path) -> set[str]:
    """As they stand in a link."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}
