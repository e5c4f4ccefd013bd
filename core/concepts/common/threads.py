"""Compiled loops over rows, on as many threads as torch uses."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

_PARTS = 4
"""a thread, since some rows take longer than others"""
_FEW = 100_000
"""numbers below which threads cost more than they save"""


def in_parts(work: Callable[..., None], *rows: Tensor) -> None:
    """Calls `work` with numpy views of the same rows of each tensor until all are done.

    `work` must let go of the interpreter's lock and may write into its rows.
    """
    n = torch.get_num_threads()
    if n == 1 or rows[0].numel() < _FEW:
        work(*(tensor.numpy() for tensor in rows))
        return
    parts = zip(*(tensor.chunk(_PARTS * n) for tensor in rows), strict=True)
    arrays = [[tensor.numpy() for tensor in part] for part in parts]
    with ThreadPoolExecutor(n) as pool:
        list(pool.map(lambda part: work(*part), arrays))
