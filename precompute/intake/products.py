"""On how many threads NumPy multiplies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_SMALL = 4_000_000
"""pooled activations, in numbers, below which products are too short to be shared among threads"""


@contextmanager
def short_products(n_numbers: int) -> Iterator[None]:
    """While the block runs, NumPy and SciPy multiply on one thread, if what they multiply is small.

    A probe is fitted by thousands of products that take microseconds each: threads that share one
    wait for each other longer than they work, ten times longer where something else runs, too.
    `n_numbers` is the size of the pooled activations. Torch's threads stay as they are.
    """
    if n_numbers > _SMALL:
        yield
        return
    with threadpool_limits(1, user_api="blas"):
        yield
