"""Which formats are read, which never, and how large a file and its pixels may be."""

import io
import os
import sys
import time

import numpy as np
import pytest
from PIL import Image

from data.datasets import load
from data.images import UnusableImage, decode_image, open_image, open_mask

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def _saved(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("PPM", {}),
        ("WEBP", {"lossless": True}),
        ("JPEG2000", {}),
    ],
)
def test_formats_without_loss_come_back_as_they_are(kind, options):
    image, note = decode_image(_saved(kind, **options))
    np.testing.assert_array_equal(np.asarray(image), PIXELS)
    assert note == ""


@pytest.mark.parametrize("kind", ["JPEG", "AVIF", "WEBP"])
def test_formats_with_loss_come_back_alike(kind):
    if kind == "AVIF":
        from PIL import features

        if not features.check("avif"):
            pytest.skip("this Pillow has no AVIF")
    smooth = np.broadcast_to(np.arange(0, 200, 4)[None, :, None], (40, 50, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(smooth).save(out, kind, quality=95)
    image, _ = decode_image(out.getvalue())
    assert np.abs(np.asarray(image).astype(int) - smooth).max() <= 6


def _heic() -> bytes:
    heif = pytest.importorskip("pillow_heif", reason="needs the package pillow-heif")
    heif.register_heif_opener()
    out = io.BytesIO()
    smooth = np.broadcast_to(np.arange(0, 200, 4)[None, :, None], (40, 50, 3)).astype(np.uint8)
    Image.fromarray(smooth).save(out, "HEIF", quality=95)
    return out.getvalue()


def test_photographs_of_phones_are_read_with_the_package():
    image, _ = decode_image(_heic())
    assert image.size == (50, 40)
    assert abs(image.getpixel((20, 20))[0] - 80) <= 6


def test_without_the_package_they_are_left_out_and_the_reason_names_it(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(_heic())
    for name in ("b.png", "c.png"):
        Image.fromarray(PIXELS).save(tmp_path / name)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    dataset = load("folder", tmp_path)
    assert dataset.images["file"].tolist() == ["b.png", "c.png"]
    reason = "HEIC is read by the package pillow-heif, which is missing: pip install pillow-heif"
    assert dataset.skipped.values.tolist() == [["a.heic", reason]]


def _postscript() -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, "EPS")
    return out.getvalue()


def test_postscript_is_never_opened(tmp_path, monkeypatch):
    """Pillow hands it to Ghostscript, which runs what it says."""
    from PIL import EpsImagePlugin

    def run(*_: object, **__: object) -> None:
        raise AssertionError("Ghostscript was called")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", run)
    for name in ("a.jpg", "a.eps"):
        (tmp_path / name).write_bytes(_postscript())
        with pytest.raises(UnusableImage, match="PostScript"):
            open_image(tmp_path / name)
        with pytest.raises(UnusableImage, match="PostScript"):
            open_mask(tmp_path / name)


@pytest.mark.parametrize("kind", ["ICO", "TGA", "PCX", "SGI", "IM", "PDF"])
def test_no_other_format_is_opened(kind):
    with pytest.raises(UnusableImage):
        decode_image(_saved(kind))


def test_an_image_whose_shorter_side_would_be_enlarged_beyond_bounds_is_refused(tmp_path):
    """A PNG of 60 KB became 14 GB once a model's processor had enlarged it."""
    path = tmp_path / "a.png"
    Image.new("L", (1_000_000, 8)).save(path)
    with pytest.raises(UnusableImage, match=r"1000000 x 8 .* at most 50 times the shorter one"):
        open_image(path)
    Image.new("L", (450, 9)).save(path)
    assert open_image(path)[0].size == (450, 9)


def test_a_file_of_4_gb_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (9, 9)).save(path)
    os.truncate(path, 4 * 1024**3)
    started = time.perf_counter()
    with pytest.raises(UnusableImage, match="4,294,967,296 bytes; at most 536,870,912 are read"):
        open_image(path)
    with pytest.raises(UnusableImage, match="bytes; at most"):
        open_mask(path)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("odd", ["fifo", "device", "kernel"])
def test_what_would_never_end_is_not_opened(tmp_path, odd):
    path = tmp_path / "a.png"
    if odd == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to({"device": "/dev/zero", "kernel": "/proc/kmsg"}[odd])
    for opened in (open_image, open_mask):
        with pytest.raises(UnusableImage, match=r"named pipe|device|0 bytes"):
            opened(path)
