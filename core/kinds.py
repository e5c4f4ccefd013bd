"""The values that a column of kinds can have, each set of them written here and nowhere else.

The schema says what each value means; a test holds the two together.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class NameSource(StrEnum):
    """Where a concept's name is from: `concept.name_source`."""

    LABEL = "label"
    WORD = "word"
    MATCHED = "matched"
    VOCABULARY = "vocabulary"
    UNNAMED = "unnamed"


LABELLED = (NameSource.LABEL, NameSource.MATCHED)
"""where a labelled concept is behind the name"""

TRAIN = "train"
"""the split that everything is fitted on; any word may be a split, and three have a meaning"""
VAL = "val"
"""the split on which strengths are chosen where some are, so that nothing is judged by it"""
TEST = "test"
"""the split that is reported first"""
FITTED = (TRAIN, VAL)
"""splits that something was fitted to or chosen on; every other is held out"""
LOGITS = "logits"
"""the unit of importances that add up to a change of a logit; other methods state their own"""

Pool = Literal["mean", "max", "cls"]
"""what an image's score is read from: the mean of its map, its largest value, or the code of the
image's CLS token: `bank.pool`"""
ControlKind = Literal["matched", "random"]
"""what stands in a bank's place to compare it with: `bank.control_kind`"""
LabelLevel = Literal["image", "class"]
"""whether images were labelled one by one or have their class's labels: `bank.label_level`"""
Scope = Literal["backbone", "bank", "head", "concept"]
"""what was measured: `metric.scope`"""
Link = Literal["softmax", "sigmoid"]
"""how logits become probabilities, over all classes or of each label alone: `head.link`"""
ProbeKind = Literal["raw", "latent", "top"]
"""what a probe reads: `probe.kind`"""
Likeness = Literal["cosine", "lift"]
"""by what concepts are neighbours: `neighbour.kind`"""
EditedImages = Literal["active", "silent", "both"]
"""which images an edit was tried on: `effect.images`"""
