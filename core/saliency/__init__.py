"""Saliency: which parts of an image a logit rests on. A method is a function and a line here."""

from __future__ import annotations

from core.saliency.cells import cell_of_pixels
from core.saliency.grad_cam import grad_cam
from core.saliency.integrated_gradients import integrated_gradients
from core.saliency.occlusion import occlusion
from core.saliency.types import Method, Saliency

METHODS: dict[str, Method] = {
    "grad_cam": Method(
        grad_cam,
        signed=False,
        unit="logits a cell, positive part",
        about="Gradient-weighted sum of the layer's tokens; shows evidence for the class only.",
    ),
    "integrated_gradients": Method(
        integrated_gradients,
        signed=True,
        unit="logits a cell",
        about="Shares of the logit's difference from that of a mean-coloured image.",
    ),
    "occlusion": Method(
        occlusion,
        signed=True,
        unit="logits lost",
        about="What the class loses when a window around the cell is painted in the mean colour.",
    ),
}

__all__ = ["METHODS", "Method", "Saliency", "cell_of_pixels"]
