"""Can labels be read off concepts as well as off plain activations? Rows of the table `probe`.

Strengths of probes are chosen on the val split where there is one, and nothing is judged there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Integer

from core.kinds import ProbeKind
from core.metrics import association, learnability, probes
from core.metrics.learnability import Placements
from core.sampling import evenly
from data import write
from precompute.intake import Build

IMAGES, TARGETS = 2_000, 600
"""held-out images (and as many of the val split) and labels used at most"""
FOLDS = 5
TOP = 16
"""latents that the probe of kind "top" may read"""
_BLOCK = 32
"""labels probed at once"""


@dataclass(frozen=True)
class Baseline:
    """Which labels are probed on which images, and how the plain probe ranks them."""

    rows: Integer[np.ndarray, " m"]
    """held-out images, then those of the val split"""
    y: Float[np.ndarray, "m t"]
    """1, 0 or NaN"""
    targets: pd.DataFrame
    """labelled_id or class_id of each label"""
    fold: Integer[np.ndarray, " m"]
    """`probes.CHOSEN_ON` for those of the val split"""
    share: float
    """of the images that count as positive in normalised precision"""
    plain: list[Placements]

    @property
    def held(self) -> Bool[np.ndarray, " m"]:
        """Which of the images are judged."""
        return self.fold != probes.CHOSEN_ON

    def placed(self, scores: Float[np.ndarray, " m"], label: int) -> Placements:
        """Where a ranking puts the images that are judged."""
        y = np.where(self.held, self.y[:, label], np.nan)
        return learnability.placements(scores, y, self.fold)


class Ranking(NamedTuple):
    """How one kind of probe ranks the images by every label."""

    kind: ProbeKind
    scores: Float[np.ndarray, "m t"]
    found: list[Placements]
    n_latents: int
    """numbers of an image that a probe may read"""
    concept: Integer[np.ndarray, " t"] | None = None
    """read for each label, where it is a single one"""


def baseline(con: duckdb.DuckDBPyConnection, build: Build) -> Baseline | None:
    """Probes the labels on pooled activations and writes the rows; None without held-out labels.

    A label takes part with two held-out images of either kind.
    """
    found = _targets(build)
    if found is None:
        return None
    held, y, targets = found
    with build.log.timed("plain probes", len(targets), "labels"):
        n_classes = int(targets["class_id"].notna().sum())
        one_class = n_classes and build.targets is None
        share = 1 / n_classes if one_class else float(np.nanmean(y))
        chosen_on = build.chosen_on[evenly(len(build.chosen_on), IMAGES)]
        rows = np.concatenate([held, chosen_on])
        y = np.concatenate([y, _known(build, chosen_on, targets)])
        fold = np.full(len(rows), probes.CHOSEN_ON)
        n_folds = min(FOLDS, len(held) // 2)
        fold[: len(held)] = probes.folds(build.class_of[held], n=n_folds, seed=build.seed)
        x = probes.standardised(build.pooled[rows]).astype(np.float32)
        scores = probes.ranked(x[None], y, fold)
        out = Baseline(rows, y, targets, fold, share, [])
        out = replace(out, plain=_placed(scores, out))
        _put(con, None, out, Ranking("raw", scores, out.plain, x.shape[1]))
    return out


def _known(
    build: Build, rows: Integer[np.ndarray, " v"], targets: pd.DataFrame
) -> Float[np.ndarray, "v t"]:
    """Whether images show the labels: 1, 0, NaN unknown."""
    out = np.full((len(rows), len(targets)), np.nan)
    of = build.class_of[rows]
    for j, (label, class_id) in enumerate(
        zip(targets["labelled_id"], targets["class_id"], strict=True)
    ):
        if pd.notna(class_id) and build.targets is not None:
            at = np.searchsorted(build.targets.classes, int(class_id))
            out[:, j] = build.targets.y[rows, at]
        elif pd.notna(class_id):
            out[of >= 0, j] = of[of >= 0] == class_id
        elif build.presence is not None:
            out[:, j] = build.presence[rows, int(label)]
    return out


def put(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    scores: Float[np.ndarray, "n k"],
    base: Baseline | None,
    *,
    label_of: pd.Series,
) -> None:
    """The best single latent, and a probe on the best few, each chosen without the fold judged;
    and every latent on its own label, `label_of`: labelled_id or missing."""
    if base is None:
        return
    mine = scores[base.rows]
    _put_own(con, bank_id, mine, base, label_of)
    best, chosen = _best(mine, base)
    _put(con, bank_id, base, Ranking("latent", best, _placed(best, base), 1, chosen))
    top = _top(mine, base)
    n = min(TOP, mine.shape[1])
    _put(con, bank_id, base, Ranking("top", top, _placed(top, base), n))


def _targets(
    build: Build,
) -> tuple[Integer[np.ndarray, " m"], Float[np.ndarray, "m t"], pd.DataFrame] | None:
    """Images, labels and whose labels they are: labelled concepts first, then classes."""
    place = np.arange(len(build.held_out))
    if len(place) > IMAGES:
        place = np.random.default_rng(build.seed).choice(place, IMAGES, replace=False)
        place.sort()
    rows = build.held_out[place]
    parts, ids = [], []
    if build.labels is not None:
        parts.append(build.labels.test[place])
        ids += [{"labelled_id": j, "class_id": -1} for j in range(parts[0].shape[1])]
    of = build.class_of[rows]
    present = np.unique(of[of >= 0])
    if build.targets is not None:
        parts.append(build.targets.y[rows])
        ids += [{"labelled_id": -1, "class_id": int(c)} for c in build.targets.classes]
    elif len(present) > 1:
        parts.append(np.where(of[:, None] >= 0, of[:, None] == present, np.nan))
        ids += [{"labelled_id": -1, "class_id": int(c)} for c in present]
    if not parts:
        return None
    y, targets = np.concatenate(parts, axis=1), pd.DataFrame(ids)
    fewer = np.minimum((y == 1).sum(0), (y == 0).sum(0))
    kept = np.flatnonzero(fewer >= 2)
    if len(kept) > TARGETS:
        text = f"{len(kept)} labels could be probed; the {TARGETS} with the most even images are"
        build.log.notice("probes", "labels", ValueError(text))
        kept = np.sort(kept[np.argsort(-fewer[kept], kind="stable")[:TARGETS]])
    if not len(kept):
        return None
    named = targets.iloc[kept].reset_index(drop=True)
    return rows, y[:, kept], named.where(named >= 0)


def _put_own(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    scores: Float[np.ndarray, "m k"],
    base: Baseline,
    label_of: pd.Series,
) -> None:
    column = {int(v): j for j, v in enumerate(base.targets["labelled_id"]) if pd.notna(v)}
    rows: list[dict[str, Any]] = []
    for i, label in enumerate(label_of):
        j = None if pd.isna(label) else column.get(int(label))
        if j is None or np.isnan(base.plain[j].value).all():  # not probed; no fold has both kinds
            continue
        place = base.placed(scores[:, i], j)
        judged = ~np.isnan(place.value)
        area, gain = learnability.auc(place), learnability.auc_gain(place, base.plain[j])
        rows.append(
            {
                "bank_id": bank_id,
                "concept_id": i,
                "labelled_id": int(label),
                **dict(zip(("auc", "auc_lo", "auc_hi"), area, strict=True)),
                **dict(zip(("gain", "gain_lo", "gain_hi"), gain, strict=True)),
                "n": int(judged.sum()),
                "n_positive": int((judged & place.positive).sum()),
            }
        )
    if rows:
        write.frame(con, "concept_probe", pd.DataFrame(rows))


def _best(
    scores: Float[np.ndarray, "m k"], base: Baseline
) -> tuple[Float[np.ndarray, "m t"], Integer[np.ndarray, " t"]]:
    """Each label's best latent by AUC on the other folds; and which it is in most folds."""
    out = np.full(base.y.shape, np.nan)
    picks = []
    for f in range(int(base.fold.max()) + 1):
        left_out = base.fold == f
        others = base.held & ~left_out
        area = association.auc(scores[others], base.y[others])
        picks.append(np.nan_to_num(area, nan=-1).argmax(0))
        out[left_out] = scores[np.ix_(left_out, picks[-1])]
    votes = np.stack(picks)
    most = [int(np.bincount(votes[:, j]).argmax()) for j in range(votes.shape[1])]
    return out, np.array(most)


def _top(scores: Float[np.ndarray, "m k"], base: Baseline) -> Float[np.ndarray, "m t"]:
    """Probes on the latents whose means differ most, in deviations, on the other folds."""
    x = probes.standardised(scores).astype(np.float32)
    n_folds, n = int(base.fold.max()) + 1, min(TOP, x.shape[1])
    chosen = np.empty((base.y.shape[1], n_folds, n), dtype=np.int64)
    for f in range(n_folds):
        others = base.held & (base.fold != f)
        y, train = base.y[others], x[others]
        up, down = (
            train.T @ (y == kind).astype(np.float32) / np.maximum((y == kind).sum(0), 1)
            for kind in (1, 0)
        )
        chosen[:, f] = np.argsort(-np.abs(up - down), axis=0, kind="stable")[:n].T
    out = np.empty(base.y.shape)
    for start in range(0, base.y.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        features = x.T[chosen[block].reshape(-1, n)].transpose(0, 2, 1)
        out[:, block] = probes.ranked(np.ascontiguousarray(features), base.y[:, block], base.fold)
    return out


def _placed(scores: Float[np.ndarray, "m t"], base: Baseline) -> list[Placements]:
    return [base.placed(scores[:, j], j) for j in range(scores.shape[1])]


def _put(
    con: duckdb.DuckDBPyConnection,
    bank_id: int | None,
    base: Baseline,
    ranking: Ranking,
) -> None:
    scores, concept = ranking.scores, ranking.concept
    rows: list[dict[str, Any]] = []
    for j, place in enumerate(ranking.found):
        judged = ~np.isnan(place.value)
        area = learnability.auc(place)
        if not judged.any():
            continue  # no fold has both kinds
        nap, chance = learnability.mean_normalised_precision(
            scores[base.held, j], base.y[base.held, j], base.fold[base.held], share=base.share
        )
        gain = learnability.auc_gain(place, base.plain[j]) if bank_id is not None else None
        rows.append(
            {
                **base.targets.iloc[j],
                "concept_id": None if concept is None else int(concept[j]),
                "auc": area.value,
                "auc_lo": area.lo,
                "auc_hi": area.hi,
                "gain": gain.value if gain else None,
                "gain_lo": gain.lo if gain else None,
                "gain_hi": gain.hi if gain else None,
                "nap": nap,
                "nap_chance": chance,
                "n": int(judged.sum()),
                "n_positive": int((judged & place.positive).sum()),
            }
        )
    if not rows:
        return
    frame = pd.DataFrame(rows)
    frame["bank_id"], frame["kind"], frame["n_latents"] = bank_id, ranking.kind, ranking.n_latents
    for name in ("bank_id", "labelled_id", "class_id", "concept_id"):
        frame[name] = pd.to_numeric(frame[name]).astype("UInt32")
    write.frame(con, "probe", frame)
