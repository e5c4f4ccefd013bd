"""Run by itself: builds with a fake backbone, each in a process of its own, that wait for a word.

python two_builds.py OUT reads lines from standard input: `start NAME RECIPE` starts a build. It
says `NAME waits SENTENCE` where another is at work, and `NAME inside SHOWN` when it has all
activations and has shown the model that many images for them; it goes on when the file OUT/NAME.go
is there, and says last `NAME ended STORE` or `NAME failed ERROR`.
"""

from __future__ import annotations

import inspect
import os
import sys
import time
from pathlib import Path

import fakes
import torch

from core import backbones
from core.recipe import parse
from precompute import pipeline

torch.set_num_threads(1)


def build(name: str, recipe: Path, out: Path) -> str:
    """What is said at the end."""
    fake = fakes.FakeBackbone()
    backbones.BACKBONES["huggingface"] = lambda _model, **_options: fake
    gather = pipeline.gather

    def gathered(*given: object) -> object:
        say(f"{name} inside {fake.shown}")
        while not (out / f"{name}.go").exists():
            time.sleep(0.02)
        return gather(*given)  # type: ignore[arg-type]

    pipeline.gather = gathered  # type: ignore[assignment]
    pipeline.put_image_layout = lambda _con, _build: (
        lambda: None
    )  # takes as long as all else together
    pipeline.tell = lambda sentence: say(f"{name} waits {sentence}")  # type: ignore[assignment]
    text = recipe.read_text(encoding="utf-8")
    try:
        path = inspect.unwrap(pipeline.run)(parse(text), text=text, out=out)  # without its layouts
    except Exception as error:
        return f"{name} failed {error!r}"
    return f"{name} ended {path.name}"


def say(line: str) -> None:
    os.write(1, f"{line} | {os.getpid()}\n".encode())


if __name__ == "__main__":
    place = Path(sys.argv[1])
    say("ready")
    for line in sys.stdin:
        _, name, recipe = line.split()
        if os.fork() == 0:
            say(build(name, Path(recipe), place))
            os._exit(0)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
