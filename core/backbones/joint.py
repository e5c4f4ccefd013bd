"""Where a CLIP-like model's images meet its texts: image vectors, and tokens in the same space.

The layer `joint` is no module of the network. It takes the last layer's patch tokens the way the
model takes an image's summary into the space of its texts:

* CLIP: post-layernorm and the visual projection, which the model applies to its CLS token alone.
* SigLIP has no projection; an attention-pooling head makes the image's vector. The head run on one
  token attends to nothing else, so a token's vector is what the image's would be if the head saw
  only that patch.

Neither model was trained to place patches there, so how well they match words must be measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import CLIPVisionModelWithProjection, SiglipVisionModel

from core.backbones.layers import Layout

JOINT_LAYER = "joint"


@dataclass(frozen=True)
class Joint:
    source: str
    """layer whose tokens are taken into the space"""
    width: int
    """e"""
    layout: Layout
    project: Callable[[Float[Tensor, "b t d"]], Float[Tensor, "b t e"]]
    vectors: Callable[[Any], Float[Tensor, "b e"]]
    """of the images, from what the network returns; unit rows"""


def find(network: nn.Module, found: dict[str, tuple[Layout, int]]) -> Joint | None:
    """The space shared with texts; None for a model that has none."""
    sequences = [name for name, (layout, _) in found.items() if layout.kind == "sequence"]
    if not sequences:
        return None
    last = sequences[-1]
    layout, width = found[last]
    if isinstance(network, CLIPVisionModelWithProjection):
        norm, projection = network.vision_model.post_layernorm, network.visual_projection
        return Joint(
            last,
            projection.out_features,
            layout,
            lambda tokens: projection(norm(tokens)),
            lambda result: normalize(result.image_embeds, dim=-1),
        )
    if isinstance(network, SiglipVisionModel) and network.use_head:
        head = network.head

        def alone(tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b t e"]:
            seen = head(rearrange(tokens, "b t d -> (b t) 1 d"))
            return rearrange(seen, "(b t) e -> b t e", b=len(tokens))

        return Joint(
            last, width, layout, alone, lambda result: normalize(result.pooler_output, dim=-1)
        )
    return None
