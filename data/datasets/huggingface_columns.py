"""Columns of a data set of the library `datasets` that hold images and labels, and of what kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from data.datasets.multi_label import Listed, names_of, numbered
from data.datasets.text import plain


@dataclass(frozen=True)
class Columns:
    image: str
    label: str
    """ "": none"""
    remarks: tuple[str, ...]
    several: bool = False
    """whether the label's column holds lists"""
    names: tuple[str, ...] = ()
    """of the labels in such lists, where they are numbers"""
    hot: bool = False
    """whether those numbers are 1 and 0 for each name, not places among them"""


def columns_of(library: Any, features: Any, place: str, image: str, label: str) -> Columns:
    """Columns as they were named, or the only ones of their type.

    Raises ValueError, with the columns that there are, for one that is not there or of another
    type, and where several could be meant.
    """
    written = ""
    if label not in features and "=" in label:
        label, _, written = label.rpartition("=")
    for option, name in (("image", image), ("label", label)):
        if name and name not in features:
            raise ValueError(f"{place} has no column {name!r} ({option}); {_listed(features)}")
    images = [name for name, feature in features.items() if _is_image(library, feature)]
    classes = [
        name
        for name, f in features.items()
        if isinstance(f, library.ClassLabel) or isinstance(_inner(f), library.ClassLabel)
    ]
    if not image:
        image = _only(images, "image", "Image", features, place)
    elif image not in images and _type(features[image]) not in ("binary", "large_binary", "string"):
        raise ValueError(f"{place}: the column {image!r} holds no images; {_listed(features)}")
    remarks: tuple[str, ...] = ()
    if label and _inner(features[label]) is not None:
        pass  # a list, see `_lists`
    elif label:
        feature = features[label]
        if label not in classes and not re.fullmatch(
            r"(large_)?string|u?int\d+|bool", _type(feature)
        ):
            raise ValueError(
                f"{place}: the column {label!r} is no class, text, whole number, yes and no or "
                f"list of these; {_listed(features)}"
            )
    elif classes:
        label = _only(classes, "label", "ClassLabel", features, place)
    else:
        remarks = (
            "no column is of the type ClassLabel, so no image has a class; the option label names "
            f"another; {_listed(features)}",
        )
    if label and _inner(features[label]) is not None:
        return _lists(library, features, place, Columns(image, label, remarks, True), written)
    return Columns(image, label, remarks)


def _inner(feature: Any) -> Any:
    """What a column of lists holds; None: it is no such column."""
    if isinstance(feature, list):
        return feature[0]
    return getattr(feature, "feature", None)


def _lists(library: Any, features: Any, place: str, columns: Columns, written: str) -> Columns:
    """Raises ValueError for lists of another kind, and of numbers that have no names."""
    inner = _inner(features[columns.label])
    if isinstance(inner, library.ClassLabel):
        return replace(columns, names=tuple(inner.names))
    named = tuple(word for one in written.split(",") if (word := plain(one)))
    if re.fullmatch(r"(large_)?string", _type(inner)):
        return columns
    if not re.fullmatch(r"u?int\d+|bool", _type(inner)):
        raise ValueError(
            f"{place}: the column {columns.label!r} holds lists of {_type(inner)}; labels are "
            f"lists of ClassLabel, of texts, or of 1 and 0; {_listed(features)}"
        )
    if len(set(named)) < max(2, len(named)):
        raise ValueError(
            f"{place}: the column {columns.label!r} holds lists of numbers; say what each place of "
            f'a list stands for, such as label = "{columns.label}=Atelectasis,Effusion"'
        )
    return replace(columns, names=named, hot=True)


def _only(names: list[str], option: str, kind: str, features: Any, place: str) -> str:
    if len(names) == 1:
        return names[0]
    what = f"several columns of the type {kind}" if names else f"no column of the type {kind}"
    raise ValueError(f"{place} has {what}; name one with the option {option}; {_listed(features)}")


def _is_image(library: Any, feature: Any) -> bool:
    if isinstance(feature, library.Image):
        return True
    return isinstance(feature, Mapping) and set(feature) == {"bytes", "path"}


def _type(feature: Any) -> str:
    dtype = getattr(feature, "dtype", None)
    return dtype if isinstance(dtype, str) else type(feature).__name__


def _listed(features: Any) -> str:
    told = (
        f"{name} ({type(f).__name__ if type(f).__name__ != 'Value' else f.dtype})"
        for name, f in features.items()
    )
    return f"its columns are {', '.join(told)}"


def namer(
    library: Any, features: Any, columns: Columns
) -> Callable[[Any], tuple[str | None, Listed]]:
    """From a value of the column of labels to the class, or to the labels that it lists."""
    label = columns.label
    names = (
        features[label].names if label and isinstance(features[label], library.ClassLabel) else None
    )
    where = f"the column {label!r}"

    def listed(value: Any) -> tuple[None, Listed]:
        if value is None:
            return None, None
        if not columns.names:
            return None, names_of(value, where=where)
        whole = [int(one) for one in value]
        return None, numbered(whole, columns.names, hot=columns.hot, where=where)

    def named(value: Any) -> tuple[str | None, None]:
        if value is None or (names is not None and value == -1):
            return None, None
        if names is None:
            return plain(str(value)) or None, None
        if not 0 <= value < len(names):
            raise ValueError(f"{where} holds {value}, but names {len(names)} classes")
        return names[value], None

    return listed if columns.several else named
