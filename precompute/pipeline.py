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
    Classes,
    Ground,
    Sources,
    classes_of,
    extract,
    fingerprint_store,
    lend_crops,
    open_sources,
    read_texts,
    set_scene,
    short_hash,
    survey,
    versions,
)
from precompute.naming import named_for, prepare_names, put_image_layout
from precompute.quality import (
    MeasuredHead,
    complete_leakage,
    describe,
    measure_bank,
    put_depth,
    put_quality,
    set_bench,
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
    dataset, backbone, log = sources.dataset, sources.backbone, sources.log
    rows = activations.rows
    classes = classes_of(rows["label"], backbone.outputs)
    with log.timed("write images", len(rows), "images"):
        assemble.put_images(con, activations, classes)
        assemble.put_backbone(con, backbone, activations)
        assemble.put_methods(con)
        assemble.put_truth(con, dataset, activations, classes)
    predicted = assemble.put_predictions(con, activations, classes)
    scene = set_scene(dataset, activations, classes, seed=recipe.seed)
    accuracy = put_baselines(scene, activations, classes, predicted, log)
    ground = survey(dataset, activations, scene, log)
    put_image_layout(con, activations, seed=recipe.seed, log=log)
    put_depth(
        con,
        recipe.depth,
        dataset,
        backbone,
        activations,
        scene,
        work / "depth",
        batch=recipe.backbone.batch,
        log=log,
    )
    accuracy += _concepts(con, recipe, sources, activations, classes, ground, work)
    if accuracy:
        write.frame(con, "accuracy", pd.DataFrame(accuracy))
    complete_leakage(con)
    put_saliency(con, recipe.saliency, sources, activations, classes, ground, work)
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
        n_images=len(rows),
        n_skipped=len(skipped),
    )


def _concepts(
    con: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    sources: Sources,
    activations: ActivationStore,
    classes: Classes,
    ground: Ground,
    work: Path,
) -> list[dict[str, Any]]:
    dataset, log, scene = sources.dataset, sources.log, ground.scene
    rows = activations.rows
    image_ids = rows["image_id"].to_numpy()
    texts = read_texts(recipe.text, activations, sources, work)
    name_concepts = prepare_names(con, recipe.text, sources, texts, scene)
    names = dataset.labelled.sort_values("labelled_id")["name"].tolist()
    accuracy: list[dict[str, Any]] = []
    n_heads = 0
    bench = set_bench(con, scene, activations, sources, of_output=classes.of_output)
    for bank_id, spec in enumerate(recipe.banks):
        log.bank_id = bank_id
        folder = work / (bank_key(spec, recipe.seed) + texts.tag)
        try:
            data = fit_data(
                spec,
                dataset,
                activations,
                scene,
                texts,
                layer=sources.backbone.layer,
                device=sources.device,
            )
            data = lend_crops(data, sources, work=work, batch=recipe.backbone.batch)
            fitted = fit_bank(spec, data, folder / "bank", seed=recipe.seed)
        except ValueError as error:
            log.notice("banks", spec.title, error)
            continue
        log.stage(f"fit {spec.title}", fitted.seconds, len(fitted.bank.directions), "concepts")
        codes, seconds = encode_bank(
            fitted.bank,
            activations,
            folder / "codes",
            title=spec.title,
            pool=METHODS[spec.method].pool,
        )
        log.stage(f"maps of {spec.title}", seconds, len(rows), "images")
        with log.timed(f"describe {spec.title}", codes.n_concepts, "concepts"):
            description = describe(fitted, codes, scene)
        drawn = draw_control(fitted.bank, codes, activations, scene, pool=METHODS[spec.method].pool)
        put_quality(
            con,
            bank_id,
            spec,
            fitted.bank,
            codes,
            description,
            drawn=drawn,
            bench=bench,
            data=data,
            folder=folder,
            log=log,
        )
        put_trees(
            con,
            bank_id,
            spec.title,
            fitted.bank,
            description,
            names=names,
            bench=bench,
            data=data,
            sources=sources,
            folder=folder,
        )
        with log.timed(f"write {spec.title}", len(rows), "images"):
            assemble.put_bank(con, bank_id, spec, fitted, codes, description, names, image_ids)
        name_concepts(bank_id, spec.title, fitted.bank, codes)
        put_text_effects(con, bank_id, fitted.bank, texts, scene, tuple(classes.frame["name"]), log)
        scores = codes.scores.toarray()
        label_of = named_for(description.concept, words=words_of(fitted.bank), labels=names)
        material = heads.Material(
            scene,
            sources.backbone,
            fitted.bank,
            scores,
            activations.logits(),
            classes.of_output,
            activations.pooled(),
            tuple(classes.frame["name"]),
            label_of,
            texts,
        )
        made, explained = [], dict[int, list[str]]()
        for head in (h for h in recipe.heads if h.bank == spec.title):
            result = heads.fit_head(material, head, log)
            if result is None:
                continue
            predicted = assemble.put_head(con, n_heads, bank_id, head, result, scores, image_ids)
            found = heads.accuracies(
                predicted, scene.class_of, rows["split"].to_numpy(), countable=result.classes
            )
            accuracy += [{"model": head.title, "target": "label", **row} for row in found]
            methods = put_importance(con, log, n_heads, head.title, result, scores, rows, scene)
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
                ground=ground,
                drawn=drawn,
                log=log,
            )
        judged = [
            JudgedHead(
                m.head_id, m.spec.title, m.fitted, refits.get(m.head_id), explained[m.head_id]
            )
            for m in made
        ]
        splits, random = rows["split"].to_numpy(), drawn.scores
        put_fidelity(con, log, judged, scores, random, splits, scene)
        perturb.bank(
            con,
            bank_id,
            spec,
            fitted.bank,
            codes,
            scores,
            label_of=label_of,
            classes=classes.of_output,
            recipe=recipe,
            sources=sources,
            activations=activations,
            ground=ground,
        )
    log.bank_id = None
    return accuracy
