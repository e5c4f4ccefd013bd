"""Of table `label_metric`: how well each label of a multi-label set is told."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)
_KNOWN = "images of the split where the label is known"
_BOYD = "Boyd, Eng & Page 2013, ECML PKDD, section 4"

LABEL_METRICS = keyed(
    "label_metric",
    (
        Definition(
            "label_metric.auc",
            "AUROC",
            "How well the model ranks images with the label above images without it: the share of "
            "pairs that it ranks rightly. Interval: Newcombe, 95 %, as much wider as DeLong's "
            "standard error is larger.",
            formula="P(probability of an image with it > of one without it), ties count half",
            source="Newcombe 2006, Statistics in Medicine 25; DeLong et al. 1988, Biometrics 44",
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of=_KNOWN,
            bounds=_SHARE,
        ),
        Definition(
            "label_metric.ap",
            "Average precision",
            "Area under the precision-recall curve of the label, as a sum of steps. Of few images "
            "it is too high on average, also by chance. Interval: 95 %, by the jackknife on the "
            "logit scale, and lower by as much as that finds the value too high; below three "
            "images of either kind that of a share of the images with the label.",
            formula="sum over thresholds of precision x gain of recall",
            source=_BOYD,
            unit="share",
            better="higher",
            chance="the share of images with the label",
            n_of=_KNOWN,
            bounds=_SHARE,
        ),
        Definition(
            "label_metric.chance",
            "Prevalence",
            "Share of the images with the label, among those where it is known: the chance of its "
            "average precision.",
            source=COMMON,
            unit="share",
            n_of=_KNOWN,
            bounds=_SHARE,
        ),
        Definition(
            "label_metric.n",
            "n known",
            "Images of the split where the label is known to be there or not; where it is unknown "
            "or uncertain an image counts for nothing.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "label_metric.n_positive",
            "n with it",
            "Of the images where the label is known, those with it.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "label_metric.threshold",
            "Threshold",
            "Probability from which on an image is said to show the label: that of the largest F1 "
            "on the val images where the label is known, 0.5 where there are none of either kind.",
            source=COMMON,
            unit="probability",
            n_of="val images where the label is known",
            bounds=_SHARE,
        ),
        Definition(
            "label_metric.recall",
            "Sensitivity",
            "Of the images with the label, the share that is said to show it at the threshold.",
            source=COMMON,
            unit="share",
            better="higher",
            chance="the share of all images that are said to show it",
            n_of="images with the label",
            bounds=_SHARE,
        ),
        Definition(
            "label_metric.specificity",
            "Specificity",
            "Of the images without the label, the share that is said to lack it at the threshold.",
            source=COMMON,
            unit="share",
            better="higher",
            chance="the share of all images that are said to lack it",
            n_of="images without the label",
            bounds=_SHARE,
        ),
        Definition(
            "label_metric.predictive_value",
            "Precision",
            "Of the images that are said to show the label, the share that does.",
            source=COMMON,
            unit="share",
            better="higher",
            chance="the share of images with the label",
            n_of="images that are said to show it, where it is known",
            bounds=_SHARE,
        ),
    ),
)
"""by column"""

_LABELS = "labels, each on the images of the split where it is known"
_MEAN = "mean over the labels that at least three images of the split show and as many lack"
LABEL_MEANS = keyed(
    "label_mean",
    (
        Definition(
            "label_mean.auc",
            "Mean AUROC of the head",
            f"How well the head ranks images by each of several labels, {_MEAN}. Interval: 95 %; "
            "an image counts for all its labels at once. Random: the same head fitted on random "
            "directions.",
            formula="mean over labels of P(probability of an image with it > of one without it)",
            source="DeLong et al. 1988, Biometrics 44; Newcombe 2006, Statistics in Medicine 25",
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of=_LABELS,
            bounds=_SHARE,
            short="AUROC",
        ),
        Definition(
            "label_mean.ap",
            "Mean average precision of the head",
            f"Area under the precision-recall curve of each of several labels, {_MEAN}. Interval: "
            "95 %, by the jackknife over images. Random: the same head fitted on random "
            "directions.",
            formula="mean over labels of the sum over thresholds of precision x gain of recall",
            source=COMMON,
            unit="share",
            better="higher",
            chance="the share of images with a label, mean over labels",
            n_of=_LABELS,
            bounds=_SHARE,
            short="AP",
        ),
    ),
)
"""by column of table `label_mean`"""
