"""Do a bank's concepts come back when it is fitted again: with another seed, on other images?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.controls import plain
from core.metrics import dictionary
from core.recipe import BankSpec
from core.types import ConceptBank, FitData
from precompute.banks import control_of, fit_bank, part_of, turned
from precompute.intake import Log
from precompute.quality.rows import Figure


def fitted_again(
    spec: BankSpec, bank: ConceptBank, data: FitData, folder: Path, *, seed: int, log: Log
) -> list[Figure]:
    """Rows of `quality`, "stability_seed" and "stability_split", where the recipe asks for them
    and what is fitted again differs at all.

    `seed` is the bank's own. What the method refuses, as too few images, is a notice.
    """
    found = []
    for measure, words, refit in (
        ("stability_seed", "with another seed", _other_seeds),
        ("stability_split", "on a share of the train images", _other_images),
    ):
        fits: list[Float[Tensor, "_ d"]] = []
        with log.attempt("stability", spec.title, undone=f"not fitted again {words}"):
            fits = refit(spec, bank, data, folder, seed=seed, log=log) if spec.stability else []
        if len(fits) > 1 and not _alike(fits):
            random = _drawn(spec, bank, data, seed=seed)
            value, n = _matched(fits, signed=bank.signed)
            control, _ = _matched(random, signed=bank.signed)
            found.append(Figure(measure, value, n, control=control))
    return found


def _drawn(
    spec: BankSpec, bank: ConceptBank, data: FitData, *, seed: int
) -> list[Float[Tensor, "k d"]]:
    """Two draws of the bank's control."""
    seeds = (seed, seed + 1)
    if control_of(spec) == "matched":
        return [turned(bank, data.pooled, seed=one) for one in seeds]
    return [plain.random_like(bank.directions, seed=one) for one in seeds]


def _alike(fits: Sequence[Float[Tensor, "_ d"]]) -> bool:
    """Whether all fits are one, which then says of a method that chance has no part in it, and
    nothing of its concepts."""
    first = fits[0]
    return all(
        other.shape == first.shape and torch.allclose(other, first, rtol=1e-5, atol=1e-7)
        for other in fits[1:]
    )


def _other_seeds(
    spec: BankSpec, bank: ConceptBank, data: FitData, folder: Path, *, seed: int, log: Log
) -> list[Float[Tensor, "_ d"]]:
    """The bank, and fits on the same images with other seeds: `spec.stability` in all."""
    seeds = range(seed + 1, seed + spec.stability)
    fits = [fit_bank(spec, data, folder / f"seed-{other}", seed=other) for other in seeds]
    log.stage(f"refit {spec.title}: seeds", sum(f.seconds for f in fits), len(fits), "fits")
    return [bank.directions, *(f.bank.directions for f in fits)]


def _other_images(
    spec: BankSpec, _bank: ConceptBank, data: FitData, folder: Path, *, seed: int, log: Log
) -> list[Float[Tensor, "_ d"]]:
    """Fits on disjoint shares of the train images, `spec.stability` of them, with the one seed."""
    order = np.random.default_rng(seed).permutation(len(data.pooled))
    fits = []
    for i, part in enumerate(np.array_split(order, spec.stability)):
        share = part_of(data, np.sort(part))
        fits.append(fit_bank(spec, share, folder / f"part-{i}", seed=seed))
    log.stage(f"refit {spec.title}: images", sum(f.seconds for f in fits), len(fits), "fits")
    return [f.bank.directions for f in fits]


def _matched(fits: Sequence[Float[Tensor, "_ d"]], *, signed: bool) -> tuple[float, int]:
    """Mean cosine over pairs of fits, and how many pairs of directions were matched in all."""
    pairs = list(combinations(fits, 2))
    values = [dictionary.stability(one, two, signed=signed) for one, two in pairs]
    return float(np.mean(values)), sum(min(len(one), len(two)) for one, two in pairs)
