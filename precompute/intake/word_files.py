"""Reading words: a text file of one a line, or vectors that were made elsewhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open

_SHOWN = 5
"""line numbers or names in a message"""

Notice = Callable[[Exception], None]


def read_vocabulary(path: Path, notice: Notice) -> tuple[str, ...]:
    """The words in order. Blank lines and repeated words are left out, and `notice` told which.

    Raises FileNotFoundError, and ValueError for a file that is not UTF-8 or holds no word.
    """
    if path.is_dir():
        raise ValueError(f"vocabulary {path} is a folder; name the text file of words in it")
    if not path.is_file():
        raise FileNotFoundError(
            f"vocabulary {str(path)!r} does not exist (looked for {path.absolute()}); give a text "
            "file of one word or phrase a line"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"vocabulary {path} is not UTF-8 text (byte {error.start} is "
            f"{error.object[error.start]:#x}); save it as UTF-8"
        ) from error
    first: dict[str, int] = {}
    blank: list[int] = []
    again: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        word = " ".join(line.split())
        if not word:
            blank.append(number)
        elif word in first:
            again.append(number)
        else:
            first[word] = number
    if not first:
        raise ValueError(f"vocabulary {path} holds no word; write one word or phrase a line")
    if blank:
        notice(ValueError(f"vocabulary {path}: {_lines('blank', blank)} skipped"))
    if again:
        notice(ValueError(f"vocabulary {path}: {_lines('repeated', again)} dropped"))
    return tuple(first)


def _lines(kind: str, numbers: list[int]) -> str:
    many = len(numbers) > 1
    shown = ", ".join(map(str, numbers[:_SHOWN])) + (" ..." if len(numbers) > _SHOWN else "")
    line = "lines" if many else "line"
    return f"{len(numbers)} {kind} {line} ({line} {shown}) {'were' if many else 'was'}"


def readable(
    words: tuple[str, ...], problem: Callable[[str], str], notice: Notice
) -> tuple[str, ...]:
    """The words that the model can read whole; `notice` is told of the others.

    Raises ValueError when none is left.
    """
    reasons = {word: problem(word) for word in words}
    kept = tuple(word for word, reason in reasons.items() if not reason)
    refused = [f"{word!r} {reason}" for word, reason in reasons.items() if reason]
    told = "; ".join(refused[:_SHOWN]) + ("; ..." if len(refused) > _SHOWN else "")
    if not kept:
        raise ValueError(f"none of the {len(words)} words can be read by the model: {told}")
    if refused:
        notice(ValueError(f"{len(refused)} of {len(words)} words were left out: {told}"))
    return kept


def read_vectors(
    path: Path, files: list[str]
) -> tuple[tuple[str, ...], Float[np.ndarray, "v e"], Float[np.ndarray, "n e"]]:
    """Words, their vectors and those of `files`, as unit rows, from a safetensors file.

    It holds `texts` (one row a word) and `images` (one row a file), and in its metadata the JSON
    lists `words` and `files` (relative to the data set's root). Raises ValueError saying what does
    not fit, FileNotFoundError for a file that is not there.
    """
    if not path.is_file():
        raise FileNotFoundError(f"[text]: vectors {str(path)!r} does not exist")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            held = list(file.keys())
            lacking = [name for name in ("texts", "images") if name not in held]
            if lacking:
                raise ValueError(
                    f"{path} has no tensor {lacking[0]!r}; it needs `texts` (words x width) and "
                    f"`images` (images x width), and has {', '.join(held) or 'none'}"
                )
            texts, images = file.get_tensor("texts"), file.get_tensor("images")
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    words, listed = (_names(path, metadata, key) for key in ("words", "files"))
    for name, rows, kind, names in (
        ("texts", texts, "words", words),
        ("images", images, "files", listed),
    ):
        if rows.ndim != 2 or len(rows) != len(names):
            raise ValueError(
                f"{path}: `{name}` has shape {rows.shape}, but the metadata lists {len(names)} "
                f"{kind}; there must be one row each"
            )
    if texts.shape[1] != images.shape[1]:
        raise ValueError(
            f"{path}: text vectors have {texts.shape[1]} numbers and image vectors "
            f"{images.shape[1]}; both must come from one model"
        )
    double = [word for word, n in Counter(words).items() if n > 1]
    if not words or double:
        what = f"word {double[0]!r} is listed twice" if double else "no word is listed"
        raise ValueError(f"{path}: {what} in its metadata")
    row_of = {file: i for i, file in enumerate(listed)}
    absent = [file for file in files if file not in row_of]
    if absent:
        raise ValueError(
            f"{path} lacks {len(absent)} of the data set's {len(files)} images, such as "
            f"{', '.join(absent[:3])}; its own names begin {', '.join(listed[:2])}. Names are "
            "relative to the data set's root, with forward slashes"
        )
    chosen = images[[row_of[file] for file in files]]
    return words, _unit(path, "texts", texts), _unit(path, "images", chosen)


def _names(path: Path, metadata: dict[str, str], key: str) -> tuple[str, ...]:
    try:
        names = json.loads(metadata[key])
    except (KeyError, json.JSONDecodeError) as error:
        raise ValueError(
            f"the metadata of {path} has no JSON list {key!r}; save it with "
            f"save_file(tensors, path, metadata={{{key!r}: json.dumps([...])}})"
        ) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"the metadata of {path}: {key!r} must be a JSON list of texts")
    return tuple(names)


def _unit(path: Path, name: str, rows: np.ndarray) -> Float[np.ndarray, "n e"]:
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    bad = int((~np.isfinite(norms) | (norms == 0)).sum())
    if bad:
        raise ValueError(f"{path}: {bad} rows of `{name}` are zero or not finite")
    return (rows / norms).astype(np.float32)
