"""The model's own last layer, read through a bank."""

from __future__ import annotations

from core import heads as core_heads
from core.bottleneck import rest
from precompute.heads.types import Fitted, HeadInput


def backbone(given: HeadInput) -> Fitted:
    """The model's own last layer, read through the bank; unedited it equals the model exactly.

    Raises ValueError when the model does not classify, its logits are no linear map of the mean
    token, or the bank does not reconstruct activations.
    """
    if given.build.logits is None:
        raise ValueError(
            "the backbone does not classify, so it has no last layer to read concepts through"
        )
    model = given.build.backbone
    readout = model.linear_readout()
    if readout is None:
        raise ValueError(
            f"the logits are not a linear map of the mean token of layer {model.layer},"
            " so concepts have no exact weights; choose the layer before the pooling, or use a "
            'head of kind "sparse"'
        )
    if given.bank.offset is None:
        raise ValueError(
            "this bank does not reconstruct activations, so the model cannot be read through it; "
            'use nmf or sae, or a head of kind "sparse"'
        )
    head = core_heads.fold_backbone(
        readout, given.bank.directions.numpy(), given.bank.offset.numpy(), given.build.link
    )
    return Fitted(
        head,
        given.build.output_classes,
        "The model's own last layer read through the bank: each concept's weight is its "
        "direction's exact effect on the logit. What the bank does not reconstruct stays fixed in "
        "each image.",
        rest(head, given.scores, given.build.logits),
    )
