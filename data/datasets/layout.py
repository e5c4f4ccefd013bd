"""Which folders are splits and which are classes: recognised, or refused where it is not clear."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core.kinds import TRAIN
from data.datasets.split import split_named
from data.datasets.text import plain
from data.datasets.walk import Skip

LAYOUTS = ("", "classes", "splits")
_HOLDERS = {"images", "image", "imgs", "img", "pictures", "jpegimages", "data"}
"""a lone folder of such a name holds images and is no class"""
_TOLD = 6
"""folders named in an error at most"""

Parts = tuple[str, ...]


class Found(NamedTuple):
    file: str
    label: str | None
    split: str | None
    """the word that stands for it"""


class Layout(NamedTuple):
    found: list[Found]
    loose: list[Skip]
    remarks: list[str]


class _Levels(NamedTuple):
    """Where in a path is what; None: nowhere."""

    first: int
    split: int | None
    label: int


def sorted_out(files: Sequence[Path], root: Path, *, layout: str = "") -> Layout:
    """Label and split of every image by the folders that it lies in; see `folder`.

    Raises ValueError, naming the odd folder, where some folders but not all are called as splits
    are, or where one repeats those beside it; and for an unknown `layout`.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be 'classes', 'splits' or left out, not {layout!r}")
    paths = [file.parts for file in files]
    levels = _levels(paths, root, layout)
    out = Layout([], [], [])
    if levels.first:
        out.remarks.append(f"images were looked for in the folder {_name(paths[0], levels.first)}")
    nested = any(len(p) > levels.first + 1 for p in paths)
    in_classes = any(len(p) > levels.label + 1 for p in paths)
    for path in paths:
        file = "/".join(path)
        split = None if levels.split is None else _word(path[levels.split])
        if nested and len(path) == levels.first + 1:
            out.loose.append((file, "lies beside the folders, so it belongs to none"))
        elif len(path) > levels.label + 1:
            out.found.append(Found(file, path[levels.label], split))
        elif in_classes:
            out.loose.append((file, "lies beside the class folders, so it has no class"))
        else:
            out.found.append(Found(file, None, split))
    out.remarks.extend(_alike(out.found))
    return out


def _word(name: str) -> str:
    return name if split_named(name) else _compound(name)[0] or name


def _levels(paths: Sequence[Parts], root: Path, layout: str) -> _Levels:
    first = 0 if layout else _below_wrappers(paths)
    tops = _folders(paths, first)
    if layout == "splits" or (not layout and _are_splits(tops, root / _name(paths[0], first))):
        label = first + 1
        for top in tops:
            _check_copies([p for p in paths if p[first] == top], label, root)
        while _lone_in_each(paths, first, label):
            label += 1
        return _Levels(first, first, label)
    _check_copies(paths, first, root)
    if not layout and _splits_inside(paths, first, root):
        return _Levels(first, first + 1, first)
    return _Levels(first, None, first)


def _below_wrappers(paths: Sequence[Parts]) -> int:
    """How many folders there are around all others."""
    level = 0
    while len(tops := _folders(paths, level)) == 1 and all(len(p) > level + 1 for p in paths):
        (top,) = tops
        holds_images = any(len(p) == level + 2 for p in paths)
        if split_named(top):
            return level
        if holds_images and top.lower() not in _HOLDERS:
            return 0  # a class, whatever lies around it
        level += 1
    return level


def _lone_in_each(paths: Sequence[Parts], first: int, label: int) -> bool:
    """Whether every split holds one folder at that level and nothing but folders in it."""
    inside = defaultdict(set)
    for p in paths:
        if len(p) > first + 1:
            inside[p[first]].add(p[label] if len(p) > label + 1 else "")
    lone = {next(iter(names)) for names in inside.values() if len(names) == 1}
    if len(lone) == 0 or any(len(names) > 1 for names in inside.values()) or "" in lone:
        return False
    return {name.lower() for name in lone} <= _HOLDERS or all(
        len(p) > label + 2 for p in paths if len(p) > first + 1
    )


def _are_splits(tops: Sequence[str], place: Path) -> bool:
    named = [top for top in tops if split_named(top)]
    if not named:
        return _are_compound(tops)
    odd = [top for top in tops if not split_named(top)]
    if odd:
        raise ValueError(
            f"{place}: some folders have names of splits ({_listed(named)}) and some have not "
            f"({_listed(odd)}), so it is not clear what they are; move the odd ones elsewhere, or "
            'give the data set the option layout = "classes" if every folder is a class, or '
            'layout = "splits" if every folder is a split'
        )
    return True


def _are_compound(tops: Sequence[str]) -> bool:
    """Named the same but for the word of a split, as birds_train and birds_test; train is one."""
    parted = [_compound(top) for top in tops]
    splits, rests = {split for split, _ in parted}, {rest for _, rest in parted}
    return None not in splits and len(rests) == 1 and len(splits) > 1 and TRAIN in splits


def _compound(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The split that the first or the last word of a name stands for, and the other words."""
    words = tuple(w for w in re.split(r"[\s_.-]+", plain(name).casefold()) if w)
    for i in {0, len(words) - 1} if words else ():
        if split_named(words[i]):
            return split_named(words[i]), words[:i] + words[i + 1 :]
    return None, words


def _splits_inside(paths: Sequence[Parts], level: int, root: Path) -> bool:
    """Whether every class holds its splits: `cat/train`, `cat/test`."""
    inside = _folders(paths, level + 1)
    named = [name for name in inside if split_named(name)]
    if len({split_named(name) for name in named}) < 2:
        return False
    odd = [name for name in inside if not split_named(name)]
    odd += ["images beside them"] if any(len(p) == level + 2 for p in paths) else []
    if odd:
        raise ValueError(
            f"{root}: within {_listed(_folders(paths, level))} some folders have names of splits "
            f"({_listed(named)}), but there are also {_listed(odd)}; move these elsewhere, or give "
            'the data set the option layout = "classes" to take all that lies in a folder for one '
            "class"
        )
    return True


def _check_copies(paths: Sequence[Parts], level: int, root: Path) -> None:
    """Raises ValueError where a folder holds folders like those beside it, or itself."""
    tops = _folders(paths, level)
    files = {p[level:] for p in paths}
    for top in tops:
        mine = [p for p in paths if p[level] == top]
        inside, beside = set(_folders(mine, level + 1)), set(tops) - {top}
        again = inside & beside
        doubled = [p[level:] for p in mine if len(p) > level + 2 and p[level + 1] == top]
        itself = bool(doubled) and all((top, *p[2:]) in files for p in doubled)
        if itself or (again and (len(again) > 1 or again == beside)):
            raise ValueError(
                f"{root}: the folder {_name(mine[0], level + 1)} holds {_listed(sorted(again))}"
                f"{' like those beside it' if again else 'its own images once more'}, so it seems "
                "to be a second copy of the data set; move it elsewhere"
            )


def _folders(paths: Sequence[Parts], level: int) -> list[str]:
    """Names of the folders at a level of the paths."""
    return sorted({p[level] for p in paths if len(p) > level + 1})


def _alike(found: Sequence[Found]) -> list[str]:
    names = defaultdict(set)
    for one in found:
        if one.label is not None:
            names[plain(one.label)].add(one.label)
    return [
        f"the folders {_listed(sorted(written))} are one class, {label!r}"
        for label, written in names.items()
        if len(written) > 1
    ]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(repr(name) for name in names[:_TOLD]) + more


def _name(path: Parts, level: int) -> str:
    return "/".join(path[:level])
