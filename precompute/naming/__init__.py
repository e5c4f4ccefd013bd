"""What concepts are called, where they lie beside each other, which labels they stand for."""

from precompute.naming.labelled_scores import control_scores, label_concepts
from precompute.naming.layout import lay_out, layout_trust, put_image_layout
from precompute.naming.match_labels import label_scores
from precompute.naming.neighbours import nearest_concepts
from precompute.naming.vocabulary_names import (
    NAMES_STAGE,
    PlacedBank,
    Vocabulary,
    name_concepts,
    notice_read_alike,
    prepare_names,
)

__all__ = [
    "NAMES_STAGE",
    "PlacedBank",
    "Vocabulary",
    "control_scores",
    "label_concepts",
    "label_scores",
    "lay_out",
    "layout_trust",
    "name_concepts",
    "nearest_concepts",
    "notice_read_alike",
    "prepare_names",
    "put_image_layout",
]
