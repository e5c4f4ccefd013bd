"""What all banks of a build are judged on, drawn once."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from core.metrics import concept_quality
from precompute.intake import Build, StoredTokens
from precompute.quality.probing import Baseline, baseline

TOKENS = 10_000
"""held-out tokens judged at most"""
IMAGES = 250
"""held-out images the backbone's read-out is tried on at most"""


@dataclass(frozen=True)
class HeldOut:
    """Drawn once, so that all banks of a build are judged on the same."""

    build: Build
    tokens: Float[Tensor, "q d"]
    """held-out, in random order; may be none"""
    shown: Integer[np.ndarray, " m"]
    """held-out images, ascending, whose label is an output of the backbone"""
    outputs: Integer[np.ndarray, " m"]
    """that output"""
    likeness: float
    """mean cosine of two images' pooled activations"""
    baseline: Baseline | None
    """None: no held-out labels"""


def draw_held_out(con: duckdb.DuckDBPyConnection, build: Build) -> HeldOut:
    """Draws what banks are judged on, and writes the plain probes that they stand beside.

    A notice where no image can tell whether the backbone answers right.
    """
    backbone, pooled = build.backbone, build.pooled
    rng = np.random.default_rng(build.seed)
    tokens = torch.zeros(0, pooled.shape[1])
    if build.held_out.size:
        drawn = StoredTokens(build.activations, build.held_out).sample(TOKENS, seed=build.seed)
        tokens = drawn[torch.from_numpy(rng.permutation(len(drawn)))]
    output_of = {int(class_id): i for i, class_id in enumerate(build.output_classes)}
    outputs = np.array([output_of.get(int(c), -1) for c in build.class_of[build.held_out]], int)
    readable = np.flatnonzero(outputs >= 0)
    if not len(readable) and build.targets is None:
        why = "no held-out image carries a label that is one of its outputs"
        if not backbone.outputs:
            why = "it does not classify"
        build.log.notice(
            "quality", "read-out", ValueError(f"nothing says how right the backbone is: {why}")
        )
    if len(readable) > IMAGES:
        readable = np.sort(rng.choice(readable, IMAGES, replace=False))
    plain = None
    with build.log.attempt("probes", "labels", con):
        plain = baseline(con, build)
    return HeldOut(
        build=build,
        tokens=tokens,
        shown=build.held_out[readable],
        outputs=outputs[readable],
        likeness=concept_quality.mean_cosine(pooled),
        baseline=plain,
    )
