"""Run in a copy of the packages: builds stores there and writes down what their pages show.

python in_copy.py PLAN, a JSON file: what to say to `python -m precompute`, which recipes to build,
and which pages to open of each store.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ["NUMBA_NUM_THREADS"] = "1"
os.environ["NUMBA_DISABLE_JIT"] = "1"  # as in conftest: a dozen points are not worth compiling for
import numba

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that TensorFlow is missing
    import umap  # noqa: F401
del os.environ["NUMBA_DISABLE_JIT"]
numba.config.reload_config()

import opening
import torch
from streamlit.testing.v1 import AppTest

from app.views.image import image_view
from app.views.intervene import head_lab
from precompute import __main__ as command_line

torch.set_num_threads(1)


def said(arguments: list[str]) -> str:
    """What a command prints; it must succeed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = command_line.main(arguments)
    assert status == 0, (arguments, out.getvalue())
    return out.getvalue()


def shown(store: str, page: dict[str, Any], sent: list[str]) -> dict[str, list[str]]:
    """Everything on a page as text, by kind of element."""
    view, params = page["view"], page["params"]
    sys.argv = ["main.py", "--db", store]
    sent.clear()
    at = AppTest.from_file(str(Path("app/main.py").resolve()), default_timeout=120)
    at.query_params.update(params)
    opening.choose(at, view)
    at.query_params.update(params)
    for key, value in page["chosen"].items():
        at.session_state[key] = value
    at.run()
    words = (at.title, at.subheader, at.markdown, at.caption, at.info, at.warning)
    return {
        "error": [each.value for each in at.exception],
        "text": [each.value for kind in words for each in kind],
        "options": [option for box in at.selectbox for option in box.options],
        "table": [table.value.to_csv() for table in at.dataframe],
        "columns": [table.proto.columns for table in at.dataframe],
        "chart": [
            json.dumps(json.loads(chart.proto.spec), ensure_ascii=False)
            for chart in at.get("plotly_chart")
        ],
        "element": list(sent),
        "script": [part.proto.js_content for part in at.get("bidi_component")],
    }


def listened(module: Any, sent: list[str]) -> None:
    """Notes down what pages give the module's element in the browser."""
    plain = module._element

    def element(**given: Any) -> Any:
        sent.append(json.dumps(given["data"], default=str, ensure_ascii=False))
        return plain(**given)

    module._element = element


if __name__ == "__main__":
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sent: list[str] = []
    for module in (image_view, head_lab):
        listened(module, sent)
    found: dict[str, Any] = {"said": {name: said(given) for name, given in plan["say"].items()}}
    for name, build in plan["builds"].items():
        store = said(["run", build["recipe"], "--out", plan["out"]]).splitlines()[0]
        found[name] = {key: shown(store, page, sent) for key, page in build["pages"].items()}
    Path(plan["found"]).write_text(json.dumps(found), encoding="utf-8")
