"""The backbone's own last layer as a head on concept scores."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from core.kinds import Link
from core.types import Head


def fold_backbone(
    readout: tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]],
    directions: Float[np.ndarray, "k d"],
    offset: Float[np.ndarray, " d"],
    link: Link = "softmax",
) -> Head:
    """The backbone's own last layer, read through a dictionary.

    If logits = W mean(x) + b and mean(x) = scores @ D + offset + rest, then the weight of concept
    j for class y is <D_j, W_y>, exactly; what the dictionary does not reconstruct stays in each
    image's rest. For such a head gradient x input, Integrated Gradients and occlusion all give
    weight x score (Fel et al. 2023, arXiv 2306.07304).
    """
    w, b = (part.astype(np.float64) for part in readout)
    return Head(w @ directions.T.astype(np.float64), w @ offset.astype(np.float64) + b, True, link)
