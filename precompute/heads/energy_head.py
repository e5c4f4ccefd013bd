"""The energies of an energy-based concept bottleneck as a head: concepts, and the image itself."""

from __future__ import annotations

from dataclasses import replace

from core.concepts import EnergyBank
from precompute.heads.types import Fitted, HeadInput, one_class


def energy(given: HeadInput) -> Fitted:
    """Global energy read linearly from scores, plus each image's class energy, which stays.

    Raises ValueError for a bank that has no energies.
    """
    one_class(given.build, "energy")
    bank = given.bank
    if not isinstance(bank, EnergyBank):
        raise ValueError(
            "a head of kind energy needs a bank of method energy; for other banks that learned "
            "classes with their concepts use own"
        )
    readout = bank.readout
    assert not isinstance(readout.classes, tuple)
    return Fitted(
        replace(readout.head, residual=True),
        readout.classes,
        "What concepts and classes say of one another (global energy), plus what the image says of "
        "its class apart from concepts (class energy), which stays fixed in each image.",
        bank.class_logits(given.vectors),
    )
