"""Whether a backbone still answers right when it reads reconstructions, its logits not linear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import duckdb
import fakes
import numpy as np
import pytest
import torch
from jaxtyping import Float
from safetensors.torch import load
from torch import Tensor

from core import backbones
from core.concepts import restore
from core.recipe import parse
from core.types import Activations, ConceptBank
from data.images import open_image
from precompute import pipeline
from tests.precompute import test_pipeline


def bank_of(con: duckdb.DuckDBPyConnection) -> ConceptBank:
    method, tensors = con.execute("SELECT method, tensors FROM bank").fetchone() or ("", b"")
    return restore(method, load(tensors))


class Bent(fakes.FakeBackbone):
    """Reads the squares of the tokens' channels, weighed by place: linear in no mean token."""

    def read(self, tokens: torch.Tensor) -> torch.Tensor:
        place = torch.linspace(0.2, 1.8, tokens.shape[1])[:, None]
        return (tokens.square() * place).mean(1) @ (self.weight * 3).T + self.bias

    def attributed(self, pixels: Float[Tensor, "b 3 12 20"]) -> Activations:
        seen = super().attributed(pixels)
        return replace(seen, logits=self.read(seen.tokens) if self.outputs else None)

    def linear_readout(self) -> None:
        return None


class GoesOn(Bent):
    def resume(self, pixels: torch.Tensor) -> SimpleNamespace:
        return AtTheLayer(self.read, tokens=self.forward(pixels).tokens)


class AtTheLayer(SimpleNamespace):
    def __init__(self, read: Callable[[torch.Tensor], torch.Tensor], tokens: torch.Tensor) -> None:
        super().__init__(read=read, tokens=tokens, extra=tokens[:, :0])

    def attributed(self, tokens: torch.Tensor, cls: torch.Tensor | None = None) -> torch.Tensor:
        assert cls is None
        return self.read(tokens)

    def __call__(self, tokens: torch.Tensor, cls: torch.Tensor | None = None) -> torch.Tensor:
        return self.attributed(tokens, cls)


def read_by(
    backbone: Bent, shapes: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> duckdb.DuckDBPyConnection:
    monkeypatch.setitem(backbones.BACKBONES, "huggingface", lambda _model, **_options: backbone)
    text = test_pipeline.fake_text(shapes, 'method = "nmf"\nn_concepts = 2')
    return duckdb.connect(str(pipeline.run(parse(text), out=out)), read_only=True)


def test_accuracy_on_reconstructions_is_that_of_the_rest_of_the_network(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = GoesOn()
    with read_by(backbone, shapes, tmp_path, monkeypatch) as con:
        bank = bank_of(con)
        rows = con.execute(
            "SELECT file, output FROM image JOIN class USING (class_id) WHERE split = 'test' "
            "AND output IS NOT NULL ORDER BY image_id"
        ).fetchall()
        found = con.execute(
            "SELECT value, best, n, chance, control FROM quality WHERE measure = 'readout'"
        ).fetchone()
    files, outputs = zip(*rows, strict=True)
    pixels = backbone.preprocess([open_image(shapes.parent / f)[0] for f in files])
    tokens = backbone.forward(pixels).tokens
    rebuilt = bank.encode(tokens) @ bank.directions + bank.offset
    right, real = (
        float(np.mean(backbone.read(x).argmax(1).numpy() == np.array(outputs)))
        for x in (rebuilt, tokens)
    )
    assert right != real  # or the test could not tell them apart
    assert found is not None
    assert found[:3] == pytest.approx((right, real, len(rows)))
    assert found[3] == pytest.approx(0.25)
    assert 0 <= found[4] <= 1


def test_a_backbone_that_cannot_go_on_is_told(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_by(Bent(), shapes, tmp_path, monkeypatch) as con:
        told = dict(con.execute("SELECT stage, message FROM notice").fetchall())
        readouts = con.execute("SELECT count(*) FROM quality WHERE measure = 'readout'").fetchone()
    assert "cannot read reconstructions" in told["quality"]
    assert "cannot go on from other tokens" in told["importance"]
    assert readouts == (0,)


def test_a_backbone_without_classes_is_told_once(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_by(Bent(outputs=()), shapes, tmp_path, monkeypatch) as con:
        told = con.execute("SELECT message FROM notice WHERE stage = 'quality'").fetchall()
    assert len(told) == 1
    assert "does not classify" in told[0][0]
