"""What a store keeps of a bank, read off its fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass

from torch import Tensor


class Stored:
    """Gives a bank that is a dataclass `tensors` and `facts`."""

    measured: Sequence[dict[str, float]] = ()
    """per concept, what fitting measured; a bank that measures has a field of this name"""

    def tensors(self) -> dict[str, Tensor]:
        """The fields that hold a tensor: optional ones may hold None."""
        assert is_dataclass(self)
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def facts(self) -> list[dict[str, float]]:
        return list(self.measured)
