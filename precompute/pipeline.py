"""The story of a build, top to bottom: images and a model in, one store out."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from core.concepts import METHODS
from core.recipe import Recipe
from core.types import words_of
from data import store, write
from precompute import assemble, heads, perturb
from precompute.banks import bank_key, draw_control, encode_bank, fit_bank, fit_data
from precompute.explain import (
    JudgedHead,
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
    classes_of,
    extract,
    fingerprint_store,
    gather,
    lend_crops,
    notice_missing,
    open_sources,
    read_texts,
    short_hash,
    versions,
)
from precompute.naming import named_for, prepare_names, put_image_layout
from precompute.quality import (
    MeasuredHead,
    complete_leakage,
    describe,
    draw_held_out,
    measure_bank,
    put_depth,
    put_quality,
)
from precompute.recipe_check import check_recipe


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
    sources = open_sources(recipe, out=out, device=device)
    dataset, backbone, log = sources.dataset, sources.backbone, sources.log
    identity = fingerprint_store(recipe, sources.images, backbone)
    path = store.path_for(recipe.name, identity, out=out)
    if path.exists():
        return path
    work = out / "work" / short_hash(sources.images, backbone.fingerprint)
    activations, seconds = extract(
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
    activations: ActivationStore,
    work: Path,
) -> None:
    dataset, log = sources.dataset, sources.log
    classes = classes_of(activations.rows["label"], sources.backbone.outputs)
    build = gather(recipe, sources, activations, classes, work)
    with log.timed("write images", len(build.rows), "images"):
        assemble.put_images(con, build)
        assemble.put_backbone(con, build)
        assemble.put_methods(con)
        assemble.put_truth(con, build)
    accuracy = put_baselines(build, assemble.put_predictions(con, build))
    notice_missing(build)
    put_image_layout(con, build)
    put_depth(con, build)
    accuracy += _concepts(con, build)
    if accuracy:
        write.frame(con, "accuracy", pd.DataFrame(accuracy))
    complete_leakage(con)
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


def _concepts(con: duckdb.DuckDBPyConnection, build: Build) -> list[dict[str, Any]]:
    recipe, log, names = build.recipe, build.log, build.label_names
    texts = read_texts(build)
    name_concepts = prepare_names(con, texts, build)
    accuracy: list[dict[str, Any]] = []
    n_heads = 0
    held = draw_held_out(con, build)
    for bank_id, spec in enumerate(recipe.banks):
        log.bank_id = bank_id
        folder = build.work / (bank_key(spec, recipe.seed) + texts.tag)
        try:
            data = lend_crops(fit_data(spec, build, texts), build)
            fitted = fit_bank(spec, data, folder / "bank", seed=recipe.seed)
        except ValueError as error:
            log.notice("banks", spec.title, error)
            continue
        log.stage(f"fit {spec.title}", fitted.seconds, len(fitted.bank.directions), "concepts")
        codes, seconds = encode_bank(
            fitted.bank,
            build.activations,
            folder / "codes",
            title=spec.title,
            pool=METHODS[spec.method].pool,
        )
        log.stage(f"maps of {spec.title}", seconds, len(build.rows), "images")
        with log.timed(f"describe {spec.title}", codes.n_concepts, "concepts"):
            description = describe(fitted, codes, build)
        drawn = draw_control(fitted.bank, codes, build, pool=METHODS[spec.method].pool)
        put_quality(
            con,
            bank_id,
            spec,
            fitted.bank,
            codes,
            description,
            drawn=drawn,
            held=held,
            data=data,
            folder=folder,
        )
        put_trees(
            con,
            bank_id,
            spec.title,
            fitted.bank,
            description,
            held=held,
            data=data,
            folder=folder,
        )
        with log.timed(f"write {spec.title}", len(build.rows), "images"):
            assemble.put_bank(
                con, bank_id, spec, fitted, codes, description, names, build.image_ids
            )
        name_concepts(bank_id, spec.title, fitted.bank, codes)
        put_text_effects(con, bank_id, fitted.bank, texts, build)
        scores = codes.scores.toarray()
        label_of = named_for(description.concept, words=words_of(fitted.bank), labels=names)
        given = heads.HeadInput(build, fitted.bank, scores, label_of, texts)
        made, explained = [], dict[int, list[str]]()
        for head in (h for h in recipe.heads if h.bank == spec.title):
            result = heads.fit_head(given, head)
            if result is None:
                continue
            predicted = assemble.put_head(
                con, n_heads, bank_id, head, result, scores, build.image_ids
            )
            found = heads.accuracies(
                predicted, build.class_of, build.split, countable=result.classes
            )
            accuracy += [{"model": head.title, "target": "label", **row} for row in found]
            methods = put_importance(con, build, n_heads, head.title, result, scores)
            explained[n_heads] = methods
            made.append(MeasuredHead(n_heads, head, result))
            n_heads += 1
        with log.timed(f"measure {spec.title}", codes.n_concepts, "concepts"):
            refits = measure_bank(
                con,
                bank_id,
                codes,
                description.concept,
                scores,
                label_of=label_of,
                heads=made,
                build=build,
                drawn=drawn,
            )
        judged = [
            JudgedHead(
                m.head_id, m.spec.title, m.fitted, refits.get(m.head_id), explained[m.head_id]
            )
            for m in made
        ]
        put_fidelity(con, build, judged, scores, drawn.scores)
        perturb.bank(
            con,
            bank_id,
            spec,
            fitted.bank,
            codes,
            scores,
            label_of=label_of,
            build=build,
        )
    log.bank_id = None
    return accuracy
