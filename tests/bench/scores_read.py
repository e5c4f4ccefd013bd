"""Scores from the mean of a map or from the CLS token, on the ViT of the demo's birds: what
docs/scores.md tells. `python -m tests.bench.scores_read`; about a quarter of an hour.

At the layer that is the default, and at the last norm, where the classifier reads the CLS token
alone. Banks are fitted with three seeds.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import heads
from core.backbones import Resumes
from core.bottleneck import logits
from core.concepts import METHODS
from core.metrics import association, reconstruction
from core.recipe import BankSpec, parse
from core.types import ConceptBank
from precompute.banks import fit_data, readout_of, vectors
from precompute.intake import (
    Build,
    StoredTokens,
    Texts,
    classes_of,
    extract,
    gather,
    named_outputs,
    open_sources,
    pixels_of,
)
from tests.paths import ROOT

RECIPE = ROOT / "precompute" / "recipes" / "aviary_vit.toml"
LAYERS = ("vit.layers.2", "vit.layernorm")
BANKS = (
    BankSpec("semi_nmf", n_concepts=16),
    BankSpec("sae", n_concepts=256, params={"top_k": 8}),
    BankSpec("cav"),
)
SEEDS = (0, 1, 2)
LATENTS, IMAGES = 12, 16
"""edited, of most energy; of test images on each, those where it is strongest"""


def main(out: Path) -> None:
    found: dict[tuple[str, ...], list[dict[str, float]]] = defaultdict(list)
    for layer in LAYERS:
        for build in _builds(layer, out):
            for spec in BANKS:
                for pool in ("mean", "cls"):
                    row = _measured(build, replace(spec, pool=pool))
                    found[layer, spec.method, pool].append(row)
                    print(layer, spec.method, pool, build.seed, row, flush=True)
    names = list(next(iter(found.values()))[0])
    print("\n| layer | bank | score | " + " | ".join(names) + " |")
    print("|" + "---|" * (3 + len(names)))
    for key, rows in found.items():
        cells = []
        for name in names:
            values = np.array([row[name] for row in rows])
            cells.append(f"{values.mean():.3f} ({values.min():.3f}-{values.max():.3f})")
        print("| " + " | ".join([*key, *cells]) + " |")


def _builds(layer: str, out: Path) -> Iterator[Build]:
    recipe = parse(RECIPE.read_text(encoding="utf-8"))
    recipe = replace(recipe, backbone=replace(recipe.backbone, layer=layer))
    sources = open_sources(recipe, out=out, device="cpu")
    folder = out / "bench" / sources.backbone.fingerprint
    activations, _ = extract(sources.dataset, sources.backbone, folder, batch=64)
    outputs = named_outputs(sources.backbone.outputs, activations.n_outputs)
    classes = classes_of(activations.rows["label"], outputs)
    for seed in SEEDS:
        yield gather(replace(recipe, seed=seed), sources, activations, classes, folder)


def _measured(build: Build, spec: BankSpec) -> dict[str, float]:
    params: dict[str, Any] = dict(spec.params)
    if spec.n_concepts:
        params["n_concepts"] = spec.n_concepts
    with torch.inference_mode():
        bank = METHODS[spec.method].fit(fit_data(spec, build, Texts()), seed=build.seed, **params)
        scores = _scores(build, bank, spec.pool)
    train, test = build.train, np.flatnonzero(build.split == "test")
    assert build.logits is not None
    assert build.presence is not None
    settings = heads.SparseSettings()
    head, present, _ = heads.fit_sparse(scores[train], build.class_of[train], settings)
    decided = present[logits(head, scores[test]).argmax(1)]
    model = build.output_classes[build.logits[test].argmax(1)]
    out = {
        "accuracy": float((decided == build.class_of[test]).mean()),
        "agreement": float((decided == model).mean()),
    }
    out["AUC"], out["AUC shuffled"] = _auc(
        scores[train], scores[test], build.presence[train], build.presence[test], seed=build.seed
    )
    own = dict.fromkeys(("edits r", "edits r shuffled", "own", "R2 patches", "R2 CLS"), np.nan)
    if bank.offset is not None:
        own["R2 patches"], own["R2 CLS"] = _rebuilt(build, bank, test)
        claimed, real = _edits(build, bank, spec.pool, scores, head, present)
        rng = np.random.default_rng(build.seed)
        own["edits r"] = float(np.corrcoef(claimed, real)[0, 1])
        own["edits r shuffled"] = float(
            np.mean([abs(np.corrcoef(rng.permutation(claimed), real)[0, 1]) for _ in range(20)])
        )
        readout = readout_of(build.backbone, spec.pool)  # type: ignore[arg-type]
        if readout is not None:
            x = torch.from_numpy(vectors(build, "cls")[test])
            rebuilt = reconstruction.rebuilt(bank, x, bank.encode(x)).numpy()
            new = (rebuilt @ readout[0].T + readout[1]).argmax(1)
            own["own"] = float((new == build.logits[test].argmax(1)).mean())
    return out | own


def _rebuilt(build: Build, bank: ConceptBank, test: np.ndarray) -> tuple[float, float]:
    """R2 of test images' patches and CLS tokens."""
    patches = StoredTokens(build.activations, test).sample(10_000, seed=0)
    found = []
    for x in (patches, torch.from_numpy(vectors(build, "cls")[test])):
        found.append(reconstruction.r2(x, reconstruction.rebuilt(bank, x, bank.encode(x))))
    return found[0], found[1]


def _scores(build: Build, bank: ConceptBank, pool: str) -> np.ndarray:
    if pool == "cls":
        return bank.encode(torch.from_numpy(vectors(build, "cls"))).double().numpy()
    parts = [
        bank.encode(torch.from_numpy(np.array(build.activations.tokens(i)))).mean(1)
        for i in range(len(build.activations.folders))
    ]
    return torch.cat(parts).double().numpy()


def _auc(
    x: np.ndarray, held_out: np.ndarray, y: np.ndarray, truth: np.ndarray, *, seed: int
) -> tuple[float, float]:
    """Mean over labels of the test AUC of the concept that is best on train images; the same with
    the images' labels shuffled."""
    rng = np.random.default_rng(seed)
    out = []
    for labels, judged in ((y, truth), (y[rng.permutation(len(y))], truth)):
        best = np.nan_to_num(association.auc(x, labels), nan=-1).argmax(0)
        each = np.diagonal(association.auc(held_out[:, best], judged))
        out.append(float(np.nanmean(each)))
    return out[0], out[1]


def _edits(
    build: Build,
    bank: ConceptBank,
    pool: str,
    scores: np.ndarray,
    head: Any,
    present: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Change of the predicted class's logit when a concept is taken out: by the head, and by the
    rest of the network, at all patches and, of scores from the CLS token, at that."""
    backbone, test = build.backbone, np.flatnonzero(build.split == "test")
    assert isinstance(backbone, Resumes)
    assert build.logits is not None
    energy = (scores**2).mean(0) * bank.directions.double().square().sum(1).numpy()
    claimed, real = [], []
    for k in np.argsort(-energy)[:LATENTS]:
        rows = test[np.argsort(-scores[test, k], kind="stable")[:IMAGES]]
        stopped = backbone.resume(pixels_of(build, build.image_ids[rows].tolist()))
        codes = bank.encode(stopped.tokens)[..., k]
        cls = None
        if pool == "cls":
            own = stopped.extra[:, 0]
            cls = own - bank.encode(own)[:, k, None] * bank.directions[k]
        after = stopped(stopped.tokens - codes[..., None] * bank.directions[k], cls)
        change = (after - stopped(stopped.tokens)).double().numpy()
        best = build.logits[rows].argmax(1)
        place = np.searchsorted(present, build.output_classes[best])
        claimed += (-head.weight[place, k] * scores[rows, k]).tolist()
        real += change[np.arange(len(rows)), best].tolist()
    return np.array(claimed), np.array(real)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="bench-")))
