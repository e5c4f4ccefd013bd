"""Energy-based concept bottleneck: what image, concepts and class say of one another.

Xu et al. 2024, ICLR, "Energy-Based Concept Bottleneck Models" (ECBM, arXiv 2401.14142): concepts c
and class y of an image x have p(c, y | x) ~ exp(-(l_c sum_k E_k + l_y E_class + l_g E_global)).
Each energy is trained by its negative log-likelihood, here with embeddings as the paper's but
without its ReLU, E(x, e) = -<P x, e / |e|>:

    E_k(x, c)    two embeddings a concept, one shared P; the score is E_k(x, 0) - E_k(x, 1), the
                 log odds of presence, affine in tokens, so its map over tokens averages to it
    E_class(x,y) one embedding a class, its own P; -E_class are logits
    E_global(c,y) bilinear: -(class_bias_y + sum_k c_k (concept_bias_k + weight_yk) + c' pair c / 2)

The paper's one-layer networks bend between the embeddings and the energy. Without that bend maps
exist, and every conditional probability is a short sum (`core.intervention.energy_propagation`).
The paper normalises E_global over classes and drawn concept vectors; a pseudo-likelihood, p(y | c)
and every p(c_k | other c, y), needs no drawing (Besag 1975). A fifth of the label vectors that
p(y | c) sees have a fifth of their concepts flipped, as in the paper. With a frozen backbone the
three share no parameters, so the paper's weights of their losses would change nothing.

A head of kind `energy` is -(l_g E_global + l_y E_class): c is a soft mix of absent and present,
linear in the score (the line that best predicts the label from it on the train images), and the
class energy is each image's rest, which no edit moves. Kind `own` leaves the class energy out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from core.concepts.bottlenecks import energy_training, supervised
from core.concepts.bottlenecks.energy_training import Joint
from core.concepts.bottlenecks.training import Classes, Schedule
from core.concepts.common.stored import Stored
from core.types import FitData, Head, Readout

_TITLE = "energy"


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows"""
    size: Float[Tensor, " k"]
    """log odds per unit of activation along each direction"""
    bias: Float[Tensor, " k"]
    class_weight: Float[Tensor, "y d"]
    """-E_class = class_weight @ mean token + class_offset"""
    class_offset: Float[Tensor, " y"]
    global_weight: Float[Tensor, "y k"]
    global_class: Float[Tensor, " y"]
    global_concept: Float[Tensor, " k"]
    global_pair: Float[Tensor, "k k"]
    """symmetric, zero diagonal"""
    shares: Float[Tensor, " 3"]
    """l_c, l_y, l_g"""
    head_weight: Float[Tensor, "y k"]
    """l_g E_global read linearly from scores: logits per unit of score"""
    head_bias: Float[Tensor, " y"]
    head_classes: Integer[Tensor, " y"]
    measured: list[dict[str, float]] = field(default_factory=list)
    """label (index into Labels.names), train_accuracy, test_accuracy, train_auc, test_auc,
    base_rate (share of test images that show it)"""
    signed = True
    offset = None

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Log odds of presence."""
        return x @ (self.directions * self.size[:, None]).T + self.bias

    @property
    def readout(self) -> Readout:
        return Readout(
            Head(self.head_weight.numpy(), self.head_bias.numpy()),
            self.head_classes.numpy(),
            "Global energy of concepts and classes, read linearly from scores; what the image says "
            "of its class apart from concepts is left out (a head of kind energy adds it).",
        )

    def class_logits(self, pooled: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n y"]:
        """-l_y E_class, from mean tokens."""
        weight = self.class_weight.double().numpy()
        found = pooled.astype(np.float64) @ weight.T + self.class_offset.double().numpy()
        return float(self.shares[1]) * found


@torch.inference_mode(mode=False)
def fit(
    data: FitData,
    *,
    n_concepts: int = 0,
    seed: int = 0,
    min_each: int = 5,
    width: int = 64,
    n_steps: int = 400,
    lr: float = 1e-2,
    decay: float = 1e-2,
    ridge: float = 1e-2,
    concept_share: float = 1.0,
    class_share: float = 1.0,
    global_share: float = 1.0,
) -> Bank:
    """Train the three energies, for labelled concepts that vary enough (`min_each`).

    `width` is that of the embeddings; `decay` and `ridge` are L2 penalties on P and on the global
    energy. The shares are l_c, l_y and l_g at inference. A concept whose label is unknown counts
    with its share in its class where the global energy is trained, and nowhere else. Raises
    ValueError without labels or fewer than two labelled classes.
    """
    chosen = supervised.learnable(data, n_concepts=n_concepts, min_each=min_each, title=_TITLE)
    assert data.labels is not None
    rows, class_ids = supervised.class_rows(data, title=_TITLE)
    classes = Classes(rows, len(class_ids))
    labels = supervised.targets(data.labels, chosen)
    x = torch.from_numpy(data.pooled)
    mean, spread = x.mean(0), x.std(0).clamp_min(1e-6)
    scaled = (x - mean) / spread
    concept, own = energy_training.embed(
        scaled,
        labels,
        classes,
        width=width,
        decay=decay,
        schedule=Schedule(n_steps, len(scaled), lr, seed),
        progress=data.progress,
    )
    joint = energy_training.joint(labels, classes, ridge=ridge, seed=seed, progress=data.progress)
    weight, class_weight = (part.weight / spread for part in (concept, own))
    bias = concept.bias - weight @ mean
    scores = scaled @ concept.weight.T + concept.bias
    read = _read(joint, scores, labels, share=global_share)
    size = weight.norm(dim=1)
    test = data.pooled_test @ weight.numpy().T + bias.numpy()
    return Bank(
        weight / size[:, None],
        size,
        bias,
        class_weight,
        own.bias - class_weight @ mean,
        joint.weight,
        joint.class_bias,
        joint.concept_bias,
        joint.pair,
        torch.tensor([concept_share, class_share, global_share]),
        *read,
        class_ids,
        measured=supervised.facts(data.labels, chosen, scores.numpy(), test),
    )


def _read(
    joint: Joint, scores: Float[Tensor, "n k"], labels: Float[Tensor, "n k"], *, share: float
) -> tuple[Float[Tensor, "y k"], Float[Tensor, " y"]]:
    """l_g times the part of -E_global that depends on y, at c = middle + slope * score."""
    known = ~labels.isnan()
    n = known.sum(0).clamp_min(1)
    at = torch.where(known, scores, 0.0).sum(0) / n
    middle = labels.nan_to_num().sum(0) / n
    apart = torch.where(known, scores - at, 0.0)
    varied = apart.square().sum(0)
    slope = (apart * (labels.nan_to_num() - middle)).sum(0) / varied.clamp_min(1e-12)
    weight = share * joint.weight * slope
    return weight, share * (joint.class_bias + joint.weight @ middle) - weight @ at
