"""The browser side of components: plain JavaScript modules and style sheets, joined as text.

Logic sits in modules with named exports, which Node can import and test one by one. A components-v2
element takes a single module, so their texts are joined and the imports between them dropped.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from app.widgets import palette

JS = Path(__file__).with_name("js")

_INKS = {
    "for": palette.FOR,
    "against": palette.AGAINST,
    "kept": palette.KEPT,
    "removed": palette.REMOVED,
    "rest": palette.REST,
    "alarm": palette.ALARM,
}
_IMPORT = re.compile(r'^import\s[^;]*?from\s+"\./(?P<name>[\w-]+)\.js";\n', re.MULTILINE)


@cache
def module(*names: str) -> str:
    """`js/<name>.js` of each name and all that they import, each once, dependencies first.

    Raises FileNotFoundError for a name without a file, ValueError for an import that is not of the
    form `import { a } from "./name.js";`.
    """
    ordered: list[str] = []
    for name in names:
        _collect(name, ordered, ())
    return "\n".join(_IMPORT.sub("", text(name)) for name in ordered)


@cache
def style(*names: str) -> str:
    """`js/<name>.css` of each name, joined; the palette's roles are `--ink-<role>` in them."""
    inks = " ".join(f"--ink-{role}: {colour};" for role, colour in _INKS.items())
    sheets = ((JS / f"{name}.css").read_text(encoding="utf-8") for name in names)
    return "\n".join((f":host {{ {inks} }}", *sheets))


def text(name: str) -> str:
    """`js/<name>.js`; "palette" is written here, from the one table of colours."""
    if name == "palette":
        maps = {
            key: {"title": each.title, "signed": each.signed, "stops": each.rgb()}
            for key, each in palette.MAPS.items()
        }
        return (
            f"export const INKS = {json.dumps(_INKS)};\n"
            f"export const COLOUR_MAPS = {json.dumps(maps)};\n"
        )
    return (JS / f"{name}.js").read_text(encoding="utf-8")


def _collect(name: str, ordered: list[str], above: tuple[str, ...]) -> None:
    if name in ordered:
        return
    if name in above:
        raise ValueError(f"js modules import each other in a circle: {' > '.join((*above, name))}")
    source = text(name)
    for match in _IMPORT.finditer(source):
        _collect(match["name"], ordered, (*above, name))
    left = re.search(r"^import\b.*", _IMPORT.sub("", source), re.MULTILINE)
    if left:
        raise ValueError(
            f'js/{name}.js: {left[0]!r} cannot be joined; write import {{ a }} from "./name.js";'
        )
    ordered.append(name)
