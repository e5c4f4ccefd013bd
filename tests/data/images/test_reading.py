"""Odd image files are read, or refused with a reason; masks survive their run lengths."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.images import (
    UnusableImage,
    encode_jpeg,
    from_runs,
    open_image,
    open_mask,
    runs,
)

W, H = 23, 17


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)


def _saved(tmp_path: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(tmp_path / name, **options)
    return tmp_path / name


def test_a_plain_image_comes_back_as_it_is_without_a_note(tmp_path, pixels):
    image, note = open_image(_saved(tmp_path, Image.fromarray(pixels), "a.png"))
    assert (image.mode, image.size, note) == ("RGB", (W, H), "")
    np.testing.assert_array_equal(np.asarray(image), pixels)


def _truncated(kind: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, kind)
    return out.getvalue()[: len(out.getvalue()) // 2]


def _bomb() -> bytes:
    """A PNG whose header claims 60,000 x 60,000 pixels."""
    out = io.BytesIO()
    Image.new("L", (9, 9)).save(out, "PNG")
    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head
    return start + struct.pack(">I", zlib.crc32(head)) + out.getvalue()[33:]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"this is only some text\n" * 9, "text"),
        (b"\x00\x01\x02\xfe" * 50, "no image format"),
        (b"\xff\xd8\xff\xe0", "cut off"),
        (_truncated("JPEG"), "cut off"),
        (_truncated("PNG"), "cut off"),
        (_truncated("GIF"), "cut off"),
        (_truncated("BMP"), "cut off"),
        (_truncated("WEBP"), "cut off"),
        (_truncated("TIFF"), "cut off"),
        (_bomb(), "million pixels"),
    ],
)
def test_what_is_no_image_is_refused_with_its_reason(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(UnusableImage, match=reason):
        open_image(path)


def test_missing_files_folders_and_tiny_images_are_refused(tmp_path):
    with pytest.raises(UnusableImage, match="does not exist"):
        open_image(tmp_path / "nowhere.png")
    with pytest.raises(UnusableImage, match="folder"):
        open_image(tmp_path)
    with pytest.raises(UnusableImage, match="30 x 7 pixels; each side must have at least 8"):
        open_image(_saved(tmp_path, Image.new("RGB", (30, 7)), "slim.png"))


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    frames = [Image.new("RGB", (W, H), colour) for colour in ("red", "blue")]
    path = _saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    image, note = open_image(path)
    assert image.getpixel((3, 4)) == (255, 0, 0)
    assert "first frame" in note


def test_values_without_a_fixed_range_are_spread_over_their_own(tmp_path):
    values = np.linspace(-2, 6, W * H, dtype=np.float32).reshape(H, W)
    image, note = open_image(_saved(tmp_path, Image.fromarray(values), "a.tif"))
    assert np.asarray(image).min() == 0
    assert np.asarray(image).max() == 255
    assert "-2 to 6" in note


def test_transparency_is_laid_over_white(tmp_path):
    clear = Image.new("RGBA", (W, H), (200, 0, 0, 0))
    clear.putpixel((2, 3), (10, 20, 30, 255))
    image, note = open_image(_saved(tmp_path, clear, "a.png"))
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((2, 3)) == (10, 20, 30)
    assert "white" in note
    _, note = open_image(_saved(tmp_path, Image.new("RGBA", (W, H), (1, 2, 3, 255)), "b.png"))
    assert note == ""


def test_a_clear_palette_colour_is_laid_over_white(tmp_path):
    image = Image.new("P", (W, H), 1)
    image.putpalette([0, 0, 0, 250, 0, 0])
    opened, note = open_image(_saved(tmp_path, image, "a.gif", transparency=1))
    assert opened.getpixel((5, 5)) == (255, 255, 255)
    assert "palette" in note


def test_cmyk_palette_and_one_bit_become_rgb(tmp_path):
    cmyk = _saved(tmp_path, Image.new("CMYK", (W, H), (0, 255, 255, 0)), "a.jpg", quality=95)
    image, note = open_image(cmyk)
    red, green, blue = image.getpixel((5, 5))
    assert red > 200
    assert green < 40
    assert blue < 40
    assert "CMYK" in note
    bits = Image.fromarray(np.arange(H * W).reshape(H, W) % 3 == 0)
    image, note = open_image(_saved(tmp_path, bits, "b.png"))
    assert set(np.unique(np.asarray(image))) == {0, 255}
    assert "1 bit" in note


def test_a_rotated_photograph_is_turned_upright(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    path = _saved(tmp_path, Image.fromarray(pixels), "a.png", exif=exif)
    image, note = open_image(path)
    assert image.size == (H, W)
    assert "upright" in note
    np.testing.assert_array_equal(np.asarray(image), np.rot90(pixels, -1))


def test_masks_are_whatever_is_not_zero(tmp_path):
    inside = np.zeros((H, W), dtype=bool)
    inside[2:5, 3:9] = True
    for name, image in {
        "one.png": Image.fromarray(inside),
        "grey.png": Image.fromarray(inside.astype(np.uint8)),
        "deep.png": Image.fromarray(inside.astype(np.uint16) * 300),
        "rgb.png": Image.fromarray(np.stack([inside * 0, inside * 0, inside * 7], 2).astype("u1")),
    }.items():
        np.testing.assert_array_equal(open_mask(_saved(tmp_path, image, name)), inside)


def test_jpegs_shrink_to_the_long_side_and_never_grow(pixels):
    image = Image.fromarray(pixels)
    small = Image.open(io.BytesIO(encode_jpeg(image, long_side=11, quality=80)))
    same = Image.open(io.BytesIO(encode_jpeg(image, long_side=999, quality=80)))
    assert small.format == "JPEG"
    assert max(small.size) == 11
    assert same.size == (W, H)
    assert len(encode_jpeg(image, long_side=23, quality=95)) > len(
        encode_jpeg(image, long_side=23, quality=20)
    )


def test_run_lengths_start_with_zeros_and_are_row_major():
    mask = np.array([[0, 0, 1], [1, 0, 1]], dtype=bool)
    assert runs(mask) == [2, 2, 1, 1]
    assert runs(~mask) == [0, 2, 2, 1, 1]
    assert runs(np.zeros((2, 3), dtype=bool)) == [6]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_masks_survive_their_run_lengths(share):
    mask = np.random.default_rng(3).random((7, 5)) < share
    np.testing.assert_array_equal(from_runs(runs(mask), h=7, w=5), mask)


def test_runs_of_another_size_are_refused():
    with pytest.raises(ValueError, match="cover 6 pixels, but a 2 x 5 mask has 10"):
        from_runs([2, 2, 1, 1], h=2, w=5)
