"""Going on from other tokens at a layer: the rest of the network, and nothing but the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models
import torch
from torch import nn

from core.backbones import huggingface
from core.backbones.resume import Resumes

LAYERS = [
    ("vit", ""),
    ("vit", "vit.layers.0"),
    ("swin", "swin.encoder.layers.0"),
    ("resnet", "resnet.encoder.stages.0"),
    ("convnext", ""),
]


def slow(backbone: huggingface.HuggingFaceBackbone, pixels: torch.Tensor, edit) -> torch.Tensor:
    """The whole network, with the layer's output replaced on its way out."""

    def replace(_module: nn.Module, _inputs: object, output: object) -> object:
        tensor = output if isinstance(output, torch.Tensor) else output[0]
        tokens, extra = backbone.layout.split(tensor)
        new = backbone.layout.join(edit(tokens), extra)
        return new if isinstance(output, torch.Tensor) else (new, *output[1:])

    hook = backbone.network.get_submodule(backbone.layer).register_forward_hook(replace)
    with torch.no_grad():
        out = huggingface.call(backbone.network, pixels).logits
    hook.remove()
    return out


@pytest.mark.parametrize(("family", "layer"), LAYERS)
def test_the_rest_of_the_network_goes_on_from_other_tokens(
    family: str, layer: str, tmp_path: Path
) -> None:
    path = tiny_models.save(family, tmp_path / family, seed=3)
    names = [found.name for found in huggingface.list_layers(str(path)).layers]
    asked = layer if layer in names else (names[0] if layer else "")
    backbone = huggingface.load(str(path), layer=asked)
    assert isinstance(backbone, Resumes)
    pixels = torch.randn(3, 3, *backbone.pixel_size, generator=torch.Generator().manual_seed(1))
    seen = backbone.forward(pixels)
    stopped = backbone.resume(pixels)
    torch.testing.assert_close(stopped.tokens, seen.tokens)
    torch.testing.assert_close(stopped(stopped.tokens), seen.logits)
    for edit in (lambda t: 2 * t, lambda t: t - t[:, :1], lambda t: torch.flip(t, [1])):
        new = stopped(edit(seen.tokens))
        torch.testing.assert_close(new, slow(backbone, pixels, edit))
    if (family, layer) != ("vit", ""):  # whose classifier reads the CLS token alone
        assert not torch.allclose(stopped(seen.tokens - seen.tokens[:, :1]), seen.logits)
    # nothing is left behind
    torch.testing.assert_close(backbone.forward(pixels).logits, seen.logits)
    assert not any("forward" in m.__dict__ for m in backbone.network.modules())


def test_what_lies_below_the_layer_is_not_run_again(tmp_path: Path) -> None:
    path = str(tiny_models.save("vit", tmp_path / "vit"))
    backbone = huggingface.load(path, layer="vit.layernorm")
    pixels = torch.randn(2, 3, *backbone.pixel_size, generator=torch.Generator().manual_seed(1))
    stopped = backbone.resume(pixels)
    ran: list[str] = []
    hooks = [
        module.register_forward_hook(lambda m, _i, _o: ran.append(type(m).__name__))
        for module in backbone.network.modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    ]
    stopped(2 * stopped.tokens)
    for hook in hooks:
        hook.remove()
    assert ran == ["Linear"]  # the classifier


def test_a_model_without_logits_says_so(tmp_path: Path) -> None:
    backbone = huggingface.load(str(tiny_models.save("vit_features", tmp_path / "vit")))
    with pytest.raises(ValueError, match="no logits"):
        backbone.resume(torch.zeros(1, 3, *backbone.pixel_size))
