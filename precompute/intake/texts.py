"""Words beside the images: vectors of a vocabulary and of every image in one space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from core.types import TextSide


@dataclass(frozen=True)
class Texts:
    """The words of a build; None where its recipe names none."""

    words: tuple[str, ...] = ()
    words_in: Float[np.ndarray, "v e"] | None = None
    images_in: Float[np.ndarray, "n e"] | None = None
    joint: bool = False
    origin: str = ""
    tag: str = ""
    """added to the names of folders whose content depends on the words; "" without words"""
    embed: Callable[[Sequence[str]], Float[np.ndarray, "v e"]] | None = None
    """unit vectors of further words, read as those of the vocabulary are; None: no text model"""

    def side(
        self,
        train: Integer[np.ndarray, " a"],
        held_out: Integer[np.ndarray, " b"],
        chosen_on: Integer[np.ndarray, " v"] | None = None,
    ) -> TextSide | None:
        """What a bank may see of it."""
        if self.words_in is None or self.images_in is None:
            return None
        return TextSide(
            self.words,
            self.words_in,
            self.images_in[train],
            self.images_in[held_out],
            self.joint,
            self.origin,
            None if chosen_on is None or not len(chosen_on) else self.images_in[chosen_on],
        )
