"""A bank's concepts put to the test on the model: latents edited, and maps shown alone."""

from __future__ import annotations

import time

import duckdb
import numpy as np
from jaxtyping import Float, Integer

from core.concepts import METHODS
from core.recipe import BankSpec
from core.types import ConceptBank
from precompute.banks import Codes
from precompute.explain import concept_faithfulness, put_backbone_importance, put_effects
from precompute.intake import Build
from precompute.naming import LabelledScores
from precompute.quality import put_metrics


def bank(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    spec: BankSpec,
    fitted: ConceptBank,
    codes: Codes,
    scores: Float[np.ndarray, "n k"],
    *,
    label_of: Integer[np.ndarray, " k"],
    build: Build,
) -> None:
    """What cannot be done is a notice."""
    log, recipe = build.log, build.recipe
    concepts = LabelledScores(scores, label_of, False, codes.of_images())
    with log.timed(f"faithfulness {spec.title}", recipe.saliency.faithfulness, "images"):
        rows = concept_faithfulness(concepts, fitted, build, pool=METHODS[spec.method].pool)
        put_metrics(con, rows, bank_id=bank_id)
    try:
        with log.timed(f"effects {spec.title}", recipe.effects.latents, "latents"):
            put_effects(con, bank_id, fitted, codes, concepts, build)
    except ValueError as error:
        log.notice("effects", spec.title, error)
    started = time.perf_counter()
    try:
        n = put_backbone_importance(con, bank_id, fitted, codes, concepts, build)
        if n:
            log.stage(f"own logits by {spec.title}", time.perf_counter() - started, n, "images")
    except ValueError as error:
        log.notice("importance", spec.title, error)
