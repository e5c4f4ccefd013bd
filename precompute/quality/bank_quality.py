"""How good is a bank? Beside its control, chance, and real activations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import duckdb
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts import METHODS, ImportedBank
from core.controls.codes import Rebuilds
from core.metrics import dictionary, reconstruction
from core.sampling import evenly
from core.types import ConceptBank
from data import write
from precompute.banks import BankRun, Codes
from precompute.intake import StoredTokens
from precompute.quality import meaning, probing, readout
from precompute.quality.concept_measures import measure_concepts
from precompute.quality.held_out import HeldOut
from precompute.quality.rows import Figure

QUERIES, REAL = 2_000, 5_000
"""held-out tokens whose reconstructions are looked up, among so many other real ones"""


def put_quality(
    con: duckdb.DuckDBPyConnection, run: BankRun, held: HeldOut, stable: Sequence[Figure]
) -> None:
    """Writes the bank's rows of `quality` and `probe`, and fills in the concepts' own columns.

    `stable`: what `stability.fitted_again` found.
    """
    log, title, bank, codes = held.build.log, run.title, run.bank, run.codes
    concept, method = run.description.concept, run.spec.method
    with log.timed(f"quality {title}", codes.n_concepts, "concepts"), torch.inference_mode():
        measure_concepts(run.description, codes, held, signed=bank.signed)
        control = run.control.dictionary
        seen = _seen(bank, codes, held, image_wise=METHODS[method].image_wise)
        figures = [
            *_codes(bank, control, *seen),
            *_directions(bank, control),
            *_promised(bank),
        ]
        with log.attempt("quality", f"read-out of {title}"):
            figures += readout.figures(bank, control, codes, held)
        against = None if method == "random" else run.control
        figures += meaning.figures(concept, codes, against, held.build, run.control_names)
    with log.timed(f"probes of {title}", codes.n_concepts, "concepts"):
        label_of = concept["labelled_id"]
        probing.put(con, run.bank_id, run.concepts.scores, held.baseline, label_of=label_of)
    figures += stable
    frame = pd.DataFrame([f.__dict__ for f in figures if not math.isnan(f.value)])
    write.frame(con, "quality", frame, bank_id=run.bank_id)


def _seen(
    bank: ConceptBank, codes: Codes, held: HeldOut, *, image_wise: bool
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n k"]]:
    """Held-out tokens and their codes: drawn one by one, or all of some images, evenly spread."""
    if not image_wise or not len(held.tokens):
        return held.tokens, bank.encode(held.tokens)
    images = held.build.held_out
    rows = images[evenly(len(images), max(1, len(held.tokens) // codes.n_tokens))]
    x = torch.cat(
        list(StoredTokens(held.build.activations, rows).batches(len(held.tokens), seed=None))
    )
    return x, torch.from_numpy(codes.dense_maps(rows)).float()


def _codes(
    bank: ConceptBank,
    control: Rebuilds,
    x: Float[Tensor, "n d"],
    codes: Float[Tensor, "n k"],
) -> Iterable[Figure]:
    """On held-out tokens."""
    n = len(x)
    if n == 0:
        return
    random = control.codes(x)
    yield Figure("l0", reconstruction.l0(codes), n)
    hoyer = reconstruction.hoyer
    yield Figure("hoyer", hoyer(codes), n, control=hoyer(random))
    if bank.offset is None:
        return
    ours, theirs = reconstruction.rebuilt(bank, x, codes), control.rebuilt(random)
    mean = x.mean(0).expand_as(x)
    r2, error = reconstruction.r2, reconstruction.relative_l2
    yield Figure("r2", r2(x, ours), n, control=r2(x, theirs), chance=0.0)
    yield Figure("relative_l2", error(x, ours), n, control=error(x, theirs), chance=error(x, mean))
    half = n // 2
    distance = reconstruction.wasserstein
    yield Figure(
        "wasserstein",
        distance(x, ours),
        n,
        control=distance(x, theirs),
        chance=distance(x, mean),
        best=distance(x[:half], x[half : 2 * half]) if half else math.nan,
    )
    asked = min(QUERIES, half)
    real = x[asked : asked + REAL]
    near = [
        reconstruction.neighbour_distance(rebuilt[:asked], real) for rebuilt in (ours, theirs, x)
    ]
    yield Figure("ood", near[0], asked, control=near[1], best=near[2])


def _promised(bank: ConceptBank) -> Iterable[Figure]:
    """What the checkpoint of an imported bank states of itself."""
    if not isinstance(bank, ImportedBank):
        return
    promise = bank.promise
    if promise.fvu is not None:
        yield Figure("promised_r2", 1 - promise.fvu, 0)
    if promise.l0 is not None:
        yield Figure("promised_l0", promise.l0, 0)


def _directions(bank: ConceptBank, control: Rebuilds) -> Iterable[Figure]:
    pair = (bank.directions, control.directions)
    k = len(bank.directions)
    ours, theirs = map(dictionary.coherence, pair)
    yield Figure("coherence_max", ours.largest, k, control=theirs.largest)
    yield Figure("coherence_mean", ours.mean, k, control=theirs.mean)
    ranks = [dictionary.effective_rank(directions) for directions in pair]
    yield Figure("effective_rank", ranks[0], k, control=ranks[1])
