"""The kernels' smaller cases without a GPU, by Triton's interpreter, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from paths import ROOT


def test_interpreted_steps_are_the_plain_ones() -> None:
    pytest.importorskip("triton", reason="see tests/requirements.txt")
    cases = "tests/core/concepts/sae/gpu/test_fused.py::test_fused_steps_are_the_plain_ones"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        + [f"{cases}[{case}]" for case in ("16-33-1-20-True", "24-50-4-40-False")],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "2 passed" in done.stdout, done.stdout[-2000:]
