"""What a data set is, in a few lines for the person who gave it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from core.counted import counted
from core.kinds import TEST, TRAIN, VAL
from data.datasets.types import Dataset

_ORDER = (TRAIN, VAL, TEST)
_NAMED = 5
"""classes named at most"""
_REASONS = 4
"""reasons told at most, each with one file"""


def told(dataset: Dataset) -> str:
    """Images, classes and splits with their sizes, what was skipped and why, and remarks."""
    images = dataset.images
    labels = Counter(images["label"].dropna())
    named = ", ".join(f"{label} {n:,}" for label, n in labels.most_common(_NAMED))
    more = ", ..." if len(labels) > _NAMED else ""
    classes = f"{counted(len(labels), 'class')} ({named}{more})" if labels else "no classes"
    if dataset.multi_label:
        classes = _several(dataset)
    splits = Counter(images["split"])
    known = [split for split in _ORDER if split in splits]
    further = [split for split in splits if split not in _ORDER]
    sizes = ", ".join(f"{split} {splits[split]:,}" for split in [*known, *further])
    lines = [f"{dataset.name}: {counted(len(images), 'image')}, {classes}; splits: {sizes}"]
    lines += _skipped(zip(dataset.skipped["file"], dataset.skipped["reason"], strict=True))
    return "\n".join([*lines, *(f"  {remark}" for remark in dataset.remarks)])


def _several(dataset: Dataset) -> str:
    """The labels of a multi-label set, each with its images and of how many it is known."""
    known = dataset.carried[dataset.carried["present"].notna()]
    shown = Counter(known.loc[known["present"].astype(bool), "label"])
    of = Counter(known["label"])
    first = sorted(dataset.labels, key=lambda label: (-shown[label], label))[:_NAMED]
    named = ", ".join(f"{label} {shown[label]:,} of {of[label]:,}" for label in first)
    more = ", ..." if len(dataset.labels) > _NAMED else ""
    return f"{counted(len(dataset.labels), 'label')}, any number an image ({named}{more})"


def _skipped(rows: Iterable[tuple[str, str]]) -> list[str]:
    files: dict[str, list[str]] = {}
    for file, reason in rows:
        files.setdefault(reason, []).append(file)
    common = sorted(files, key=lambda reason: -len(files[reason]))
    lines = [
        f"  {len(files[reason]):,} skipped, such as {files[reason][0]}: {reason}"
        for reason in common[:_REASONS]
    ]
    left = sum(len(files[reason]) for reason in common[_REASONS:])
    return [*lines, f"  {left:,} skipped for other reasons"] if left else lines
