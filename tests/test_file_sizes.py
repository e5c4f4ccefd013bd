"""Files stay small enough to read in one go."""

from __future__ import annotations

import pytest
from paths import ROOT

HARD_LIMIT = 300


@pytest.mark.parametrize("package", ["core", "data", "precompute", "app"])
def test_no_file_is_longer_than_the_limit(package: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / package).rglob("*.py")
    }
    assert lengths
    assert {path: n for path, n in lengths.items() if n > HARD_LIMIT} == {}
