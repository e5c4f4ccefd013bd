"""UMAP, and a process that does nothing else.

UMAP is compiled for seconds by whatever process uses it first. `layouts_beside` starts a second
process that begins with that at once, while the build reads images; this file is what it runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, Any, NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.neighbors import NearestNeighbors

FEWEST = 8
"""points below which a layout says nothing"""
NEIGHBOURS = 15


class Layout(NamedTuple):
    x: Float[np.ndarray, " k"]
    y: Float[np.ndarray, " k"]
    seconds: float
    """that it took, wherever it was made"""


def lay_out(points: Float[np.ndarray, "k d"], *, seed: int, epochs: int | None = None) -> Layout:
    """UMAP of the rows under cosine distance; NaN for fewer than 8 of them. epochs None: 500.

    Seeded and single-threaded, hence the same on every run (McInnes et al. 2018, arXiv
    1802.03426). It is given its neighbours, exact ones, since its own search would compile for
    seconds more.
    """
    started, k = time.perf_counter(), len(points)
    if k < FEWEST:
        nothing = np.full(k, np.nan, dtype=np.float32)
        return Layout(nothing, nothing, 0.0)
    n = min(NEIGHBOURS, k - 1)
    distances, indices = NearestNeighbors(n_neighbors=n, metric="cosine").fit(points).kneighbors()
    # umap counts a point among its own neighbours
    itself = np.arange(k)[:, None]
    known = (
        np.hstack([itself, indices[:, : n - 1]]),
        np.hstack([np.zeros((k, 1)), distances[:, : n - 1]]).astype(np.float32),
    )
    with warnings.catch_warnings():
        # umap warns that TensorFlow is missing, which it does not need here
        warnings.simplefilter("ignore")
        _import_search_uncompiled()
        from umap import UMAP

        placed = UMAP(
            n_neighbors=n,
            precomputed_knn=known,
            min_dist=0.15,
            metric="cosine",
            init="spectral" if k > 32 else "random",
            random_state=seed,
            n_epochs=epochs,
            n_jobs=1,  # what a seed asks for
        ).fit_transform(points)
    x, y = placed.astype(np.float32).T
    return Layout(x, y, time.perf_counter() - started)


def _import_search_uncompiled() -> None:
    """umap's search for neighbours, which is not used here: compiling it takes longer than all
    else together when it is imported for the first time."""
    import numba

    before = numba.config.DISABLE_JIT  # type: ignore[attr-defined]
    numba.config.DISABLE_JIT = 1  # type: ignore[attr-defined]
    try:
        import pynndescent  # noqa: F401
    finally:
        numba.config.DISABLE_JIT = before  # type: ignore[attr-defined]


class _Beside:
    """The other process, asked for one layout at a time."""

    def __init__(self) -> None:
        # -P: what lies beside this file is not to be found by a bare name
        self.process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the build, which then ends it
        )
        self.closed = False
        self.turns = ThreadPoolExecutor(1)

    def submit(
        self, points: Float[np.ndarray, "k d"], seed: int, epochs: int | None
    ) -> Future[Layout]:
        return self.turns.submit(self._ask, points, seed, epochs)

    def _ask(self, points: Float[np.ndarray, "k d"], seed: int, epochs: int | None) -> Layout:
        try:
            assert self.process.stdin
            assert self.process.stdout
            _send(self.process.stdin, points, {"seed": seed, "epochs": epochs})
            placed, told = _receive(self.process.stdout)
        except (OSError, ValueError):  # it was killed, or could not start: then it is made here
            if self.closed:  # unless nobody waits for it any more
                raise
            return lay_out(points, seed=seed, epochs=epochs)
        return Layout(placed[0], placed[1], told["seconds"])

    def close(self) -> None:
        self.closed = True
        self.process.kill()
        self.turns.shutdown(cancel_futures=True)
        self.process.communicate()


_BESIDE: ContextVar[_Beside | None] = ContextVar("_BESIDE", default=None)


@contextmanager
def layouts_beside() -> Iterator[None]:
    """While the block runs, layouts are made in a second process.

    Not where this one has umap already: then there is nothing left to wait for.
    """
    if "umap" in sys.modules:
        yield
        return
    beside = _Beside()
    token = _BESIDE.set(beside)
    try:
        yield
    finally:
        _BESIDE.reset(token)
        beside.close()


def begin_layout(
    points: Float[np.ndarray, "k d"], *, seed: int, epochs: int | None = None
) -> Future[Layout]:
    """`lay_out` in the second process, if there is one, else here and now."""
    beside = _BESIDE.get()
    if beside:
        return beside.submit(points, seed, epochs)
    done: Future[Layout] = Future()
    done.set_result(lay_out(points, seed=seed, epochs=epochs))
    return done


def _send(pipe: IO[bytes], array: np.ndarray, told: dict[str, Any]) -> None:
    """One line that says how many bytes follow, then the array."""
    array = np.ascontiguousarray(array)
    line = {**told, "shape": array.shape, "dtype": array.dtype.str}
    pipe.write(json.dumps(line).encode() + b"\n" + array.tobytes())
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[np.ndarray, dict[str, Any]]:
    """What `_send` sent. Raises ValueError when the other end is gone."""
    told = json.loads(pipe.readline())
    shape, dtype = told.pop("shape"), np.dtype(told.pop("dtype"))
    raw = pipe.read(int(np.prod(shape)) * dtype.itemsize)
    return np.frombuffer(raw, dtype).reshape(shape), told


def _serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Lays out what is asked until nobody asks any more."""
    lay_out(np.random.default_rng(0).random((40, 4), np.float32), seed=0, epochs=1)  # compiles
    while True:
        try:
            points, told = _receive(asked)
        except ValueError:
            return
        made = lay_out(points, seed=told["seed"], epochs=told["epochs"])
        _send(answers, np.stack([made.x, made.y]), {"seconds": made.seconds})


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
