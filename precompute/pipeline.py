"""The story of a build, top to bottom: images and a model in, one store out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from core import backbones, saliency
from core.recipe import HeadSpec, Recipe
from core.types import Backbone, FitData, Grid
from data import datasets, store, write
from data.datasets.types import Dataset
from precompute import activations as acts
from precompute import assemble, aviary_backbone, banks, explain, heads, truth
from precompute.classes import Classes
from precompute.classes import classes as classes_of
from precompute.describe import describe
from precompute.encode import encode
from precompute.identity import fingerprint_data, fingerprint_store, short, versions
from precompute.scene import Scene

MASKED = 300
"""held-out images whose masks judge maps"""


@dataclass
class Log:
    """What goes into the tables `stage` and `notice`."""

    stages: list[tuple[str, float, int, str]] = field(default_factory=list)
    notices: list[tuple[str, str, str]] = field(default_factory=list)

    def stage(self, name: str, seconds: float, n: int, unit: str) -> None:
        self.stages.append((name, seconds, n, unit))

    @contextmanager
    def timed(self, name: str, n: int, unit: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.stage(name, time.perf_counter() - started, n, unit)

    def notice(self, stage: str, subject: str, error: Exception) -> None:
        self.notices.append((stage, subject, str(error)))


@dataclass(frozen=True)
class Sources:
    """What a recipe names, opened."""

    dataset: Dataset
    backbone: Backbone
    log: Log


def check(recipe: Recipe) -> None:
    """Raises ValueError for methods and parameters that do not exist, before any work is done."""
    for spec in recipe.banks:
        banks.check(spec)
    for head in recipe.heads:
        if head.kind not in heads.HEADS:
            raise ValueError(
                f"head {head.title!r}: unknown kind {head.kind!r}; known: {', '.join(heads.HEADS)}"
            )
    for method in recipe.saliency.methods:
        if method not in saliency.METHODS:
            raise ValueError(
                f"unknown saliency method {method!r}; known: {', '.join(saliency.METHODS)}"
            )


def open_sources(recipe: Recipe, *, out: Path, device: str) -> Sources:
    log = Log()
    spec = recipe.dataset
    path = Path(spec.path) if spec.path else out / spec.reader
    started = time.perf_counter()
    dataset = datasets.load(spec.reader, path, limit=spec.limit, options=dict(spec.options))
    log.stage("read data set", time.perf_counter() - started, len(dataset.images), "images")
    model = recipe.backbone.model
    if model == "aviary":
        model = str(_demo_model(dataset, recipe.seed, out, log))
    size = recipe.backbone.size
    backbone = backbones.load(
        model,
        layer=recipe.backbone.layer,
        size=(size[0], size[1]) if size else None,
        device=device,
    )
    return Sources(dataset, backbone, log)


def _demo_model(dataset: Dataset, seed: int, out: Path, log: Log) -> Path:
    folder = out / "models" / f"aviary-{short(fingerprint_data(dataset), str(seed))}"
    if not folder.exists():
        with log.timed("train backbone", len(dataset.images), "images"):
            aviary_backbone.train(dataset, folder, seed=seed)
    return folder


def run(
    recipe: Recipe,
    *,
    text: str = "",
    out: Path = store.ARTIFACTS,
    device: str = "cpu",
    keep_work: bool = False,
) -> Path:
    """Build the store of a recipe, or return the one that is there. Resumes a killed build.

    `text` is the recipe verbatim, stored with the result. Parts that cannot be done are recorded
    as notices; only a recipe that names what does not exist, or images and models that cannot be
    opened at all, raise (ValueError, before anything is published).
    """
    check(recipe)
    sources = open_sources(recipe, out=out, device=device)
    dataset, backbone, log = sources.dataset, sources.backbone, sources.log
    identity = fingerprint_store(recipe, dataset, backbone)
    path = store.path_for(recipe.name, identity, out=out)
    if path.exists():
        return path
    work = out / "work" / short(fingerprint_data(dataset), backbone.fingerprint)
    activations, seconds = acts.extract(
        dataset, backbone, work / "activations", batch=recipe.backbone.batch
    )
    if not activations.folders:
        reasons = "; ".join(f"{r['file']}: {r['reason']}" for r in activations.skipped[:3])
        raise ValueError(f"none of the {len(dataset.images)} images can be used ({reasons} ...)")
    log.stage("activations", seconds, len(activations.rows), "images")
    with store.build(path) as con:
        _write(con, recipe, text or recipe.canonical(), identity, sources, activations, work)
    if not keep_work:
        shutil.rmtree(work, ignore_errors=True)
    return path


def _write(
    con: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    text: str,
    identity: str,
    sources: Sources,
    activations: acts.ActivationStore,
    work: Path,
) -> None:
    dataset, backbone, log = sources.dataset, sources.backbone, sources.log
    rows = activations.rows
    classes = classes_of(rows["label"], backbone.outputs)
    with log.timed("write images", len(rows), "images"):
        assemble.put_images(con, activations, classes)
        assemble.put_backbone(con, backbone, activations)
        assemble.put_truth(con, dataset, activations, classes)
    predicted = assemble.put_predictions(con, activations, classes)
    scene = _scene(recipe, dataset, activations, classes)
    accuracy = _baselines(scene, activations, classes, predicted, log)
    accuracy += _concepts(con, recipe, sources, activations, classes, scene, work)
    if accuracy:
        frame = pd.DataFrame(accuracy)
        write.put(con, "accuracy", {name: frame[name] for name in frame.columns})
    _saliency(con, recipe, sources, activations, classes, work)
    skipped = pd.DataFrame([*dataset.skipped.to_dict("records"), *activations.skipped])
    if len(skipped):
        write.put(con, "skipped", {name: skipped[name] for name in ("file", "reason")})
    started = time.perf_counter()
    n_scores = write.put_staged_scores(con)
    log.stage("sort scores", time.perf_counter() - started, n_scores, "rows")
    for i, (name, seconds, n, unit) in enumerate(log.stages):
        write.put_row(con, "stage", stage_id=i, name=name, seconds=seconds, n=n, unit=unit)
    for stage, subject, message in log.notices:
        write.put_row(con, "notice", stage=stage, subject=subject, message=message)
    write.put_row(
        con,
        "build",
        schema_version=store.SCHEMA_VERSION,
        name=recipe.name,
        fingerprint=identity,
        recipe=text,
        seed=recipe.seed,
        versions=json.dumps(versions()),
        dataset=dataset.name,
        n_images=len(rows),
        n_skipped=len(skipped),
    )


def _scene(
    recipe: Recipe,
    dataset: Dataset,
    activations: acts.ActivationStore,
    classes: Classes,
) -> Scene:
    rows = activations.rows
    split = rows["split"].to_numpy()
    train = np.flatnonzero(split == "train")
    # further splits may be shifted on purpose, so "test" is preferred where it exists
    held_out = np.flatnonzero(split == "test")
    if held_out.size == 0:
        held_out = np.flatnonzero(split != "train")
    if train.size == 0:
        train, held_out = np.arange(len(rows)), np.arange(0)
    labels = truth.labels(dataset, rows, train=train, test=held_out)
    masked = np.arange(0)
    covered = np.zeros((0, len(dataset.labelled)), dtype=np.float32)
    if labels is not None and len(dataset.masks):
        have = set(dataset.masks["image_id"])
        chosen = [i for i, row in enumerate(held_out) if rows["image_id"][row] in have][:MASKED]
        masked = held_out[chosen]
        grid = Grid(*activations.facts["grid"])
        covered = truth.coverage(dataset, rows.iloc[masked], grid, present=labels.test[chosen])
    return Scene(
        class_of=classes.of_image,
        n_classes=len(classes.frame),
        train=train,
        held_out=held_out,
        labels=labels,
        masked=masked,
        covered=covered,
        seed=recipe.seed,
    )


def _baselines(
    scene: Scene,
    activations: acts.ActivationStore,
    classes: Classes,
    predicted: np.ndarray | None,
    log: Log,
) -> list[dict[str, Any]]:
    """Accuracies of the backbone and of a plain linear probe on its pooled activations."""
    split = activations.rows["split"].to_numpy()
    out = []
    if predicted is not None:
        rows = heads.accuracies(predicted, scene.class_of, split, countable=classes.of_output)
        out += [{"model": "backbone", "target": "label", **row} for row in rows]
    try:
        with log.timed("linear probe", len(scene.train), "images"):
            probe = heads.probe(scene, activations.pooled())
    except ValueError as error:
        log.notice("heads", "linear probe", error)
        return out
    rows = heads.accuracies(probe.predicted, scene.class_of, split, countable=probe.classes)
    return [*out, *({"model": "linear probe", "target": "label", **row} for row in rows)]


def _concepts(
    con: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    sources: Sources,
    activations: acts.ActivationStore,
    classes: Classes,
    scene: Scene,
    work: Path,
) -> list[dict[str, Any]]:
    dataset, log = sources.dataset, sources.log
    rows = activations.rows
    image_ids = rows["image_id"].to_numpy()
    pooled = activations.pooled()
    names = dataset.labelled.sort_values("labelled_id")["name"].tolist()
    accuracy: list[dict[str, Any]] = []
    n_heads = 0
    for bank_id, spec in enumerate(recipe.banks):
        folder = work / banks.key(spec, recipe.seed)
        try:
            level = str(spec.params.get("labels", ""))
            labels = truth.labels(
                dataset, rows, train=scene.train, test=scene.held_out, level=level
            )
            data = FitData(
                acts.Tokens(activations, scene.train),
                pooled[scene.train],
                pooled[scene.held_out],
                labels,
            )
            fitted = banks.fit(spec, data, folder / "bank", seed=recipe.seed)
        except ValueError as error:
            log.notice("banks", spec.title, error)
            continue
        log.stage(f"fit {spec.title}", fitted.seconds, len(fitted.bank.directions), "concepts")
        codes, seconds = encode(fitted.bank, activations, folder / "codes", title=spec.title)
        log.stage(f"maps of {spec.title}", seconds, len(rows), "images")
        with log.timed(f"describe {spec.title}", codes.n_concepts, "concepts"):
            description = describe(fitted, codes, scene)
        with log.timed(f"write {spec.title}", len(rows), "images"):
            assemble.put_bank(con, bank_id, spec, fitted, codes, description, names, image_ids)
        scores = codes.scores.toarray()
        material = heads.Material(
            scene, sources.backbone, fitted.bank, scores, activations.logits(), classes.of_output
        )
        for head in (h for h in recipe.heads if h.bank == spec.title):
            result = _head(material, head, log)
            if result is None:
                continue
            predicted = assemble.put_head(con, n_heads, bank_id, head, result, scores, image_ids)
            found = heads.accuracies(
                predicted, scene.class_of, rows["split"].to_numpy(), countable=result.classes
            )
            accuracy += [{"model": head.title, "target": "label", **row} for row in found]
            n_heads += 1
    return accuracy


def _head(material: heads.Material, spec: HeadSpec, log: Log) -> heads.Fitted | None:
    try:
        with log.timed(f"head {spec.title}", len(material.scores), "images"):
            return heads.HEADS[spec.kind](material, **spec.params)
    except ValueError as error:
        log.notice("heads", spec.title, error)
        return None


def _saliency(
    con: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    sources: Sources,
    activations: acts.ActivationStore,
    classes: Classes,
    work: Path,
) -> None:
    rows = explain.spread(activations.rows["split"].to_numpy(), recipe.saliency.limit)
    for name in recipe.saliency.methods:
        method = saliency.METHODS[name]
        try:
            columns, seconds = explain.explain(
                sources.dataset, sources.backbone, activations, work / "saliency",
                method=name, rows=rows,
            )  # fmt: skip
        except ValueError as error:
            sources.log.notice("saliency", name, error)
            continue
        sources.log.stage(f"saliency {name}", seconds, len(rows), "images")
        write.put_row(
            con, "saliency_method", method=name, signed=method.signed, unit=method.unit,
            about=method.about,
        )  # fmt: skip
        outputs = np.array(columns.pop("output"))
        columns["class_id"] = list(classes.of_output[outputs])
        columns["method"] = [name] * len(outputs)
        write.put(con, "saliency", columns)
