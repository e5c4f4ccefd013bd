"""DICOM, the files of medical scanners, read by the package pydicom where it is installed.

Values are what the scanner measured (rescale slope and intercept, or a table of its own), shown
through the window that the file recommends (DICOM PS3.3, C.7.6.3, C.11.1 and C.11.2).
"""

from __future__ import annotations

import io
import warnings
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from data.images.files import UnusableImage

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_META = 4_096
"""bytes within which a file says how it is coded"""


class DicomPixels(NamedTuple):
    values: np.ndarray
    """H W, or H W 3 for colour; 8 bits where they are final, else what was measured"""
    inverted: bool
    """whether larger values are darker"""
    notes: list[str]


def dicom_pixels(content: bytes, *, most_pixels: int) -> DicomPixels:
    """The first frame of a file. Raises UnusableImage with the reason.

    Files that are compressed as a whole are refused, since their size is known only afterwards.
    """
    import pydicom
    from pydicom.pixels import pixel_array

    if _DEFLATED in content[:_META]:
        raise UnusableImage("it is DICOM compressed as a whole (deflated), which is not read")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that the standard does not allow
        try:
            data = pydicom.dcmread(io.BytesIO(content), force=True)
            if "PixelData" not in data:
                raise UnusableImage("it is DICOM without pixels, or no DICOM")
            _say_syntax(data)
            rows, columns = int(data.Rows), int(data.Columns)
            if rows * columns > most_pixels:
                raise UnusableImage(
                    f"it declares {columns:,} x {rows:,} pixels; at most {most_pixels:,} are read"
                )
            values = np.asarray(pixel_array(data, index=0))
            return _shown(values, data)
        except UnusableImage:
            raise
        except Exception as error:  # decoders raise whatever a damaged file makes them meet
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise UnusableImage(f"its DICOM data cannot be read ({reason})") from error


def _say_syntax(data: Any) -> None:
    """A file without a header is coded plainly, as PS3.10 allows; which way was seen in reading.

    Raises UnusableImage where its pixels are compressed, for the header alone says how.
    """
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    meta = getattr(data, "file_meta", None)
    if meta is not None and "TransferSyntaxUID" in meta:
        return
    if data["PixelData"].is_undefined_length:
        raise UnusableImage("it is DICOM without the header that says how its pixels are coded")
    plain, _ = data.original_encoding
    data.ensure_file_meta()
    data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if plain else ExplicitVRLittleEndian


def _shown(values: np.ndarray, data: Any) -> DicomPixels:
    from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi

    frames = int(data.get("NumberOfFrames") or 1)
    notes = [f"first of {frames} frames"] if frames > 1 else []
    kind = str(data.get("PhotometricInterpretation", "MONOCHROME2"))
    if kind == "PALETTE COLOR":
        return DicomPixels(apply_color_lut(values, data), False, [*notes, "palette expanded"])
    if values.ndim == 3:
        return DicomPixels(values, False, notes)
    inverted = kind == "MONOCHROME1"
    if inverted:
        notes.append("MONOCHROME1 inverted")
    measured = np.asarray(apply_modality_lut(values, data))
    if measured.dtype.kind == "f" and (measured == np.round(measured)).all():
        measured = measured.astype(np.int64)  # as most slopes are 1
    if data.get("WindowCenter") is not None and data.get("WindowWidth") is not None:
        centre, width = _first(data.WindowCenter), _first(data.WindowWidth)
        share = windowed(measured, centre, width, rule=str(data.get("VOILUTFunction", "LINEAR")))
        notes.append(f"window from {centre - width / 2:g} to {centre + width / 2:g}")
    elif "VOILUTSequence" in data:
        bits = int(data.VOILUTSequence[0].LUTDescriptor[2])
        share = apply_voi(measured, data).astype(np.float64) / (2**bits - 1)
        notes.append("shown through the file's table")
    else:
        return DicomPixels(measured, inverted, notes)
    return DicomPixels(np.round(share * 255).clip(0, 255).astype(np.uint8), inverted, notes)


def windowed(
    values: np.ndarray, centre: float, width: float, *, rule: str
) -> Float64[np.ndarray, "*n"]:
    """0..1, as C.11.2.1 says; `rule` is the file's VOI LUT function."""
    x = values.astype(np.float64)
    if rule == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (x - centre) / width))
    if rule == "LINEAR_EXACT":
        return np.clip((x - centre) / width + 0.5, 0, 1)
    return np.clip((x - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5, 0, 1)


def _first(value: Any) -> float:
    """A file may recommend several windows."""
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
