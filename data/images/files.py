"""What lies at a path: a file that may be read as an image, or why not, found out unopened."""

from __future__ import annotations

import re
import stat
import struct
from importlib.util import find_spec
from pathlib import Path

MAX_BYTES = 512 * 1024**2
"""of a file that is read; pixels of 16 bits of the largest image allowed take about as many"""
HEAD = 132
"""bytes that tell every format"""
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
    | {".webp", ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k"}
    | {".heic", ".heif", ".dcm", ".dicom"}
)
"""of files that are taken for images by their name; any other file is by what it holds"""
PACKAGES = {"HEIC": "pillow-heif", "DICOM": "pydicom"}
"""format to the package that reads it, which need not be installed"""
_MODULES = {"HEIC": "pillow_heif", "DICOM": "pydicom"}
_KINDS = (
    (stat.S_ISDIR, "it is a folder, not a file"),
    (stat.S_ISFIFO, "it is a named pipe (FIFO), not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
)
_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""bytes of what follows a BMP's first 14"""
_DICOM_KINDS = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()
) | (_LONG_KINDS := frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split()))
"""DICOM's kinds of value, and those whose length is written in another way"""
_LONGEST_ELEMENT = 1024
"""bytes of a value at the beginning of DICOM without a preamble"""
_BRANDS = (
    ("AVIF", {b"avif", b"avis"}),
    ("HEIC", {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}),
)


class UnusableImage(ValueError):
    """The file cannot serve as an image; the message is the reason, without the file's name."""


def format_of(head: bytes) -> str | None:
    """The format that a file of this beginning is in, of those that are read; `HEAD` bytes do."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if re.match(rb"P[1-6fF]\s+(#|\d+\s)", head):
        return "PNM"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[128:132] == b"DICM" or _bare_dicom(head):
        return "DICOM"
    if head[4:8] == b"ftyp":
        brands = {head[i : i + 4] for i in range(8, min(len(head), head[3]), 4)}  # and a version
        return next((name for name, known in _BRANDS if brands & known), None)
    return next((name for start, name in _STARTS if head.startswith(start)), None)


def _bare_dicom(head: bytes) -> bool:
    """Whether DICOM begins without its preamble: two elements or more of the groups 0002 and 0008
    in ascending order, all with their kind of value spelt out or none (PS3.5, section 7.1)."""
    at, before, found, spelt = 0, (0, 0), 0, None
    while at + 8 <= len(head):
        tag = struct.unpack_from("<HH", head, at)
        if tag[0] not in (2, 8):
            break
        kind = head[at + 4 : at + 6]
        if tag <= before or spelt not in (None, kind in _DICOM_KINDS):
            return False
        spelt = kind in _DICOM_KINDS
        if spelt and kind in _LONG_KINDS:
            return found >= 1
        length = int.from_bytes(head[at + 6 : at + 8] if spelt else head[at + 4 : at + 8], "little")
        if length % 2 or length > _LONGEST_ELEMENT:
            return False
        at, before, found = at + 8 + length, (tag[0], tag[1]), found + 1
    return found >= 2


def missing_package(kind: str | None) -> str:
    """What to install for a format, in words; "": nothing."""
    if kind not in PACKAGES or find_spec(_MODULES[kind]):
        return ""
    package = PACKAGES[kind]
    return f"{kind} is read by the package {package}, which is missing: pip install {package}"


def why_no_image(path: Path) -> str:
    """The reason why a file is no image that can be read; "": nothing speaks against it.

    A file whose name ends like an image's is believed, except where a package is missing. Of any
    other the first bytes decide. Nothing but a plain file is opened.
    """
    try:
        reason = _odd_kind(path)
        if reason:
            return reason
        kind = format_of(_head(path))
    except UnusableImage as error:
        return str(error)
    known = kind is not None or path.suffix.lower() in SUFFIXES
    ending = f"a {path.suffix} file" if path.suffix else "a file without an ending"
    return missing_package(kind) if known else f"{ending}, and its content is no image"


def read_bytes(path: Path, *, most: int = MAX_BYTES) -> bytes:
    """The content of a plain file.

    Raises UnusableImage with the reason: it is none, is empty, larger than `most` bytes or cannot
    be read. Nothing is opened before its kind and its size are known.
    """
    try:
        reason = _odd_kind(path)
        if reason:
            raise UnusableImage(reason)
        size = path.stat().st_size
        if size == 0:
            raise UnusableImage("the file is empty (0 bytes)")
        if size > most:
            raise UnusableImage(f"the file has {size:,} bytes; at most {most:,} are read")
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise UnusableImage(_trouble(error)) from error


def head_of(path: Path) -> bytes:
    """The first bytes, as `format_of` wants them; b"" where there is nothing to read."""
    try:
        return b"" if _odd_kind(path) else _head(path)
    except UnusableImage:
        return b""


def _head(path: Path) -> bytes:
    try:
        if path.stat().st_size == 0:
            raise UnusableImage("the file is empty (0 bytes)")
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise UnusableImage(_trouble(error)) from error


def _odd_kind(path: Path) -> str:
    """What a path is, in words, where it is no plain file."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        leads_nowhere = isinstance(error, FileNotFoundError) and path.is_symlink()
        return "a link that leads nowhere" if leads_nowhere else _trouble(error)
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "")


def _trouble(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if isinstance(error, PermissionError):
        return "the file may not be read (no permission)"
    return f"the file cannot be read ({error.strerror})"
