"""The command line: every command of `python -m precompute`, and the targets of the Makefile."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from app.__main__ import parser as app_parser
from docs.generate import markdown
from precompute import arguments

_ABOUT = """`make` runs what a person needs; each target installs what it lacks. `python -m
precompute` builds, names and checks stores, and `python -m app` shows them."""
_APP = """Stores are opened in the browser. The app runs from any folder: `python PATH/app` does the
same where `app` is not in the working directory. It answers on this computer alone unless
`--address` says otherwise, and sends nothing anywhere. [Hosting](../hosting.md) says how to show
stores to others."""


def page() -> str:
    parser, app = arguments.parser(), app_parser()
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    blocks = []
    for about in commands._choices_actions:
        command = commands.choices[about.dest]
        blocks += [
            f"## {markdown.code(f'{parser.prog} {about.dest}')}",
            markdown.sentence(about.help or ""),
            markdown.table(("argument", "default", "meaning"), _rows(command)),
        ]
    return markdown.document(
        "Command line",
        _ABOUT,
        ["precompute/arguments.py", "app/__main__.py", "Makefile"],
        "## `make`",
        markdown.table(("target", "meaning"), _targets()),
        *blocks,
        f"## {markdown.code(app.prog)}",
        _APP,
        markdown.table(("argument", "default", "meaning"), _rows(app)),
    )


def _rows(command: argparse.ArgumentParser) -> list[tuple[str, str, str]]:
    return [_row(a) for a in command._actions if not isinstance(a, argparse._HelpAction)]


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
    if action.nargs == 0 or action.default in (None, "", []):
        return ""
    if isinstance(action.default, Path):
        return markdown.code(action.default.relative_to(markdown.ROOT).as_posix())
    return markdown.code(str(action.default))


def _targets() -> list[tuple[str, str]]:
    text = (markdown.ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^(\w+):[^#\n]*##\s*(.+)$", text, flags=re.MULTILINE)
    return [(markdown.code(f"make {name}"), markdown.sentence(about)) for name, about in found]
