"""Image files to upright RGB and back: every odd kind of file is either read or refused in words.

Also run lengths, the form in which masks are stored.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

MIN_SIDE = 8  # px
MAX_PIXELS = 89_478_485  # Pillow's own line between a large image and a decompression bomb

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
    struct.error,
    zlib.error,
)
_STARTS = {
    b"\xff\xd8": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"RIFF": "WebP",
}


class UnusableImage(ValueError):
    """The file cannot serve as an image; the message is the reason, without the file's name."""


def open_image(path: Path) -> tuple[Image.Image, str]:
    """RGB, upright, and a note on what had to be done to get there ("" when nothing).

    Raises UnusableImage with the reason.
    """
    return decode_image(_read(path))


def decode_image(content: bytes) -> tuple[Image.Image, str]:
    """`open_image` for a file that is already in memory, an upload for instance."""
    image, notes = _decode(content)
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise UnusableImage(
            f"it is {width} x {height} pixels; each side must have at least {MIN_SIDE}"
        )
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
        upright = ImageOps.exif_transpose(image) if turned else image
    except _DAMAGE as error:
        raise UnusableImage(f"its EXIF data is damaged ({error})") from error
    if turned:
        notes.append("turned upright as its EXIF data says")
    return _to_rgb(upright, notes), "; ".join(notes)


def open_mask(path: Path) -> Bool[np.ndarray, "H W"]:
    """True where a colour channel, grey value or palette number is not zero; alpha is ignored.

    Raises UnusableImage with the reason.
    """
    image, _ = _decode(_read(path))
    if image.mode in ("LA", "RGBA", "La", "RGBa", "PA"):
        image = image.convert("RGB" if "RGB" in image.mode else "L")
    pixels = np.asarray(image) != 0
    return pixels.any(axis=2) if pixels.ndim == 3 else pixels


def _read(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise UnusableImage("the file does not exist") from error
    except IsADirectoryError as error:
        raise UnusableImage("it is a folder, not a file") from error
    except PermissionError as error:
        raise UnusableImage("the file may not be read (no permission)") from error
    except OSError as error:
        raise UnusableImage(f"the file cannot be read ({error.strerror})") from error


def _decode(content: bytes) -> tuple[Image.Image, list[str]]:
    if not content:
        raise UnusableImage("the file is empty (0 bytes)")
    notes: list[str] = []
    bomb = f"it declares more than {MAX_PIXELS / 1e6:.0f} million pixels (a decompression bomb?)"
    try:
        image = Image.open(io.BytesIO(content))
        if image.width * image.height > MAX_PIXELS:
            raise UnusableImage(bomb)
        if getattr(image, "is_animated", False):
            notes.append("first frame of several")
        if image.mode in ("RGB", "RGBA") and ";16" in str(image.tile):
            notes.append("16 bits a channel reduced to 8")
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusableImage(bomb) from error
    except UnusableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnusableImage(_unidentified(content)) from error
    except _DAMAGE as error:
        raise UnusableImage(f"the image data is cut off or damaged ({error})") from error
    return image, notes


def _unidentified(content: bytes) -> str:
    for start, kind in _STARTS.items():
        if content.startswith(start):
            return f"it starts like a {kind} file, but the rest is cut off or damaged"
    try:
        text = content[:512].decode("utf-8", errors="strict")
    except UnicodeDecodeError:
        return "its content is in no image format that can be read here"
    if all(c.isprintable() or c.isspace() for c in text):
        return "it holds text, not an image"
    return "its content is in no image format that can be read here"


def _to_rgb(image: Image.Image, notes: list[str]) -> Image.Image:
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _from_deep(np.asarray(image), notes)
    if mode == "P":
        notes.append("palette expanded")
    if mode in ("LA", "RGBA", "La", "RGBa", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] == 255:
            return rgba.convert("RGB")
        notes.append("transparency laid over white")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    if mode == "1":
        notes.append("1 bit expanded to black and white")
    elif mode not in ("RGB", "L", "P"):
        notes.append(f"{mode} converted to RGB")
    return image.convert("RGB")


def _from_deep(values: np.ndarray, notes: list[str]) -> Image.Image:
    """Whole numbers within 0..65535 are 16-bit grey; anything else is spread over its own range."""
    if not np.isfinite(values).all():
        raise UnusableImage("it holds values that are not finite numbers")
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind in "iu" and low >= 0 and high <= 65535:
        notes.append("16 bits reduced to 8")
        low, high = 0.0, 65535.0
    else:
        notes.append(f"its values {low:g} to {high:g} spread over 0 to 255")
    share = (values.astype(np.float64) - low) / ((high - low) or 1.0)
    return Image.fromarray((share * 255).round().astype(np.uint8)).convert("RGB")


def encode_jpeg(image: Image.Image, *, long_side: int, quality: int) -> bytes:
    """JPEG of at most `long_side` pixels on the longer side; never enlarged. quality: 1..95."""
    small = image.convert("RGB")
    if max(small.size) > long_side:
        small.thumbnail((long_side, long_side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality)
    return out.getvalue()


def runs(mask: Bool[np.ndarray, "h w"]) -> list[int]:
    """Run lengths over the row-major mask; the first run is of zeros and may be 0 long."""
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = [0, *edges.tolist(), flat.size]
    lengths = [b - a for a, b in pairwise(ends)]
    return [0, *lengths] if flat.size and flat[0] else lengths


def from_runs(lengths: Sequence[int], *, h: int, w: int) -> Bool[np.ndarray, "h w"]:
    """Raises ValueError when the runs do not fill h x w exactly."""
    counts = np.asarray(lengths, dtype=np.int64)
    if (counts < 0).any() or counts.sum() != h * w:
        raise ValueError(f"runs cover {counts.sum()} pixels, but a {h} x {w} mask has {h * w}")
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(h, w)
