"""Text from tables and names of files: what looks the same is the same."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """Without blanks at either end, accents composed with their letters (Unicode's NFC)."""
    return unicodedata.normalize("NFC", text).strip().strip("\ufeff\u200b")
