"""How good is a bank? Beside random directions, chance, and real activations."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts import METHODS
from core.metrics import dictionary, reconstruction
from core.recipe import BankSpec
from core.types import ConceptBank, FitData
from data import write
from precompute import banks, columns, probing
from precompute.bench import Bench
from precompute.describe import Description
from precompute.encode import Codes
from precompute.fitting import part_of
from precompute.judge_concepts import judge_concepts
from precompute.sources import Log
from precompute.streams import Tokens

QUERIES, REAL = 2_000, 5_000
"""held-out tokens whose reconstructions are looked up, among so many other real ones"""


@dataclass(frozen=True)
class Figure:
    """A row of the table `quality`, as its columns say."""

    measure: str
    value: float
    n: int
    control: float = math.nan
    chance: float = math.nan
    best: float = math.nan


def add(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    spec: BankSpec,
    bank: ConceptBank,
    codes: Codes,
    description: Description,
    *,
    bench: Bench,
    data: FitData,
    folder: Path,
    log: Log,
) -> None:
    """Writes the bank's rows of `quality` and `probe`, and fills in the concepts' own columns."""
    with log.timed(f"quality {spec.title}", codes.n_concepts, "concepts"), torch.inference_mode():
        judge_concepts(description, codes, bench, signed=bank.signed)
        random = _control(bank, codes, bench)
        seen = _seen(bank, codes, bench, image_wise=METHODS[spec.method].image_wise)
        found = [*_codes(bank, random, *seen), *_directions(bank, random)]
        found += [*_pooled(bank, random, codes, bench)]
        found += _meaning(description.concept, bench)
    with log.timed(f"probes of {spec.title}", codes.n_concepts, "concepts"):
        probing.put(con, bank_id, codes.scores.toarray(), bench.baseline)
    if spec.stability:
        try:
            found += _stability(spec, data, folder, bench.scene.seed, log)
        except ValueError as error:
            log.notice("stability", spec.title, error)
    frame = pd.DataFrame([f.__dict__ for f in found if not math.isnan(f.value)])
    facts = {name: columns.arrow(frame[name]) for name in frame.columns}
    write.put(con, "quality", {"bank_id": columns.same(bank_id, frame), **facts})


@dataclass(frozen=True)
class _Control:
    """Random directions in the bank's place."""

    directions: Float[Tensor, "k d"]
    centre: Float[Tensor, " d"]
    """subtracted before coding: the mean token where the bank has something to subtract, else 0"""
    n_codes: int
    """for each token, as many as the bank uses on average"""

    def codes(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        return reconstruction.control_codes(x - self.centre, self.directions, n_codes=self.n_codes)

    def rebuilt(self, codes: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        return codes @ self.directions + self.centre


def _control(bank: ConceptBank, codes: Codes, bench: Bench) -> _Control:
    centred = bank.offset is not None and bool((bank.offset != 0).any()) and len(bench.tokens)
    return _Control(
        dictionary.random_like(bank.directions, seed=bench.scene.seed),
        bench.tokens.mean(0) if centred else torch.zeros(bank.directions.shape[1]),
        max(1, round(codes.l0)),
    )


def _seen(
    bank: ConceptBank, codes: Codes, bench: Bench, *, image_wise: bool
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n k"]]:
    """Held-out tokens and their codes: drawn one by one, or all of some images, evenly spread."""
    if not image_wise or not len(bench.tokens):
        return bench.tokens, bank.encode(bench.tokens)
    held = bench.scene.held_out
    n = min(len(held), max(1, len(bench.tokens) // codes.n_tokens))
    rows = held[np.linspace(0, len(held) - 1, n).round().astype(np.int64)]
    x = torch.cat(list(Tokens(bench.store, rows).batches(len(bench.tokens), seed=None)))
    return x, torch.from_numpy(codes.dense_maps(rows)).float()


def _codes(
    bank: ConceptBank,
    control: _Control,
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
    ours, theirs = codes @ bank.directions + bank.offset, control.rebuilt(random)
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


def _pooled(bank: ConceptBank, control: _Control, codes: Codes, bench: Bench) -> Iterable[Figure]:
    """The backbone's own read-out on pooled reconstructions of held-out images."""
    shown = bench.shown
    if bench.readout is None or bank.offset is None or len(shown) == 0:
        return
    ours = codes.scores[shown].toarray() @ bank.directions.numpy() + bank.offset.numpy()
    t = codes.n_tokens
    theirs = [
        control.rebuilt(control.codes(x)).unflatten(0, (-1, t)).mean(1).numpy()
        for x in Tokens(bench.store, shown).batches(32 * t, seed=None)
    ]
    right = [
        reconstruction.readout_accuracy(pooled, bench.readout, bench.outputs)
        for pooled in (ours, np.concatenate(theirs), bench.pooled[shown])
    ]
    luck = float(np.bincount(bench.outputs).max() / len(shown))
    yield Figure("readout", right[0], len(shown), control=right[1], chance=luck, best=right[2])


def _directions(bank: ConceptBank, control: _Control) -> Iterable[Figure]:
    pair = (bank.directions, control.directions)
    k = len(bank.directions)
    ours, theirs = map(dictionary.coherence, pair)
    yield Figure("coherence_max", ours.largest, k, control=theirs.largest)
    yield Figure("coherence_mean", ours.mean, k, control=theirs.mean)
    ranks = [dictionary.effective_rank(directions) for directions in pair]
    yield Figure("effective_rank", ranks[0], k, control=ranks[1])


def _meaning(concept: pd.DataFrame, bench: Bench) -> Iterable[Figure]:
    """Means over the bank's concepts of what is known of each."""
    k = len(concept)
    yield Figure("dead", float((concept["n_active"] == 0).mean()), k)
    if bench.scene.labels is not None:
        yield Figure("named", float((concept["name_source"] != "unnamed").mean()), k)
        yield _mean("name_auc", concept["name_auc"], chance=0.5)
        located = concept[concept["name_iou"].notna()]
        if len(located):
            # a mask over the share p of all cells, and p of them at random: p² in common
            p = bench.scene.covered.mean(0)[located["labelled_id"].astype(int)]
            yield _mean("iou", located["name_iou"], chance=float((p / (2 - p)).mean()))
    for name in ("separability", "monosemanticity"):
        judged = concept[concept[name].notna()]
        yield _mean(name, judged[name], chance=float(judged[f"{name}_chance"].mean()))


def _mean(measure: str, values: pd.Series, *, chance: float) -> Figure:
    return Figure(measure, float(values.mean()), int(values.notna().sum()), chance=chance)


def _stability(
    spec: BankSpec, data: FitData, folder: Path, seed: int, log: Log
) -> Iterable[Figure]:
    """Mean over pairs of refits, each on its own share of the train images and with its own seed.

    Raises what the method raises on so few images.
    """
    order = np.random.default_rng(seed).permutation(len(data.pooled))
    fits = []
    for i, part in enumerate(np.array_split(order, spec.stability)):
        share = part_of(data, np.sort(part))
        fits.append(banks.fit(spec, share, folder / f"part-{i}", seed=seed + 1 + i))
    log.stage(f"refit {spec.title}", sum(f.seconds for f in fits), len(fits), "fits")
    pairs = list(combinations([f.bank.directions for f in fits], 2))
    random = [dictionary.random_like(fits[0].bank.directions, seed=seed + i) for i in range(2)]
    value = float(np.mean([dictionary.stability(one, two) for one, two in pairs]))
    n = len(fits[0].bank.directions)
    return [Figure("stability", value, n, control=dictionary.stability(*random))]
