"""Shards of WebDataset: tar files whose members of one name make one sample.

    shard-000000.tar:  0001.jpg 0001.cls 0001.json 0002.jpg 0002.cls 0002.json ...

A member's key is its path up to the first dot of its last part; what follows is its kind.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from os.path import commonpath
from pathlib import Path, PurePosixPath
from typing import Any

from data.datasets import sample_labels
from data.datasets.split import split_within
from data.datasets.types import Dataset
from data.datasets.unpacked import Held, Source, home, safe, unpacked
from data.images import MAX_BYTES, SUFFIXES, UnusableImage

_MEMBER = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)")
_BRACES = re.compile(r"\{([^{}]*)\}")
_MOST_SHARDS = 100_000
_MOST_TEXT = 1024**2
"""bytes of a member that holds a label"""

_Parts = dict[str, tarfile.TarInfo]


@dataclass
class _Shards:
    """What the tar files hold, in order."""

    samples: list[tuple[Path, str, _Parts]] = field(default_factory=list)
    """shard, key, and members by kind"""
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return sorted({kind for _, _, parts in self.samples for kind in parts})


def webdataset(
    path: str | Path,
    *,
    work: Path,
    limit: int = 0,
    image: str = "",
    label: str = "",
    names: str = "",
) -> Dataset:
    """Images of local shards: a tar file, a folder of them, or a pattern of their paths.

    A pattern has `*` and `?`, `{0000..0012}` and `{train,val}`. `image` is the kind of member that
    is the image, such as "jpg", or several as "jpg;png"; left out, it is whatever kind of image a
    sample has. `label` is the kind that holds the class, "cls" or "txt", or a field of the JSON, as
    "json.species"; left out, it is "cls" where there is one. `names` is a text file with the name
    of one class a line, for a "cls" that counts them from 0. A field of the JSON that holds a list
    makes a multi-label set: of texts, of numbers that count `names` from 0, or of 1 and 0 for each
    of them; null is unknown, [] and "No Finding" no label. Splits are what the shards or
    their folders are named for (`train-0000.tar`, `val/0000.tar`), which all or none must be.

    Images keep their bytes and are written below `work`. Raises ValueError where there is no shard
    or one is missing or damaged, where a sample has several images, and for a label that is not
    there.
    """
    shards = _found(str(path))
    root = Path(commonpath([shard.parent for shard in shards]))
    words = {shard: _word(shard, root) for shard in shards}
    odd = next((shard for shard in shards if not words[shard]), None)
    if odd and any(words.values()):
        raise ValueError(
            f"{odd} is named for no split, but other shards are; rename it, or read it alone"
        )
    there = _Shards()
    for shard in shards:
        _scan(shard, there)
    if not there.samples:
        raise ValueError(f"{path} holds no sample: no member with a name such as 0001.jpg")
    label, remarks = _label_kind(there, label, str(path))
    labels = sample_labels.SampleLabels(label, Path(names) if names else None)
    held: list[Held] = []
    for shard, key, parts in there.samples:
        called = f"{shard.relative_to(root).as_posix()}/{key}"
        member = _picture(parts, image, called, there)
        if member is None:
            continue
        value = _value(shard, parts, label, called) if label else None
        own, several = labels.of(value, called)
        where = "/".join(safe(part) for part in _stem(shard.relative_to(root)).parts)
        file = f"{where}/{len(held):07d}-{safe(PurePosixPath(key).name)}"
        read = partial(_image, shard, member)
        held.append(Held(file, own, words[shard], read, several))
    if image and not held:
        raise ValueError(f"{path} has no member {image!r}; its kinds are {', '.join(there.kinds)}")
    name = root.resolve().name if len(shards) > 1 else _stem(shards[0]).name
    place = str(Path(path).absolute())
    source = Source(name, str(path), home(work, name, place), held, there.skipped, remarks)
    return unpacked(replace(source, several=labels.several, names=labels.all_names), limit=limit)


def _found(pattern: str) -> list[Path]:
    out: dict[Path, None] = {}
    missing = []
    for one in _expanded(pattern):
        path = Path(one)
        if path.is_dir():
            found = [p for p in sorted(path.rglob("*")) if _is_tar(p) and p.is_file()]
        elif re.search(r"[*?[]", one) and not path.exists():
            found = [p for p in sorted(_below(path)) if p.is_file()]
        else:
            found = [path] if path.is_file() else []
        missing += [] if found else [one]
        out |= dict.fromkeys(found)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"there is no shard at {missing[0]}{more}; give a tar file, a folder of them, or a "
            "pattern such as shards/train-{0000..0012}.tar"
        )
    return list(out)


def _below(pattern: Path) -> Iterator[Path]:
    return Path(pattern.anchor or ".").glob(str(pattern.relative_to(pattern.anchor)))


def _expanded(pattern: str) -> list[str]:
    braces = _BRACES.search(pattern)
    if not braces:
        return [pattern]
    numbers = re.fullmatch(r"(\d+)\.\.(\d+)", braces[1])
    if numbers:
        first, last = int(numbers[1]), int(numbers[2])
        if not 0 <= last - first < _MOST_SHARDS:
            raise ValueError(f"{pattern}: {{{braces[1]}}} is no range of at most {_MOST_SHARDS:,}")
        inside = [str(i).zfill(len(numbers[1])) for i in range(first, last + 1)]
    else:
        inside = braces[1].split(",")
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    return [full for one in inside for full in _expanded(before + one + after)]


def _is_tar(path: Path) -> bool:
    return path.name.lower().endswith((".tar", ".tar.gz", ".tgz"))


def _stem(path: Path) -> Path:
    return path.with_name(re.sub(r"\.(tar(\.\w+)?|tgz)$", "", path.name, flags=re.IGNORECASE))


def _word(shard: Path, root: Path) -> str:
    """The split that a shard's name stands for, or else the folder's that is nearest to it."""
    parts = _stem(shard.relative_to(root)).parts
    return next((split for part in reversed(parts) if (split := split_within(part))), "")


@contextmanager
def _tar(shard: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(shard, "r:") as tar:
            yield tar
    except (tarfile.TarError, OSError) as error:
        raise ValueError(
            f"{shard} is no tar file, is compressed or damaged ({error}); compressed shards have "
            "to be unpacked first, such as with gunzip"
        ) from error


def _scan(shard: Path, out: _Shards) -> None:
    """Adds the samples of a shard; hidden members are passed over."""
    found: dict[str, _Parts] = {}
    with _tar(shard) as tar:
        if shard.stat().st_size % tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends within a block")  # which tarfile may not tell
        for member in tar:
            last = PurePosixPath(member.name).name
            if member.isdir() or last.startswith((".", "__")):
                continue
            match = _MEMBER.fullmatch(member.name)
            called = f"{shard.name}/{member.name}"
            if not member.isfile():
                out.skipped.append((called, "it is a link or a device, not a file"))
            elif match is None:
                out.skipped.append((called, "its name has no ending, so its kind is not known"))
            else:
                kind, parts = match[2].lower(), found.setdefault(match[1], {})
                if kind in parts:
                    out.skipped.append((called, "it is there twice; the first counts"))
                parts.setdefault(kind, member)
    out.samples += [(shard, key, parts) for key, parts in found.items()]


def _picture(parts: _Parts, image: str, called: str, there: _Shards) -> tarfile.TarInfo | None:
    """The member that is the image; None: there is none, which is noted."""
    wanted = image.lower().split(";") if image else []
    pictures = [
        kind
        for kind in parts
        if (kind in wanted if image else f".{kind.rpartition('.')[2]}" in SUFFIXES)
    ]
    if len(pictures) > 1 and not image:
        raise ValueError(
            f"{called} has several images ({', '.join(pictures)}); name one with the option image"
        )
    if not pictures:
        there.skipped.append((called, f"no image is among its parts ({', '.join(parts)})"))
        return None
    return parts[min(pictures, key=wanted.index) if image else pictures[0]]


def _image(shard: Path, member: tarfile.TarInfo) -> bytes:
    if member.size > MAX_BYTES:
        raise UnusableImage(f"it has {member.size:,} bytes; at most {MAX_BYTES:,} are read")
    return _bytes(shard, member)


def _bytes(shard: Path, member: tarfile.TarInfo) -> bytes:
    with _tar(shard) as tar:
        file = tar.extractfile(member)
        return file.read() if file else b""


def _label_kind(there: _Shards, label: str, place: str) -> tuple[str, list[str]]:
    """The kind of the label ("": none), and what is to be said of it."""
    kinds = there.kinds
    if not label and "cls" in kinds:
        return "cls", []
    told = f"its kinds are {', '.join(kinds)}"
    if not label:
        return "", [
            f"no sample has a cls, so no image has a class; the option label names one; {told}"
        ]
    if label.lower() in kinds or (label.startswith("json.") and "json" in kinds):
        return label, []
    raise ValueError(f"{place} has no label {label!r}; {told}, and a field of json is json.FIELD")


def _value(shard: Path, parts: _Parts, label: str, called: str) -> Any:
    kind = sample_labels.kind_of(label)
    if kind not in parts:
        return None
    if parts[kind].size > _MOST_TEXT:
        raise ValueError(
            f"{called}.{kind} has more than {_MOST_TEXT:,} bytes, too many for a class"
        )
    return sample_labels.value_of(_bytes(shard, parts[kind]), label, called)
