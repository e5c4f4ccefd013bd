"""Words as concepts: sparse non-negative codes of tokens over a vocabulary's text directions.

SpLiCE (Bhalla et al. 2024, arXiv 2402.10376): an image's vector is a sparse non-negative mixture
of words, by the lasso, once the gap between images and texts is removed (`modality_gap`). Here
every patch token is coded instead of one vector an image, which needs tokens that live in the
space of the texts (layer "joint"). Two departures: tokens are not brought to length 1, so that
codes add up in the unit of the activations and a token near the mean shows no concept at all; and
the penalty is a share of the one at which a typical token's codes would all vanish, which means
the same for every model.

With gap = "cca" (SCoCCA, arXiv 2603.13884) the lasso runs in the canonical space, and each word's
direction is its atom taken back to activations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from core.concepts.common.concept_layer import lines_of, packed
from core.concepts.common.stored import Stored
from core.concepts.common.token_sample import refuse_non_finite
from core.concepts.factors import nnls
from core.concepts.words import modality_gap
from core.types import FitData, TextSide

CHUNK = 8192
"""tokens coded at once: their codes stay in the cache"""
TRIED = 4_000_000
"""codes solved to find the words that are used most"""


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows, in the space of activations"""
    offset: Float[Tensor, " d"]
    """the mean token"""
    atoms: Float[Tensor, "k r"]
    """what the lasso mixes, each taken back to activations of length 1"""
    penalty: Float[Tensor, ""]
    """alpha of |x - codes @ atoms|^2 / 2 + alpha * sum(codes)"""
    concept_text: UInt8[Tensor, " n"]
    project: Float[Tensor, "d r"] | None = None
    """centred tokens to the space of the atoms; None: they are there already"""
    signed = False

    @property
    def names(self) -> tuple[str, ...]:
        return lines_of(self.concept_text)

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        flat = (x - self.offset).reshape(-1, x.shape[-1])
        parts = [self._codes(part) for part in flat.split(CHUNK)]
        codes = torch.cat(parts) if parts else flat.new_zeros(0, len(self.atoms))
        return codes.reshape(*x.shape[:-1], len(self.atoms))

    def _codes(self, centred: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        z = centred if self.project is None else centred @ self.project
        return lasso(z, self.atoms, penalty=float(self.penalty))


def fit(
    data: FitData,
    *,
    n_concepts: int = 128,
    seed: int = 0,
    gap: str = "centre",
    penalty: float = 0.3,
    ridge: float = 0.01,
    max_rows: int = 20_000,
) -> Bank:
    """The words of the recipe's [text], `n_concepts` at most: those whose codes sum to most.

    gap: "centre" or "cca" (`ridge`: share of a covariance's mean eigenvalue added to all).
    penalty: 0..1; at 1 half of the tokens would have no code at all. max_rows: tokens looked at.
    Raises ValueError without words, and where tokens and words do not share a space.
    """
    text = _text(data)
    if gap not in ("centre", "cca"):
        raise ValueError(f"gap is {gap!r}; it must be 'centre' or 'cca'")
    if not 0 < penalty < 1:
        raise ValueError(f"penalty is {penalty}; it must lie between 0 and 1, both excluded")
    x = data.tokens.sample(max_rows, seed=seed)
    refuse_non_finite(x)
    data.progress(f"{len(text.words)} words, {len(x)} tokens of width {x.shape[1]}")
    tokens = x.numpy()
    words = _spread(text, tokens)
    if gap == "cca":
        space = modality_gap.cca(tokens, modality_gap.pairs(tokens, words), ridge=ridge)
    else:
        space = modality_gap.centre(tokens, words)
    atoms = (words - space.texts_mean) @ space.texts
    back = atoms @ space.back
    size = np.linalg.norm(back, axis=1)
    distinct = size > 1e-6 * size.max()
    if not distinct.any():
        raise ValueError(
            f"the {len(words)} words of {text.origin} are one and the same to the model, so no "
            "token can be told by them; give words that differ"
        )
    names = np.array(text.words, dtype=object)[distinct]
    atoms, back = (_tensor(a[distinct] / size[distinct, None]) for a in (atoms, back))
    project = _tensor(space.images) if gap == "cca" else None
    offset = _tensor(space.images_mean)
    z = (x - offset) if project is None else (x - offset) @ project
    alpha = penalty * (z @ atoms.T).amax(1).median().clamp_min(1e-12)
    used = _most_used(z, atoms, alpha, n_concepts=n_concepts)
    return Bank(
        directions=back[used],
        offset=offset,
        atoms=atoms[used],
        penalty=alpha,
        concept_text=packed(tuple(str(names[i]) for i in used.tolist())),
        project=project,
    )


def lasso(
    x: Float[Tensor, "n r"], atoms: Float[Tensor, "k r"], *, penalty: float
) -> Float[Tensor, "n k"]:
    """Non-negative codes, row by row, of least |x - codes @ atoms|^2 / 2 + penalty * sum(codes).

    For codes that cannot be negative the penalty is linear, so this is non-negative least squares
    with every correlation lowered by the penalty (`core.concepts.factors.nnls`).
    """
    target, gram = atoms @ x.T - penalty, atoms @ atoms.T
    codes = (target / gram.diagonal().clamp_min(nnls.EPS)[:, None]).clamp_min(0) / len(atoms)
    nnls.solve(codes, target, gram, sweeps=2000, tol=1e-5)
    return codes.T


def _text(data: FitData) -> TextSide:
    if data.text is None:
        raise ValueError(
            "text needs words: give the recipe a [text] table with a vocabulary, a file of one "
            "word or phrase a line, and a CLIP-like model as its backbone (if it has one, the "
            "notice on texts says why it could not be used)"
        )
    if not data.text.joint:
        raise ValueError(
            "text codes tokens by words, but these tokens do not live where the model's words "
            'do; set layer = "joint" in [backbone], with the CLIP-like model of [text] as backbone'
        )
    return data.text


def _spread(text: TextSide, tokens: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "v d"]:
    if text.words_in.shape[1] != tokens.shape[1]:
        raise ValueError(
            f"tokens have {tokens.shape[1]} numbers and words {text.words_in.shape[1]}; use the "
            'model of [text] as the backbone, at layer = "joint"'
        )
    return text.words_in.astype(np.float64)


def _most_used(
    z: Float[Tensor, "n r"], atoms: Float[Tensor, "k r"], alpha: Tensor, *, n_concepts: int
) -> Tensor:
    """Indices in order of the vocabulary; of equally used words the first."""
    if not n_concepts or n_concepts >= len(atoms):
        return torch.arange(len(atoms))
    some = z[:: max(1, len(z) * len(atoms) // TRIED)]
    parts = [lasso(part, atoms, penalty=float(alpha)) for part in some.split(CHUNK)]
    use = torch.cat(parts).double().sum(0)
    return use.sort(descending=True, stable=True).indices[:n_concepts].sort().values


def _tensor(x: Float[np.ndarray, "*n"]) -> Float[Tensor, "*n"]:
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
