"""Words as concepts."""

from __future__ import annotations

from core.concepts.common.method import Method
from core.concepts.words import text

__all__ = ["METHODS"]

METHODS: dict[str, Method] = {
    "text": Method(
        text.fit,
        text.Bank,
        title="Sparse text concepts",
        about="Words of a vocabulary of which a few rebuild each token.",
        code_unit="activation",
    ),
}
