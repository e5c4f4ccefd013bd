"""A folder of images: one sub-folder a class, or no sub-folders and no classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from core.kinds import TEST, TRAIN
from data.datasets.limit import limited
from data.datasets.split import hashed_splits, image_table
from data.datasets.types import Dataset

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp"})
SPLIT_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "test": TEST,
    "testing": TEST,
    "val": "val",
    "valid": "val",
    "validation": "val",
    "shifted": "shifted",
}

Found = tuple[str, str | None, str | None]  # file, label, split
Skip = tuple[str, str]  # file, reason


def folder(root: str | Path, *, limit: int = 0) -> Dataset:
    """Images below `root`, in any of these layouts:

    * `root/<class>/…/image.jpg`, split 80/20 into train and test by a hash of the file's name;
    * `root/image.jpg`, without classes, split the same way;
    * `root/train/<class>/image.jpg` and the like, if every folder directly below `root` is called
      train, test, val (also valid, validation) or shifted. Without a test folder, val is the test
      split; a train folder alone is split 80/20.

    Hidden files, other kinds of files and links that lead back up are passed over. Raises
    ValueError when there is no folder or no image in it.
    """
    root = Path(root)
    if not root.exists():
        raise ValueError(f"{root} does not exist; give a folder that holds images")
    if not root.is_dir():
        raise ValueError(f"{root} is a file; give a folder that holds images")
    skipped: list[Skip] = []
    files = [path.relative_to(root) for path in _walk(root, (root.resolve(),), root, skipped)]
    found, loose = _sorted_out(_readable(files, skipped))
    skipped += loose
    if not found:
        raise ValueError(
            f"{root} holds no image; files ending in {', '.join(sorted(EXTENSIONS))} count, "
            "directly in the folder or in one sub-folder a class"
        )
    names = [file for file, _, _ in found]
    labels = [label for _, label, _ in found]
    named = {split for _, _, split in found if split}
    splits = [split or TRAIN for _, _, split in found]
    if named <= {TRAIN}:
        splits = hashed_splits(names, labels)
    elif TEST not in named:
        splits = [TEST if split == "val" else split for split in splits]
    dataset = Dataset(
        name=root.resolve().name,
        root=root,
        images=image_table(names, labels, splits),
        skipped=pd.DataFrame(skipped, columns=["file", "reason"], dtype=object),
    )
    return limited(dataset, limit)


def _walk(place: Path, above: tuple[Path, ...], root: Path, skipped: list[Skip]) -> Iterator[Path]:
    """Image files in order of name. `above`: the real folders on the way here."""
    try:
        entries = sorted(place.iterdir())
    except PermissionError:
        skipped.append((_printable(place.relative_to(root)), "folder may not be read"))
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        if entry.is_dir():
            real = entry.resolve()
            if real not in above:
                yield from _walk(entry, (*above, real), root, skipped)
            continue
        if entry.suffix.lower() not in EXTENSIONS:
            continue
        if entry.is_file():
            yield entry
        else:
            skipped.append((_printable(entry.relative_to(root)), "a link that leads nowhere"))


def _printable(path: Path) -> str:
    return path.as_posix().encode("utf-8", "replace").decode()


def _readable(files: list[Path], skipped: list[Skip]) -> list[Path]:
    """Those whose names are text; a database cannot hold the others."""
    kept = []
    for file in files:
        if _printable(file) == file.as_posix():
            kept.append(file)
        else:
            skipped.append((_printable(file), "the file's name is not valid Unicode"))
    return kept


def _sorted_out(files: list[Path]) -> tuple[list[Found], list[Skip]]:
    tops = {file.parts[0] for file in files if len(file.parts) > 1}
    if not tops:
        return [(file.as_posix(), None, None) for file in files], []
    has_splits = all(top.lower() in SPLIT_NAMES for top in tops)
    level = 1 if has_splits else 0  # where in the path the class is
    in_classes = any(len(file.parts) > level + 1 for file in files)
    found: list[Found] = []
    loose: list[Skip] = []
    for file in files:
        if len(file.parts) == 1:
            loose.append((file.as_posix(), "lies beside the folders, so it belongs to none"))
            continue
        split = SPLIT_NAMES[file.parts[0].lower()] if has_splits else None
        if len(file.parts) > level + 1:
            found.append((file.as_posix(), file.parts[level], split))
        elif in_classes:
            loose.append((file.as_posix(), "lies beside the class folders, so it has no class"))
        else:
            found.append((file.as_posix(), None, split))
    return found, loose
