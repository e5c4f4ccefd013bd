"""The story of a build, top to bottom: images and a model in, one store out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd

from core.concepts import METHODS
from core.recipe import BankSpec, Recipe
from data import lock, store, write
from precompute import assemble, heads
from precompute.banks import BankRun, bank_key, draw_control, encode_bank, fit_bank, fit_data
from precompute.defaults import SAMPLE, complete, written
from precompute.doctor import is_finished, refuse_unsound
from precompute.explain import (
    JudgedHead,
    concept_faithfulness,
    put_backbone_importance,
    put_effects,
    put_fidelity,
    put_importance,
    put_saliency,
    put_text_effects,
    put_trees,
)
from precompute.heads import put_baselines
from precompute.intake import (
    ActivationStore,
    Build,
    Sources,
    StoredTokens,
    Texts,
    classes_of,
    extract,
    fingerprint_store,
    gather,
    lend_crops,
    notice_missing,
    open_sources,
    read_texts,
    short_hash,
    tell,
    versions,
)
from precompute.naming import label_concepts, layouts_beside, prepare_names, put_image_layout
from precompute.quality import (
    HeadAccuracy,
    MeasuredHead,
    describe,
    draw_held_out,
    measure_bank,
    put_completeness,
    put_depth,
    put_metrics,
    put_quality,
)
from precompute.recipe_check import check_recipe


class HeadResults(NamedTuple):
    """What later tables need of all heads."""

    accuracy: list[dict[str, Any]]
    """rows of that table"""
    right: list[HeadAccuracy]


@layouts_beside()
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
    check_recipe(recipe)
    text = text or recipe.canonical()
    sources = open_sources(recipe, out=out, device=device)
    identity = fingerprint_store(recipe, sources.images, sources.backbone)
    path = store.path_for(recipe.name, identity, out=out)
    if is_finished(path):
        return path
    work = out / "work" / short_hash(sources.images, sources.backbone.fingerprint)
    with lock.alone(work, "builds from these images with this model", tell) as held:
        if not is_finished(path):  # by the process that was waited for
            activations = _activate(recipe, sources, work)
            with store.build(path, refuse_unsound, tell=tell) as con:
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
    classes = classes_of(activations.rows["label"], sources.backbone.outputs)
    build = _completed(gather(recipe, sources, activations, classes, work))
    text = written(build.recipe, text, given=recipe)
    with log.timed("write images", len(build.rows), "images"):
        assemble.put_images(con, build)
        assemble.put_backbone(con, build)
        assemble.put_methods(con)
        assemble.put_truth(con, build)
    accuracy = put_baselines(build, assemble.put_predictions(con, build))
    notice_missing(build)
    place_images = put_image_layout(con, build)
    put_depth(con, build)
    of_heads, right = _concepts(con, build)
    place_images()
    accuracy += of_heads
    if accuracy:
        write.frame(con, "accuracy", pd.DataFrame(accuracy))
    put_completeness(con, right, accuracy)
    put_saliency(con, build)
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
    )


def _completed(build: Build) -> Build:
    """With what the recipe leaves open chosen to fit."""
    tokens = StoredTokens(build.activations, build.train)
    known = build.class_of[build.train]
    recipe = complete(
        build.recipe,
        build.backbone,
        tokens.sample(SAMPLE, seed=build.seed),
        n_tokens=tokens.n_tokens,
        n_classes=len(np.unique(known[known >= 0])),
        labels=build.labels,
    )
    return replace(build, recipe=recipe)


def _concepts(con: duckdb.DuckDBPyConnection, build: Build) -> HeadResults:
    """Everything of the banks and their heads."""
    log = build.log
    texts = read_texts(build)
    name_concepts = prepare_names(con, texts, build)
    held = draw_held_out(con, build)
    results = HeadResults([], [])
    head_ids, n_effects = count(), 0
    for bank_id, spec in enumerate(build.recipe.banks):
        log.bank_id = bank_id
        run = _bank(build, texts, bank_id, spec)
        if run is None:
            continue
        put_quality(con, run, held)
        put_trees(con, run, held)
        with log.timed(f"write {spec.title}", len(build.rows), "images"):
            assemble.put_bank(con, run, build)
        name_concepts(run)
        put_text_effects(con, run, build)
        _heads(con, run, build, head_ids, results)
        n_effects += _edits(con, run, build, n_effects)
    log.bank_id = None
    return results


def _bank(build: Build, texts: Texts, bank_id: int, spec: BankSpec) -> BankRun | None:
    """Fits a bank and encodes every image; None where it cannot be fitted, which is a notice."""
    log, seed = build.log, build.seed
    folder = build.work / (bank_key(spec, seed) + texts.tag)
    try:
        data = lend_crops(fit_data(spec, build, texts), build)
        fitted = fit_bank(spec, data, folder / "bank", seed=seed)
    except ValueError as error:
        log.notice("banks", spec.title, error)
        return None
    bank, pool = fitted.bank, METHODS[spec.method].pool
    log.stage(f"fit {spec.title}", fitted.seconds, len(bank.directions), "concepts")
    codes, seconds = encode_bank(
        bank, build.activations, folder / "codes", title=spec.title, pool=pool
    )
    log.stage(f"maps of {spec.title}", seconds, len(build.rows), "images")
    with log.timed(f"describe {spec.title}", codes.n_concepts, "concepts"):
        description = describe(fitted, codes, build)
    control = draw_control(bank, codes, build, pool=pool)
    concepts = label_concepts(description.concept, codes, bank, labels=build.label_names)
    return BankRun(
        bank_id, spec, data, folder, fitted, codes, control, description, concepts, texts
    )


def _heads(
    con: duckdb.DuckDBPyConnection,
    run: BankRun,
    build: Build,
    head_ids: Iterator[int],
    results: HeadResults,
) -> None:
    """Makes the heads of a bank, measures it with them, and adds to `results`."""
    scores = run.concepts.scores
    given = heads.HeadInput(build, run.bank, scores, run.concepts.label_of, run.texts)
    made, explained = [], dict[int, list[str]]()
    for spec in (h for h in build.recipe.heads if h.bank == run.title):
        result = heads.fit_head(given, spec)
        if result is None:
            continue
        head = MeasuredHead(next(head_ids), spec, result)
        predicted = assemble.put_head(
            con, head.head_id, run.bank_id, spec, result, scores, build.image_ids
        )
        found = heads.accuracies(predicted, build.class_of, build.split, countable=result.classes)
        results.accuracy.extend({"model": spec.title, "target": "label", **row} for row in found)
        methods = put_importance(con, build, head.head_id, spec.title, result, scores)
        explained[head.head_id] = methods
        made.append(head)
    with build.log.timed(f"measure {run.title}", run.codes.n_concepts, "concepts"):
        refits, right = measure_bank(con, run, made, build)
    judged = [
        JudgedHead(m.head_id, m.spec.title, m.fitted, refits.get(m.head_id), explained[m.head_id])
        for m in made
    ]
    put_fidelity(con, build, judged, scores, run.control.scores)
    results.right.extend(right)


def _edits(con: duckdb.DuckDBPyConnection, run: BankRun, build: Build, n_effects: int) -> int:
    """Asks the model again with maps shown alone and latents edited; returns how many edits.

    `n_effects`: of the banks before. What cannot be done is a notice.
    """
    log, recipe, found = build.log, build.recipe, 0
    with log.timed(f"faithfulness {run.title}", recipe.saliency.faithfulness, "images"):
        put_metrics(con, concept_faithfulness(run, build), bank_id=run.bank_id)
    try:
        with log.timed(f"effects {run.title}", recipe.effects.latents, "latents"):
            found = put_effects(con, run, build, first=n_effects)
    except ValueError as error:
        log.notice("effects", run.title, error)
    started = time.perf_counter()
    try:
        n = put_backbone_importance(con, run, build)
        if n:
            log.stage(f"own logits by {run.title}", time.perf_counter() - started, n, "images")
    except ValueError as error:
        log.notice("importance", run.title, error)
    return found
