"""Concepts fitted to labels or words, with or without a read-out of classes of their own."""

from __future__ import annotations

from core.concepts.bottlenecks import (
    cav,
    cbm,
    csr,
    energy,
    imported_cbm,
    label_free,
    sl_cbm,
    sparse_cbm,
)
from core.concepts.common.method import Method

__all__ = ["METHODS"]

METHODS: dict[str, Method] = {
    "cav": Method(
        cav.fit, cav.Bank, "distance to the separator", "one linear probe per labelled concept"
    ),
    "cbm": Method(
        cbm.fit,
        cbm.Bank,
        "logit",
        "concept bottleneck: a layer for labelled concepts and its own read-out of classes",
    ),
    "label_free": Method(
        label_free.fit,
        label_free.Bank,
        "standard deviation",
        "a layer that agrees with what a model of images and texts says about words",
    ),
    "sparse_cbm": Method(
        sparse_cbm.fit,
        sparse_cbm.Bank,
        "mixed standard deviations",
        "few mixed words, learned together with a read-out of classes",
    ),
    "sl_cbm": Method(
        sl_cbm.fit,
        sl_cbm.Bank,
        "logit",
        "concept maps pooled by attention, learned together with a read-out of classes",
        image_wise=True,
    ),
    "csr": Method(
        csr.fit,
        csr.Bank,
        "cosine",
        "likeness to the prototypes of a labelled concept, where it is largest",
        pool="max",
    ),
    "energy": Method(
        energy.fit,
        energy.Bank,
        "log odds",
        "energies of concepts and classes, so that edited concepts carry others along",
    ),
    "imported_cbm": Method(
        imported_cbm.fit,
        imported_cbm.Bank,
        "standard deviation",
        "the concept layer of a bottleneck that was trained elsewhere",
    ),
}
