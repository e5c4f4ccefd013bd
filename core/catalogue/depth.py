"""Of table `depth`: at which layer labels can be read off."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)
_SIGNED = (-1.0, 1.0)
_DELONG = "Newcombe 2006, Statistics in Medicine 25; DeLong et al. 1988, Biometrics 44"

DEPTH = keyed(
    "depth",
    (
        Definition(
            "depth.auc",
            "AUC at the layer",
            "AUC of a logistic probe on this layer's pooled activations.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="images ranked",
            bounds=_SHARE,
        ),
        Definition(
            "depth.layer",
            "Best layer",
            "The layer where a concept's AUC is largest; among equals the one nearest to "
            "the input.",
            format="text",
        ),
        Definition(
            "depth.best",
            "Best layer's AUC",
            "Five-fold cross-validated, on held-out images where there are any. Being the best of "
            "several layers makes it a little too high.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="images ranked",
            bounds=_SHARE,
        ),
        Definition(
            "depth.lo",
            "from",
            "Lower end of its 95 % interval.",
            source=_DELONG,
            unit="AUC",
            bounds=_SHARE,
        ),
        Definition(
            "depth.hi",
            "to",
            "Upper end of its 95 % interval.",
            source=_DELONG,
            unit="AUC",
            bounds=_SHARE,
        ),
        Definition(
            "depth.control",
            "Control",
            "AUC of the same probe at that layer for a label dealt out to the classes at random, "
            "as common as the concept; mean of three. What telling classes apart is enough for.",
            source="Hewitt & Liang 2019, arXiv 1909.03368",
            unit="AUC",
            better="lower",
            bounds=_SHARE,
        ),
        Definition(
            "depth.selectivity",
            "Selectivity",
            "The best layer's AUC minus its control. At 0 or below, the concept is read off no "
            "better than a random grouping of the classes, so the probe may read the class.",
            formula="AUC - control",
            source="Hewitt & Liang 2019, arXiv 1909.03368",
            unit="AUC",
            better="higher",
            chance="0",
            bounds=_SIGNED,
        ),
        Definition(
            "depth.gain",
            "Gain over last",
            "AUC at the best layer minus AUC at the last of these layers.",
            unit="AUC",
            bounds=_SIGNED,
        ),
        Definition(
            "depth.n",
            "n",
            "Images ranked.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "depth.n_positive",
            "n with",
            "Of the images ranked, those with the label.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
    ),
)
"""by column"""
