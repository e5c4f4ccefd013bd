"""What concepts are called, where they lie beside each other, which labels they stand for."""

from precompute.naming.labelled_scores import control_scores, label_concepts, named_for
from precompute.naming.layout import layout_trust, put_image_layout
from precompute.naming.match_labels import label_scores
from precompute.naming.neighbours import nearest_concepts
from precompute.naming.umap_layout import begin_layout, layouts_beside
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
    "begin_layout",
    "control_scores",
    "label_concepts",
    "label_scores",
    "layout_trust",
    "layouts_beside",
    "name_concepts",
    "named_for",
    "nearest_concepts",
    "notice_read_alike",
    "prepare_names",
    "put_image_layout",
]
