"""Arrow columns for `data.write.put`: NULLs, lists, constants."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa


def ids(values: np.ndarray) -> pa.Array:
    """-1 becomes NULL."""
    return pa.array(np.where(values < 0, 0, values), mask=values < 0, type=pa.uint32())


def same(value: int, frame: pd.DataFrame) -> np.ndarray:
    return np.full(len(frame), value)


def lists(rows: np.ndarray) -> pa.Array:
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(rows.ravel()))


def ragged(values: np.ndarray, offsets: np.ndarray) -> pa.Array:
    return pa.ListArray.from_arrays(offsets.astype(np.int32), pa.array(values))


def arrow(column: pd.Series) -> pa.Array | pa.ChunkedArray:
    """NaN becomes NULL, lists of arrays become list columns."""
    if column.dtype == object and len(column) and isinstance(column.iloc[0], np.ndarray):
        return pa.array(column.tolist())
    return pa.array(column, from_pandas=True)
