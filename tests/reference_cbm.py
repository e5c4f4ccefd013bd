"""Slow twins, written from the definitions with loops: what the fast code must agree with."""

from __future__ import annotations

import itertools
import math

import numpy as np


def softmax(z: np.ndarray) -> np.ndarray:
    powers = [math.exp(v - max(z)) for v in z]
    return np.array(powers) / sum(powers)


def logits(weight: np.ndarray, bias: np.ndarray, row: np.ndarray) -> np.ndarray:
    out = [float(b) for b in bias]
    for y in range(len(bias)):
        for k in range(len(row)):
            out[y] += float(weight[y, k]) * float(row[k])
    return np.array(out)


def cosine(a: list[float], b: list[float]) -> float:
    norms = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms if norms else math.nan


def pearson(a: list[float], b: list[float]) -> float:
    return cosine([x - sum(a) / len(a) for x in a], [x - sum(b) / len(b) for x in b])


def cgim(
    weight: np.ndarray, scores: np.ndarray, y: np.ndarray, predicted: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, list[int]]:
    """[concept, variant] cosines, and the classes left out."""
    kept, means = [], []
    for c in range(len(weight)):
        rows = [i for i in range(len(y)) if y[i] == c and predicted[i] == c]
        if rows:
            kept.append(c)
            means.append([sum(scores[i, j] for i in rows) / len(rows) for j in range(len(v[0]))])
    out = np.zeros((weight.shape[1], 3))
    for j in range(weight.shape[1]):
        shown = [v[c, j] for c in kept]
        w, u = [weight[c, j] for c in kept], [m[j] for m in means]
        out[j] = [cosine(x, shown) for x in (w, u, [a * b for a, b in zip(w, u, strict=True)])]
    return out, [c for c in range(len(weight)) if c not in kept]


def cem(
    weight: np.ndarray, score: np.ndarray, label: np.ndarray, predicted: int, length: int
) -> float:
    """One image; unknown labels are left out of the ranking."""
    known = [j for j in range(len(score)) if not math.isnan(label[j])]
    ranked = sorted(known, key=lambda j: (-weight[predicted, j] * score[j], j))
    if len(known) < length:
        return math.nan
    return sum(label[j] == 1 for j in ranked[:length]) / length


def bilinear(map: np.ndarray, view: tuple[float, ...], width: int, height: int) -> dict:
    """(row, column) -> value, for the pixels whose centre is in view."""
    h, w = map.shape
    out = {}
    for r in range(height):
        for c in range(width):
            y = ((r + 0.5) / height - view[1]) / (view[3] - view[1])
            x = ((c + 0.5) / width - view[0]) / (view[2] - view[0])
            if not (0 <= y < 1 and 0 <= x < 1):
                continue
            gy, gx = min(max(y * h - 0.5, 0), h - 1), min(max(x * w - 0.5, 0), w - 1)
            total = 0.0
            for i in range(h):
                for j in range(w):
                    total += map[i, j] * max(0, 1 - abs(gy - i)) * max(0, 1 - abs(gx - j))
            out[r, c] = total
    return out


def clm_hit(values: np.ndarray, pixels: list[tuple[int, int]], n_on: int) -> float:
    """Share of all ways to break the ties at the edge that include one of the pixels."""
    places = [(r, c) for r in range(values.shape[0]) for c in range(values.shape[1])]
    places.sort(key=lambda p: -values[p])
    edge = values[places[n_on - 1]]
    sure = {p for p in places if values[p] > edge}
    tied = [p for p in places if values[p] == edge]
    ways = [sure | set(pick) for pick in itertools.combinations(tied, n_on - len(sure))]
    return sum(any(p in omega for p in pixels) for omega in ways) / len(ways)


def greedy(
    weight: np.ndarray,
    bias: np.ndarray,
    row: np.ndarray,
    values: np.ndarray,
    true: int,
    groups: np.ndarray,
) -> list[int]:
    """Group numbers in the order that each time makes the true class most probable."""
    ids = sorted(set(groups.tolist()))
    now, order = row.astype(float).copy(), []
    while len(order) < len(ids):
        best = None
        for g in range(len(ids)):
            if g in order:
                continue
            tried = np.where(groups == ids[g], values, now)
            p = softmax(logits(weight, bias, tried))[true]
            if best is None or p > best[0]:
                best = (p, g)
        order.append(best[1])
        now = np.where(groups == ids[best[1]], values, now)
    return order


def entropy(p: np.ndarray) -> float:
    return -sum(v * math.log2(v) for v in p if v > 0)


def expected_gain(
    weight: np.ndarray,
    bias: np.ndarray,
    row: np.ndarray,
    k: int,
    *,
    chance: float,
    present: float,
    absent: float,
) -> float:
    now = entropy(softmax(logits(weight, bias, row)))
    then = 0.0
    for value, p in ((present, chance), (absent, 1 - chance)):
        tried = row.copy()
        tried[k] = value
        then += p * entropy(softmax(logits(weight, bias, tried)))
    return now - then


def conditional(labels: np.ndarray, c: int, state: int, other: int) -> tuple[float, int]:
    """p(other present | c in state) with one image of each kind added, and the images counted."""
    n = shown = 0
    for row in labels:
        if row[c] == state and not math.isnan(row[other]):
            n += 1
            shown += int(row[other] == 1)
    return (shown + 1) / (n + 2), n
