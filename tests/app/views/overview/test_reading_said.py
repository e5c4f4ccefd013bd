"""Overview says how the images were read, apart from what was not done, and what was chosen on."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from paths import ROOT
from streamlit.testing.v1 import AppTest


def test_how_images_were_read_and_what_strengths_were_chosen_on(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copy(tiny_store, tmp_path / "val.duckdb"))
    with duckdb.connect(str(copy)) as writer:
        writer.execute("UPDATE image SET split = 'val' WHERE split = 'shifted'")
        writer.execute("INSERT INTO notice VALUES ('read data set', 'birds', 'columns left out')")
        writer.execute("INSERT INTO notice VALUES ('banks', 'nmf', 'it does not fit')")
    monkeypatch.setattr("sys.argv", ["main.py", "--db", str(copy)])

    page = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60).run()

    assert not page.exception
    said = [m.value for m in page.markdown]
    read = said.index(":material/info: **How the images were read**")
    not_done = said.index(":material/info: **Parts of the recipe that were not done**")
    assert said[read + 1] == "- read data set, birds: columns left out"
    assert read < not_done
    assert any("strengths were chosen on val" in c.value for c in page.caption)
