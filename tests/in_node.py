"""Runs the browser's logic modules in Node, as tests of Python run Python."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from app.widgets import assets

NODE = shutil.which("node")
needed = pytest.mark.skipif(NODE is None, reason="Node is not installed")
SAY = "console.log(JSON.stringify(out));"
"""ends a script that has put its answer into `out`"""


@functools.cache
def folder() -> Path:
    """The modules as files, with the one that `assets` writes among them."""
    place = Path(tempfile.mkdtemp(prefix="js-"))
    for path in (assets.JS / "package.json", *assets.JS.glob("*.js")):
        shutil.copy(path, place)
    (place / "palette.js").write_text(assets.text("palette"), encoding="utf-8")
    return place


def use(module: str, *names: str) -> str:
    """An import of names from app/widgets/js."""
    return f'import {{ {", ".join(names)} }} from "./{module}.js";\n'


def run(script: str, **given: Any) -> Any:
    """What the script says; `given` is its input, under that name."""
    assert NODE is not None
    found = subprocess.run(
        [NODE, "--input-type=module", "-"],
        input=f"const given = {json.dumps(given)};\n{script}",
        cwd=folder(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)
