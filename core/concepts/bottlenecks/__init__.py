"""Concepts fitted to labels or words, with or without a read-out of classes of their own."""

from __future__ import annotations

from core.concepts.bottlenecks import (
    cav,
    cbm,
    csr,
    energy,
    label_free,
    sl_cbm,
    sparse_cbm,
)
from core.concepts.common.method import Method
from core.kinds import Pool

__all__ = ["METHODS"]

VECTORS: tuple[Pool, ...] = ("mean", "cls")
"""what concepts that are learned from one vector of each image may be scored by: that vector"""

METHODS: dict[str, Method] = {
    "cav": Method(
        cav.fit,
        cav.Bank,
        title="Concept activation vectors",
        about="One linear probe for each labelled concept.",
        code_unit="distance to the separator",
        pools=VECTORS,
    ),
    "cbm": Method(
        cbm.fit,
        cbm.Bank,
        title="Concept bottleneck model",
        about="A layer for labelled concepts, with a read-out of classes of its own.",
        code_unit="logit",
        pools=VECTORS,
    ),
    "label_free": Method(
        label_free.fit,
        label_free.Bank,
        title="Label-free concept bottleneck",
        about="A layer that agrees with what a model of images and texts says about words.",
        code_unit="standard deviation",
        pools=VECTORS,
    ),
    "sparse_cbm": Method(
        sparse_cbm.fit,
        sparse_cbm.Bank,
        title="Sparse concept bottleneck",
        about="A few mixed words, learned together with a read-out of classes.",
        code_unit="mixed standard deviations",
        pools=VECTORS,
    ),
    "sl_cbm": Method(
        sl_cbm.fit,
        sl_cbm.Bank,
        title="Concept bottleneck with semantic locality",
        about="Concept maps pooled by attention, learned together with a read-out of classes.",
        code_unit="logit",
        pools=("mean",),
        image_wise=True,
    ),
    "csr": Method(
        csr.fit,
        csr.Bank,
        title="Concept-based similarity reasoning",
        about="Likeness to the prototypes of a labelled concept, where it is largest.",
        code_unit="cosine",
        pool="max",
        pools=("max",),
    ),
    "energy": Method(
        energy.fit,
        energy.Bank,
        title="Energy-based concept bottleneck",
        about="Energies of concepts and classes, so that an edited concept carries others along.",
        code_unit="log odds",
        pools=VECTORS,
    ),
}
