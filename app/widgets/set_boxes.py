"""The boxes that say which images belong to a set, and how the address writes a set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import streamlit as st

from app import address

JUDGED = {"right": True, "wrong": False}


class Box(NamedTuple):
    key: str
    label: str
    """for those who do not see the box"""
    offered: Mapping[Any, str]
    """value to words; None stands for any"""
    value: Any
    help: str | None = None


def text(*parts: object) -> str:
    """Parts of a set for the address; None stays empty."""
    return "~".join("" if part is None else str(part) for part in parts)


def judged(anything: str, *, known: bool = True) -> dict[str | None, str]:
    """What there is to choose between right and wrong; where that is not known, nothing."""
    return {None: anything, **({key: key.capitalize() for key in JUDGED} if known else {})}


def choose(
    places: Iterable[st.delta_generator.DeltaGenerator],
    boxes: Sequence[Box],
    then: Callable[..., None],
) -> None:
    """A box in each place; `then` is called with the value of every box when one is changed."""

    def changed() -> None:
        then(*(st.session_state[box.key] for box in boxes))

    for place, box in zip(places, boxes, strict=False):
        address.follow(box.key, box.value)
        place.selectbox(
            box.label,
            list(box.offered),
            key=box.key,
            on_change=changed,
            format_func=lambda value, words=box.offered: words.get(value, str(value)),
            label_visibility="collapsed",
            help=box.help,
        )
