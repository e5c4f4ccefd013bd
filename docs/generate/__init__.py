"""Pages of `docs/reference/`, made from the code. `make docs` writes them; a test finds stale ones.

Each page is one function without arguments that returns Markdown, and one line below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from docs.generate import address, commands, measures, methods, recipe, schema

__all__ = ["REFERENCE"]

REFERENCE: Mapping[str, Callable[[], str]] = {
    "cli.md": commands.page,
    "recipe.md": recipe.page,
    "methods.md": methods.page,
    "measures.md": measures.page,
    "schema.md": schema.page,
    "address.md": address.page,
}
"""file in `docs/reference/` to what writes its text"""
