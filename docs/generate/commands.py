"""The command line: every command of `python -m precompute`, and the targets of the Makefile."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from docs.generate import markdown
from precompute import arguments

_ABOUT = """`make` runs what a person needs; each target installs what it lacks. `python -m
precompute` builds, names and checks stores."""


def page() -> str:
    parser = arguments.parser()
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    blocks = []
    for about in commands._choices_actions:
        command = commands.choices[about.dest]
        actions = [a for a in command._actions if not isinstance(a, argparse._HelpAction)]
        blocks += [
            f"## {markdown.code(f'{parser.prog} {about.dest}')}",
            markdown.sentence(about.help or ""),
            markdown.table(("argument", "default", "meaning"), [_row(a) for a in actions]),
        ]
    return markdown.document(
        "Command line",
        _ABOUT,
        ["precompute/arguments.py", "Makefile"],
        "## `make`",
        markdown.table(("target", "meaning"), _targets()),
        *blocks,
        "## The app",
        "`python -m streamlit run app/main.py -- --db PATH` opens one store or a folder of stores; "
        "`--db` may be given several times. Without it the app looks in `data/artifacts`.",
    )


def _row(action: argparse.Action) -> tuple[str, str, str]:
    named = max(action.option_strings, key=len, default="")
    value = str(action.metavar or action.dest).upper() if action.nargs != 0 else ""
    return (
        markdown.code(f"{named} {value}".strip()),
        _default(action),
        markdown.sentence(action.help or ""),
    )


def _default(action: argparse.Action) -> str:
    if action.required:
        return "required"
    if action.nargs == 0 or action.default in (None, ""):
        return ""
    if isinstance(action.default, Path):
        return markdown.code(action.default.relative_to(markdown.ROOT).as_posix())
    return markdown.code(str(action.default))


def _targets() -> list[tuple[str, str]]:
    text = (markdown.ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^(\w+):[^#\n]*##\s*(.+)$", text, flags=re.MULTILINE)
    return [(markdown.code(f"make {name}"), markdown.sentence(about)) for name, about in found]
