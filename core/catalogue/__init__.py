"""What everything that is measured, listed or counted means: titles, formulas, units, sources.

One place, read by every table, hover, chart and report. A new measure is one `Definition` here.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.catalogue.banks import QUALITY
from core.catalogue.build import BANK_FACTS, CLASS_FACTS, STAGES
from core.catalogue.classes import CONFUSIONS, DOMINANCE, IMPORTANCE, PARTS
from core.catalogue.concepts import CONCEPT, CONCEPT_COLUMNS
from core.catalogue.definition import COMMON, OWN, Better, Definition, Format
from core.catalogue.depth import DEPTH
from core.catalogue.edits import EDITS, FOLLOWED
from core.catalogue.effects import EFFECTS
from core.catalogue.flags import FLAGS
from core.catalogue.heads import ACCURACY, FIDELITY, FIDELITY_FACTS, TIMES, WEIGHTS
from core.catalogue.image_sets import DIFFERENCES
from core.catalogue.labels import LABEL_MEANS, LABEL_METRICS
from core.catalogue.maps import MAPS
from core.catalogue.metrics import ANSWERS, METRIC_FACTS
from core.catalogue.names import NAMES
from core.catalogue.pairs import PAIRS
from core.catalogue.probes import PROBES, SUMMARY
from core.catalogue.relations import CLASSES, LABELS, NEIGHBOURS

__all__ = [
    "COMMON",
    "CONCEPT_COLUMNS",
    "DEFINITIONS",
    "FLAGS",
    "METRICS",
    "OWN",
    "Better",
    "Definition",
    "Format",
    "of",
]

METRICS: Mapping[str, Definition] = {**ANSWERS, **MAPS}
"""by `metric.name`"""
_TABLES = (
    METRICS,
    METRIC_FACTS,
    QUALITY,
    FIDELITY,
    FIDELITY_FACTS,
    TIMES,
    STAGES,
    BANK_FACTS,
    CLASS_FACTS,
    ACCURACY,
    LABEL_METRICS,
    LABEL_MEANS,
    WEIGHTS,
    NAMES,
    CONCEPT,
    FLAGS,
    CLASSES,
    LABELS,
    NEIGHBOURS,
    PROBES,
    SUMMARY,
    DEPTH,
    DIFFERENCES,
    PAIRS,
    CONFUSIONS,
    DOMINANCE,
    IMPORTANCE,
    PARTS,
    EFFECTS,
    EDITS,
    FOLLOWED,
)
DEFINITIONS: Mapping[str, Definition] = {
    one.key: one for table in _TABLES for one in table.values()
}
"""all there are, by key"""


def of(key: str) -> Definition:
    """The definition of "table.name"; what has none is called by its name, and means nothing."""
    return DEFINITIONS.get(key) or Definition(key, key.partition(".")[2] or key, "")
