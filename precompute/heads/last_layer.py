"""The model's own last layer, read through a bank."""

from __future__ import annotations

from core import heads as core_heads
from core.bottleneck import rest
from precompute.banks import readout_of
from precompute.heads.types import Fitted, HeadInput

_OF = {"mean": "", "cls": " by the CLS token"}
_NOR = {"mean": "", "cls": ", and what the model reads of other tokens,"}


def backbone(given: HeadInput) -> Fitted:
    """The model's own last layer, read through the bank; unedited it equals the model exactly.

    Of a bank that is scored by CLS tokens: logits = W (scores @ D + offset) + b + rest, where the
    rest also holds what the model reads of other tokens. Raises ValueError when the model does not
    classify, its logits are no linear map of what scores are read from, or the bank does not
    reconstruct activations.
    """
    if given.build.logits is None:
        raise ValueError(
            "the backbone does not classify, so it has no last layer to read concepts through"
        )
    model = given.build.backbone
    if given.pool == "max":
        raise ValueError(
            'scores of this bank are largest values of maps (pool = "max"), which no layer of the '
            'model reads; use pool = "mean" or "cls", or a head of kind "sparse"'
        )
    readout = readout_of(model, given.pool)
    if readout is None:
        token, layer = ("mean token", "the layer before the pooling")
        if given.pool == "cls":
            token, layer = ("CLS token", "the last norm, which the last linear layer reads")
        raise ValueError(
            f"the logits are not a linear map of the {token} of layer {model.layer},"
            f" so concepts have no exact weights; choose {layer}, or use a "
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
        f"direction's exact effect on the logit{_OF[given.pool]}. What the bank does not "
        f"reconstruct{_NOR[given.pool]} stays fixed in each image.",
        rest(head, given.scores, given.build.logits),
    )
