"""Concept-based similarity reasoning: a concept is a few prototypes, a map says how like them.

Huy et al. 2025, CVPR, "Interactive Medical Image Analysis with Concept-based Similarity Reasoning"
(CSR, arXiv 2503.06873). Three phases on frozen tokens f(h, w):

1. A 1x1 head without bias, cam^k = w_k . f; its mean over the image is trained by BCE to the label.
   The local concept vector is v^k = sum_hw softmax_hw(cam^k) f(h, w) (equation 2).
2. A projector P onto the unit sphere and prototypes p_km, trained by a SoftTriple-like loss on the
   v^k of concepts that are present (`core.concepts.bottlenecks.prototypes`).
3. S_km(h, w) = <p_km, P f(h, w)>; the score is the largest over the image (equation 10), and a
   linear head reads classes off scores (kind `own`).

A concept of this bank keeps one map, max over its prototypes, so that its score is the largest of
theirs; the paper's head reads all prototypes apart. Prototypes nearest to no train image are
pruned; what the paper calls the atlas, the train image and token most like each prototype, is kept
(by the largest cosine; the printed argmin is a slip). The paper rejects a concept by setting it to
0, a similarity that absent concepts do not have; the app's "absent" value is the median where it is
absent. `directions` are the rows w_k of the first phase.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from core.concepts.bottlenecks import csr_training, supervised
from core.concepts.bottlenecks.prototypes import Atlas, Projector, atlas, project, similarity
from core.concepts.common.stored import Stored
from core.heads import fit_probe
from core.types import FitData, Head, Readout

_TITLE = "csr"
_TOKENS = 16_384
"""projected at once"""


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows"""
    projector: Float[Tensor, "p d"]
    shift: Float[Tensor, " p"]
    blocks: Float[Tensor, "b p p"]
    prototypes: Float[Tensor, "k m p"]
    """unit rows"""
    alive: Integer[Tensor, "k m"]
    """0: pruned; every concept has at least one"""
    hits: Integer[Tensor, "k m"]
    """train images whose nearest prototype of the concept it is"""
    exemplar: Integer[Tensor, "k m 2"]
    """train image (row of `FitData.pooled`) and token most like it"""
    head_weight: Float[Tensor, "y k"] | None = None
    """logit per unit of cosine; None: no class was labelled"""
    head_bias: Float[Tensor, " y"] | None = None
    head_classes: Integer[Tensor, " y"] | None = None
    measured: list[dict[str, float]] = field(default_factory=list)
    """label (index into Labels.names), train_auc, n_prototypes (alive)"""
    signed = True
    offset = None

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Cosine -1..1 of each projected token with the concept's nearest prototype."""
        flat = x.reshape(-1, x.shape[-1])
        net = Projector(self.projector, self.shift, self.blocks)
        found = [
            similarity(project(part, net), self.prototypes, self.alive).amax(-1)
            for part in flat.split(_TOKENS)
        ]
        return torch.cat(found).reshape(*x.shape[:-1], len(self.directions))

    @property
    def readout(self) -> Readout | None:
        if self.head_weight is None or self.head_bias is None or self.head_classes is None:
            return None
        return Readout(
            Head(self.head_weight.numpy(), self.head_bias.numpy()),
            self.head_classes.numpy(),
            "Linear layer on the largest similarity of each concept, trained on the train images "
            "after the prototypes.",
        )


@torch.inference_mode(mode=False)
def fit(
    data: FitData,
    *,
    n_concepts: int = 0,
    seed: int = 0,
    min_each: int = 5,
    n_prototypes: int = 10,
    width: int = 64,
    scale: float = 20.0,
    gamma: float = 10.0,
    margin: float = 0.1,
    n_epochs: int = 8,
    lr: float = 3e-3,
    max_vectors: int = 40_000,
    prune: bool = True,
) -> Bank:
    """The three phases, for labelled concepts that vary enough (`min_each`).

    `scale` and `margin` are the paper's lambda and delta. Its gamma 1000 chooses one prototype
    outright, which starves the others; 10 is SoftTriple's own. It has 100 prototypes a concept of
    width 256. Prototypes nearest to no local vector in an epoch start again at one of them. Raises
    ValueError without labels or whole maps, and when training diverges.
    """
    chosen = supervised.learnable(data, n_concepts=n_concepts, min_each=min_each, title=_TITLE)
    assert data.labels is not None
    if data.images is None:
        raise ValueError("csr looks at whole maps, and this source of tokens gives none")
    if n_prototypes < 1 or n_epochs < 1:
        raise ValueError(
            f"n_prototypes and n_epochs must be 1 or more, not {n_prototypes} and {n_epochs}"
        )
    labels = supervised.targets(data.labels, chosen)
    unit = float(np.sqrt(np.mean(np.square(data.pooled, dtype=np.float64)))) or 1.0
    cam = csr_training.concept_head(torch.from_numpy(data.pooled / unit).float(), labels)
    data.progress("concept head")
    local = csr_training.local_vectors(data.images, cam / unit, labels, most=max_vectors, seed=seed)
    net = csr_training.train(
        local._replace(vectors=local.vectors / unit),
        csr_training.Sizes(len(chosen), n_prototypes, min(width, local.vectors.shape[1])),
        objective=csr_training.SoftTriple(scale, gamma, margin),
        n_epochs=n_epochs,
        lr=lr,
        seed=seed,
        progress=data.progress,
    )
    projector = replace(net.projector, weight=net.projector.weight / unit)
    found = atlas(data.images, projector, net.prototypes)
    alive = (found.hits > 0) if prune else torch.ones_like(found.hits, dtype=torch.bool)
    return _bank(data, chosen, cam, projector, net.prototypes, found, alive.long())


def _bank(
    data: FitData,
    chosen: list[int],
    cam: Float[Tensor, "k d"],
    net: Projector,
    prototypes: Float[Tensor, "k m p"],
    found: Atlas,
    alive: Integer[Tensor, "k m"],
) -> Bank:
    assert data.labels is not None
    directions = cam / cam.norm(dim=1, keepdim=True)
    scores = found.scores.numpy()
    facts = supervised.facts(data.labels, chosen, scores, sided=False)
    counts = alive.sum(1).tolist()
    facts = [{**row, "n_prototypes": float(n)} for row, n in zip(facts, counts, strict=True)]
    head: dict[str, Tensor] = {}
    known = np.array([-1]) if data.classes is None else data.classes
    if data.classes is not None and len(np.unique(known[known >= 0])) > 1:
        fitted, present = fit_probe(scores[known >= 0], known[known >= 0])
        head = {
            "head_weight": torch.from_numpy(fitted.weight),
            "head_bias": torch.from_numpy(fitted.bias),
            "head_classes": torch.from_numpy(present.astype(np.int64)),
        }
    return Bank(
        directions,
        net.weight,
        net.bias,
        net.blocks,
        prototypes,
        alive,
        found.hits,
        found.exemplar,
        **head,
        measured=facts,
    )


def pruned(bank: Bank, drop: list[tuple[int, int]]) -> Bank:
    """Without the prototypes (concept, prototype); what a person does who browses the atlas.

    The head stays as it was trained. Raises ValueError for a prototype that does not exist and
    when a concept would lose its last one.
    """
    alive = bank.alive.clone()
    k, m = alive.shape
    for concept, prototype in drop:
        if not (0 <= concept < k and 0 <= prototype < m):
            raise ValueError(
                f"there is no prototype {prototype} of concept {concept}: the bank has {k} "
                f"concepts of {m} prototypes each"
            )
        alive[concept, prototype] = 0
    empty = (alive.sum(1) == 0).nonzero()[:, 0].tolist()
    if empty:
        raise ValueError(
            f"concept {empty[0]} would lose its last prototype; keep one, or reject the concept "
            "on the Intervene page"
        )
    facts = [
        {**row, "n_prototypes": float(n)}
        for row, n in zip(bank.measured, alive.sum(1).tolist(), strict=False)
    ]
    return Bank(**{**bank.tensors(), "alive": alive}, measured=facts)
