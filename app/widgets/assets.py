"""The browser side of components: plain JavaScript modules and style sheets, joined as text.

They lie in folders `js` beside the Python that shows them. Logic sits in modules with named
exports, which Node can import and test one by one. A components-v2 element takes a single module,
so their texts are joined and the imports between them dropped.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from app.widgets import palette

APP = Path(__file__).parents[1]
PALETTE = Path("widgets", "js", "palette.js")
"""where modules of the app import the palette from: no file, see `text`"""

_INKS = {
    "for": palette.FOR,
    "against": palette.AGAINST,
    "kept": palette.KEPT,
    "removed": palette.REMOVED,
    "rest": palette.REST,
    "alarm": palette.ALARM,
}
_IMPORT = re.compile(r'^import\s[^;]*?from\s+"\.[\w./-]*/(?P<name>\w+)\.js";\n', re.MULTILINE)


@cache
def files() -> dict[str, Path]:
    """Name -> place in the app, of every module and style sheet.

    Raises ValueError where two have the same name: what is joined knows names alone.
    """
    found: dict[str, Path] = {}
    for path in sorted(APP.rglob("js/*.*")):
        place = path.relative_to(APP)
        if path.name in found:
            raise ValueError(f"app/{found[path.name]} and app/{place} have the same name")
        found[path.name] = place
    return found


@cache
def module(*names: str) -> str:
    """`<name>.js` of each name and all that they import, each once, dependencies first.

    Raises FileNotFoundError for a name without a file, ValueError for an import that is not of the
    form `import { a } from "./name.js";`, or from another folder.
    """
    ordered: list[str] = []
    for name in names:
        _collect(name, ordered, ())
    return "\n".join(_IMPORT.sub("", text(name)) for name in ordered)


@cache
def style(*names: str) -> str:
    """`<name>.css` of each name, joined; the palette's roles are `--ink-<role>` in them."""
    inks = " ".join(f"--ink-{role}: {colour};" for role, colour in _INKS.items())
    sheets = (_read(f"{name}.css") for name in names)
    return "\n".join((f":host {{ {inks} }}", *sheets))


def text(name: str) -> str:
    """`<name>.js`; "palette" is written here, from the one table of colours."""
    if name == "palette":
        maps = {
            key: {"title": each.title, "signed": each.signed, "stops": each.rgb()}
            for key, each in palette.MAPS.items()
        }
        return (
            f"export const INKS = {json.dumps(_INKS)};\n"
            f"export const COLOUR_MAPS = {json.dumps(maps)};\n"
        )
    return _read(f"{name}.js")


def _read(name: str) -> str:
    if name not in files():
        raise FileNotFoundError(f"no folder js of the app holds {name}")
    return (APP / files()[name]).read_text(encoding="utf-8")


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
            f'{name}.js: {left[0]!r} cannot be joined; write import {{ a }} from "./name.js";'
        )
    ordered.append(name)
