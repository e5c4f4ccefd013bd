"""Whatever fails in one bank, head, measure, saliency method, name or layout: the rest is built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import fakes
import pytest

from core import backbones, concepts, importance, saliency
from core.recipe import parse
from data import store
from precompute import assemble, heads, pipeline
from precompute.__main__ import main
from precompute.doctor import examine
from precompute.quality import description, leakage, metric_heads

pytestmark = pytest.mark.usefixtures("faults_are_notices")
RECIPE = """
name = "faulty"
[dataset]
reader = "manifest"
path = "{path}"
[backbone]
model = "fake"
batch = 8
[saliency]
methods = ["grad_cam", "occlusion"]
limit = 4
faithfulness = 2
[effects]
latents = 1
explained = 2
[[banks]]
method = "nmf"
n_concepts = 2
[[banks]]
method = "kmeans"
n_concepts = 2
[[banks]]
method = "pca"
n_concepts = 3
[[heads]]
bank = "kmeans"
kind = "sparse"
[[heads]]
bank = "pca"
kind = "sparse"
[[heads]]
bank = "pca"
kind = "backbone"
"""


def fails(*_: Any, **__: Any) -> NoReturn:
    raise ZeroDivisionError("activations are 0")


def recipe(shapes: Path, **changes: Any) -> Any:
    return replace(parse(RECIPE.format(path=shapes.as_posix())), **changes)


@pytest.fixture(scope="module")
def faulty(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """A fit, half of a bank's rows, a head, a measure, an importance, a layout and a saliency
    method fail, and the model names two of its four classes."""
    with pytest.MonkeyPatch.context() as patch:
        put_bank = assemble.put_bank

        def put_half(con: Any, run: Any, build: Any) -> None:
            put_bank(con, run, build)
            if run.title == "kmeans":
                con.execute("INSERT INTO image VALUES ('no number')")

        fake = fakes.FakeBackbone(outputs=fakes.CLASSES[:2])
        patch.setitem(backbones.BACKBONES, "huggingface", lambda _, **__: fake)
        nmf, cam = concepts.METHODS["nmf"], saliency.METHODS["grad_cam"]
        patch.setitem(concepts.METHODS, "nmf", replace(nmf, fit=fails))
        patch.setattr(assemble, "put_bank", put_half)
        patch.setitem(heads.HEADS, "sparse", replace(heads.HEADS["sparse"], make=fails))
        patch.setattr(metric_heads, "location", fails)
        patch.setattr(leakage, "rows", fails)
        patch.setattr(description, "layout_trust", fails)
        patch.setitem(importance.METHODS, "sobol", replace(importance.METHODS["sobol"], run=fails))
        patch.setitem(saliency.METHODS, "grad_cam", replace(cam, function=fails))
        path = pipeline.run(recipe(shapes), out=tmp_path_factory.mktemp("faulty"))
    assert [f.message for f in examine(path) if f.level == "error"] == []
    return store.open_readonly(path)


def test_every_fault_is_a_notice(faulty: duckdb.DuckDBPyConnection) -> None:
    rows = faulty.execute("SELECT stage, subject, message FROM notice").fetchall()
    unexpected = {(stage, about) for stage, about, why in rows if "ZeroDivisionError" in why}

    assert unexpected == {
        ("banks", "nmf"),
        ("heads", "pca · sparse"),
        ("measure", "pca"),
        ("measure", "pca · backbone"),
        ("layout", "kmeans, pca"),
        ("importance", "pca · backbone"),
        ("saliency", "grad_cam"),
    }
    told = {(stage, about): why for stage, about, why in rows}
    assert "precompute/banks/fit.py line" in told["banks", "nmf"]
    assert "4 logits and names 2 classes" in told["classes", "names of outputs"]
    assert "kmeans" in {about for stage, about, _ in rows if stage == "banks"}


def test_the_rest_is_there(faulty: duckdb.DuckDBPyConnection) -> None:
    def asked(sql: str) -> list[Any]:
        return faulty.execute(sql).fetchall()

    assert asked("SELECT bank_id, name FROM bank") == [(2, "pca")]
    assert asked("SELECT head_id, name FROM head") == [(0, "pca · backbone")]
    assert asked("SELECT DISTINCT bank_id FROM score") == [(2,)]
    assert asked("SELECT DISTINCT method FROM saliency") == [("occlusion",)]
    assert asked("SELECT count(*) FROM metric WHERE name = 'class_accuracy'") != [(0,)]
    assert ("output 3",) in asked("SELECT name FROM class")
    assert asked("SELECT count(*) FROM prediction, image") != [(0,)]


def test_activations_of_almost_nothing_end_no_build(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Faint(fakes.FakeBackbone):
        def attributed(self, pixels: Any) -> Any:
            seen = super().attributed(pixels)
            return replace(seen, tokens=seen.tokens * 1e-32)

    monkeypatch.setitem(backbones.BACKBONES, "huggingface", lambda _, **__: Faint())
    path = pipeline.run(recipe(shapes, heads=()), out=tmp_path)

    with store.open_readonly(path) as con:
        assert con.execute("SELECT count(*) FROM bank").fetchall() != [(0,)]


@pytest.mark.usefixtures("fake_backbone")
def test_without_any_bank_there_is_no_store(
    shapes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "recipe.toml"
    one = RECIPE.partition("[[banks]]")[0] + '[[banks]]\nmethod = "imported_sae"\n'
    file.write_text(one.format(path=shapes.as_posix()), encoding="utf-8")

    assert main(["run", str(file), "--out", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "no concept bank could be made, so there is no store" in told.err
    assert "banks, imported_sae: " in told.err
    assert list(tmp_path.glob("*.duckdb")) == []
