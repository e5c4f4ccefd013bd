"""What every stored metric means, in the words that people read beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    title: str
    meaning: str
    """one sentence in plain words"""
    formula: str
    counts: str
    """what n counts"""
    chance: str = ""
    """what chance is; "": there is none"""
    better: str = "higher"
    """"higher", "lower" or "neither\""""
    low: float = 0.0
    high: float = 1.0


_AREA = "the share of the map that the mask covers"
_FREQUENT = "the share of the most frequent class"
_CGIM = "the mean over all ways to swap the classes; 0 when compared by Pearson"

METRICS: Mapping[str, Definition] = {
    "class_accuracy": Definition(
        "Class accuracy",
        "How often the most probable class is the label.",
        "mean over images of [argmax(W s + b) = y]",
        "labelled images",
        _FREQUENT,
    ),
    "nec_accuracy": Definition(
        "Accuracy at 5 concepts",
        "Class accuracy when each class may use its few strongest weights only.",
        "class accuracy with the n largest |W| of each class kept, the others 0; not fitted again",
        "labelled images",
        _FREQUENT,
    ),
    "anec_accuracy": Definition(
        "Accuracy, few concepts",
        "Class accuracy averaged over small numbers of concepts a class.",
        "mean of the accuracy at n = 5, 10, 15, 20, 25, 30, as far as the bank has so many",
        "labelled images",
        _FREQUENT,
    ),
    "concept_accuracy": Definition(
        "Concept accuracy",
        "How often a concept's score is on the right side of its separator.",
        "mean over images and concepts of [(s > z) = label]; z = 0 for banks fitted to labels, "
        "for words that name a label the value that tells the train images best",
        "pairs of image and concept with a known label",
        "always the commoner answer, concept by concept",
    ),
    "overall_concept_accuracy": Definition(
        "All concepts right",
        "How often every concept of an image is on the right side at once.",
        "mean over images of [(s > z) = label for every concept]; z as for concept accuracy",
        "images with all labels known",
        "the share of the most frequent combination of labels",
    ),
    "cgim1": Definition(
        "CGIM 1, weights",
        "Does the head weigh a concept where the classes show it?",
        "cos(W_j, V_j) over classes, V_j the share of the class that shows concept j",
        "concepts; of one concept: classes",
        _CGIM,
        low=-1.0,
    ),
    "cgim2": Definition(
        "CGIM 2, scores",
        "Is a concept's mean score high where the classes show it?",
        "cos(U_j, V_j) over classes, U_j the mean score of correctly classified images",
        "concepts; of one concept: classes",
        _CGIM,
        low=-1.0,
    ),
    "cgim3": Definition(
        "CGIM 3, weights x scores",
        "Does a concept add to the classes that show it?",
        "cos(W_j U_j, V_j) over classes",
        "concepts; of one concept: classes",
        _CGIM,
        low=-1.0,
    ),
    "cem": Definition(
        "CEM, concepts exist",
        "Of the concepts that carried a prediction most, how many are in the image at all?",
        "share of the l largest weight x score for the predicted class whose label is present",
        "images; of one kind of evidence: places among the first l",
        "the share of the image's concepts that are present",
    ),
    "clm": Definition(
        "CLM, concepts lie right",
        "Of those concepts, how many have their part among the highest places of their map?",
        "share of the l with the part's point in the floor(alpha * pixels / 12) highest pixels; "
        "absent concepts and hidden parts are misses (l) or left out (visible)",
        "images with at least one concept to look for",
        "alpha / 12 a point",
    ),
    "precision": Definition(
        "Evidence in mask",
        "What share of a map's positive evidence lies on the part that the concept names?",
        "sum of max(map, 0) inside the mask / sum of max(map, 0)",
        "images that show the concept; of a bank: concepts",
        _AREA,
    ),
    "energy": Definition(
        "Energy in mask",
        "What share of a map's values, for or against, lies on the part that the concept names?",
        "sum of |map| inside the mask / sum of |map|",
        "images that show the concept; of a bank: concepts",
        _AREA,
    ),
    "pointing": Definition(
        "Pointing game",
        "How often is the map's highest place on the part that the concept names?",
        "mask at argmax(map); the mean over places that tie",
        "images that show the concept; of a bank: concepts",
        _AREA,
    ),
    "iou": Definition(
        "IoU",
        "How well do map and mask cover each other?",
        "I / U with a = max(map, 0) / max(map), I = sum a m, U = sum (a + m - a m)",
        "images that show the concept; of a bank: concepts",
        "the map's values shuffled over the places",
    ),
    "dice": Definition(
        "Dice",
        "How well do map and mask cover each other, the overlap counted twice?",
        "2 I / (sum a + sum m)",
        "images that show the concept; of a bank: concepts",
        "the map's values shuffled over the places",
    ),
    "relevance": Definition(
        "Relevance on part",
        "What share of what speaks for the backbone's prediction lies on this part of the image?",
        "sum of max(saliency, 0) inside the part's mask / sum of max(saliency, 0)",
        "explained images on which the part is visible",
        _AREA,
        better="neither",
    ),
    "completeness": Definition(
        "Completeness",
        "What share of the backbone's accuracy above chance does the head reach from the concepts?",
        "(accuracy of the head - chance) / (accuracy of the backbone - chance), on the same images",
        "labelled images",
        "0, a head that always names the most frequent class",
        low=-math.inf,
        high=math.inf,
    ),
    "ois": Definition(
        "OIS, impurity",
        "How differently do scores tell of the other concepts than the labels themselves do?",
        "norm(O - P) / (k / 2), P_ij the held-out AUC of concept j from score i (a network of 32 "
        "units), O_ij the same from label i",
        "concepts, the 24 most evenly labelled at most; networks learn from up to 400 train images "
        "and are judged on up to 300 held-out ones",
        "scores that tell nothing of any concept",
        better="lower",
    ),
    "nis": Definition(
        "NIS, leakage",
        "How well can a concept be told from the scores that do not go with it?",
        "mean AUC of a network (20, 20) on all scores, those that correlate with the concept by "
        "more than b held at their mean; integrated over b in 0..1",
        "concepts, as for OIS",
        "0.5, scores that tell nothing",
        better="lower",
    ),
    "insertion": Definition(
        "Insertion",
        "How soon does the predicted class come back when places are shown from the highest "
        "saliency on?",
        "area under the class's probability over the share of cells shown, from a blurred image "
        "to the image",
        "images",
        "the same cells in random order",
    ),
    "deletion": Definition(
        "Deletion",
        "How soon is the predicted class lost when places are hidden from the highest saliency on?",
        "area under the class's probability over the share of cells replaced by the mean colour",
        "images",
        "the same cells in random order",
        better="lower",
    ),
    "average_drop": Definition(
        "Average drop",
        "How much of the class's probability is lost when only what the map marks is kept?",
        "mean of max(Y - O, 0) / Y; Y on the image, O on the image times max(map, 0) / max(map), "
        "in normalised pixels",
        "images; of a bank: pairs of image and concept",
        "the map's values shuffled over the places",
        better="lower",
    ),
    "average_gain": Definition(
        "Average gain",
        "How much of what was missing to certainty is gained when only what the map marks is kept?",
        "mean of max(O - Y, 0) / (1 - Y)",
        "images; of a bank: pairs of image and concept",
        "the map's values shuffled over the places",
    ),
    "increase": Definition(
        "Increase",
        "How often is the probability higher when only what the map marks is kept?",
        "mean of [O > Y]",
        "images; of a bank: pairs of image and concept",
        "the map's values shuffled over the places",
    ),
}
