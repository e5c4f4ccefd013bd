"""Sparse autoencoders and codebooks: a few latents rebuild each token."""

from __future__ import annotations

from core.concepts.common.method import Method
from core.concepts.sae import (
    archetypal,
    batch_topk,
    gated,
    jumprelu,
    l1,
    matryoshka,
    topk,
    vq,
)

__all__ = ["METHODS"]

METHODS: dict[str, Method] = {
    "sae": Method(
        topk.fit,
        topk.Bank,
        title="TopK sparse autoencoder",
        about="Sparse latents of which a few rebuild each token.",
        code_unit="activation",
    ),
    "l1_sae": Method(
        l1.fit,
        l1.Bank,
        title="L1 sparse autoencoder",
        about="Latents kept sparse by an L1 penalty.",
        code_unit="activation",
    ),
    "batch_topk_sae": Method(
        batch_topk.fit,
        batch_topk.Bank,
        title="BatchTopK sparse autoencoder",
        about="Sparse latents, more of them where a token is rich.",
        code_unit="activation",
    ),
    "jumprelu_sae": Method(
        jumprelu.fit,
        jumprelu.Bank,
        title="JumpReLU sparse autoencoder",
        about="Sparse latents, each with a threshold of its own.",
        code_unit="activation",
    ),
    "gated_sae": Method(
        gated.fit,
        gated.Bank,
        title="Gated sparse autoencoder",
        about="Sparse latents that decide separately whether they are on and by how much.",
        code_unit="activation",
    ),
    "matryoshka_sae": Method(
        matryoshka.fit,
        matryoshka.Bank,
        title="Matryoshka sparse autoencoder",
        about="Sparse latents nested from general to particular.",
        code_unit="activation",
    ),
    "archetypal_sae": Method(
        archetypal.fit,
        archetypal.Bank,
        title="Archetypal sparse autoencoder",
        about="Sparse latents that are mixtures of real tokens.",
        code_unit="activation",
    ),
    "vq": Method(
        vq.fit,
        vq.Bank,
        title="Codebook features",
        about="Each token is a sum of codes that are on or off.",
        code_unit="activation",
    ),
}
