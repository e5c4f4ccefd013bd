"""What a store holds and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandas as pd

from core.kinds import ControlKind, Link, Pool
from data.queries.carried import CARRIED, NAMED
from data.queries.records import records


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """The row of `build` and the one of `backbone`."""

    schema_version: int
    name: str
    """the recipe's"""
    fingerprint: str
    """hex; of recipe, images and model: same inputs, same value"""
    recipe: str
    """TOML, verbatim"""
    seed: int
    versions: str
    """JSON: package name -> version"""
    dataset: str
    n_images: int
    """used, all splits"""
    n_skipped: int
    """inputs that could not be used"""
    multi_label: bool
    """an image can carry several labels"""
    renamed_from: str | None
    """fingerprint of the build whose concepts got these names later; None: its own"""
    backbone: str
    """its name; "no backbone": the store has none, and the numbers below are 0"""
    layer: str
    """dotted module name; "none" without a backbone"""
    grid_h: int
    """token rows"""
    grid_w: int
    """token columns; token = row * grid_w + column"""
    width: int
    """d, numbers per token"""
    input_h: int
    """pixels fed to the model"""
    input_w: int
    n_extra: int
    """CLS and register tokens, kept off the grid"""
    linear: bool
    """logits are a linear map of the mean token"""
    link: Link
    """how its logits become probabilities"""
    cls_linear: bool
    """logits are linear in the CLS token"""
    reads_patches: bool | None
    """the layer's patches change what the model answers; None: unknown"""
    why: str
    """why concepts are sought at this layer; "": no backbone"""


@dataclass(frozen=True, slots=True)
class Bank:
    """The table's row without its tensors."""

    bank_id: int
    name: str
    method: str
    """key of core.concepts.METHODS"""
    n_concepts: int
    signed: bool
    dense: bool
    params: str
    """JSON, as fitted"""
    label_level: str | None
    """"image" or "class": what labels trained it; None: none did"""
    code_unit: str
    pool: Pool
    """what a score is read from"""
    control_kind: ControlKind
    """what it is compared with"""
    r2: float | None
    """share of token variance that it reconstructs, <= 1; None: it does not"""
    l0: float
    """mean number of non-zero codes a token"""
    n_dead: int
    seconds: float


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """The table's row and what is most asked of the head's bank."""

    head_id: int
    name: str
    bank_id: int
    kind: str
    """as in precompute.heads.HEADS"""
    about: str
    residual: bool
    link: Link
    """how its logits become probabilities"""
    linear: bool
    n_weights: int
    """not zero"""
    gap: float | None
    """duality gap as a share of the penalised loss; None: no sparse layer was fitted"""
    bank: str
    """name of the bank"""
    method: str
    """of the bank"""
    signed: bool
    """codes of the bank can be negative"""
    n_classes: int


def build(con: duckdb.DuckDBPyConnection) -> BuildFacts:
    return records(
        con,
        BuildFacts,
        """
        SELECT build.*, coalesce(backbone.name, 'no backbone') AS backbone,
            coalesce(layer, 'none') AS layer, coalesce(grid_h, 0) AS grid_h,
            coalesce(grid_w, 0) AS grid_w, coalesce(width, 0) AS width,
            coalesce(input_h, 0) AS input_h, coalesce(input_w, 0) AS input_w,
            coalesce(n_extra, 0) AS n_extra, coalesce(linear, FALSE) AS linear,
            coalesce(link, 'softmax') AS link,
            coalesce(cls_linear, FALSE) AS cls_linear, reads_patches,
            coalesce(why, '') AS why
        FROM build LEFT JOIN backbone ON TRUE
        """,
    )[0]


def banks(con: duckdb.DuckDBPyConnection) -> list[Bank]:
    """In the order built."""
    return records(con, Bank, "SELECT * EXCLUDE (tensors) FROM bank ORDER BY bank_id")


def bank(con: duckdb.DuckDBPyConnection, bank_id: int) -> Bank:
    """Raises LookupError when the store has no such bank."""
    for found in banks(con):
        if found.bank_id == bank_id:
            return found
    raise LookupError(f"the store has no bank {bank_id}")


def heads(con: duckdb.DuckDBPyConnection) -> list[HeadFacts]:
    """In the order built."""
    return records(
        con,
        HeadFacts,
        """
        SELECT head.*, bank.name AS bank, bank.method, bank.signed,
            (SELECT count(*) FROM head_bias WHERE head_bias.head_id = head.head_id) AS n_classes
        FROM head JOIN bank USING (bank_id)
        ORDER BY head_id
        """,
    )


def accuracies(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Every measured accuracy, models in the order backbone, probe, heads.

    `control`: that of the same head made from random directions; NULL where there is none.
    """
    return con.execute(
        """
        SELECT accuracy.*, coalesce(head.head_id, -1) AS head_id, metric.control
        FROM accuracy
        LEFT JOIN head ON head.name = accuracy.model
        LEFT JOIN metric ON metric.head_id = head.head_id AND metric.name = 'class_accuracy'
            AND metric.split = accuracy.split AND metric.scope = 'head' AND target = 'label'
        ORDER BY coalesce(head.head_id, -1), model, target, accuracy.split
        """
    ).df()


def splits(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """split, n images, n of which a label is known; train and test first."""
    return con.execute(
        f"""
        SELECT split, count(*) AS n, count(known.image_id) AS n_labelled
        FROM image LEFT JOIN {NAMED} AS known USING (image_id) GROUP BY split
        ORDER BY list_position(['train', 'val', 'test'], split) NULLS LAST, split
        """
    ).df()


def classes(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """class_id, name, labelled, output, n images that carry the label."""
    return con.execute(
        f"""
        SELECT class.*, count(image_id) AS n
        FROM class LEFT JOIN {CARRIED} AS carried USING (class_id)
        GROUP BY ALL ORDER BY class_id
        """
    ).df()


def stages(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    return con.execute("SELECT name, seconds, n, unit FROM stage ORDER BY stage_id").df()


def notices(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Parts of the recipe that could not be done."""
    return con.execute(
        "SELECT stage, subject, message FROM notice ORDER BY stage, subject, message"
    ).df()


def skipped(con: duckdb.DuckDBPyConnection, *, limit: int = 200) -> pd.DataFrame:
    """Inputs that could not be used, and why."""
    return con.execute(
        "SELECT file, reason FROM skipped ORDER BY file LIMIT $limit", {"limit": limit}
    ).df()


def sample_images(con: duckdb.DuckDBPyConnection, *, per_split: int = 6) -> pd.DataFrame:
    """A few images of each split, spread over it: image_id, file, split, class, thumb, view box."""
    return con.execute(
        f"""
        WITH numbered AS (
            SELECT *,
                row_number() OVER (PARTITION BY split ORDER BY hash(image_id), image_id) AS place
            FROM image
        )
        SELECT image_id, file, split, class.name AS class, thumb, view_x0, view_y0, view_x1, view_y1
        FROM numbered JOIN picture USING (image_id) LEFT JOIN {NAMED} AS class USING (image_id)
        WHERE place <= $per_split
        ORDER BY list_position(['train', 'val', 'test'], split) NULLS LAST, split, place
        """,
        {"per_split": per_split},
    ).df()
