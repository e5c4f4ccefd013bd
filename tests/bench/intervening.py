"""Interventions at size: a drag in the browser, Python's answer, a global preview, a curve."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessorPil

from core.intervention import curves, global_edits, policies
from core.intervention.situation import Situation
from core.recipe import BackboneSpec, BankSpec, DatasetSpec, HeadSpec, Recipe
from core.types import Head
from data import store
from data.queries import images
from precompute import pipeline
from tests.browser import serving

_K, _Y = 512, 200
_RELEASES = 20
_WATCH = """(root) => {
  window.frames_seen = []; window.agreed_at = 0;
  new MutationObserver((changes) => {
    for (const c of changes) {
      if (c.attributeName === 'data-frame') window.frames_seen.push(Number(root.dataset.frame));
      if (c.attributeName === 'data-agrees' && root.dataset.agrees === 'true')
        window.agreed_at = performance.now();
    }
  }).observe(root, { attributes: true });
  document.addEventListener('mouseup', () => { window.released_at = performance.now(); }, true);
}"""


def report() -> None:
    print(f"interventions, {_K} concepts x {_Y} classes")
    _preview()
    _curves()
    _drag()
    print()


def _drawn(n: int, k: int, y: int) -> tuple[Head, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(y, k)) * (rng.random((y, k)) < 0.1)
    return Head(weight, rng.normal(size=y)), rng.random((n, k)).astype(np.float32), rng


def _preview() -> None:
    head, scores, rng = _drawn(50_000, _K, _Y)
    logits = scores @ head.weight.T + head.bias
    classes, splits = rng.integers(_Y, size=len(scores)), rng.choice(["train", "test"], len(scores))
    weight = head.weight.copy()
    weight[:, 7] = 0.0
    weight[3] *= 0.5
    edited = replace(head, weight=weight)
    times = _times(
        lambda: global_edits.preview(
            head, edited, scores=scores, logits=logits, classes=classes, splits=splits
        ),
        5,
    )
    print(
        f"global edit (a concept pruned, a class halved) over {len(scores):,} images: "
        f"{_spread(times, 's', 2)}"
    )


def _curves() -> None:
    n, k = 5_000, 100
    head, scores, rng = _drawn(n, k, _Y)
    truth = (rng.random((n, k)) < 0.3).astype(float)
    situation = Situation(
        head=head,
        scores=scores,
        presence=rng.random((n, k)),
        present=np.quantile(scores, 0.95, axis=0),
        absent=np.quantile(scores, 0.05, axis=0),
        truth=truth,
        values=truth,
        classes=rng.integers(_Y, size=n),
    )
    spent = {}
    for name in policies.POLICIES:
        started = time.perf_counter()
        order = policies.order(name, situation)
        curves.curve(head, scores, truth, order, classes=situation.classes)
        spent[name] = time.perf_counter() - started
    each = ", ".join(f"{name} {seconds:.2f}" for name, seconds in spent.items())
    print(
        f"curves of {len(spent)} policies, {n:,} images x {k} concepts x {_Y} classes: "
        f"{sum(spent.values()):.1f} s ({each})"
    )


def _drag() -> None:
    if serving.CHROMIUM is None:
        print("drag and release: no Chromium on this machine")
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    path = _wide_store(folder)
    con = store.open_readonly(path)
    image = int(images.image_ids(con)[3])
    con.close()
    with serving.serve(path, log=folder / "app.log") as url, serving.chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(f"{url}/intervene?i={image}&h=sae · backbone")
        page.wait_for_selector(".cx-root[data-agrees=true]", timeout=60_000)
        page.locator(".cx-root").evaluate(_WATCH)
        handle = page.locator("input[type=range][data-concept]").first
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        y = box["y"] + box["height"] / 2
        released = []
        for turn in range(_RELEASES):
            span = handle.evaluate("e => (e.value - e.min) / (e.max - e.min)")
            page.mouse.move(box["x"] + 7 + (box["width"] - 14) * span, y)
            page.mouse.down()
            goal = 0.15 if turn % 2 else 0.85
            page.mouse.move(box["x"] + 7 + (box["width"] - 14) * goal, y, steps=25)
            page.evaluate("window.agreed_at = 0")
            page.mouse.up()
            page.wait_for_function("window.agreed_at > 0", timeout=15_000)
            released.append(page.evaluate("window.agreed_at - window.released_at"))
        frames = page.evaluate("window.frames_seen")
    print(f"drag, compute and draw a frame: {_spread(frames, 'ms', 1)}")
    print(f"release to Python's agreement: {_spread(released, 'ms', 0)}")


def _wide_store(folder: Path) -> Path:
    """The real pipeline on a model of 200 classes with random weights, and 512 latents."""
    torch.manual_seed(0)
    names = {i: f"class {i}" for i in range(_Y)}
    config = ResNetConfig(
        embedding_size=16, hidden_sizes=[32, _K], depths=[1, 1], layer_type="basic", id2label=names
    )
    ResNetForImageClassification(config).save_pretrained(folder / "model")
    ViTImageProcessorPil(size={"height": 96, "width": 128}).save_pretrained(folder / "model")
    recipe = Recipe(
        name="wide",
        dataset=DatasetSpec("aviary", options={"n_train": 40, "n_test": 12, "n_shifted": 12}),
        backbone=BackboneSpec(str(folder / "model")),
        banks=(BankSpec("sae", n_concepts=_K, params={"top_k": 64, "n_steps": 40}),),
        heads=(HeadSpec("sae", kind="backbone"),),
    )
    return pipeline.run(recipe, out=folder)


def _times(work: Callable[[], object], n: int) -> list[float]:
    out = []
    for _ in range(n):
        started = time.perf_counter()
        work()
        out.append(time.perf_counter() - started)
    return out


def _spread(values: list[float], unit: str, digits: int) -> str:
    half, high = np.percentile(values, [50, 95])
    return f"p50 {half:.{digits}f} {unit}, p95 {high:.{digits}f} {unit}, n {len(values)}"
