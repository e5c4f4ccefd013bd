"""What others open: a bank for SAELens; a store as Parquet, for `datasets` and for FiftyOne."""

from precompute.export.bank import export_bank
from precompute.export.fiftyone import export_fiftyone
from precompute.export.hub import pull, push
from precompute.export.images import export_images
from precompute.export.tables import export_tables

__all__ = [
    "export_bank",
    "export_fiftyone",
    "export_images",
    "export_tables",
    "pull",
    "push",
]
