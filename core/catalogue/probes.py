"""Of table `probe`, and its summary of a bank: how well labels are read off concepts."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)
_SIGNED = (-1.0, 1.0)
_NAP = "Hoiem et al. 2012; Ramaswamy et al. 2023, arXiv 2207.09615"
_DELONG = "DeLong et al. 1988, Biometrics 44"
_AREA = f"Newcombe 2006, Statistics in Medicine 25; {_DELONG}"

PROBES = keyed(
    "probe",
    (
        Definition(
            "probe.what",
            "Kind",
            "A labelled concept, or a class.",
            format="text",
        ),
        Definition(
            "probe.flag",
            "Plain probe wins",
            "The 95 % interval of the AUC difference, paired on the same images, lies on "
            "the plain probe's side: against both, or against the single latent only.",
            format="text",
        ),
        Definition(
            "probe.nap",
            "NAP",
            "Learnability: average precision of the plain probe as if every label were as "
            "frequent as a class, 0 to 1. A concept that is harder to learn than a class "
            "explains it poorly.",
            source=_NAP,
            unit="precision",
            better="higher",
            chance="a ranking without information",
            n_of="held-out images ranked",
            bounds=_SHARE,
        ),
        Definition(
            "probe.nap_chance",
            "NAP chance",
            "Normalised average precision of a ranking without information.",
            source=_NAP,
            unit="precision",
            bounds=_SHARE,
        ),
        Definition(
            "probe.raw_auc",
            "Plain AUC",
            "Logistic probe on all channels of the pooled activation.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="held-out images ranked",
            bounds=_SHARE,
        ),
        Definition(
            "probe.latent_auc",
            "Latent AUC",
            "The single concept that is best on the other folds.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="held-out images ranked",
            bounds=_SHARE,
        ),
        Definition(
            "probe.top_auc",
            "Top AUC",
            "Logistic probe on the concepts that differ most on the other folds.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="held-out images ranked",
            bounds=_SHARE,
        ),
        Definition(
            "probe.range",
            "95 %",
            "95 % interval of the AUC beside it.",
            source=_AREA,
            format="text",
        ),
        Definition(
            "probe.best",
            "Best latent",
            "The concept that was chosen in most folds. A click opens it.",
            format="text",
        ),
        Definition(
            "probe.n_positive",
            "n with",
            "Held-out images with the label.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "probe.n",
            "n",
            "Held-out images ranked.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "probe.auc",
            "AUC",
            "Images with the label against those without, pairs within folds.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="held-out images ranked",
            bounds=_SHARE,
        ),
        Definition(
            "probe.gain",
            "Δ plain",
            "AUC minus that of the plain probe.",
            unit="AUC",
            better="higher",
            format="signed",
            n_of="held-out images ranked",
            bounds=_SIGNED,
        ),
        Definition(
            "probe.gain_range",
            "95 % of Δ",
            "95 % interval of that difference, paired on the same images.",
            source=_DELONG,
            format="text",
        ),
        Definition(
            "probe.wins",
            "Wins",
            "Whom the interval of the difference from the plain probe favours; even: it holds 0.",
            format="text",
        ),
    ),
)
"""by column"""

SUMMARY = keyed(
    "probe_summary",
    (
        Definition(
            "probe_summary.labels",
            "Labels",
            "Labelled concepts and classes probed.",
            unit="labels",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "probe_summary.raw_auc",
            "Plain probe",
            "Mean AUC of a logistic probe on all channels of the pooled activation.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="labels",
            bounds=_SHARE,
        ),
        Definition(
            "probe_summary.latent_auc",
            "Best latent",
            "Mean AUC of the single concept that is best on the other folds.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="labels",
            bounds=_SHARE,
        ),
        Definition(
            "probe_summary.top_auc",
            "Top latents",
            "Mean AUC of a logistic probe on the 16 concepts that differ most on the other folds.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="labels",
            bounds=_SHARE,
        ),
        Definition(
            "probe_summary.latent_loses",
            "plain over latent",
            "How many of the labels in the column Labels: the 95 % interval of the AUC "
            "difference leaves out 0, in favour of the plain probe, over the best latent.",
            source=_DELONG,
            unit="labels",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "probe_summary.latent_wins",
            "latent wins",
            "How many of the labels in the column Labels: the 95 % interval of the AUC "
            "difference leaves out 0, in favour of the best latent.",
            source=_DELONG,
            unit="labels",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "probe_summary.top_loses",
            "plain over top",
            "How many of the labels in the column Labels: the 95 % interval of the AUC "
            "difference leaves out 0, in favour of the plain probe, over the top latents.",
            source=_DELONG,
            unit="labels",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "probe_summary.top_wins",
            "top wins",
            "How many of the labels in the column Labels: the 95 % interval of the AUC "
            "difference leaves out 0, in favour of the top latents.",
            source=_DELONG,
            unit="labels",
            format="count",
            bounds=_POSITIVE,
        ),
    ),
)
"""by column of the summary of a bank's probes"""
