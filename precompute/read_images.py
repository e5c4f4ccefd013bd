"""Reading the images that a recipe names. Nothing here needs torch, which takes seconds to import,
so a command can begin with it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from core.recipe import DatasetSpec
from data import datasets
from data.datasets import Dataset
from precompute import ahead

CONTENTS = "contents"
"""folder among the artifacts for what files were found to hold"""


def read_images(spec: DatasetSpec, out: Path) -> Dataset:
    """Draws the images of the demonstration, unless they are there. Raises what a reader raises."""
    return datasets.load(
        spec.reader,
        Path(spec.path) if spec.path else out / spec.reader,
        limit=spec.limit,
        options=dict(spec.options),
        work=out / datasets.UNPACKED,
        contents=out / CONTENTS,
    )


@contextmanager
def reading_begun(spec: DatasetSpec, out: Path) -> Iterator[Callable[[], Dataset]]:
    """While the block runs, `read_images` does on a second thread; what is given waits for it,
    once."""
    with ahead.begun([ahead.Task(partial(read_images, spec, out))]) as reading:
        reading.told.awaited = True  # nothing else is shown yet
        yield partial(reading.take, 0)
