"""Sparse autoencoders and codebooks: a few latents rebuild each token."""

from __future__ import annotations

from core.concepts.common.method import Method
from core.concepts.sae import (
    archetypal,
    batch_topk,
    gated,
    imported,
    jumprelu,
    l1,
    matryoshka,
    topk,
    vq,
)

__all__ = ["METHODS"]

METHODS: dict[str, Method] = {
    "sae": Method(
        topk.fit, topk.Bank, "activation", "sparse latents of which a few rebuild each token"
    ),
    "l1_sae": Method(l1.fit, l1.Bank, "activation", "sparse latents by an L1 penalty"),
    "batch_topk_sae": Method(
        batch_topk.fit,
        batch_topk.Bank,
        "activation",
        "sparse latents, more of them where a token is rich",
    ),
    "jumprelu_sae": Method(
        jumprelu.fit,
        jumprelu.Bank,
        "activation",
        "sparse latents, each with a threshold of its own",
    ),
    "gated_sae": Method(
        gated.fit,
        gated.Bank,
        "activation",
        "sparse latents that decide apart whether and how much",
    ),
    "matryoshka_sae": Method(
        matryoshka.fit,
        matryoshka.Bank,
        "activation",
        "sparse latents nested from general to particular",
    ),
    "archetypal_sae": Method(
        archetypal.fit,
        archetypal.Bank,
        "activation",
        "sparse latents that are mixtures of real tokens",
    ),
    "vq": Method(vq.fit, vq.Bank, "activation", "each token is a sum of on-or-off codes"),
    "imported_sae": Method(
        imported.fit,
        imported.Bank,
        "activation",
        "latents of an autoencoder that was trained elsewhere",
    ),
}
