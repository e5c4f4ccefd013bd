"""Names for concepts from words: where a concept lies among images and texts, and what is nearest.

Images and texts of a CLIP-like model lie apart in their common space (the modality gap), so both
are taken about their own mean before they are compared. Two ways to place a concept:

* its own direction, where tokens live in the space (as DN-CBM does, Rao et al. 2024,
  arXiv 2407.14499, section 3.2; there without centring),
* else from the images that it is active on, as CLIP-Dissect does (Oikarinen & Weng 2023,
  arXiv 2204.10965). That paper compares a concept's activations with each word's similarity over
  a probing set; here the images are averaged first, so that a place is kept and not the images,
  and another vocabulary needs only the places.

The best of many words always has some cosine, so each way comes with places that mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer
from scipy.sparse import csc_array, csr_array

MIN_MARGIN = 0.01
"""cosine by which the best word must lead the second best"""
QUANTILE = 0.95
"""of the best cosines that meaningless places reach: what a name has to exceed"""
N_BEST = 5
N_CONTROL = 200
STRONGEST, FEWEST, MOST = 0.2, 10, 500
"""share of the images that place a concept, and bounds on their number; with a twentieth, few
concepts of 300 images rise above chance, and beyond a fifth hardly more do"""
LEAST = 5
"""images below which they place none"""
_BLOCK = 512
"""concepts compared with all words at once"""


@dataclass(frozen=True)
class Placed:
    """Concepts in the space of the words. Only differences: the mean image is taken off."""

    concept: Integer[np.ndarray, " p"]
    """which ones could be placed, ascending"""
    vectors: Float[np.ndarray, "p e"]
    n: Integer[np.ndarray, " p"]
    """images behind each; 0: its direction"""
    control: Float[np.ndarray, "c e"]
    how: str
    """"direction" or "images", as schema.sql has it"""


@dataclass(frozen=True)
class Names:
    best: Integer[np.ndarray, "p r"]
    """words, nearest first"""
    cosine: Float[np.ndarray, "p r"]
    margin: Float[np.ndarray, " p"]
    """of the best word over the second best"""
    named: Bool[np.ndarray, " p"]
    chance: float
    """what a name's cosine has to exceed"""
    control_named: float
    """share of the control that takes a name, 0..1"""


def by_direction(
    directions: Float[np.ndarray, "k d"], images_in: Float[np.ndarray, "n d"], *, seed: int
) -> Placed:
    """A direction without its share of the mean image, which every image has and no word explains:
    banks that do not centre (NMF, k-means) give directions that are mostly that.

    Control: random directions that vary as the images do.
    """
    mean = images_in.astype(np.float64).mean(0)
    norm = np.linalg.norm(mean)
    unit = mean / norm if norm > 0 else mean

    def without(rows: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        return rows - np.outer(rows @ unit, unit)

    mixture = np.random.default_rng(seed).standard_normal((N_CONTROL, len(images_in)))
    control = without(mixture @ (images_in - mean)) / np.sqrt(len(images_in))
    found = without(directions.astype(np.float64))
    own = np.linalg.norm(directions, axis=1)
    kept = np.flatnonzero(np.linalg.norm(found, axis=1) > 1e-6 * np.where(own > 0, own, np.inf))
    return Placed(kept, found[kept], np.zeros(len(kept), dtype=np.int64), control, "direction")


def by_images(scores: csc_array, images_in: Float[np.ndarray, "n e"], *, seed: int) -> Placed:
    """Mean of the images with the largest positive scores, weighted by score, minus that of all.

    `scores` is n x k. A concept with fewer than `LEAST` such images has no place. Control: the
    weights of concepts drawn at random, put on images drawn at random.
    """
    n, n_concepts = scores.shape
    most = min(n, int(np.clip(round(STRONGEST * n), FEWEST, MOST)))
    concept, rows, weights = [], [], []
    for k in range(n_concepts):
        own = slice(scores.indptr[k], scores.indptr[k + 1])
        values, image = scores.data[own], scores.indices[own]
        order = np.lexsort((image, -values))[:most]
        order = order[values[order] > 0]
        if len(order) >= LEAST:
            concept.append(k)
            rows.append(image[order])
            weights.append(values[order] / values[order].sum())
    mean = images_in.astype(np.float64).mean(0)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(concept), size=N_CONTROL) if concept else np.arange(0)
    shuffled = [rng.choice(n, size=len(rows[i]), replace=False) for i in drawn]
    return Placed(
        np.array(concept, dtype=np.int64),
        _mixed(rows, weights, images_in) - mean,
        np.array([len(r) for r in rows], dtype=np.int64),
        _mixed(shuffled, [weights[i] for i in drawn], images_in) - mean,
        "images",
    )


def _mixed(
    rows: Sequence[np.ndarray], weights: Sequence[np.ndarray], images_in: Float[np.ndarray, "n e"]
) -> Float[np.ndarray, "p e"]:
    if not rows:
        return np.zeros((0, images_in.shape[1]))
    ends = np.cumsum([0, *map(len, rows)])
    shape = (len(rows), len(images_in))
    mixture = csr_array((np.concatenate(weights), np.concatenate(rows), ends), shape=shape)
    return np.asarray(mixture @ images_in.astype(np.float64))


def read_alike(words: Sequence[str], words_in: Float[np.ndarray, "v e"]) -> dict[int, int]:
    """Words that the model reads as an earlier one ("Red" as "red"): index -> that one's.

    Neither could ever lead the other.
    """
    first: dict[str, int] = {}
    out = {}
    for i, word in enumerate(words):
        earlier = first.setdefault(word.casefold(), i)
        if earlier != i and np.allclose(words_in[i], words_in[earlier], atol=1e-4):
            out[i] = earlier
    return out


def name(
    vectors: Float[np.ndarray, "p e"],
    control: Float[np.ndarray, "c e"],
    words_in: Float[np.ndarray, "v e"],
    *,
    min_margin: float = MIN_MARGIN,
) -> Names:
    """The nearest words of each vector by cosine, words about their mean.

    A vector takes the first as its name when its cosine exceeds what 95 % of the control reaches,
    and leads the second by `min_margin`. So up to 1 in 20 concepts without meaning passes the
    former. Raises ValueError for fewer than two words, and where there is no control.
    """
    if len(words_in) < 2:
        raise ValueError(
            f"a vocabulary of {len(words_in)} words names nothing: a name must lead a second-best "
            "word; give two or more"
        )
    if not len(control):
        raise ValueError(
            f"no concept is active on {LEAST} train images or more, so none has a place among words"
        )
    centred = words_in.astype(np.float64)
    centred = _unit(centred - centred.mean(0))
    best, cosine = _nearest(vectors, centred)
    _, luck = _nearest(control, centred)
    chance = float(np.quantile(luck[:, 0], QUANTILE))

    def passes(found: Float[np.ndarray, "m r"]) -> Bool[np.ndarray, " m"]:
        return (found[:, 0] > chance) & (found[:, 0] - found[:, 1] >= min_margin)

    return Names(
        best,
        cosine,
        cosine[:, 0] - cosine[:, 1],
        passes(cosine),
        chance,
        float(passes(luck).mean()),
    )


def _unit(rows: Float[np.ndarray, "m e"]) -> Float[np.ndarray, "m e"]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def _nearest(
    vectors: Float[np.ndarray, "m e"], words: Float[np.ndarray, "v e"]
) -> tuple[Integer[np.ndarray, "m r"], Float[np.ndarray, "m r"]]:
    r = min(N_BEST, len(words))
    best = np.zeros((len(vectors), r), dtype=np.int64)
    cosine = np.zeros((len(vectors), r))
    for start in range(0, len(vectors), _BLOCK):
        here = slice(start, start + _BLOCK)
        found = _unit(vectors[here].astype(np.float64)) @ words.T
        some = np.sort(np.argpartition(-found, r - 1, axis=1)[:, :r], axis=1)
        values = np.take_along_axis(found, some, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")  # ties: the word that comes first
        best[here] = np.take_along_axis(some, order, axis=1)
        cosine[here] = np.take_along_axis(values, order, axis=1)
    return best, cosine
