"""DICOM files as scanners write them: rescaled, shown through their window, dark where dense."""

import io
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.datasets import load
from data.images import Depth, UnusableImage, decode_image, format_of, open_mask

pydicom = pytest.importorskip("pydicom", reason="needs the package pydicom")
SHAPE = (24, 20)


def _written(values: np.ndarray, *, compress: str = "", **fields: Any) -> bytes:
    """A file of these stored values; `fields` are further elements."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    frames = values.shape[0] if values.ndim == 3 and values.shape[-1] != 3 else 1
    data.Rows, data.Columns = values.shape[-2:] if values.shape[-1] != 3 else values.shape[:2]
    data.SamplesPerPixel = 3 if values.shape[-1] == 3 else 1
    data.PhotometricInterpretation = "RGB" if values.shape[-1] == 3 else "MONOCHROME2"
    if data.SamplesPerPixel == 3:
        data.PlanarConfiguration = 0
    if frames > 1:
        data.NumberOfFrames = frames
    data.BitsAllocated = 8 * values.dtype.itemsize
    data.BitsStored, data.HighBit = data.BitsAllocated, data.BitsAllocated - 1
    data.PixelRepresentation = int(values.dtype.kind == "i")
    data.PixelData = values.tobytes()
    for name, value in fields.items():
        setattr(data, name, value)
    if compress:
        data.compress(compress)
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _grey(content: bytes, depth: Depth | None = None) -> tuple[np.ndarray, str]:
    image, note = decode_image(content, depth)
    pixels = np.asarray(image)
    np.testing.assert_array_equal(pixels[..., 0], pixels[..., 2])
    return pixels[..., 0], note


STORED = np.linspace(0, 4095, SHAPE[0] * SHAPE[1]).astype(np.uint16).reshape(SHAPE)
RESCALE = {"RescaleSlope": 1, "RescaleIntercept": -1024}


def test_a_window_is_laid_over_what_was_measured():
    content = _written(STORED, WindowCenter=40, WindowWidth=400, **RESCALE)
    grey, note = _grey(content)
    measured = STORED.astype(float) - 1024
    expected = np.clip((measured - 39.5) / 399 + 0.5, 0, 1) * 255
    assert np.abs(grey - expected).max() <= 0.5
    assert note == "window from -160 to 240"


@pytest.mark.parametrize("rule", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_are_those_of_pydicom(rule):
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    fields = {"WindowCenter": [300, 40], "WindowWidth": [700, 1], "VOILUTFunction": rule}
    content = _written(STORED, **RESCALE, **fields)
    data = pydicom.dcmread(io.BytesIO(content))
    theirs = apply_voi_lut(apply_modality_lut(data.pixel_array, data), data)
    low, high = -1024.0, 65535.0 - 1024
    grey, _ = _grey(content)
    assert np.abs(grey - (theirs - low) / (high - low) * 255).max() <= 0.51


def test_monochrome1_is_inverted_with_a_window_and_without():
    for fields in ({"WindowCenter": 2000, "WindowWidth": 3000}, {}):
        dark, note = _grey(_written(STORED, PhotometricInterpretation="MONOCHROME1", **fields))
        light, _ = _grey(_written(STORED, **fields))
        np.testing.assert_array_equal(dark, 255 - light)
        assert "MONOCHROME1 inverted" in note
        assert dark[0, 0] == 255


def test_without_a_window_the_bits_in_use_decide():
    grey, note = _grey(_written(STORED))
    np.testing.assert_array_equal(grey, np.round(STORED / 4095 * 255))
    assert note == "12 of 16 bits in use, reduced to 8"
    _, note = _grey(_written(STORED, **RESCALE))
    assert note == "values from -1024 to 3071 spread over 0 to 255"


@pytest.mark.parametrize("syntax", ["rle", "jpeg 2000"])
def test_compressed_pixels_are_read(syntax):
    from pydicom.uid import RLELossless

    rle = syntax == "rle"
    content = _written(STORED, compress=RLELossless) if rle else _encapsulated(STORED)
    np.testing.assert_array_equal(_grey(content)[0], np.round(STORED / 4095 * 255))


def _encapsulated(values: np.ndarray) -> bytes:
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless

    out = io.BytesIO()
    Image.fromarray(values).save(out, "JPEG2000", irreversible=False, no_jp2=True)
    data = pydicom.dcmread(io.BytesIO(_written(values)))
    data.PixelData = encapsulate([out.getvalue()])
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    written = io.BytesIO()
    data.save_as(written)
    return written.getvalue()


def test_colour_and_the_first_of_several_frames():
    colour = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    image, note = decode_image(_written(colour))
    np.testing.assert_array_equal(np.asarray(image), colour)
    assert note == ""
    frames = np.stack([STORED, STORED[::-1], STORED])
    grey, note = _grey(_written(frames))
    np.testing.assert_array_equal(grey, np.round(STORED / 4095 * 255))
    assert note.startswith("first of 3 frames; ")


def test_a_folder_of_scans_has_one_scale(tmp_path):
    for name, top in (("IM1", 1000), ("IM2.dcm", 4000)):
        (tmp_path / name).write_bytes(_written(np.full(SHAPE, top, dtype=np.uint16)))
    dataset = load("folder", tmp_path)
    assert dataset.images["file"].tolist() == ["IM1", "IM2.dcm"]
    assert dataset.depth == Depth(bits=12)
    assert np.asarray(dataset.open("IM1")).max() == round(1000 / 4095 * 255)


def test_a_scan_may_be_a_mask(tmp_path):
    inside = np.zeros(SHAPE, dtype=np.uint16)
    inside[3:6, 2:9] = 7
    (tmp_path / "m.dcm").write_bytes(_written(inside))
    np.testing.assert_array_equal(open_mask(tmp_path / "m.dcm"), inside > 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_written(STORED)[:700], "DICOM"),
        (_written(STORED)[:200], "DICOM"),
        (_written(STORED, Rows=60_000, Columns=60_000), "declares 60,000 x 60,000 pixels"),
        (_written(STORED).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"), "deflated"),
    ],
)
def test_damaged_scans_and_bombs_are_refused(content, reason):
    with pytest.raises(UnusableImage, match=reason):
        decode_image(content)


def _bare(values: np.ndarray, *, implicit: bool, **fields: Any) -> bytes:
    """Without preamble and header, as old programs write them."""
    data = pydicom.dcmread(io.BytesIO(_written(values, **fields)))
    del data.file_meta
    data.preamble = None
    out = io.BytesIO()
    data.save_as(out, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    return out.getvalue()


@pytest.mark.parametrize("implicit", [True, False])
def test_scans_without_a_preamble_are_read_alike(tmp_path, implicit):
    bare = _bare(STORED, implicit=implicit)
    assert bare[:2] == b"\x08\x00"
    assert b"DICM" not in bare[:200]
    for name in ("a", "b.dcm"):
        (tmp_path / name).write_bytes(bare)
    dataset = load("folder", tmp_path)
    assert dataset.images["file"].tolist() == ["a", "b.dcm"]
    image, note = decode_image(bare)
    whole, whole_note = decode_image(_written(STORED))
    assert np.array_equal(np.asarray(image), np.asarray(whole))
    assert note == whole_note


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x08\x00",
        b"\x08\x00\x05\x00 and so on, in words of some length",
        b"\x08\x00\x16\x00UI\x04\x001.2\x00" + b"\x08\x00\x05\x00CS\x02\x00AB",  # descending
        b"\x08\x00\x05\x00CS\x02\x00AB"
        # of both kinds
        + b"\x08\x00\x16\x00\x04\x00\x00\x001.2\x00",
        b"\x08\x00\x05\x00CS\x03\x00ABC" + b"\x08\x00\x16\x00UI\x04\x001.2\x00",  # odd
        b"\x10\x00\x10\x00PN\x02\x00AB" * 4,
        bytes(132),
    ],
)
def test_what_only_resembles_it_is_not_taken_for_it(head):
    assert format_of(head + bytes(132 - len(head))) is None


def test_pixels_that_are_compressed_nobody_says_how_are_refused():
    data = pydicom.dcmread(io.BytesIO(_written(STORED)))
    data["PixelData"].is_undefined_length = True
    data.PixelData = pydicom.encaps.encapsulate([bytes(64)])
    del data.file_meta
    out = io.BytesIO()
    data.save_as(out, implicit_vr=False, little_endian=True, enforce_file_format=False)
    with pytest.raises(UnusableImage, match="without the header that says how its pixels are"):
        decode_image(out.getvalue())


def test_without_the_package_the_files_are_left_out_and_the_reason_names_it(tmp_path, monkeypatch):
    (tmp_path / "a.dcm").write_bytes(_written(STORED))
    Image.new("RGB", (13, 9)).save(tmp_path / "b.png")
    Image.new("RGB", (13, 9)).save(tmp_path / "c.png")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    dataset = load("folder", tmp_path)
    assert dataset.skipped.values.tolist() == [
        [
            "a.dcm",
            "DICOM is read by the package pydicom, which is missing: pip install pydicom",
        ]
    ]
    with pytest.raises(UnusableImage, match="pip install pydicom"):
        decode_image((tmp_path / "a.dcm").read_bytes())
