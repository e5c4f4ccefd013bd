"""A store as Parquet: one file a table, and a card with what the schema says of each."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq

from data.store import SCHEMA, SCHEMA_VERSION
from precompute.export import reading
from precompute.export.folder import CARD, card, fresh, table

_TABLE = re.compile(r"^CREATE TABLE (\w+) .*?^\);$", re.MULTILINE | re.DOTALL)


def export_tables(path: Path, to: Path) -> Path:
    """Writes a file NAME.parquet for each table that has rows, and README.md.

    Raises ValueError for a folder that is not empty, StoreError where `path` is no store.
    """
    with reading.opened(path) as con:
        folder, origin, counts = fresh(to), reading.origin_of(con), reading.tables_of(con)
        for name in counts:
            batches = reading.rows_of(con, name)
            first = next(batches)
            with pq.ParquetWriter(folder / f"{name}.parquet", first.schema) as file:
                file.write_batch(first)
                for batch in batches:
                    file.write_batch(batch)
    said = {m[1]: m[0] for m in _TABLE.finditer(SCHEMA.read_text(encoding="utf-8"))}
    configs = [{"config_name": name, "data_files": f"{name}.parquet"} for name in counts]
    text = card(
        {"tags": ["interpretability", "vision"], "configs": configs},
        f"# {origin.name}",
        f"The tables of a Lucidarium store of schema version {SCHEMA_VERSION}: `{origin.backbone}` "
        f"at `{origin.layer}` on the data set {origin.dataset}.",
        table(("table", "rows"), ((name, f"{n:,}") for name, n in counts.items())),
        *(f"## {name}\n\n```sql\n{said[name]}\n```" for name in counts),
    )
    (folder / CARD).write_text(text, encoding="utf-8")
    return folder
