"""Of heads: how right they are, their weights and fidelity; and what banks took to build."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_FIDELITY = (
    "Random: the same kind of head, fitted on random directions. Where an image can carry several "
    "labels, a head's logit of every label that it says of the image is judged, and of the "
    "backbone's own that of the most probable one."
)
_SOURCE = "Fel et al. 2023, arXiv 2306.07304"
_ORDER = "the concepts in random order"
_JUDGED = "images, held-out ones if any; of several labels pairs of an image and a label"
_IMAGES = "images of the build"

FIDELITY = keyed(
    "fidelity",
    (
        Definition(
            "fidelity.C-insertion",
            "C-insertion",
            "How soon the predicted class's logit is back when concepts are put back from the "
            f"most important on. {_FIDELITY}",
            formula="mean height of the logit above the logit without concepts, as the concepts "
            "that are active on the image come in, most important first, over how far all of them "
            "together move it; both summed over images",
            source=_SOURCE,
            unit="share",
            better="higher",
            chance=_ORDER,
            n_of=_JUDGED,
        ),
        Definition(
            "fidelity.C-deletion",
            "C-deletion",
            "How soon the predicted class's logit is gone when concepts are taken out from the "
            f"most important on. {_FIDELITY}",
            formula="as C-insertion, as the active concepts are set to 0, most important first",
            source=_SOURCE,
            unit="share",
            better="lower",
            chance=_ORDER,
            n_of=_JUDGED,
        ),
        Definition(
            "fidelity.C-muFidelity",
            "C-µFidelity",
            "Correlation of importances with the change of the logit over random sets of "
            "concepts, -1 to 1. For a linear head exact importances have 1 whatever the concepts. "
            f"{_FIDELITY}",
            formula="correlation, over 64 random fifths of the concepts, of summed importance "
            "with what the logit loses without them",
            source="Bhatt et al. 2020, arXiv 2005.00631",
            unit="correlation",
            better="higher",
            chance=_ORDER,
            n_of=_JUDGED,
            bounds=(-1.0, 1.0),
        ),
    ),
)
"""by `fidelity.metric`"""

FIDELITY_FACTS = keyed(
    "fidelity",
    (
        Definition(
            "fidelity.random",
            "Random order",
            "The same measure with the concepts in random order.",
            n_of=_JUDGED,
        ),
        Definition(
            "fidelity.control",
            "Random directions",
            "The same measure of the bank's control, its directions turned at random, each on as "
            "often and as strongly as its concept: for a head, of one of its kind fitted on them. "
            "Empty where none can be: the head is not fitted but folded from the model's last "
            "layer or read from a file, or there are as many directions as an activation has "
            "numbers, which leave nothing out.",
            n_of=_JUDGED,
        ),
        Definition(
            "fidelity.n",
            "n",
            "Images judged, over all classes; held-out ones if there are any. Where an image can "
            "carry several labels, pairs of an image and a label.",
            unit="images",
            format="count",
            bounds=(0.0, math.inf),
        ),
    ),
)
"""by column of table `fidelity`, said beside each of its measures"""

ACCURACY = keyed(
    "accuracy",
    (
        Definition(
            "accuracy.accuracy",
            "Accuracy",
            "Top-1 accuracy on the images of a split.",
            source=COMMON,
            unit="share",
            better="higher",
            chance="the largest class",
            format="percent",
            n_of="labelled images",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "accuracy.head",
            "Accuracy of the head",
            "Top-1 accuracy of the head on labels over the bank. Random: the same head fitted on "
            "random directions; none where they are as many as an activation has numbers, for then "
            "they are the linear probe below.",
            source=COMMON,
            unit="share",
            better="higher",
            chance="the largest class",
            format="percent",
            n_of="labelled images",
            bounds=(0.0, 1.0),
            short="Head",
        ),
        Definition(
            "accuracy.target",
            "Target",
            "What counts as right: the label, or what the backbone itself predicts.",
            format="text",
        ),
    ),
)
"""by what is told of an accuracy"""

WEIGHTS = keyed(
    "head_weight",
    (
        Definition(
            "head_weight.weight",
            "Weight",
            "What one unit of the concept's score adds to the logit of the class; empty: 0.",
            source=COMMON,
            unit="logits per unit of score",
            short="w",
        ),
    ),
)
"""by column"""


def _time(part: str, title: str, meaning: str, n_of: str = _IMAGES) -> Definition:
    return Definition(
        f"stage.{part}",
        title,
        meaning,
        source=COMMON,
        unit="s",
        better="lower",
        format="seconds",
        n_of=n_of,
        bounds=(0.0, math.inf),
    )


TIMES = keyed(
    "stage",
    (
        _time(
            "total",
            "Build",
            "Wall clock of everything that was done for the bank: fit, maps, description, quality "
            "with refits, heads, metrics, effects and writing. Not the activations, which all "
            "banks share.",
        ),
        _time("fit", "Fit", "Wall clock of the fit.", "images learned from"),
        _time("maps", "Maps", "Wall clock of encoding every token."),
        _time(
            "description",
            "Describe",
            "Wall clock of examples, histograms, names from labels, neighbours and the layout.",
        ),
        _time(
            "quality", "Judge", "Wall clock of the measures of quality, of probes and of refits."
        ),
        _time(
            "heads",
            "Heads",
            "Wall clock of fitting and explaining its heads, and of their fidelity.",
        ),
        _time("rest", "Rest", "Wall clock of metrics, effects, words and writing."),
    ),
)
"""by part of a bank's build"""
