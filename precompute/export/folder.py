"""The folder that an export fills, and the card that says what is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CARD = "README.md"


def fresh(folder: Path) -> Path:
    """Makes it. Raises ValueError when something is there already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; name a new folder, so that nothing is mixed")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def plain(name: str) -> str:
    """Word characters alone, as names of fields, columns and splits have to be."""
    return re.sub(r"\W+", "_", name).strip("_") or "unnamed"


def card(front: Mapping[str, Any], *blocks: str) -> str:
    """Front matter in JSON, which is YAML, over Markdown."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]
    text = "\n\n".join(block for block in blocks if block)
    return "\n".join(["---", *lines, "---", "", text, ""])


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    def line(cells: Iterable[object]) -> str:
        safe = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
        return f"| {' | '.join(safe)} |"

    names = list(head)
    return "\n".join([line(names), line("---" for _ in names), *(line(row) for row in rows)])
