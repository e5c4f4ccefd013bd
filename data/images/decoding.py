"""Bytes to pixels as the file holds them: only known formats, and only of a bounded size.

Pillow would also open PostScript, which runs programs, and whatever else its plug-ins know.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from data.images.dicom import dicom_pixels
from data.images.files import UnusableImage, format_of, missing_package

MAX_PIXELS = 89_478_485
"""Pillow's own line between a large image and a decompression bomb"""
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM", "JPEG2000")
"""what Pillow may open, and "HEIF" where its plug-in is installed"""

# What Pillow's decoders raise on damaged data.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
)
_LOW_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
"""how raw pixels are named to Pillow, to the name that makes it take the other of two bytes"""


@dataclass(frozen=True)
class Decoded:
    """One of `image` and `deep`."""

    notes: list[str]
    image: Image.Image | None = None
    """in the mode of the file, with 8 bits a channel or fewer"""
    deep: np.ndarray | None = None
    """H W or H W 3, of more than 8 bits"""
    alpha: np.ndarray | None = None
    """H W, 0..255, of what is deep"""
    orientation: int = 1
    """of EXIF, 1..8"""
    inverted: bool = False
    """whether larger values are darker"""

    def picture(self) -> Image.Image:
        """Of what is not deep."""
        assert self.image is not None
        return self.image


def decoded(content: bytes) -> Decoded:
    """The first image of a file. Raises UnusableImage with the reason."""
    if not content:
        raise UnusableImage("the file is empty (0 bytes)")
    kind = format_of(content)
    missing = missing_package(kind)
    if missing:
        raise UnusableImage(missing)
    if kind == "DICOM":
        return _dicom(content)
    return _pillow(content, heif=kind == "HEIC")


def _dicom(content: bytes) -> Decoded:
    found = dicom_pixels(content, most_pixels=MAX_PIXELS)
    if found.values.dtype == np.uint8:
        image = Image.fromarray(255 - found.values if found.inverted else found.values)
        return Decoded(found.notes, image)
    return Decoded(found.notes, deep=found.values, inverted=found.inverted)


def _pillow(content: bytes, *, heif: bool) -> Decoded:
    bomb = f"it declares more than {MAX_PIXELS / 1e6:.0f} million pixels (a decompression bomb?)"
    notes: list[str] = []
    try:
        image = _opened(content, heif=heif)
        if image.width * image.height > MAX_PIXELS:
            raise UnusableImage(bomb)
        if getattr(image, "is_animated", False):
            notes.append("first frame of several")
        raw = str(image.tile)
        sixteen = image.mode in ("RGB", "RGBA") and ";16" in raw
        low = _low_bytes(content) if sixteen and "LA;16" not in raw else None
        if sixteen and low is None:
            notes.append("16 bits a channel reduced to 8")
        image.load()
        orientation = _orientation(image)
        if low is not None:
            high = np.asarray(image)
            deep = high[..., :3].astype(np.uint16) * 256 + low[..., :3]
            alpha = high[..., 3] if high.shape[2] == 4 else None
            return Decoded(notes, deep=deep, alpha=alpha, orientation=orientation)
        if image.mode.startswith("I") or image.mode == "F":
            return Decoded(notes, deep=np.asarray(image), orientation=orientation)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusableImage(bomb) from error
    except UnusableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnusableImage(_unidentified(content)) from error
    except _DAMAGE as error:
        raise UnusableImage(f"the image data is cut off or damaged ({error})") from error
    return Decoded(notes, image, orientation=orientation)


def _opened(content: bytes, *, heif: bool) -> ImageFile.ImageFile:
    """Only the beginning is read."""
    if heif:
        import pillow_heif

        pillow_heif.register_heif_opener()
        return Image.open(io.BytesIO(content), formats=("HEIF",))
    return Image.open(io.BytesIO(content), formats=FORMATS)


def _low_bytes(content: bytes) -> np.ndarray | None:
    """The lower halves of channels of 16 bits, of which Pillow keeps the upper ones alone.

    It is told that the bytes come in the other order. None where it knows no such order.
    """
    image = _opened(content, heif=False)
    tiles = []
    for tile in image.tile:
        raw, *rest = [tile.args] if isinstance(tile.args, str) else tile.args or [""]
        order = raw[-3:]
        if order not in _LOW_BYTE:
            return None
        other = raw[:-3] + _LOW_BYTE[order]
        tiles.append(tile._replace(args=(other, *rest) if rest else other))
    image.tile = tiles
    image.load()
    return np.asarray(image)


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DAMAGE as error:
        raise UnusableImage(f"its EXIF data is damaged ({error})") from error
    return found if found in range(1, 9) else 1


def _unidentified(content: bytes) -> str:
    kind = format_of(content)
    if kind:
        return f"it starts like a {kind} file, but the rest is cut off or damaged"
    try:
        text = content[:512].decode("utf-8", errors="strict")
    except UnicodeDecodeError:
        return "its content is in no image format that can be read here"
    if content.startswith(b"%!PS"):
        return "it is PostScript, which is a program and no image that is read here"
    if all(c.isprintable() or c.isspace() for c in text):
        return "it holds text, not an image"
    return "its content is in no image format that can be read here"
