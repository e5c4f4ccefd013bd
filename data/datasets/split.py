"""Which images are fitted on: the words that people write for it, and a split where there is none.

Every reader goes through here, so that one word means one thing wherever it stands.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from core.kinds import TEST, TRAIN, VAL
from data.datasets.text import plain

TEST_SHARE = 0.2
SHIFTED = "shifted"
"""a further split that folders may be named for"""
WORDS: dict[str, str] = {
    **dict.fromkeys(("train", "training", "trn", "trainset"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "development"), VAL),
    **dict.fromkeys(("test", "testing", "tst", "testset", "holdout", "heldout"), TEST),
    SHIFTED: SHIFTED,
}
"""what people write, in lower case without blanks, hyphens and underscores, to the split meant"""
_YEAR = re.compile(r"(?<=[a-z])(19|20)\d\d$")
_FOLD = re.compile(r"(fold|cv|part|split)?[\s_-]*\d+(\.0)?", re.IGNORECASE)
_ADVICE = (
    "call the images to fit on 'train' (also training, trn) and the others 'val' (valid, "
    "validation, dev), 'test' (testing, holdout) or any other name"
)


class Splits(NamedTuple):
    of_image: list[str]
    remarks: tuple[str, ...]
    """what was decided, in sentences"""


def split_named(word: str) -> str | None:
    """The split that a word stands for in every reader; None: it is none of `WORDS`."""
    key = re.sub(r"[\s_-]+", "", plain(word).casefold())
    return WORDS.get(_YEAR.sub("", key))


def split_within(name: str) -> str | None:
    """The split that words of a name stand for, as in cars-train-0001; None: none, or several."""
    splits = {split_named(word) for word in re.split(r"[\s_.-]+", name)} - {None}
    return splits.pop() if len(splits) == 1 else None


def settled(words: Sequence[str], place: str) -> Splits:
    """The split of each image from the word that stands for it; words of no meaning stay as names.

    Without a test split the images of the validation split become it, since something has to be
    held out and one split cannot serve both ends. `place` is where the words are from, for errors.
    Raises ValueError, with the words and their numbers, for fold numbers and where no word says
    which images are fitted on.
    """
    counts = Counter(plain(word) for word in words)
    seen = ", ".join(f"{word!r} ({n})" for word, n in counts.most_common(8))
    seen += ", ..." if len(counts) > 8 else ""
    if any(_FOLD.fullmatch(word) for word in counts):
        raise ValueError(
            f"{place} has numbers for splits: {seen}; which of them are fitted on is not known: "
            f"{_ADVICE}"
        )
    meant = {word: split_named(word) or word for word in counts}
    named = set(meant.values())
    if TRAIN not in named:
        raise ValueError(f"{place} has no train split, only {seen}; {_ADVICE}")
    remarks = []
    if VAL in named and TEST not in named:
        written = " and ".join(repr(word) for word in counts if meant[word] == VAL)
        remarks.append(
            f"there is no test split, so the images of {written} are held out as 'test'; nothing "
            "is chosen on them"
        )
        meant = {word: TEST if split == VAL else split for word, split in meant.items()}
    for split in dict.fromkeys(meant.values()):
        together = [repr(word) for word in counts if meant[word] == split]
        if len(together) > 1:
            remarks.append(f"{' and '.join(together)} are one split, {split!r}")
    return Splits([meant[plain(word)] for word in words], tuple(remarks))


def check_train(splits: Sequence[str], place: str) -> None:
    """Raises ValueError where no image is left to fit on."""
    if TRAIN not in splits:
        counts = Counter(splits)
        seen = ", ".join(f"{n} of {split!r}" for split, n in counts.most_common(8))
        raise ValueError(
            f"{place}: no image of the split 'train' is left, only {seen or 'none at all'}; banks "
            "and heads are fitted on that split alone"
        )


def _place(file: str) -> float:
    """0..1, the same for the same name on every machine."""
    return int.from_bytes(hashlib.sha256(file.encode()).digest()[:8], "big") / 2**64


def hashed_splits(files: Sequence[str], labels: Sequence[str | None]) -> list[str]:
    """ "test" for the 20 % of names whose hash is below 0.2, "train" for the others.

    Every class keeps at least one training image, and some image is a test image as soon as a
    class has two; only an image that was moved for these reasons can move again. Where no class
    has two there is nothing to learn of any, so the images are split as if they had no labels.
    """
    if len(set(labels)) == len(labels):
        labels = [None] * len(files)
    splits = [TEST if _place(file) < TEST_SHARE else TRAIN for file in files]
    classes: defaultdict[str | None, list[int]] = defaultdict(list)
    for i, label in enumerate(labels):
        classes[label].append(i)
    for members in classes.values():
        if all(splits[i] == TEST for i in members):
            splits[max(members, key=lambda i: _place(files[i]))] = TRAIN
    spare = [i for members in classes.values() if len(members) > 1 for i in members]
    if spare and TEST not in splits:
        splits[min(spare, key=lambda i: _place(files[i]))] = TEST
    return splits


def image_table(
    files: Sequence[str], labels: Sequence[str | None], splits: Sequence[str]
) -> pd.DataFrame:
    """`Dataset.images`, in order of file. Labels are stripped and composed; "" is no label."""
    plainly = [None if label is None else plain(label) or None for label in labels]
    table = pd.DataFrame(
        {
            "file": pd.Series(list(files), dtype=object),
            "label": pd.Series(plainly, dtype=object),
            "split": pd.Series(list(splits), dtype=object),
        }
    )
    table = table.sort_values("file", kind="stable").reset_index(drop=True)
    table.insert(0, "image_id", range(len(table)))
    return table
