"""Pages of the app and the keys of its address."""

from __future__ import annotations

from app.pages import KEYS, PAGES
from docs.generate import markdown

_ABOUT = """Whatever is looked at stands in the address, so that every view can be linked to and
opened again. A key that is missing or that names nothing leaves the page at its default."""


def page() -> str:
    pages = [
        (
            f"**{facts.title}**",
            markdown.code(f"/{name}"),
            " ".join(markdown.code(key) for key in facts.keys),
            markdown.link(f"app/views/{name}/page.py"),
        )
        for name, facts in PAGES.items()
    ]
    keys = [(markdown.code(key), markdown.sentence(meaning)) for key, meaning in KEYS.items()]
    return markdown.document(
        "Pages and their addresses",
        _ABOUT,
        ["app/pages.py"],
        "## Pages",
        "The menu opens a page without any key. The page then takes up its own keys as they were.",
        markdown.table(("page", "address", "keys that it takes up", "file"), pages),
        "## Keys",
        markdown.table(("key", "meaning"), keys),
    )
