"""An edit of some latents as the address holds it, and what it does to a head's decisions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from app.views.intervene import whole
from core.intervention import sae_edits
from data.queries.build import HeadFacts

MOST = 32
"""latents edited at once"""
STRONGEST = 20.0
"""factor; a link may ask for anything"""
MODES = {
    "ablate": "Switch off",
    "scale": "Scale",
    "clamp": "Clamp",
    "suppress": "By posterior",
}


@dataclass(frozen=True)
class Edit:
    """Of some latents, by concept_id."""

    mode: str = "ablate"
    strength: float = 0.0
    """scale: factor; clamp: percentile of each latent's scores, 0..100"""
    gated: bool = False
    concepts: tuple[int, ...] | None = None
    """None: as many as are chosen by contrast"""
    by: str = "difference"
    """how latents are chosen: "difference" or "exclusion\""""
    n: int = 4

    def text(self) -> str:
        """For the address; `read` turns it back."""
        ids = "" if self.concepts is None else "." + ".".join(map(str, self.concepts))
        return f"{self.mode}:{self.strength:g}:{int(self.gated)}:{self.by[0]}:{self.n}:{ids}"


def read(text: str | None) -> Edit:
    """The default edit for anything that is none."""
    parts = (text or "").split(":", 5)
    by = {"d": "difference", "e": "exclusion"}
    if len(parts) != 6 or parts[0] not in MODES or parts[3] not in by:
        return Edit()
    try:
        strength, n = float(parts[1]), int(parts[4])
        ids = None if not parts[5] else tuple(int(i) for i in parts[5].split(".")[1:] if i)
    except ValueError:
        return Edit()
    limit = {"scale": STRONGEST, "clamp": 100.0}.get(parts[0], 1.0)
    if not math.isfinite(strength) or not 0 <= strength <= limit or not 1 <= n <= MOST:
        return Edit()
    if ids is not None:
        ids = tuple(dict.fromkeys(i for i in ids if 0 <= i < 2**31))[:MOST]
    return Edit(parts[0], strength, parts[2] == "1", ids, by[parts[3]], n)


@dataclass(frozen=True)
class Aimed:
    """Rows of the head's images."""

    target: Bool[np.ndarray, " n"]
    retained: Bool[np.ndarray, " n"]

    @property
    def known(self) -> Bool[np.ndarray, " n"]:
        return self.target | self.retained

    @property
    def shown(self) -> Bool[np.ndarray, " m"]:
        """Of the known rows, whether each is a target."""
        return self.target[self.known]


@dataclass(frozen=True)
class Outcome:
    """Of every image and what is decided of it: one class (m = 1) or each of several labels."""

    before: Float64[np.ndarray, "n m"]
    """1 where the head is right, 0 where it is wrong, NaN where that is unknown"""
    after: Float64[np.ndarray, "n m"]
    was: Integer[np.ndarray, "n m"]
    """row of the head that is decided for; of a label whether it is"""
    now: Integer[np.ndarray, "n m"]
    moved: Float64[np.ndarray, "n y"]
    """changes of the logits"""
    detected: Bool[np.ndarray, " n"]
    """images that the edit applies to"""

    @property
    def flipped(self) -> Bool[np.ndarray, " n"]:
        """Images of which something else is decided."""
        return np.asarray((self.was != self.now).any(1))


def outcome(head: HeadFacts, columns: Int64[np.ndarray, " m"], edit: Edit, aimed: Aimed) -> Outcome:
    """On all of the head's labelled images. Raises ValueError, in words for people."""
    labelled = whole.of(head)
    scores = whole.scores(head, columns)
    new = changed(scores, edit, aimed)
    moved = (new - scores) @ labelled.loaded.head.weight[:, columns].T
    old, after = labelled.logits, labelled.logits + moved
    return Outcome(
        whole.told(labelled, old),
        whole.told(labelled, after),
        whole.said(labelled, old),
        whole.said(labelled, after),
        moved,
        gate(scores, aimed) if edit.gated else np.ones(len(scores), bool),
    )


def changed(
    scores: Float64[np.ndarray, "n m"], edit: Edit, aimed: Aimed
) -> Float64[np.ndarray, "n m"]:
    likely = None
    if edit.mode == "suppress":
        likely = sae_edits.posterior(scores[aimed.known], aimed.shown).at(scores)
    where = gate(scores, aimed) if edit.gated else None
    if edit.mode != "clamp":
        return sae_edits.edited(
            scores, edit.mode, strength=edit.strength, likely=likely, where=where
        )
    high = np.percentile(scores, edit.strength, axis=0)
    parts = [
        sae_edits.edited(scores[:, [j]], "clamp", strength=float(v), where=where)
        for j, v in enumerate(high)
    ]
    return np.concatenate(parts, axis=1) if parts else scores


def gate(scores: Float64[np.ndarray, "n m"], aimed: Aimed) -> Bool[np.ndarray, " n"]:
    """Images on which the latents together say that the target is there."""
    together = scores.sum(1)
    return together >= sae_edits.threshold(together[aimed.known], aimed.shown)


def others(pool: tuple[int, ...], n: int) -> tuple[int, ...]:
    """As many latents at random, the same for the same question."""
    drawn = np.random.default_rng(len(pool) + n).choice(pool, min(n, len(pool)), replace=False)
    return tuple(int(i) for i in np.sort(drawn))
