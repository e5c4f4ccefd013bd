"""Of table `metric`, of what heads and scores say: do the concepts exist, and do they matter?"""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_AYSEL = "Aysel, Cai & Prügel-Bennett 2025, arXiv 2501.19271"
_NEC = "Srivastava, Yan & Weng 2024, arXiv 2408.01432"
_IMPURITY = "Espinosa Zarlenga et al. 2023, arXiv 2301.10367"
_FREQUENT = "the share of the most frequent class"
_CGIM = "the mean over all ways to swap the classes; 0 when compared by Pearson"
_LABELLED = "labelled images"
_SAID = (
    "Where an image can carry several labels, each that the head says of it at its threshold is a "
    "prediction of its own."
)

ANSWERS = keyed(
    "metric",
    (
        Definition(
            "metric.class_accuracy",
            "Class accuracy",
            "How often the most probable class is the label.",
            formula="mean over images of [argmax(W s + b) = y]",
            n_of=_LABELLED,
            chance=_FREQUENT,
            source=COMMON,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.nec_accuracy",
            "Accuracy at 5 concepts",
            "Class accuracy when each class may use its few strongest weights only.",
            formula="class accuracy with the n largest |W| sd(s) of each class kept, and W mean(s) "
            "of the others in its bias; mean and sd over train images; not fitted again",
            n_of=_LABELLED,
            chance=_FREQUENT,
            source=_NEC,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.anec_accuracy",
            "Accuracy, few concepts",
            "Class accuracy averaged over small numbers of concepts a class.",
            formula="mean of the accuracy at n = 5, 10, 15, 20, 25, 30, as far as the bank has so "
            "many",
            n_of=_LABELLED,
            chance=_FREQUENT,
            source=_NEC,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.macro_auc",
            "Mean AUROC of labels",
            "Of a set whose images can carry several labels: how well the head ranks the images by "
            "each label, mean over the labels that at least three images of the split show and as "
            "many lack.",
            formula="mean over labels of P(probability of an image with it > of one without it)",
            n_of="labels, each on the images of the split where it is known",
            chance="0.5",
            source=COMMON,
            unit="AUC",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.macro_ap",
            "Mean average precision of labels",
            "Of a set whose images can carry several labels: area under the precision-recall curve "
            "of each label, mean over the labels that at least three images of the split show and "
            "as many lack.",
            formula="mean over labels of the sum over thresholds of precision x gain of recall",
            n_of="labels, each on the images of the split where it is known",
            chance="the share of images with the label, mean over labels",
            source=COMMON,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.concept_accuracy",
            "Concept accuracy",
            "How often a concept's score is on the right side of its separator.",
            formula="mean over images and concepts of [(s > z) = label]; z = 0 for banks fitted "
            "to labels, for words that name a label and for controls the value that "
            "tells the train images best",
            n_of="pairs of image and concept with a known label",
            chance="always the commoner answer, concept by concept",
            source=COMMON,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.overall_concept_accuracy",
            "All concepts right",
            "How often every concept of an image is on the right side at once.",
            formula="mean over images of [(s > z) = label for every concept]; z as for concept "
            "accuracy",
            n_of="images with all labels known",
            chance="the share of the most frequent combination of labels",
            source=COMMON,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.cgim1",
            "CGIM 1, weights",
            "Does the head weigh a concept where the classes show it?",
            formula="cos(W_j, V_j) over classes, V_j the share of the class that shows concept j",
            n_of="concepts; of one concept: classes",
            chance=_CGIM,
            source=_AYSEL,
            unit="cosine or correlation",
            better="higher",
            bounds=(-1.0, 1.0),
        ),
        Definition(
            "metric.cgim2",
            "CGIM 2, scores",
            "Is a concept's mean score high where the classes show it?",
            formula="cos(U_j, V_j) over classes, U_j the mean score of correctly classified images",
            n_of="concepts; of one concept: classes",
            chance=_CGIM,
            source=_AYSEL,
            unit="cosine or correlation",
            better="higher",
            bounds=(-1.0, 1.0),
        ),
        Definition(
            "metric.cgim3",
            "CGIM 3, weights x scores",
            "Does a concept add to the classes that show it?",
            formula="cos(W_j U_j, V_j) over classes",
            n_of="concepts; of one concept: classes",
            chance=_CGIM,
            source=_AYSEL,
            unit="cosine or correlation",
            better="higher",
            bounds=(-1.0, 1.0),
        ),
        Definition(
            "metric.cem",
            "CEM, concepts exist",
            "Of the concepts that carried a prediction most, how many are in the image at all? "
            f"{_SAID}",
            formula="share of the l largest weight x score for the predicted class whose label is "
            "present",
            n_of="predictions; of one kind of evidence: places among the first l",
            chance="the share of the image's concepts that are present",
            source=_AYSEL,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.clm",
            "CLM, concepts lie right",
            "Of those concepts, how many have their part among the highest places of their map? "
            f"{_SAID}",
            formula="share of the l with the part's point in the floor(alpha * pixels / 12) "
            "highest pixels; absent concepts, hidden parts and concepts without a part are misses "
            "(l) or left out (visible); the l are the first of all concepts (all) or of those that "
            "have a part (placed)",
            n_of="predictions on images with points; by the visible, those with at least one to "
            "look for",
            chance="alpha / 12 a point, 0 where there is nothing to look for",
            source=_AYSEL,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.placeless",
            "Without a place",
            "Of the concepts that add most, how many have no part to be found at, such as a "
            f"habitat? {_SAID}",
            formula="share of the first l of all concepts that have no part",
            n_of="predictions on images with points",
            chance="the share of all concepts that have no part",
            unit="share",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.completeness",
            "Completeness",
            "What share of the backbone's accuracy above chance does the head reach from the "
            "concepts?",
            formula="(accuracy of the head - chance) / (accuracy of the backbone - chance), on "
            "the same images",
            n_of=_LABELLED,
            chance="0, a head that always names the most frequent class",
            source="Yeh et al. 2020, arXiv 1910.07969",
            unit="ratio",
            better="higher",
        ),
        Definition(
            "metric.ois",
            "OIS, impurity",
            "How differently do scores tell of the other concepts than the labels themselves do?",
            formula="norm(O - P) / (k / 2), P_ij the held-out AUC of concept j from score i (a "
            "network of 32 units), O_ij the same from label i",
            n_of="concepts, the 24 most evenly labelled at most; networks learn from up to 400 "
            "train images and are judged on up to 300 held-out ones",
            chance="independent scores that tell their own concept as well: the same, shuffled "
            "among the images that share its label",
            source=_IMPURITY,
            unit="norm",
            better="lower",
            bounds=(0.0, 2.0),  # above 1 where scores tell concepts the wrong way round
        ),
        Definition(
            "metric.nis",
            "NIS, leakage",
            "How well can a concept be told from the scores that do not go with it?",
            formula="mean AUC of a network (20, 20) on all scores, those that correlate with the "
            "concept by more than b held at their mean; integrated over b in 0..1",
            n_of="concepts, as for OIS",
            chance="as for OIS; above 0.5 where labels go together, so that 0.5 is no sign of "
            "purity. Scores that leak into few others can lie below it",
            source=_IMPURITY,
            unit="AUC",
            better="lower",
            bounds=(0.0, 1.0),
        ),
    ),
)
"""by `metric.name`"""

METRIC_FACTS = keyed(
    "metric",
    (
        Definition(
            "metric.value",
            "Value",
            "What was measured, as the metric of its row or column defines it.",
        ),
        Definition(
            "metric.n",
            "n",
            "What the value was counted on; the metric says what it counts.",
            format="count",
            bounds=(0.0, math.inf),
        ),
        Definition(
            "metric.chance",
            "Chance",
            "What the same measure is without any information; the metric says how.",
        ),
        Definition(
            "metric.control",
            "Random",
            "The same measure of the bank's control: its directions turned at random, each on as "
            "often and as strongly as its concept; or plainly random ones, coded as sparsely, "
            "where the recipe asks for these.",
        ),
    ),
)
"""by column of table `metric`, whatever its row is a metric of"""
