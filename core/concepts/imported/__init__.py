"""Banks that were trained elsewhere: nothing is fitted, a file is taken over."""

from __future__ import annotations

from core.concepts.common.method import Method
from core.concepts.imported import autoencoder, bottleneck

__all__ = ["METHODS"]

METHODS: dict[str, Method] = {
    "imported_sae": Method(
        autoencoder.fit,
        autoencoder.Bank,
        title="Imported sparse autoencoder",
        about="Latents of an autoencoder that was trained elsewhere.",
        code_unit="activation",
        follows_model=False,
    ),
    "imported_cbm": Method(
        bottleneck.fit,
        bottleneck.Bank,
        title="Imported concept bottleneck",
        about="The concept layer of a bottleneck that was trained elsewhere.",
        code_unit="score",
        pools=("mean", "cls"),
        follows_model=False,
    ),
}
