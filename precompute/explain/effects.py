"""What editing a latent does to the backbone's own logits, beside a random direction.

At every token x becomes x + (z' - z) d, so what the bank does not reconstruct stays as it is; of a
bank that is scored by CLS tokens, at these as well. Where logits are linear in the mean token, or
in the CLS token, the change follows from the codes; elsewhere the rest of the network runs again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Bool, Float, Float64, Integer

from core import bottleneck
from core.backbones import Resumes
from core.intervention import sae_edits
from core.kinds import EditedImages, Link, Pool
from core.sampling import evenly
from core.types import ConceptBank
from data import write
from precompute.banks import BankRun, Codes, LabelledScores, readout_of
from precompute.heads import thresholds_of
from precompute.intake import Build, pixels_of

CLASSES = 10
"""in `effect_class`"""
FACTORS = (0.5, 2.0)
CLAMP = 95
"""percentile of the latent's codes that are not 0"""
_BATCH = 16


@dataclass(frozen=True)
class Latent:
    concept_id: int
    label: int
    """labelled concept that it is named for; -1: none"""
    scores: Float64[np.ndarray, " n"]
    means: Float64[np.ndarray, " n"]
    """mean code over an image's tokens, or the code of its CLS token where scores are read there;
    the scores, unless the bank pools by the maximum"""
    high: float
    """the code that is clamped to"""


@dataclass(frozen=True)
class Edit:
    mode: str
    images: EditedImages
    rows: Integer[np.ndarray, " m"]
    strength: float | None = None
    label: int = -1
    likely: Float64[np.ndarray, "m 1"] | None = None
    where: Bool[np.ndarray, " m"] | None = None

    def codes(self, codes: Float[np.ndarray, "m *t 1"]) -> Float64[np.ndarray, "m *t 1"]:
        mode = "ablate" if self.mode == "gated" else self.mode
        return sae_edits.edited(
            codes, mode, strength=self.strength or 0.0, likely=self.likely, where=self.where
        )


def put_effects(con: duckdb.DuckDBPyConnection, run: BankRun, build: Build, *, first: int) -> int:
    """Writes `effect` and `effect_class` of one bank; returns how many edits were judged.

    `first`: effect_id of the first of them. Nothing for a bank that does not reconstruct, or a
    backbone that does not classify. Raises ValueError, with the reason, where an edit cannot be
    run.
    """
    bank, concepts = run.bank, run.concepts
    before, backbone, spec = build.logits, build.backbone, build.recipe.effects
    if bank.offset is None or before is None or not spec.latents:
        return 0
    readout = readout_of(backbone, run.pool)
    if readout is None and not isinstance(backbone, Resumes):
        raise ValueError(f"backbone {backbone.name!r} cannot go on from other tokens at its layer")
    size = len(before) if readout is not None else spec.images
    outcomes: list[Outcome] = []
    for latent in _latents(bank, run.codes, concepts, n=spec.latents):
        direction = bank.directions[latent.concept_id].double().numpy()
        drawn = np.random.default_rng((build.seed, latent.concept_id))
        random = drawn.normal(size=direction.shape)
        random *= np.linalg.norm(direction) / np.linalg.norm(random)
        for edit in edits(latent, build, most=size):
            steps = np.stack([direction, random])
            if readout is not None:
                means = latent.means[edit.rows, None]
                moved = (edit.codes(means) - means)[:, None] * (steps @ readout[0].T)
            else:
                moved = _rerun(edit, steps, latent, concepts, build, pool=run.pool)
            edited = ~np.isclose(
                edit.codes(latent.means[edit.rows, None])[:, 0],
                latent.means[edit.rows],
                rtol=1e-9,
                atol=0,
            )
            outcomes.append(Outcome(latent.concept_id, edit, before[edit.rows], moved, edited))
    if readout is None and outcomes and not any(o.moved.any() for o in outcomes):
        raise ValueError(
            f"no edit of the tokens of layer {backbone.layer!r} reaches the logits (they "
            'are read from the CLS token alone); choose an earlier layer, or pool = "cls"'
        )
    _put(con, run.bank_id, outcomes, build, first=first, exact=readout is not None)
    return len(outcomes)


def _latents(
    bank: ConceptBank, codes: Codes, concepts: LabelledScores, *, n: int
) -> Iterator[Latent]:
    """Those of most energy, the mean square of their share of the reconstruction, by images."""
    energy = (concepts.scores**2).mean(0) * bank.directions.double().square().sum(1).numpy()
    order = np.argsort(-energy, kind="stable")[:n]
    order = order[energy[order] > 0]
    place = np.full(codes.n_concepts, -1)
    place[order] = np.arange(len(order))
    means = np.zeros((codes.n_images, len(order)))
    values: list[list[np.ndarray]] = [[] for _ in order]
    if codes.pool == "cls":
        means = codes.scores[:, order].toarray()
        values = [[column[column != 0]] for column in means.T]
    first = 0
    for i, size in enumerate(codes.sizes if codes.pool != "cls" else ()):
        piece = codes.shard(i)
        mine = np.flatnonzero(place[piece["concept"]] >= 0)
        at, value = place[piece["concept"][mine]], piece["value"][mine].astype(np.float64)
        np.add.at(means, (piece["image"][mine] + first, at), value / codes.n_tokens)
        for j in range(len(order)):
            values[j].append(value[at == j])
        first += size
    for j, concept_id in enumerate(order):
        high = float(np.percentile(np.concatenate(values[j]), CLAMP))
        label = int(concepts.label_of[concept_id])
        scores = concepts.scores[:, concept_id].astype(np.float64)
        yield Latent(int(concept_id), label, scores, means[:, j], high)


def edits(latent: Latent, build: Build, *, most: int) -> Iterator[Edit]:
    """The grid: off, weaker, stronger, high; and only as far as a labelled concept is likely."""
    order = np.argsort(-latent.scores, kind="stable")
    active = order[latent.scores[order] > 0][:most]
    # never more images than the other side has, so that neither drowns the other
    silent = np.setdiff1d(order, active, assume_unique=True)[::-1]
    silent = silent[: max(most, 1)]
    silent = np.sort(silent[evenly(len(silent), max(1, min(most // 2, len(silent))))])
    for mode, strength in (
        ("ablate", None),
        *(("scale", f) for f in FACTORS),
        ("clamp", latent.high),
    ):
        if len(active):
            yield Edit(mode, "active", active, strength)
    if len(silent):
        yield Edit("clamp", "silent", silent, latent.high)
    if build.presence is None or latent.label < 0:
        return
    truth, train = build.presence[:, latent.label], build.train
    known = train[~np.isnan(truth[train])]
    shown = truth[known] == 1
    if shown.all() or not shown.any():
        return
    both = np.sort(np.concatenate([active, silent]))
    scores = latent.scores
    found = sae_edits.posterior(scores[known, None], shown)
    likely = found.at(scores[both, None])
    yield Edit("suppress", "both", both, label=latent.label, likely=likely)
    least = sae_edits.threshold(scores[known], shown)
    yield Edit("gated", "both", both, label=latent.label, where=scores[both] >= least)


def _rerun(
    edit: Edit,
    steps: Float64[np.ndarray, "s d"],
    latent: Latent,
    concepts: LabelledScores,
    build: Build,
    *,
    pool: Pool,
) -> Float64[np.ndarray, "m s y"]:
    """Changes of the logits, by the rest of the network."""
    backbone = build.backbone
    assert isinstance(backbone, Resumes)  # the caller has looked
    maps = np.stack([concepts.codes(int(row))[:, latent.concept_id] for row in edit.rows])
    delta = edit.codes(maps[:, :, None]) - maps[:, :, None]
    own = latent.means[edit.rows, None] if pool == "cls" else None
    at_cls = None if own is None else edit.codes(own) - own
    ids = build.image_ids[edit.rows].tolist()
    out = np.zeros((len(ids), len(steps), len(build.output_classes)))
    for start in range(0, len(ids), _BATCH):
        part = slice(start, start + _BATCH)
        stopped = backbone.resume(pixels_of(build, ids[part]))
        base = stopped(stopped.tokens).double().cpu().numpy()
        for s, step in enumerate(steps):
            moved = torch.from_numpy(delta[part] * step).to(stopped.tokens)
            cls = None
            if at_cls is not None:
                cls = stopped.extra[:, 0] + torch.from_numpy(at_cls[part] * step).to(moved)
            after = stopped(stopped.tokens + moved, cls)
            out[part, s] = after.double().cpu().numpy() - base
    return out


@dataclass(frozen=True)
class Outcome:
    concept_id: int
    edit: Edit
    before: Float[np.ndarray, "m y"]
    moved: Float64[np.ndarray, "m s y"]
    """changes of the logits: of the edit, and of its control"""
    edited: Bool[np.ndarray, " m"]
    """whether the edit changes the image's codes"""


def _put(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    outcomes: list[Outcome],
    build: Build,
    *,
    first: int,
    exact: bool,
) -> None:
    classes, link = build.output_classes, build.link
    assert build.logits is not None, "edits are judged by logits"
    limits = thresholds_of(build, classes, build.logits, link)
    results = [_result(o, limits, link) for o in outcomes]
    write.put(
        con,
        "effect",
        {
            "effect_id": np.arange(first, first + len(outcomes), dtype=np.uint32),
            "bank_id": np.full(len(outcomes), bank_id, dtype=np.uint16),
            "concept_id": np.array([o.concept_id for o in outcomes], dtype=np.uint32),
            "mode": [o.edit.mode for o in outcomes],
            "strength": pa.array([o.edit.strength for o in outcomes], pa.float64()),
            "labelled_id": pa.array(
                [o.edit.label if o.edit.label >= 0 else None for o in outcomes], pa.uint32()
            ),
            "images": [o.edit.images for o in outcomes],
            "exact": [exact] * len(outcomes),
            "n": [len(o.edit.rows) for o in outcomes],
            "n_edited": [int(o.edited.sum()) for o in outcomes],
            **{
                name: np.array([r[i] for r in results], dtype=np.float64)
                for i, name in enumerate(("change", "control_change", "flipped", "control_flipped"))
            },
        },
    )
    means = [o.moved[:, 0].mean(0) for o in outcomes]
    top = [np.argsort(-np.abs(m), kind="stable")[:CLASSES] for m in means]
    write.put(
        con,
        "effect_class",
        {
            "effect_id": np.repeat(np.arange(first, first + len(outcomes)), [len(t) for t in top]),
            "class_id": np.concatenate([classes[t] for t in top]) if top else [],
            "change": np.concatenate([m[t] for m, t in zip(means, top, strict=True)])
            if top
            else [],
        },
    )


def _result(
    outcome: Outcome, thresholds: Float[np.ndarray, " y"] | None, link: Link
) -> tuple[float, ...]:
    """Change of the predicted class's logit and share of flips, of the edit and its control.

    Of several labels the class is the most probable one, and a flip is that any label's decision
    changes at its threshold.
    """
    best = outcome.before.argmax(1)
    at = np.arange(len(best))
    after = outcome.before[:, None].astype(np.float64) + outcome.moved
    changes = outcome.moved[at, :, best].mean(0)
    was = bottleneck.taken(outcome.before, thresholds, link)
    flips = (bottleneck.taken(after, thresholds, link) != was[:, None]).any(2).mean(0)
    return (float(changes[0]), float(changes[1]), float(flips[0]), float(flips[1]))
