"""Everything the app shows about a bank's concepts, computed once from its codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core.maps import INDEX, scales
from core.metrics import association, statistics
from core.naming.hints import Members, hints, joined
from core.types import Targets, words_of
from precompute.banks import Codes, Description, FittedBank
from precompute.intake import Build
from precompute.naming import begin_layout, label_scores, layout_trust, nearest_concepts
from precompute.quality.colours import hints_by_colour

_BLOCK = 256
"""concepts described at once"""


def describe(title: str, fitted: FittedBank, codes: Codes, build: Build) -> Description:
    """`title`: of the bank."""
    directions = fitted.bank.directions.numpy()
    placing = begin_layout(directions, seed=build.seed)
    parts = [
        _block(fitted, codes, build, np.arange(start, min(start + _BLOCK, codes.n_concepts)))
        for start in range(0, codes.n_concepts, _BLOCK)
    ]
    concept = pd.concat([part.concept for part in parts], ignore_index=True)
    with build.log.attempt("hints", title):
        by_colour = hints_by_colour(codes, build)
        concept["hint"] = [joined(*pair) for pair in zip(concept["hint"], by_colour, strict=True)]
    tables = {
        name: pd.concat([part.tables[name] for part in parts], ignore_index=True)
        for name in parts[0].tables
    }
    x = y = np.full(len(directions), np.nan, dtype=np.float32)
    with build.log.attempt("layout", title):
        x, y, _ = placing.result()
        tables["layout_quality"] = layout_trust(directions, x, y, seed=build.seed)
    concept["umap_x"], concept["umap_y"] = x, y
    tables["neighbour"] = nearest_concepts(directions, codes.scores)
    return Description(concept, tables)


def _block(
    fitted: FittedBank, codes: Codes, build: Build, ids: Integer[np.ndarray, " k"]
) -> Description:
    scores = codes.scores[:, ids].toarray()
    on = scores > 0
    frame = pd.DataFrame({"concept_id": ids, **statistics.summary(scores)})
    sums = codes.sums
    n_tokens = codes.n_images * codes.n_tokens
    frame["map_scale"] = scales(sums["largest"][ids])
    frame["n_active"] = on.sum(0)
    frame["frequency"] = on.mean(0)
    frame["density"] = sums["n_on"][ids] / n_tokens
    frame["mean_map"] = list((sums["sums"][ids] / codes.n_images).astype(np.float32))
    frame["position_entropy"] = statistics.entropy(sums["magnitudes"][ids])
    frame["hint"] = hints(
        scores,
        sums["magnitudes"][ids],
        member=members(build),
        grid=build.grid,
    )
    peaks = _peaks(codes, ids)
    frame["peak_p99"] = [
        float(np.quantile(np.abs(rows["peak"]), 0.99)) if len(rows) else 0.0 for rows in peaks
    ]
    tables = {
        "histogram": _histograms(scores, ids, signed=fitted.bank.signed),
        **_examples(scores, ids, peaks, signed=fitted.bank.signed, seed=build.seed),
        "concept_class": _classes(scores, ids, build, frame),
        "label_score": label_scores(
            fitted.facts, codes, scores, ids, build, frame, words=words_of(fitted.bank)
        ),
    }
    return Description(frame, tables)


def _peaks(codes: Codes, ids: Integer[np.ndarray, " k"]) -> list[pd.DataFrame]:
    """Per concept: image, peak and peak_token of its listed images."""
    level = codes.image_level
    chosen = (level["concept"] >= ids[0]) & (level["concept"] <= ids[-1])
    frame = pd.DataFrame({name: values[chosen] for name, values in level.items()})
    groups = dict(iter(frame.groupby("concept")))
    nothing = frame.iloc[:0]
    return [groups.get(i, nothing) for i in ids]


def _histograms(
    scores: Float[np.ndarray, "n k"], ids: Integer[np.ndarray, " k"], *, signed: bool
) -> pd.DataFrame:
    made = [statistics.histogram(scores[:, j], signed=signed) for j in range(len(ids))]
    return pd.DataFrame(
        {
            "concept_id": ids,
            "lo": [h.lo for h in made],
            "hi": [h.hi for h in made],
            "counts": [h.counts for h in made],
            "n_zero": [h.n_zero for h in made],
        }
    )


def _examples(
    scores: Float[np.ndarray, "n k"],
    ids: Integer[np.ndarray, " k"],
    peaks: list[pd.DataFrame],
    *,
    signed: bool,
    seed: int,
) -> dict[str, pd.DataFrame]:
    groups, examples = [], []
    for j, concept_id in enumerate(ids):
        found = statistics.example_groups(scores[:, j], signed=signed, seed=seed + int(concept_id))
        listed = peaks[j].set_index("image")
        for g, group in enumerate(found):
            groups.append((concept_id, g, group.name, group.lo, group.hi, group.n))
            kept = listed.reindex(group.members)
            examples.append(
                pd.DataFrame(
                    {
                        "concept_id": concept_id,
                        "group_id": g,
                        "rank": range(len(group.members)),
                        "row": group.members,
                        "score": scores[group.members, j],
                        "peak": kept["peak"].fillna(0).to_numpy(),
                        "peak_token": kept["peak_token"].fillna(0).to_numpy(dtype=INDEX),
                    }
                )
            )
    columns = ["concept_id", "group_id", "name", "lo", "hi", "n"]
    return {
        "example_group": pd.DataFrame(groups, columns=columns),
        "example": pd.concat(examples, ignore_index=True),
    }


def _classes(
    scores: Float[np.ndarray, "n k"],
    ids: Integer[np.ndarray, " k"],
    build: Build,
    frame: pd.DataFrame,
) -> pd.DataFrame:
    known = build.class_of >= 0
    columns = ["concept_id", "class_id", "n", "mean", "difference", "auc"]
    if build.targets is not None:
        frame["class_entropy"] = np.nan  # labels of one image do not share its score
        return _labels(scores, ids, build.targets)
    if not known.any():
        frame["class_entropy"] = np.nan
        return pd.DataFrame({name: [] for name in columns})
    present = np.unique(build.class_of[known])
    member = association.one_hot(build.class_of[known], build.n_classes)[:, present]
    mine = scores[known]
    n = member.sum(0)
    inside = (mine.T @ member) / n
    rest = len(mine) - n
    with np.errstate(invalid="ignore", divide="ignore"):
        outside = np.where(rest > 0, (mine.sum(0)[:, None] - inside * n) / rest, inside)
    frame["class_entropy"] = statistics.entropy((np.abs(mine).T @ member) / n)
    k, y = inside.shape
    return pd.DataFrame(
        {
            "concept_id": np.repeat(ids, y),
            "class_id": np.tile(present, k),
            "n": np.tile(n.astype(np.int64), k),
            "mean": inside.ravel(),
            "difference": (inside - outside).ravel(),
            "auc": association.auc(mine, member).ravel(),
        }
    )


def _labels(
    scores: Float[np.ndarray, "n k"], ids: Integer[np.ndarray, " k"], targets: Targets
) -> pd.DataFrame:
    """Of each label that some image shows, over the images where it is known."""
    y = targets.y
    shown, absent = (y == 1).astype(np.float64), (y == 0).astype(np.float64)
    kept = np.flatnonzero(shown.any(0))
    shown, absent, n = shown[:, kept], absent[:, kept], shown[:, kept].sum(0)
    inside = (scores.T @ shown) / n
    n_absent = absent.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        outside = np.where(n_absent > 0, (scores.T @ absent) / n_absent, inside)
    k = len(ids)
    return pd.DataFrame(
        {
            "concept_id": np.repeat(ids, len(kept)),
            "class_id": np.tile(targets.classes[kept], k),
            "n": np.tile(n.astype(np.int64), k),
            "mean": inside.ravel(),
            "difference": (inside - outside).ravel(),
            "auc": association.auc(scores, y[:, kept]).ravel(),
        }
    )


def members(build: Build) -> Members:
    """Which class or which labels each image carries, for hints."""
    if build.targets is None:
        return Members(build.class_names, build.class_of)
    names = tuple(build.class_names[c] for c in build.targets.classes)
    return Members(names, several=build.targets.y)
