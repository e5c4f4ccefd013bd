"""A build that was killed goes on where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fakes
import numpy as np
import pytest
import torch
from jaxtyping import Float
from paths import ROOT
from torch import Tensor

from core import backbones
from core.recipe import parse
from core.types import Activations
from data import store
from precompute import pipeline
from precompute.explain import saliency_maps
from precompute.intake import activations, shards, streams
from tests.precompute import test_pipeline

BANKS = (
    'method = "nmf"\nn_concepts = 3',
    'method = "sae"\nn_concepts = 5\nparams = { top_k = 2, n_steps = 20, batch = 16 }',
)
MORE = '[saliency]\nmethods = ["grad_cam"]\nlimit = 8\nfaithfulness = 0'


@pytest.fixture(scope="module", autouse=True)
def _small_shards() -> Iterator[None]:
    """31 images in 4 shards, and 8 explained ones in 3."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "SHARD", 8)
        patch.setattr(saliency_maps, "SHARD", 3)
        yield


@pytest.fixture(scope="module")
def text(shapes: Path) -> str:
    return test_pipeline.fake_text(shapes, *BANKS, saliency=MORE)


@pytest.fixture(scope="module")
def undisturbed(text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        fake = fakes.FakeBackbone()
        patch.setitem(backbones.BACKBONES, "huggingface", lambda _model, **_options: fake)
        return build(text, tmp_path_factory.mktemp("undisturbed"))


def build(text: str, out: Path) -> Path:
    return pipeline.run(parse(text), text=text, out=out, keep_work=True)


def finished(out: Path) -> dict[Path, int]:
    """Folders that a shard has published, and when each of their files was last written."""
    return {
        path: path.stat().st_mtime_ns
        for facts in (out / "work").rglob(shards.FACTS)
        for path in facts.parent.iterdir()
        if not any(part.endswith(".partial") for part in path.parts)
    }


class Stopped(BaseException):
    """Like KeyboardInterrupt: nothing may catch it on the way."""


@pytest.mark.usefixtures("fake_backbone")
@pytest.mark.parametrize("n_whole", [2, 4, 7, 15], ids=["activations", "bank", "maps", "saliency"])
def test_interrupted_build_resumes_without_repeating_a_shard(
    n_whole: int, text: str, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = 0
    whole = os.replace

    def replace(source: Path, target: Path) -> None:
        nonlocal published
        if published == n_whole:
            raise Stopped
        published += 1
        whole(source, target)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(shards.os, "replace", replace)
        with pytest.raises(Stopped):
            build(text, out)
    assert store.stores(out) == []
    before = finished(out)
    resumed = build(text, out)
    after = finished(out)
    assert resumed.name == undisturbed.name
    assert {path: after[path] for path in before} == before
    assert len(after) > len(before)
    assert test_pipeline.differing(undisturbed, resumed) == {}


def test_finished_images_are_not_shown_to_the_model_again(
    text: str, tmp_path: Path, fake_backbone: fakes.FakeBackbone
) -> None:
    """The first of four shards is whole when the second one fails."""
    forward = fake_backbone.forward

    def failing(pixels: Float[Tensor, "b 3 12 20"]) -> Activations:
        if fake_backbone.shown >= 8:
            raise Stopped
        return forward(pixels)

    fake_backbone.forward = failing  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        build(text, tmp_path)
    fake_backbone.forward, fake_backbone.shown = forward, 0  # type: ignore[method-assign]
    build(text, tmp_path)
    assert fake_backbone.shown == fakes.N_IMAGES - 8


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}, {tests!r}]
import fakes
from core import backbones
from core.recipe import parse
from precompute import pipeline
from precompute.explain import saliency_maps
from precompute.intake import activations, shards
from pathlib import Path

fake = fakes.FakeBackbone()
backbones.BACKBONES["huggingface"] = lambda model, **options: fake
activations.SHARD, saliency_maps.SHARD = 8, 3
whole, published = os.replace, 0

def replace(source, target):
    global published
    if str(source).endswith(".partial"):  # others have files to replace too
        if published == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        published += 1
    whole(source, target)

shards.os.replace = replace
text = Path({recipe!r}).read_text()
pipeline.run(parse(text), text=text, out=Path({out!r}), keep_work=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill so abruptly")
@pytest.mark.usefixtures("fake_backbone")
def test_killed_process_resumes(text: str, undisturbed: Path, tmp_path: Path) -> None:
    recipe, out = tmp_path / "recipe.toml", tmp_path / "out"
    recipe.write_text(text, encoding="utf-8")
    script = KILLED.format(
        root=str(ROOT), tests=str(ROOT / "tests"), recipe=str(recipe), out=str(out)
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert store.stores(out) == []
    assert len(store.unfinished(out)) == 1
    assert list((out / "work").rglob("*.partial"))
    before = finished(out)
    assert len([path for path in before if path.name == shards.FACTS]) == 6
    resumed = build(text, out)
    assert {path: finished(out)[path] for path in before} == before
    assert store.unfinished(out) == []
    assert not list((out / "work").rglob("*.partial"))
    assert test_pipeline.differing(undisturbed, resumed) == {}


@pytest.mark.usefixtures("fake_backbone")
def test_size_of_shards_changes_no_concept(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = test_pipeline.fake_text(shapes, BANKS[0])
    small = build(text, tmp_path / "small")
    monkeypatch.setattr(activations, "SHARD", 256)
    whole = build(text, tmp_path / "whole")
    query = "SELECT score FROM score ORDER BY bank_id, concept_id, image_id"
    np.testing.assert_allclose(
        np.array(test_pipeline.rows(small, query)),
        np.array(test_pipeline.rows(whole, query)),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.usefixtures("fake_backbone")
def test_size_of_shards_and_batches_changes_no_saliency(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = test_pipeline.fake_text(shapes, BANKS[0], saliency=MORE)
    whole = build(text, tmp_path / "whole")
    monkeypatch.setattr(saliency_maps, "SHARD", 5)
    monkeypatch.setattr(saliency_maps, "BATCH", 2)
    small = build(text, tmp_path / "small")
    folders = list((tmp_path / "small" / "work").rglob("maps.npy"))
    assert sorted(len(np.load(path)) for path in folders) == [3, 5]
    query = "SELECT image_id, class_id, scale, value FROM saliency ORDER BY image_id"
    for one, two in zip(
        test_pipeline.rows(whole, query), test_pipeline.rows(small, query), strict=True
    ):
        assert one[:2] == two[:2]
        assert one[2] == pytest.approx(two[2], rel=1e-5)
        np.testing.assert_allclose(one[3], two[3], atol=2)


def test_stream_gives_every_token_once_in_any_order(
    text: str, tmp_path: Path, fake_backbone: fakes.FakeBackbone
) -> None:
    assert fake_backbone.outputs
    build(text, tmp_path)
    (folder,) = (tmp_path / "work").glob("*/activations")
    kept = activations.ActivationStore(sorted(folder.iterdir()))
    chosen = np.array([1, 4, 7, 8, 20, 29])
    stream = streams.StoredTokens(kept, chosen)
    everything = torch.from_numpy(np.concatenate([kept.tokens(i) for i in range(4)]))[chosen]
    expected = everything.flatten(0, 1)
    assert (stream.n_tokens, stream.width) == expected.shape
    in_order = list(stream.batches(7, seed=None))
    assert torch.equal(torch.cat(in_order), expected)
    shuffled = list(stream.batches(7, seed=3))
    assert all(len(batch) <= 7 for batch in shuffled)
    again = list(stream.batches(7, seed=3))
    assert all(torch.equal(a, b) for a, b in zip(shuffled, again, strict=True))
    flat = torch.cat(shuffled)
    assert not torch.equal(flat, expected)
    assert sorted(map(tuple, flat.tolist())) == sorted(map(tuple, expected.tolist()))
    some = stream.sample(11, seed=0)
    assert some.shape == (11, 7)
    assert torch.equal(stream.sample(1000, seed=0), expected)
