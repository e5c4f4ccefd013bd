"""Removing the gap between images and texts before one is described by the other.

CLIP-like models keep images and texts in two separate cones (Liang et al. 2022, arXiv 2203.02053):
a word's vector is nearer to every other word than to any image. Two remedies:

* centring, as SpLiCE does (Bhalla et al. 2024, arXiv 2402.10376, section 4.1): each side minus its
  own mean;
* canonical correlation analysis, as in SCoCCA (Gordon et al. 2026, arXiv 2603.13884): with
  Sigma_xx^-1/2 Sigma_xy Sigma_yy^-1/2 = U S V^T, images go to U^T Sigma_xx^-1/2 (x - m_x) and
  texts to V^T Sigma_yy^-1/2 (y - m_y), where the two sides correlate axis by axis, most first.

CCA needs pairs. SCoCCA has captions; a build has words alone, so `pairs` gives each token the words
nearest to it once both sides are centred. That is our own stand-in, and it can only sharpen an
agreement that centring already shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

NEAREST = 5
"""words that make a token's stand-in for a caption"""


@dataclass(frozen=True)
class Aligned:
    """Both sides in one space of r dimensions; the images' way there can be undone."""

    images_mean: Float[np.ndarray, " d"]
    texts_mean: Float[np.ndarray, " e"]
    images: Float[np.ndarray, "d r"]
    texts: Float[np.ndarray, "e r"]
    back: Float[np.ndarray, "r d"]
    """to image space; (x - images_mean) @ images @ back is x's part that the r axes hold"""
    correlation: Float[np.ndarray, " r"]
    """of the two sides along each axis, 0..1; NaN where it was not measured"""


def centre(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "v d"]) -> Aligned:
    """Each side minus its own mean, nothing else."""
    same = np.eye(x.shape[1])
    unknown = np.full(x.shape[1], np.nan)
    return Aligned(_mean(x), _mean(y), same, same, same, unknown)


def cca(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n e"], *, ridge: float) -> Aligned:
    """Canonical correlation of paired rows; `ridge` is added to either covariance's eigenvalues, as
    a share of their mean.

    Raises ValueError for fewer than two pairs, and for a ridge that is not positive (covariances
    of few or dependent rows have no inverse without one).
    """
    if len(x) < 2 or len(x) != len(y):
        raise ValueError(f"CCA needs two or more pairs, not {len(x)} images and {len(y)} texts")
    if not ridge > 0:
        raise ValueError(f"ridge is {ridge}; CCA needs one above 0, such as 0.01")
    a, b = (side.astype(np.float64) - _mean(side) for side in (x, y))
    root_x, inverse_x = _roots(a.T @ a / len(a), ridge=ridge)
    _, inverse_y = _roots(b.T @ b / len(b), ridge=ridge)
    u, s, vt = np.linalg.svd(inverse_x @ (a.T @ b / len(a)) @ inverse_y, full_matrices=False)
    return Aligned(_mean(x), _mean(y), inverse_x @ u, inverse_y @ vt.T, u.T @ root_x, s)


def pairs(
    x: Float[np.ndarray, "n d"], words: Float[np.ndarray, "v d"], *, nearest: int = NEAREST
) -> Float[np.ndarray, "n d"]:
    """For each row, the mean of the words nearest to it by cosine after centring both sides."""
    tokens, centred = _rows(x - _mean(x)), _rows(words - _mean(words))
    n = min(nearest, len(words))
    out = np.empty((len(x), words.shape[1]))
    for start in range(0, len(x), 4096):
        likeness = tokens[start : start + 4096] @ centred.T
        chosen = np.argpartition(-likeness, n - 1, axis=1)[:, :n]
        out[start : start + 4096] = words[chosen].mean(1)
    return out


def _mean(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    return x.mean(0, dtype=np.float64)


def _rows(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _roots(
    covariance: Float[np.ndarray, "d d"], *, ridge: float
) -> tuple[Float[np.ndarray, "d d"], Float[np.ndarray, "d d"]]:
    """Its square root and the inverse of that."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0) + ridge * max(values.mean(), 1e-12)
    return (vectors * np.sqrt(values)) @ vectors.T, (vectors / np.sqrt(values)) @ vectors.T
