"""Image files to upright RGB: every odd kind of file is either read or refused in words."""

from __future__ import annotations

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from data.images.bounded import DECODERS, in_proportion
from data.images.decoding import Decoded, decoded
from data.images.deep import Depth, depth_of, joined, to_eight_bits
from data.images.files import UnusableImage, format_of, head_of, read_bytes
from data.remembered import remembered

MIN_SIDE = 8
"""pixels"""
MAX_ASPECT = 50
"""longer side by shorter side; models enlarge the shorter one and the longer one with it"""
_SHALLOW = ("JPEG", "GIF", "BMP", "WebP", "AVIF", "HEIC")
"""formats that hold, or are read as, 8 bits a channel"""
_Found = tuple[int | None, list[float] | None]
"""of an image: the fields of its Depth"""
_NOT_DEEP: _Found = (None, None)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what turns the image upright"""


def open_image(path: Path, depth: Depth | None = None) -> tuple[Image.Image, str]:
    """RGB, upright, and a note on what had to be done to get there ("" when nothing).

    `depth`: scale of the data set for pixels of more than 8 bits; None: of the image's own. What
    is not sure to be decoded soon is so in another process, for `data.images.bounded.SECONDS` at
    most. Raises UnusableImage with the reason.
    """
    content, scale = read_bytes(path), depth or Depth()
    if in_proportion(content):
        return decode_image(content, scale)
    facts, raw = DECODERS.decode("image", content, bits=scale.bits, span=scale.span)
    width, height = facts["size"]
    return Image.frombuffer("RGB", (width, height), raw, "raw", "RGB", 0, 1), facts["note"]


def decode_image(content: bytes, depth: Depth | None = None) -> tuple[Image.Image, str]:
    """`open_image` for a file that is already in memory, decoded in this process."""
    found = decoded(content)
    shape = found.picture().size if found.deep is None else found.deep.shape[1::-1]
    _check_shape(*shape)
    notes = list(found.notes)
    turned = found.orientation in _TURNS
    if turned:
        notes.append("turned upright as its EXIF data says")
    image = _to_rgb(_eight_bits(found, depth or Depth(), notes), notes)
    if turned:
        image = image.transpose(_TURNS[found.orientation])
    return image, "; ".join(notes)


def depth_of_all(paths: Iterable[Path], known: Path | None = None) -> Depth:
    """What the deep ones of many images have in common; files that cannot be read do not count.

    Formats of 8 bits are not decoded. The file `known` keeps what was found, so that only files
    that changed are decoded another time; None: nothing is kept.
    """
    with ThreadPoolExecutor(2) as pool:
        named = list(paths)
        kinds = pool.map(lambda path: format_of(head_of(path)), named)
        maybe = [p for p, kind in zip(named, kinds, strict=True) if kind not in (*_SHALLOW, None)]
        if known is None:
            found = list(pool.map(_depth, maybe))
        else:
            found = remembered(maybe, known, _depth, absent=_NOT_DEEP)
    return joined(Depth(bits, (span[0], span[1]) if span else None) for bits, span in found)


def _depth(path: Path) -> _Found:
    try:
        content = read_bytes(path)
        if in_proportion(content):
            deep = decoded(content).deep
            own = Depth() if deep is None else depth_of(deep)
            return own.bits, list(own.span) if own.span else None
        facts, _ = DECODERS.decode("depth", content)
    except UnusableImage:
        return _NOT_DEEP  # reading it for good will say why
    return facts["bits"], facts["span"]


def _check_shape(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise UnusableImage(
            f"it is {width} x {height} pixels; each side must have at least {MIN_SIDE}"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnusableImage(
            f"it is {width} x {height} pixels; the longer side may be at most {MAX_ASPECT} times "
            "the shorter one"
        )


def _eight_bits(found: Decoded, depth: Depth, notes: list[str]) -> Image.Image:
    if found.deep is None:
        return found.picture()
    values, note = to_eight_bits(found.deep, depth)
    notes.append(note)
    image = Image.fromarray(255 - values if found.inverted else values)
    if found.alpha is not None:
        image.putalpha(Image.fromarray(found.alpha))
    return image


def _to_rgb(image: Image.Image, notes: list[str]) -> Image.Image:
    mode = image.mode
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


def encode_jpeg(image: Image.Image, *, long_side: int, quality: int) -> bytes:
    """JPEG of at most `long_side` pixels on the longer side; never enlarged. quality: 1..95."""
    small = image.convert("RGB")
    if max(small.size) > long_side:
        small.thumbnail((long_side, long_side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality)
    return out.getvalue()
