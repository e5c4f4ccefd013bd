"""Short products run on one thread, and long ones on as many as there are."""

from __future__ import annotations

from threadpoolctl import threadpool_info, threadpool_limits

from precompute.intake import short_products


def _threads() -> set[int]:
    return {found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"}


def test_short_products_run_on_one_thread() -> None:
    with threadpool_limits(2, user_api="blas"):
        with short_products(4_000 * 64):
            assert _threads() == {1}
        assert _threads() == {2}


def test_long_products_keep_their_threads() -> None:
    with threadpool_limits(2, user_api="blas"), short_products(50_000 * 768):
        assert _threads() == {2}
