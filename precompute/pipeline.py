"""The story of a build, top to bottom: images and a model in, one store out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from core.recipe import Recipe
from data import lock, progress, store, write
from data.datasets import Dataset
from precompute import assemble, parts
from precompute.banks import check_cls
from precompute.defaults import SAMPLE, complete, written
from precompute.doctor import is_finished, refuse_unsound
from precompute.every_bank import banks_begun, put_banks
from precompute.explain import put_saliency
from precompute.heads import put_baselines, put_label_baselines
from precompute.intake import (
    ActivationStore,
    Build,
    Sources,
    StoredTokens,
    classes_of,
    doubts,
    extract,
    fingerprint_store,
    gather,
    named_outputs,
    notice_missing,
    open_sources,
    several_classes,
    short_hash,
    short_products,
    tell,
    versions,
)
from precompute.naming import layouts_beside, put_image_layout
from precompute.quality import put_completeness, put_depth
from precompute.recipe_check import check_recipe


@layouts_beside()
def run(
    recipe: Recipe,
    *,
    text: str = "",
    out: Path = store.ARTIFACTS,
    device: str = "cpu",
    keep_work: bool = False,
    read: Callable[[], Dataset] | None = None,
) -> Path:
    """Build the store of a recipe, or return the one that is there. Resumes a killed build.

    `text` is the recipe verbatim, stored with the result; `read` gives the images of a recipe whose
    reading has begun. Parts that cannot be done are recorded
    as notices; only a recipe that names what does not exist, or images and models that cannot be
    opened at all, raise (ValueError, before anything is published).
    """
    check_recipe(recipe)
    progress.plan(parts.parts_of(recipe))
    progress.part(parts.IMAGES)
    text = text or recipe.canonical()
    sources = open_sources(recipe, out=out, device=device, read=read)
    check_cls(recipe, sources.backbone)
    identity = fingerprint_store(recipe, sources.images, sources.backbone)
    path = store.path_for(recipe.name, identity, out=out)
    if is_finished(path):
        return path
    work = out / "work" / short_hash(sources.images, sources.backbone.fingerprint)
    with lock.alone(work, "builds from these images with this model", tell) as held:
        if not is_finished(path):  # by the process that was waited for
            progress.part(parts.MODEL)
            activations = _activate(recipe, sources, work)
            progress.part(parts.TABLES)
            with (
                store.build(path, refuse_unsound, tell=tell) as con,
                short_products(activations.pooled().size),
            ):
                _write(
                    con, recipe, text or recipe.canonical(), identity, sources, activations, work
                )
        if not (keep_work or held.awaited()):
            shutil.rmtree(work, ignore_errors=True)
    return path


def _activate(recipe: Recipe, sources: Sources, work: Path) -> ActivationStore:
    """The model's activations on all images. Raises ValueError where no image can be used."""
    dataset = sources.dataset
    activations, seconds = extract(
        dataset, sources.backbone, work / "activations", batch=recipe.backbone.batch
    )
    if not activations.folders:
        reasons = "; ".join(f"{r['file']}: {r['reason']}" for r in activations.skipped[:3])
        raise ValueError(f"none of the {len(dataset.images)} images can be used ({reasons} ...)")
    sources.log.stage("activations", seconds, len(activations.rows), "images")
    return activations


def _write(
    con: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    text: str,
    identity: str,
    sources: Sources,
    activations: ActivationStore,
    work: Path,
) -> None:
    dataset, log = sources.dataset, sources.log
    outputs, n = sources.backbone.outputs, activations.n_outputs
    named = named_outputs(outputs, n)
    classes = (
        several_classes(dataset.labels, named, len(activations.rows))
        if dataset.multi_label
        else classes_of(activations.rows["label"], named)
    )
    for subject, told in doubts(classes, outputs, n):
        log.notice("classes", subject, ValueError(told))
    build = _completed(gather(recipe, sources, activations, classes, work))
    progress.plan(parts.parts_of(build.recipe))
    text = written(build.recipe, text, given=recipe)
    _measure(con, build)
    progress.part(parts.SALIENCY)
    put_saliency(con, build)
    progress.part(parts.PUBLISH)
    skipped = pd.DataFrame([*dataset.skipped.to_dict("records"), *activations.skipped])
    if len(skipped):
        write.frame(con, "skipped", skipped[["file", "reason"]])
    started = time.perf_counter()
    n_scores = write.put_staged_scores(con)
    log.stage("sort scores", time.perf_counter() - started, n_scores, "rows")
    assemble.put_log(con, log)
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
        n_images=len(build.rows),
        n_skipped=len(skipped),
        multi_label=dataset.multi_label,
    )


def _measure(con: duckdb.DuckDBPyConnection, build: Build) -> None:
    """Everything that is known of the images and the banks."""
    log = build.log
    with banks_begun(build) as begun:
        with log.timed("write images", len(build.rows), "images"):
            assemble.put_images(con, build)
            assemble.put_backbone(con, build)
            assemble.put_methods(con)
            assemble.put_truth(con, build)
        accuracy = put_baselines(build, assemble.put_predictions(con, build))
        put_label_baselines(con, build, build.logits)
        notice_missing(build)
        place_images = put_image_layout(con, build)
        put_depth(con, build)
        made = put_banks(con, build, begun)
    place_images()
    accuracy += made.accuracy
    if accuracy:
        write.frame(con, "accuracy", pd.DataFrame(accuracy))
    with log.attempt("measure", "completeness", con):
        put_completeness(con, made.right, accuracy)


def _completed(build: Build) -> Build:
    """With what the recipe leaves open chosen to fit."""
    tokens = StoredTokens(build.activations, build.train)
    known = build.class_of[build.train]
    recipe = complete(
        build.recipe,
        build.backbone,
        lambda: tokens.sample(SAMPLE, seed=build.seed),
        n_tokens=tokens.n_tokens,
        n_classes=len(np.unique(known[known >= 0]))
        if build.targets is None
        else 2 * len(build.targets.classes),  # each label is there or not
        labels=build.labels,
    )
    return replace(build, recipe=recipe)
