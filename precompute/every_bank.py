"""The banks of a recipe, one after the other: fitted, judged, named, read by heads, and edited."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import duckdb

from core.bottleneck import probabilities
from core.concepts import METHODS
from core.recipe import BankSpec
from data import progress, write
from precompute import ahead, assemble, heads, parts
from precompute.banks import (
    BankRun,
    bank_key,
    control_of,
    draw_control,
    encode_bank,
    fit_bank,
    fit_data,
    pool_of,
)
from precompute.explain import (
    JudgedHead,
    concept_faithfulness,
    put_backbone_importance,
    put_effects,
    put_fidelity,
    put_importance,
    put_text_effects,
    put_trees,
)
from precompute.intake import Build, Log, Texts, lend_crops, read_texts
from precompute.naming import NAMES_STAGE, label_concepts, prepare_names
from precompute.quality import (
    Figure,
    HeadAccuracy,
    MeasuredHead,
    control_names,
    describe,
    draw_held_out,
    fitted_again,
    measure_bank,
    put_metrics,
    put_quality,
)


class Made(NamedTuple):
    """What later banks and tables need of the banks so far and their heads."""

    accuracy: tuple[dict[str, Any], ...] = ()
    """rows of that table"""
    right: tuple[HeadAccuracy, ...] = ()
    n_banks: int = 0
    n_heads: int = 0
    n_effects: int = 0


class Described(NamedTuple):
    """A bank fitted, encoded, described and fitted again: all that waits for no table."""

    run: BankRun
    stable: list[Figure]
    log: Log


class Begun(NamedTuple):
    """The banks of a build, on their way."""

    texts: Texts
    banks: ahead.Ahead[Described]


@contextmanager
def banks_begun(build: Build) -> Iterator[Begun]:
    """While the block runs, the banks are made on a second thread, in order, for `put_banks`."""
    texts = read_texts(build)
    tasks = [
        ahead.Task(
            partial(_described, build, texts, bank_id, spec), not METHODS[spec.method].asks_model
        )
        for bank_id, spec in enumerate(build.recipe.banks)
    ]
    with ahead.begun(tasks) as banks:
        yield Begun(texts, banks)


def put_banks(con: duckdb.DuckDBPyConnection, build: Build, begun: Begun) -> Made:
    """Everything of the banks and their heads. A bank that fails leaves a notice and no rows.

    Raises ValueError with all notices where the recipe names banks and none could be made.
    """
    log = build.log
    name_concepts = prepare_names(con, begun.texts, build)
    held = draw_held_out(con, build)
    made = Made()
    write.stage_scores(con)
    for bank_id, spec in enumerate(build.recipe.banks):
        log.bank_id = bank_id
        progress.part(parts.of_bank(spec.title))
        with log.attempt("banks", spec.title, con):
            progress.step(f"fit {spec.title}")
            run, stable, said = begun.banks.take(bank_id)
            log.take(said)
            put_quality(con, run, held, stable)
            with log.attempt("trees", spec.title):
                put_trees(con, run, held)
            with log.timed(f"write {spec.title}", len(build.rows), "images"):
                assemble.put_bank(con, run, build)
            with log.attempt(NAMES_STAGE, spec.title):
                name_concepts(run)
            with log.attempt("texts", spec.title):
                put_text_effects(con, run, build)
            found = _heads(con, run, build, made)
            made = found._replace(
                n_banks=made.n_banks + 1,
                n_effects=made.n_effects + _edits(con, run, build, made.n_effects),
            )
    log.bank_id = None
    if build.recipe.banks and not made.n_banks:
        told = "\n".join(f"  {stage}, {about}: {why}" for stage, about, why in log.told())
        raise ValueError(f"no concept bank could be made, so there is no store:\n{told}")
    return made


def _described(build: Build, texts: Texts, bank_id: int, spec: BankSpec) -> Described:
    """Raises ValueError where it cannot be fitted."""
    log = Log(bank_id=bank_id)
    run = _bank(replace(build, log=log), texts, bank_id, spec)
    again = fitted_again(spec, run.bank, run.data, run.folder, seed=build.seed, log=log)
    return Described(run, again, log)


def _bank(build: Build, texts: Texts, bank_id: int, spec: BankSpec) -> BankRun:
    """Fits a bank and encodes every image. Raises ValueError where it cannot be fitted."""
    log, seed = build.log, build.seed
    folder = build.work / (bank_key(spec, seed) + texts.tag)
    method, data = METHODS[spec.method], fit_data(spec, build, texts)
    data = lend_crops(data, build) if method.asks_model else data
    fitted = fit_bank(spec, data, folder / "bank", seed=seed)
    bank = fitted.bank
    log.stage(f"fit {spec.title}", fitted.seconds, len(bank.directions), "concepts")
    codes, seconds = encode_bank(
        bank, build.activations, folder / "codes", title=spec.title, pool=pool_of(spec)
    )
    log.stage(f"maps of {spec.title}", seconds, len(build.rows), "images")
    with log.timed(f"describe {spec.title}", codes.n_concepts, "concepts"):
        description = describe(spec.title, fitted, codes, build)
    with log.timed(f"control of {spec.title}", codes.n_concepts, "concepts"):
        control = draw_control(bank, codes, build, kind=control_of(spec))
        names = control_names(control, build)
    concepts = label_concepts(description.concept, codes, bank, labels=build.label_names)
    return BankRun(
        bank_id, spec, data, folder, fitted, codes, control, names, description, concepts, texts
    )


def _heads(con: duckdb.DuckDBPyConnection, run: BankRun, build: Build, before: Made) -> Made:
    """Makes the heads of a bank and measures it with them; returns `before` and what they add."""
    scores, log = run.concepts.scores, build.log
    given = heads.HeadInput(build, run.bank, scores, run.concepts.label_of, run.texts, run.pool)
    made: list[MeasuredHead] = []
    accuracy = list(before.accuracy)
    explained: dict[int, list[str]] = {}
    for spec in (h for h in build.recipe.heads if h.bank == run.title):
        result = heads.fit_head(given, spec)
        if result is None:
            continue
        head_id = before.n_heads + len(made)
        if build.targets is not None:
            link = result.head.link
            probs = probabilities(heads.logits_of(result, scores), link)
            told = heads.Told(spec.title, result.classes, probs, head_id)
            result = replace(result, thresholds=heads.put_told(con, build, told))
        head = MeasuredHead(head_id, spec, result)
        predicted = assemble.put_head(
            con, head.head_id, run.bank_id, spec, result, scores, build.image_ids
        )
        found = heads.accuracies(predicted, build.class_of, build.split, countable=result.classes)
        accuracy.extend({"model": spec.title, "target": "label", **row} for row in found)
        explained[head.head_id] = []
        with log.attempt("importance", spec.title):
            methods = put_importance(con, build, head.head_id, spec.title, result, scores)
            explained[head.head_id] = methods
        made.append(head)
    with log.timed(f"measure {run.title}", run.codes.n_concepts, "concepts"):
        refits, right = measure_bank(con, run, made, build)
    judged = [
        JudgedHead(m.head_id, m.spec.title, m.fitted, refits.get(m.head_id), explained[m.head_id])
        for m in made
    ]
    with log.attempt("importance", run.title, undone="fidelity not measured"):
        put_fidelity(con, build, judged, scores, run.control.scores)
    return before._replace(
        accuracy=tuple(accuracy),
        right=(*before.right, *right),
        n_heads=before.n_heads + len(made),
    )


def _edits(con: duckdb.DuckDBPyConnection, run: BankRun, build: Build, n_effects: int) -> int:
    """Asks the model again with maps shown alone and latents edited; returns how many edits.

    `n_effects`: of the banks before. What cannot be done is a notice.
    """
    log, recipe, found = build.log, build.recipe, 0
    with (
        log.attempt("measure", run.title, undone="faithfulness not measured"),
        log.timed(f"faithfulness {run.title}", recipe.saliency.faithfulness, "images"),
    ):
        put_metrics(con, concept_faithfulness(run, build), bank_id=run.bank_id)
    with (
        log.attempt("effects", run.title),
        log.timed(f"effects {run.title}", recipe.effects.latents, "latents"),
    ):
        found = put_effects(con, run, build, first=n_effects)
    started = time.perf_counter()
    with log.attempt("importance", run.title):
        n = put_backbone_importance(con, run, build)
        if n:
            log.stage(f"own logits by {run.title}", time.perf_counter() - started, n, "images")
    return found
