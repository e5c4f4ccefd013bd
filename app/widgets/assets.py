"""The browser side of components: plain JavaScript modules and style sheets, joined as text.

Logic sits in modules with named exports, which Node can import and test one by one. A components-v2
element takes a single module, so their texts are joined and the imports between them dropped.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

JS = Path(__file__).with_name("js")

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
    return "\n".join(_IMPORT.sub("", _read(name)) for name in ordered)


@cache
def style(*names: str) -> str:
    """`js/<name>.css` of each name, joined."""
    return "\n".join((JS / f"{name}.css").read_text(encoding="utf-8") for name in names)


def _read(name: str) -> str:
    return (JS / f"{name}.js").read_text(encoding="utf-8")


def _collect(name: str, ordered: list[str], above: tuple[str, ...]) -> None:
    if name in ordered:
        return
    if name in above:
        raise ValueError(f"js modules import each other in a circle: {' > '.join((*above, name))}")
    text = _read(name)
    for match in _IMPORT.finditer(text):
        _collect(match["name"], ordered, (*above, name))
    left = re.search(r"^import\b.*", _IMPORT.sub("", text), re.MULTILINE)
    if left:
        raise ValueError(
            f'js/{name}.js: {left[0]!r} cannot be joined; write import {{ a }} from "./name.js";'
        )
    ordered.append(name)
