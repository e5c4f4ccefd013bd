"""Of table `metric`, of maps: do they mark what they should, and does it matter to the model?"""

from __future__ import annotations

from core.catalogue.definition import Definition, keyed

_SL_CBM = "SL-CBM, arXiv 2601.12804"
_RISE = "Petsiuk et al. 2018, arXiv 1806.07421"
_DROP = "Chattopadhyay et al. 2018, arXiv 1710.11063"
_AREA = "the share of the map that the mask covers"
_SHUFFLED = "the map's values shuffled over the places"
_SHOWING = "images that show the concept; of a bank: concepts"
_PREDICTED = "Where an image can carry several labels, its most probable one is explained."
_PAIRS = "images; of a bank: pairs of image and concept"

MAPS = keyed(
    "metric",
    (
        Definition(
            "metric.precision",
            "Evidence in mask",
            "What share of a map's positive evidence lies on the part that the concept names?",
            formula="sum of max(map, 0) inside the mask / sum of max(map, 0)",
            n_of=_SHOWING,
            chance=_AREA,
            source=_SL_CBM,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.energy",
            "Energy in mask",
            "What share of a map's values, for or against, lies on the part that the concept "
            "names?",
            formula="sum of |map| inside the mask / sum of |map|",
            n_of=_SHOWING,
            chance=_AREA,
            source="after Wang et al. 2020, arXiv 1910.01279",
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.pointing",
            "Pointing game",
            "How often is the map's highest place on the part that the concept names?",
            formula="mask at argmax(map); the mean over places that tie",
            n_of=_SHOWING,
            chance=_AREA,
            source="Zhang et al. 2018, arXiv 1608.00507",
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.iou",
            "IoU",
            "How well do map and mask cover each other?",
            formula="I / U with a = max(map, 0) / max(map), I = sum a m, U = sum (a + m - a m)",
            n_of=_SHOWING,
            chance=_SHUFFLED,
            source=_SL_CBM,
            unit="overlap",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.dice",
            "Dice",
            "How well do map and mask cover each other, the overlap counted twice?",
            formula="2 I / (sum a + sum m)",
            n_of=_SHOWING,
            chance=_SHUFFLED,
            source=_SL_CBM,
            unit="overlap",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.relevance",
            "Relevance on part",
            "What share of what speaks for the backbone's prediction lies on this part of the "
            f"image? {_PREDICTED}",
            formula="sum of max(saliency, 0) inside the part's mask / sum of max(saliency, 0)",
            n_of="explained images on which the part is visible",
            chance=_AREA,
            unit="share",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.insertion",
            "Insertion",
            "How soon does the predicted class come back when places are shown from the highest "
            f"saliency on? {_PREDICTED}",
            formula="area under the class's probability over the share of cells shown, from a "
            "blurred image to the image",
            n_of="images",
            chance="the same cells in random order",
            source=_RISE,
            unit="probability",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.deletion",
            "Deletion",
            "How soon is the predicted class lost when places are hidden from the highest "
            f"saliency on? {_PREDICTED}",
            formula="area under the class's probability over the share of cells replaced by the "
            "mean colour",
            n_of="images",
            chance="the same cells in random order",
            source=_RISE,
            unit="probability",
            better="lower",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.average_drop",
            "Average drop",
            "How much of the class's probability is lost when only what the map marks is kept?",
            formula="mean of max(Y - O, 0) / Y; Y on the image, O on the image times max(map, 0) "
            "/ max(map), in normalised pixels",
            n_of=_PAIRS,
            chance=_SHUFFLED,
            source=_DROP,
            unit="share",
            better="lower",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.average_gain",
            "Average gain",
            "How much of what was missing to certainty is gained when only what the map marks is "
            "kept?",
            formula="mean of max(O - Y, 0) / (1 - Y)",
            n_of=_PAIRS,
            chance=_SHUFFLED,
            source="Zhang et al. 2023, arXiv 2301.07002",
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "metric.increase",
            "Increase",
            "How often is the probability higher when only what the map marks is kept?",
            formula="mean of [O > Y]",
            n_of=_PAIRS,
            chance=_SHUFFLED,
            source=_DROP,
            unit="share",
            better="higher",
            bounds=(0.0, 1.0),
        ),
    ),
)
"""by `metric.name`"""
