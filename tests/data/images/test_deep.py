"""Pixels of more than 8 bits keep their grey levels, on one scale for a data set."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from data import remembered
from data.datasets import load
from data.images import Depth, decode_image, depth_of_all, open_image, reading

W, H = 23, 17


def _png16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel: grey, RGB or RGBA."""
    colour = {2: 0, 3: {3: 2, 4: 6}.get(values.shape[-1])}[values.ndim]
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    size = values.shape[1], values.shape[0]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 16, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


def _tiff16(values: np.ndarray, order: str) -> bytes:
    """An uncompressed TIFF of 16 bits a channel, RGB; `order` "<" or ">"."""
    pixels = values.astype(f"{order}u2").tobytes()
    short = 3
    entries = [
        (256, short, 1, W),
        (257, short, 1, H),
        (258, short, 3, 200),
        (259, short, 1, 1),
        (262, short, 1, 2),
        (273, 4, 1, 300),
        (277, short, 1, 3),
        (278, short, 1, H),
        (279, 4, 1, len(pixels)),
    ]
    out = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    out += struct.pack(f"{order}H", len(entries))
    for tag, kind, n, value in entries:
        in_place = kind == short and n == 1
        form = f"{order}HHIHH" if in_place else f"{order}HHII"
        out += struct.pack(form, tag, kind, n, value, *([0] if in_place else []))
    out += struct.pack(f"{order}I", 0)
    out = out.ljust(200, b"\0") + struct.pack(f"{order}HHH", 16, 16, 16)
    return out.ljust(300, b"\0") + pixels


def _ramp(bits: int, *shape: int) -> np.ndarray:
    return np.linspace(0, 2**bits - 1, int(np.prod(shape))).astype(np.uint16).reshape(shape)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_in_files_of_16_bits_is_scaled_by_the_bits_in_use(tmp_path, bits, suffix):
    ramp = _ramp(bits, H, W)
    Image.fromarray(ramp).save(tmp_path / f"a.{suffix}")
    image, note = open_image(tmp_path / f"a.{suffix}")
    expected = np.round(ramp / (2**bits - 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(image)[:, :, 1], expected)
    assert len(np.unique(expected)) > 200
    assert note == f"{bits} of 16 bits in use, reduced to 8"


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_of_12_bits_in_a_png_of_16_keeps_its_levels(channels):
    ramp = _ramp(12, H, W, channels)
    ramp[..., 3:] = 65535
    image, note = decode_image(_png16(ramp))
    expected = np.round(ramp[..., :3] / 4095 * 255)
    np.testing.assert_array_equal(np.asarray(image), expected)
    assert note == "12 of 16 bits in use, reduced to 8"


@pytest.mark.parametrize("order", "<>")
def test_colour_of_12_bits_in_a_tiff_of_16_keeps_its_levels(order):
    ramp = _ramp(12, H, W, 3)
    image, _ = decode_image(_tiff16(ramp, order))
    np.testing.assert_array_equal(np.asarray(image), np.round(ramp / 4095 * 255))


def test_clear_pixels_of_16_bits_are_laid_over_white():
    values = np.zeros((H, W, 4), dtype=np.uint16)
    image, note = decode_image(_png16(values))
    assert image.getpixel((2, 2)) == (255, 255, 255)
    assert "white" in note


def test_a_data_set_has_one_scale_which_the_notes_say(tmp_path):
    """What sets images apart is how bright they are; own scales would hide it."""
    for name, bits in (("dark", 9), ("light", 12), ("mid", 11)):
        Image.fromarray(_ramp(bits, H, W)).save(tmp_path / f"{name}.png")
    Image.new("RGB", (W, H), "white").save(tmp_path / "plain.jpg")
    dataset = load("folder", tmp_path)
    assert dataset.depth == Depth(bits=12)
    read = {name: dataset.read(f"{name}.png") for name in ("dark", "mid", "light")}
    assert [np.asarray(image).max() for image, _ in read.values()] == [32, 127, 255]
    assert {note for _, note in read.values()} == {
        "12 of 16 bits in use by the data set, reduced to 8"
    }
    assert dataset.read("plain.jpg")[1] == ""


def test_values_without_a_fixed_range_share_one_too(tmp_path):
    for name, low, high in (("a", -1000, 400), ("b", 0, 3000)):
        values = np.linspace(low, high, W * H, dtype=np.float32).reshape(H, W)
        values[0, 0] += 0.5
        Image.fromarray(values).save(tmp_path / f"{name}.tif")
    depth = depth_of_all(tmp_path / f"{name}.tif" for name in "ab")
    assert depth == Depth(span=(-999.5, 3000.0))
    image, note = open_image(tmp_path / "a.tif", depth)
    assert np.asarray(image).max() == round(1399.5 / 3999.5 * 255)
    assert note == "values from -999.5 to 3000 of the data set spread over 0 to 255"


def test_a_file_that_stayed_as_it_was_is_decoded_once(tmp_path, monkeypatch):
    monkeypatch.setattr(remembered, "_SETTLED", 0)
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path, bits in zip(paths, (10, 12, 8), strict=True):
        path.write_bytes(_png16(_ramp(bits, H, W)))
    floats = tmp_path / "d.tif"
    Image.fromarray(np.linspace(-1, 1, W * H, dtype=np.float32).reshape(H, W)).save(floats)
    known, looked = tmp_path / "contents" / "depth.json", []
    plain = reading._depth
    monkeypatch.setattr(reading, "_depth", lambda path: looked.append(path) or plain(path))
    first = depth_of_all([*paths, floats], known)
    assert first == depth_of_all([*paths, floats]) == Depth(bits=12, span=(-1.0, 1.0))
    looked.clear()
    assert depth_of_all([*paths, floats], known) == first
    assert looked == []
    paths[1].write_bytes(_png16(_ramp(11, H, W)))
    assert depth_of_all([*paths, floats], known) == Depth(bits=11, span=(-1.0, 1.0))
    assert looked == [paths[1]]
    known.write_text("[broken")
    assert depth_of_all([*paths, floats], known) == Depth(bits=11, span=(-1.0, 1.0))


def test_what_cannot_be_read_does_not_count(tmp_path):
    (tmp_path / "a.png").write_bytes(_png16(_ramp(10, H, W))[:80])
    values = np.full((H, W), np.nan, dtype=np.float32)
    Image.fromarray(values).save(tmp_path / "b.tif")
    assert depth_of_all([tmp_path / "a.png", tmp_path / "b.tif", tmp_path / "gone.png"]) == Depth()


def test_portable_maps_are_scaled_by_what_they_declare():
    values = _ramp(12, H, W)
    content = f"P5 {W} {H} 4095\n".encode() + values.astype(">u2").tobytes()
    image, _ = decode_image(content)
    assert np.abs(np.asarray(image)[..., 0] - np.round(values / 4095 * 255)).max() <= 1


def test_a_scan_keeps_its_grey_levels_in_jpeg_2000():
    out = io.BytesIO()
    Image.fromarray(_ramp(12, 32, 32)).save(out, "JPEG2000", irreversible=False)
    image, note = decode_image(out.getvalue())
    assert len(np.unique(np.asarray(image))) > 200
    assert "12 of 16 bits" in note
