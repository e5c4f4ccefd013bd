"""Is a store sound? Every promise of the schema that a query can check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from data.store import SCHEMA, StoreError, open_readonly

_SHOWN = 3
"""findings in a message"""


@dataclass(frozen=True)
class Finding:
    level: str
    """"ok", "note" (worth knowing) or "error" (the store breaks a promise)"""
    message: str


@dataclass(frozen=True)
class _Check:
    """`sql` counts what is wrong."""

    promise: str
    sql: str
    level: str = "error"


_CHECKS = (
    # first of all: a store without them would keep many of the other promises by being empty
    _Check(
        "there is one build and one backbone",
        "SELECT abs((SELECT count(*) FROM build) - 1) + abs((SELECT count(*) FROM backbone) - 1)",
    ),
    _Check("there are images", "SELECT (count(*) = 0)::INTEGER FROM image"),
    _Check(
        "every image has its pictures",
        "SELECT count(*) FROM image ANTI JOIN picture USING (image_id)",
    ),
    _Check(
        "build.n_images is the number of images",
        "SELECT abs((SELECT count(*) FROM image) - n_images) FROM build",
    ),
    _Check(
        "every image's label is a class",
        "SELECT count(*) FROM image ANTI JOIN class USING (class_id) WHERE class_id IS NOT NULL",
    ),
    _Check(
        "scores belong to concepts",
        "SELECT count(*) FROM score ANTI JOIN concept USING (bank_id, concept_id)",
    ),
    _Check(
        "scores belong to images", "SELECT count(*) FROM score ANTI JOIN image USING (image_id)"
    ),
    _Check(
        "scores and peaks are finite",
        "SELECT count(*) FROM score WHERE NOT isfinite(score) OR NOT isfinite(peak)",
    ),
    _Check(
        "every bank has a map row for every image",
        "SELECT count(*) FROM bank, image ANTI "
        "JOIN code ON code.bank_id = bank.bank_id AND code.image_id = image.image_id",
    ),
    _Check(
        "sparse maps have ids of the same length",
        "SELECT count(*) FROM code WHERE concept "
        "IS NOT NULL AND (len(concept) <> len(value) OR len(token) <> len(value))",
    ),
    _Check(
        "dense maps are complete",
        "SELECT count(*) FROM code LEFT JOIN bank USING (bank_id), backbone "
        "WHERE concept IS NULL AND len(value) IS DISTINCT FROM n_concepts * grid_h * grid_w",
    ),
    _Check(
        "tokens lie on the grid",
        "SELECT count(*) FROM code, backbone WHERE list_max(token) >= grid_h * grid_w",
    ),
    _Check(
        "concepts count up from 0",
        "SELECT count(*) FROM (SELECT n_concepts, count(concept_id) AS n, "
        "max(concept_id) AS last FROM bank LEFT JOIN concept USING (bank_id) GROUP BY bank_id, "
        "n_concepts) WHERE n <> n_concepts OR last IS DISTINCT FROM n_concepts - 1",
    ),
    _Check(
        "examples lie within their group",
        "SELECT count(*) FROM example e LEFT JOIN example_group "
        "g USING (bank_id, concept_id, group_id) WHERE g.lo IS NULL OR "
        "e.score < g.lo - 1e-5 * abs(g.lo) OR e.score > g.hi + 1e-5 * abs(g.hi)",
    ),
    _Check(
        "weights belong to concepts of their head's bank",
        "SELECT count(*) FROM head_weight "
        "LEFT JOIN head USING (head_id) ANTI JOIN concept ON concept.bank_id = head.bank_id AND "
        "concept.concept_id = head_weight.concept_id",
    ),
    _Check(
        "words that name a concept pass what their bank asks for",
        "SELECT count(*) FROM "
        "concept_name LEFT JOIN naming USING (bank_id) WHERE named AND (naming.bank_id IS NULL "
        "OR rank > 0 OR score <= chance - 1e-6 OR margin < min_margin - 1e-6)",
    ),
    _Check(
        "names from a vocabulary are its nearest word",
        "SELECT count(*) FROM concept ANTI JOIN "
        "concept_name w ON w.bank_id = concept.bank_id AND w.concept_id = concept.concept_id "
        "AND w.name = concept.name AND w.named WHERE name_source = 'vocabulary'",
    ),
    _Check("every bank was judged", "SELECT count(*) FROM bank ANTI JOIN quality USING (bank_id)"),
    _Check(
        "probes read one label each, and their interval holds their AUC",
        "SELECT count(*) "
        "FROM probe WHERE (labelled_id IS NULL) = (class_id IS NULL) "
        "OR (auc BETWEEN auc_lo AND auc_hi) IS DISTINCT FROM true",
    ),
    _Check(
        "neighbours, layouts and copies are of images that exist",
        "SELECT count(*) FROM ("
        "SELECT image_id FROM image_layout UNION ALL SELECT other_id FROM image_neighbour "
        "UNION ALL SELECT image_id FROM altered UNION ALL SELECT image_id FROM pooled) ANTI "
        "JOIN image USING (image_id)",
    ),
    _Check(
        "depth is probed inside its interval",
        "SELECT count(*) FROM depth WHERE (auc BETWEEN lo AND hi) IS DISTINCT FROM true "
        "OR n_positive >= n",
    ),
    _Check(
        "labels of images are classes, of images that exist, and only where several are possible",
        "SELECT count(*) FROM (FROM image_class ANTI JOIN class USING (class_id) UNION ALL FROM "
        "image_class ANTI JOIN image USING (image_id) UNION ALL SELECT image_class.* FROM "
        "image_class, build WHERE NOT multi_label)",
    ),
    _Check(
        "an image has one class, or labels of several, not both",
        "SELECT count(*) FROM image, build WHERE multi_label AND class_id IS NOT NULL",
    ),
    _Check(
        "logits become probabilities by softmax or sigmoid",
        "SELECT count(*) FROM (SELECT link FROM head UNION ALL SELECT link FROM backbone) "
        "WHERE link NOT IN ('softmax', 'sigmoid')",
    ),
    _Check(
        "labels are judged inside their intervals, on images that there are",
        "SELECT count(*) FROM label_metric WHERE n = 0 OR n_positive > n OR auc NOT BETWEEN auc_lo "
        "AND auc_hi OR ap NOT BETWEEN ap_lo AND ap_hi OR threshold NOT BETWEEN 0 AND 1",
    ),
    _Check(
        "what an image is said to show reaches the label's threshold",
        "SELECT count(*) FROM label_prediction p JOIN (SELECT DISTINCT head_id, class_id, "
        "threshold FROM label_metric WHERE model <> 'linear probe') m ON p.class_id = m.class_id "
        "AND p.head_id IS NOT DISTINCT FROM m.head_id WHERE prob < threshold - 1e-6",
    ),
    _Check("heads have classes", "SELECT count(*) FROM head ANTI JOIN head_bias USING (head_id)"),
    _Check(
        "predictions carry every output's logit",
        "SELECT count(*) FROM prediction WHERE len(logit) <> (SELECT count(output) FROM class)",
    ),
    _Check(
        "saliency maps are complete",
        "SELECT count(*) FROM saliency WHERE len(value) <> map_h * map_w",
    ),
    _Check(
        "metrics are of heads, banks and concepts that exist",
        "SELECT count(*) FROM metric "
        "LEFT JOIN head USING (head_id) LEFT JOIN bank ON bank.bank_id = metric.bank_id "
        "LEFT JOIN concept c ON c.bank_id = metric.bank_id AND c.concept_id = "
        "metric.concept_id WHERE (metric.head_id IS NOT NULL AND head.bank_id IS DISTINCT "
        "FROM metric.bank_id) OR (metric.bank_id IS NOT NULL AND bank.bank_id IS NULL) OR "
        "(metric.concept_id IS NOT NULL AND c.concept_id IS NULL)",
    ),
    _Check(
        "metrics lie in their range, beside chance and control that do",
        "SELECT count(*) FROM "
        "metric WHERE n = 0 OR NOT isfinite(value) OR name <> 'completeness' AND "
        "(greatest(value, chance, control) > CASE name WHEN 'ois' THEN 2 ELSE 1 END + 1e-9 "
        "OR least(value, chance, control) < "
        "CASE WHEN starts_with(name, 'cgim') THEN -1 ELSE 0 END - 1e-9)",
    ),
    _Check(
        "no bank is mostly dead",
        "SELECT count(*) FROM bank WHERE n_dead > 0.5 * n_concepts",
        "note",
    ),
    _Check("no input was skipped", "SELECT n_skipped FROM build", "note"),
    _Check("every part of the recipe was done", "SELECT count(*) FROM notice", "note"),
)


def refuse_unsound(con: duckdb.DuckDBPyConnection) -> None:
    """Raises StoreError with what is wrong in a database that was just written."""
    findings = _missing_columns(con) or [_run(con, check) for check in _CHECKS]
    _refuse(findings, "the store that was built breaks its promises, so it is not published")


def is_finished(path: Path) -> bool:
    """Whether a sound store is there. Raises StoreError for a file of that name that is none."""
    if not path.exists():
        return False
    _refuse(
        examine(path),
        f"{path} was built before and is damaged; delete it, and the same command builds it again",
    )
    return True


def _refuse(findings: list[Finding], what: str) -> None:
    wrong = [finding.message for finding in findings if finding.level == "error"]
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise StoreError(f"{what}: {'; '.join(wrong[:_SHOWN])}{more}")


def examine(path: Path) -> list[Finding]:
    """One finding per check. A file that cannot be opened as a store gives a single error."""
    try:
        con = open_readonly(path)
    except StoreError as error:
        return [Finding("error", str(error))]
    with con:
        findings = _missing_columns(con)
        return findings or [_run(con, check) for check in _CHECKS]


def _run(con: duckdb.DuckDBPyConnection, check: _Check) -> Finding:
    row = con.execute(check.sql).fetchone()
    n = None if row is None else row[0]
    if n is None:  # nothing was counted, which is not the same as nothing being wrong
        return Finding(
            "error", f"{check.promise}: it cannot be told, for there is no row to look at"
        )
    if not n:
        return Finding("ok", check.promise)
    return Finding(check.level, f"{check.promise}: not so {n} times")


def _missing_columns(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Against a fresh database made from the schema."""
    columns = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
    with duckdb.connect() as fresh:
        fresh.execute(SCHEMA.read_text(encoding="utf-8"))
        wanted = set(fresh.execute(columns).fetchall())
    missing = sorted(wanted - set(con.execute(columns).fetchall()))
    return [
        Finding("error", f"column {table}.{column} ({kind}) is missing")
        for table, column, kind in missing
    ]
