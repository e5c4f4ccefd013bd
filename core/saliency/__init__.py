"""Saliency: on which places of an image does a number rest, a logit or a concept's score?

A method is a function and a line here. The build asks it about predictions in
`precompute/explain/saliency_maps.py`, about concepts in `concept_attributions.py` beside it.
"""

from __future__ import annotations

from core.saliency.cells import cell_of_pixels
from core.saliency.grad_cam import grad_cam
from core.saliency.integrated_gradients import integrated_gradients
from core.saliency.occlusion import occlusion
from core.saliency.types import Method, Saliency

METHODS: dict[str, Method] = {
    "grad_cam": Method(
        grad_cam,
        "Grad-CAM",
        signed=False,
        unit="logits a cell, positive part",
        about="The layer's tokens weighted by their mean gradient; shows only what speaks for the "
        "target.",
    ),
    "integrated_gradients": Method(
        integrated_gradients,
        "Integrated gradients",
        signed=True,
        unit="logits a cell",
        about="What the target rests on, through the whole model: shares of its difference from "
        "that of a mean-coloured image.",
    ),
    "occlusion": Method(
        occlusion,
        "Occlusion",
        signed=True,
        unit="logits lost",
        about="What the target loses when a window around the cell is painted in the mean colour.",
    ),
}

__all__ = ["METHODS", "Method", "Saliency", "cell_of_pixels"]
