"""Heads: accuracy with few concepts, and whether concepts matter, exist and lie right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from core.bottleneck import probabilities, taken
from core.measure import Measure, mean_of
from core.metrics import cgim, clm, existence
from core.metrics.perturbation import accuracy_by_effective_concepts
from core.types import Head
from precompute.banks import LabelledScores
from precompute.heads import Fitted, logits_of, macro
from precompute.intake import Build
from precompute.quality.rows import MetricRow

LENGTHS = (1, 3, 5)
SIZES = (5, 10, 15, 20, 25, 30)
Variant = tuple[tuple[str, str | int], ...]


class Reading(NamedTuple):
    """A head over concepts. Classes are rows of the head; -1: not one of them."""

    head: Head
    sparse: bool
    linear: bool
    target: Integer[np.ndarray, " n"]
    images: Integer[np.ndarray, " p"]
    """each image or, of several labels, as often as a label is said of it at its threshold"""
    predicted: Integer[np.ndarray, " p"]
    """what is said of these"""
    right: Bool[np.ndarray, " p"]
    """whether it is known to be true"""
    probs: Float[np.ndarray, "n y"]
    class_ids: Integer[np.ndarray, " y"]


def read(fitted: Fitted, concepts: LabelledScores, build: Build, *, sparse: bool) -> Reading:
    class_ids = fitted.classes
    place = np.full(max(build.n_classes, int(class_ids.max()) + 1) + 1, -1)
    place[class_ids] = np.arange(len(class_ids))
    # an unlabelled image is -1, which takes the last place, always -1 itself
    target = place[build.class_of]
    logits = logits_of(fitted, concepts.scores)
    probs = probabilities(logits, fitted.head.link)
    images, predicted = np.nonzero(taken(logits, fitted.thresholds, fitted.head.link))
    right = predicted == target[images]
    if build.targets is not None:
        at = np.searchsorted(build.targets.classes, class_ids[predicted])
        at = np.minimum(at, len(build.targets.classes) - 1)
        labelled = build.targets.classes[at] == class_ids[predicted]
        right = labelled & (build.targets.y[images, at] == 1)
    return Reading(
        fitted.head, sparse, fitted.linear, target, images, predicted, right, probs, class_ids
    )


def accuracies(reading: Reading, concepts: LabelledScores, build: Build) -> list[MetricRow]:
    if build.targets is not None:
        return _of_labels(reading, build)
    out = []
    fitted_to = concepts.scores[build.train]
    for split in dict.fromkeys(build.split):
        rows = np.flatnonzero((build.split == split) & (reading.target >= 0))
        if not len(rows):
            continue
        target = reading.target[rows]
        chance = float(np.bincount(target).max() / len(rows))
        value = float((reading.predicted[rows] == target).mean())
        out.append(MetricRow("head", "class_accuracy", Measure(value, chance, len(rows)), split))
        if not reading.sparse:
            continue
        # beyond the first, a size that the bank does not have would count one head twice
        sizes = [n for n in SIZES if n == SIZES[0] or n <= concepts.scores.shape[1]]
        few = accuracy_by_effective_concepts(
            reading.head, concepts.scores[rows], target, sizes=sizes, fitted_to=fitted_to
        )
        out.append(MetricRow("head", "nec_accuracy", few[0], split, (("n", sizes[0]),)))
        mean = Measure(float(np.mean([m.value for m in few])), chance, len(rows))
        out.append(MetricRow("head", "anec_accuracy", mean, split, (("n", _listed(sizes)),)))
    return out


def _of_labels(reading: Reading, build: Build) -> list[MetricRow]:
    out = []
    for split in dict.fromkeys(build.split):
        area, precise = macro(build, reading.class_ids, reading.probs, split).measures
        out.append(MetricRow("head", "macro_auc", area, split))
        out.append(MetricRow("head", "macro_ap", precise, split))
    return out


def _listed(sizes: list[int]) -> str:
    return ", ".join(map(str, sizes))


def importance(reading: Reading, concepts: LabelledScores, build: Build) -> list[MetricRow]:
    """CGIM on held-out images. Raises ValueError where no class has a correct image."""
    held_out = build.held_out
    rows = held_out[reading.target[held_out] >= 0]
    if build.presence is None or not concepts.probes or not len(rows):
        return []
    target, predicted = reading.target[rows], reading.predicted[rows]
    if not (target == predicted).any():
        raise ValueError(
            "no class has a correctly classified held-out image, so the importance of concepts "
            "(CGIM) cannot be measured"
        )
    labels = build.presence[rows][:, concepts.label_of]
    out, splits = [], build.held_out_splits
    for v in cgim.DEFINITIONS:
        shown = cgim.presence(labels, target, n_classes=len(reading.head.weight), definition=v)
        found = cgim.cgim(
            reading.head.weight,
            concepts.scores[rows],
            classes=target,
            predicted=predicted,
            shown=shown,
        )
        for name, part in (
            ("cgim1", found.weights),
            ("cgim2", found.scores),
            ("cgim3", found.products),
        ):
            pairs = (
                ("cosine", part.cosine, part.chance),
                ("pearson", part.pearson, np.zeros_like(part.chance)),
            )
            for compare, values, chances in pairs:
                variant = (("compare", compare), ("v", v))
                out.append(
                    MetricRow(
                        "head", name, mean_of(values, chances), build.held_out_splits, variant
                    )
                )
                out += [
                    MetricRow(
                        "concept",
                        name,
                        Measure(float(value), float(chance), found.n_classes),
                        splits,
                        variant,
                        j,
                    )
                    for j, (value, chance) in enumerate(zip(values, chances, strict=True))
                ]
    return out


def presence(reading: Reading, concepts: LabelledScores, build: Build) -> list[MetricRow]:
    """CEM on every split that nothing was fitted on; by the classes' labels where images have
    none, and then marked so."""
    if build.presence is None or not concepts.probes:
        return []
    level: Variant = () if build.by_image else (("labels", "class"),)
    k = concepts.scores.shape[1]
    out = []
    for split in build.judged:
        said = np.flatnonzero(build.split[reading.images] == split)
        rows, right = reading.images[said], np.flatnonzero(reading.right[said])
        for length in (n for n in LENGTHS if n <= k):
            found = existence.cem(
                reading.head.weight,
                concepts.scores[rows],
                build.presence[rows][:, concepts.label_of],
                predicted=reading.predicted[said],
                length=length,
            )
            for images, chosen in (("all", None), ("correct", right)):
                for evidence, measure in existence.summary(found, chosen).items():
                    variant: Variant = (("evidence", evidence), ("images", images), ("l", length))
                    variant += level
                    out.append(MetricRow("head", "cem", measure, split, variant))
    return out


def location(reading: Reading, concepts: LabelledScores, build: Build) -> list[MetricRow]:
    """CLM on held-out images with points; a concept is looked for where it is present. By the
    concepts that have a part, and by all of them."""
    if build.presence is None or not concepts.probes or not len(build.points.images):
        return []
    parts = [build.parts[label] for label in concepts.label_of]
    n_located = sum(part is not None for part in parts)
    lengths = [n for n in LENGTHS if n <= n_located]
    if not lengths:
        return []
    said = np.flatnonzero(np.isin(reading.images, build.points.images))
    placed = reading.images[said]
    weighed = existence.contributions(
        reading.head.weight, concepts.scores[placed], reading.predicted[said]
    )
    order = np.argsort(build.points.images)
    pictures = [
        build.points.pictures[i]
        for i in order[np.searchsorted(build.points.images, placed, sorter=order)]
    ]
    out = []
    for ranked in ("placed", "all"):
        judged = clm.judge(
            weighed,
            pictures,
            parts=parts,
            map_of=lambda i, j: concepts.codes(int(placed[i]))[:, j].reshape(build.grid),
            length=lengths[-1],
            present=build.presence[placed][:, concepts.label_of] if build.by_image else None,
            placed=ranked == "placed",
        )
        for length in lengths:
            for alpha in clm.ALPHAS:
                for denominator, measure in clm.clm(judged, length=length, alpha=alpha).items():
                    variant: Variant = (("alpha", alpha), ("denominator", denominator))
                    variant += (("l", length), ("ranked", ranked))
                    out.append(MetricRow("head", "clm", measure, build.held_out_splits, variant))
            if ranked == "all":
                share = judged.placeless[:, :length].mean(1)
                among = np.full(len(share), 1 - n_located / len(parts))
                found = mean_of(share, among)
                row = MetricRow("head", "placeless", found, build.held_out_splits, (("l", length),))
                out.append(row)
    return out
