"""python -m docs.generate writes every page of `docs/reference/`."""

from __future__ import annotations

from docs.generate import REFERENCE
from docs.generate.markdown import DOCS

if __name__ == "__main__":
    for name, page in REFERENCE.items():
        (DOCS / "reference" / name).write_text(page(), encoding="utf-8")
