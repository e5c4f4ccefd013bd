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
    (place / "package.json").write_text('{ "type": "module" }', encoding="utf-8")
    for path in (*assets.files().values(), assets.PALETTE):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".js":
            (place / path).write_text(assets.text(path.stem), encoding="utf-8")
    return place


def at(module: str) -> str:
    """What a script imports a module of the app from."""
    place = assets.PALETTE if module == "palette" else assets.files()[f"{module}.js"]
    return f"./{place.as_posix()}"


def use(module: str, *names: str) -> str:
    """An import of names from a module of the app."""
    return f'import {{ {", ".join(names)} }} from "{at(module)}";\n'


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
