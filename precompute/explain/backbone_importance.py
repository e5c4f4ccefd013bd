"""What the backbone's own logit rests on, where it is no linear map of what scores are read from.

Every concept is dimmed at all patches of an image, and at its CLS token where the bank is scored by
it, and the rest of the network runs again, so that
each method of `core.importance` says what it says of any function. Where the read-out is linear a
head of kind "backbone" is exact, and nothing is done here.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from core.backbones import Resumes, Stopped
from core.controls.codes import Rebuilds
from core.importance import METHODS, ResumedLogit
from data import write
from precompute.banks import BankRun, readout_of
from precompute.explain import fidelity
from precompute.intake import Build, pixels_of

VARIED, RANKED_BY = 12, "integrated_gradients"
"""concepts of an image that a costly method varies: the largest by this one, which is run on all"""
STEPS = 10
"""of a curve: at each the rest of the network runs again"""


class Explained(NamedTuple):
    row: int
    logit: float
    without: float
    """the logit with every concept taken out"""
    active: Integer[np.ndarray, " a"]
    importances: dict[str, Float64[np.ndarray, " a"]]
    """by method; none where no concept reaches the logit"""
    pairs: fidelity.Pairs
    control: fidelity.Pairs


def put_backbone_importance(con: duckdb.DuckDBPyConnection, run: BankRun, build: Build) -> int:
    """Writes the three tables `backbone_...` of one bank; returns how many images were explained.

    Nothing for a bank that does not reconstruct, a backbone that does not classify, or a linear
    read-out. Raises ValueError, with the reason, where the logit cannot be explained.
    """
    bank = run.bank
    logits, backbone, n = build.logits, build.backbone, build.recipe.effects.explained
    if bank.offset is None or logits is None or not n:
        return 0
    if readout_of(backbone, run.pool) is not None:
        return 0
    if not isinstance(backbone, Resumes):
        raise ValueError(
            f"backbone {backbone.name!r} cannot go on from other tokens at its layer, so what its "
            "own logits rest on is unknown"
        )
    best = logits.argmax(1)
    control = run.control.dictionary
    found = []
    for row in fidelity.by_class(best, build.split, n):
        pixels = pixels_of(build, [int(build.image_ids[row])])
        z = torch.from_numpy(run.concepts.codes(int(row)))
        resume = partial(_stopped, backbone, pixels)
        own = None
        if run.pool == "cls":
            own = torch.from_numpy(run.concepts.scores[row]).float()
        function = ResumedLogit(lru_cache(resume), z, bank.directions, int(best[row]), own)
        found.append(_image(int(row), function, control, seed=build.seed + int(row)))
    if any(len(one.active) for one in found) and not any(one.importances for one in found):
        raise ValueError(
            f"no concept at layer {backbone.layer!r} reaches the logits (they are read from the "
            'CLS token alone), so they rest on none; choose an earlier layer, or pool = "cls"'
        )
    _write(con, run.bank_id, found, build.output_classes[best], build.image_ids)
    return len(found)


def _stopped(backbone: Resumes, pixels: Float[Tensor, "1 3 H W"], n: int) -> Stopped:
    """So many copies of one image, up to the layer."""
    return backbone.resume(pixels.expand(n, -1, -1, -1))


def _image(row: int, every: ResumedLogit, control: Rebuilds, *, seed: int) -> Explained:
    """`every`: the image's logit as a function of all concepts."""
    stopped, output = every.stopped, every.output
    shown = every.codes.any(0)
    active = torch.nonzero(shown if every.of_cls is None else shown | every.of_cls.bool())[:, 0]
    function = every.part(active)
    whole = torch.ones(1, len(active)).double()
    with torch.no_grad():
        # one by one: rows of a batch differ by rounding
        logit, without = (float(function(left)) for left in (whole, torch.zeros_like(whole)))
    if logit == without:
        return Explained(row, logit, without, active.numpy(), {}, {}, {})
    importances = _importances(function, seed=seed)
    pairs = fidelity.tested(function, whole, importances, seed=seed, most_steps=STEPS)
    codes = control.codes(stopped(1).tokens[0].float().cpu())
    used, own = codes.any(0), None
    if every.of_cls is not None:
        own = control.cls_codes(stopped(1).extra[:, 0].float().cpu())[0]
        used |= own.bool()
    random = ResumedLogit(stopped, codes, control.directions, output, own)
    random = random.part(torch.nonzero(used)[:, 0])
    drawn = fidelity.tested(
        random,
        torch.ones(1, int(used.sum())).double(),
        _importances(random, seed=seed),
        seed=seed,
        most_steps=STEPS,
    )
    values = {name: found[0].numpy() for name, found in importances.items()}
    return Explained(row, logit, without, active.numpy(), values, pairs, drawn)


def _importances(function: ResumedLogit, *, seed: int) -> dict[str, Float[Tensor, "1 k"]]:
    """By method, but for those of linear functions, which this is not."""
    whole = torch.ones(1, len(function.directions)).double()
    methods = {name: method for name, method in METHODS.items() if not method.linear_only}
    importances = {
        name: method.run(function, whole, seed=seed)
        for name, method in methods.items()
        if not method.costly
    }
    largest = importances[RANKED_BY][0].abs().argsort(descending=True, stable=True)[:VARIED]
    fewer = function.part(largest)
    for name in (name for name in methods if name not in importances):
        importances[name] = torch.zeros_like(whole)
        importances[name][:, largest] = methods[name].run(fewer, whole[:, largest], seed=seed)
    return importances


def _write(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    found: list[Explained],
    class_of: Integer[np.ndarray, " n"],
    ids: Integer[np.ndarray, " n"],
) -> None:
    images = [
        (ids[one.row], class_of[one.row], one.logit, one.without, len(one.active)) for one in found
    ]
    frames = {
        "backbone_explanation": pd.DataFrame(
            images, columns=["image_id", "class_id", "logit", "without", "n_concepts"]
        ),
        "backbone_fidelity": fidelity.table(
            fidelity.joined([one.pairs for one in found]),
            fidelity.joined([one.control for one in found]),
        ),
    }
    parts = [
        pd.DataFrame(
            {
                "image_id": ids[one.row],
                "concept_id": one.active,
                "method": method,
                "value": values,
                "share": np.abs(values) / max(np.abs(values).sum(), 1e-300),
            }
        )
        for one in found
        for method, values in one.importances.items()
    ]
    if parts:
        rows = pd.concat(parts)
        frames["backbone_importance"] = rows[rows["value"] != 0]
    for name, frame in frames.items():
        write.frame(con, name, frame, bank_id=bank_id)
