"""A file that keeps its decoder busy is given up; every other one is decoded as it always was."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.images import Depth, UnusableImage, decode_image, open_image, open_mask, reading
from data.images.bounded import SCANS, Decoders, in_proportion, send
from data.images.masks import mask_of

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
KINDS = {"GIF": {}, "WEBP": {"lossless": True}, "TIFF": {}, "JPEG2000": {}, "AVIF": {}}


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders(seconds=2)
    yield made
    made.close()


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(out, kind, **options)
    return out.getvalue()


def many_scans(n: int, side: int = 6_000) -> bytes:
    """A progressive JPEG of a few hundred KB that goes over its pixels n times."""
    content = saved("JPEG", Image.new("L", (side, side), 77), progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * n + content[-2:]


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read(
    tmp_path: Path, decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "DECODERS", decoders)
    (tmp_path / "a.jpg").write_bytes(many_scans(3_000))
    (tmp_path / "b.webp").write_bytes(saved("WEBP", lossless=True))
    started = time.monotonic()
    with pytest.raises(UnusableImage, match="not decoded within 2 seconds, so it was given up"):
        open_image(tmp_path / "a.jpg")
    assert time.monotonic() - started < 30
    assert np.array_equal(np.asarray(open_image(tmp_path / "b.webp")[0]), PIXELS)


def test_a_decoder_that_breaks_down_costs_its_file_alone(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = saved("GIF")
    facts, _ = decoders.decode("image", content, bits=None, span=None)
    assert facts["size"] == [50, 40]
    (idle,) = decoders._idle

    def killed(*asked: object) -> None:
        os.kill(idle.process.pid, signal.SIGKILL)
        idle.process.wait()
        send(*asked)

    monkeypatch.setattr("data.images.bounded.send", killed)
    with pytest.raises(UnusableImage, match=r"broke down on it \(status -9\)"):
        decoders.decode("image", content, bits=None, span=None)
    monkeypatch.undo()
    assert decoders.decode("image", content, bits=None, span=None)[0] == facts


@pytest.mark.parametrize("kind", KINDS)
def test_elsewhere_files_come_out_as_here(kind: str, tmp_path: Path) -> None:
    content = saved(kind, **KINDS[kind])
    assert not in_proportion(content)
    (tmp_path / "a").write_bytes(content)
    here, there = decode_image(content), open_image(tmp_path / "a")
    assert np.array_equal(np.asarray(here[0]), np.asarray(there[0]))
    assert here[1] == there[1]
    assert np.array_equal(mask_of(content), open_mask(tmp_path / "a"))


def test_the_scale_of_a_data_set_goes_with_the_file(tmp_path: Path) -> None:
    deep = np.arange(2_000, dtype=np.uint16).reshape(40, 50)
    Image.fromarray(deep).save(tmp_path / "a.tif")
    for depth in (Depth(), Depth(bits=14), Depth(span=(0.0, 9.0))):
        here, there = decode_image((tmp_path / "a.tif").read_bytes(), depth), None
        there = open_image(tmp_path / "a.tif", depth)
        assert np.array_equal(np.asarray(here[0]), np.asarray(there[0]))
        assert here[1] == there[1]


def test_a_reason_comes_back_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(saved("TIFF")[:300])
    with pytest.raises(UnusableImage, match="cut off or damaged"):
        open_image(tmp_path / "a.tif")


def test_what_is_common_and_sure_to_end_is_decoded_at_once() -> None:
    assert in_proportion(saved("PNG"))
    assert in_proportion(saved("JPEG"))
    assert in_proportion(saved("JPEG", progressive=True))
    assert in_proportion(many_scans(1, side=64))
    assert not in_proportion(many_scans(SCANS, side=64))
    assert not in_proportion(b"")
