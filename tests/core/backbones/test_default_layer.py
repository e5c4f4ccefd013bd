"""The default layer is where the patch tokens still reach the answer, in every family."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from core import backbones
from core.backbones import default_layer, huggingface, layers, mean_readout
from core.backbones.default_layer import AROUND, UNREAD, Choice
from tests import tiny_models
from tests.core.backbones import zoo

DEFAULTS = {
    "beit": "beit.layernorm",
    "bit": "bit.norm",
    "clip": "vision_model.encoder.layers.2",
    "clip_vision_model": "encoder.layers.2",
    "convnext": "convnext.encoder.stages.1",
    "convnextv2": "convnextv2.encoder.stages.1",
    "data2vec-vision": "data2vec_vision.layernorm",
    "deit": "deit.layers.1",
    "dinov2": "dinov2.layernorm",
    "dinov2_with_registers": "dinov2_with_registers.layernorm",
    "dinov3_convnext": "model.stages.3",
    "dinov3_vit": "norm",
    "dinov3_vit, gated": "norm",
    "donut-swin": "donut.encoder.layers.1",
    "efficientnet": "efficientnet.encoder.top_activation",
    "focalnet": "focalnet.layernorm",
    "hgnet_v2": "encoder.stages.3",
    "ijepa": "ijepa.layernorm",
    "metaclip_2": "vision_model.encoder.layers.2",
    "mobilenet_v1": "mobilenet_v1.layer.25",
    "mobilenet_v2": "mobilenet_v2.conv_1x1",
    "mobilevit": "mobilevit.conv_1x1_exp",
    "mobilevitv2": "mobilevitv2.encoder.layer.4",
    "poolformer": "norm",
    "pvt": "pvt.encoder.block.3.0",
    "regnet": "regnet.encoder.stages.1",
    "resnet": "resnet.encoder.stages.1",
    "segformer": "segformer.stages.3",
    "siglip": "vision_model.post_layernorm",
    "siglip_vision_model": "post_layernorm",
    "swiftformer": "norm",
    "swin": "swin.layernorm",
    "swinv2": "swinv2.layernorm",
    "textnet": "textnet.encoder.stages.3",
    "vit": "vit.layers.1",
    "vit_msn": "vit.layers.1",
    "aimv2_vision_model": "rms_norm",
    "mlcd_vision_model": "encoder.layers.2",
    "pixio": "layernorm",
    "tipsv2_vision_model": "layernorm",
    "vitdet": "encoder.layer.2",
    "dpt": "layernorm",
}
REFUSED = {
    "cvt": "layers.2' changes the result",
    "glpn": "changes the result",
    "hiera": "changes the result",
    "levit": "changes the result",
    "pvt_v2": "changes the result",
    "vit_mae": "two passes",
    "yolos": "changes the result",
}


class Tried:
    """A family's network, its layers and what was chosen."""

    def __init__(self, family: str) -> None:
        self.network = zoo.network(family)
        self.pixels = mean_readout.probes(*zoo.ZOO[family].size)[-2:]
        self.found, self.seen = default_layer.watch(self.network, self.run, self.pixels)

    def run(self, pixels: Tensor) -> object:
        return huggingface.call(self.network, pixels)

    def choose(self) -> Choice:
        return default_layer.choose(self.network, self.run, self.pixels, self.found, self.seen)

    def gradients(self, names: list[str]) -> dict[str, float]:
        """Largest gradient of the answer by the patch tokens at each layer."""
        taken: dict[str, Tensor] = {}

        def take(name: str, output: object) -> object:
            raw = layers.tensor_of(output)
            assert raw is not None
            layout = self.found[name][0]
            tokens, extra = (part.detach() for part in layout.split(raw))
            taken[name] = tokens.requires_grad_()
            return layers.with_tensor(output, layout.join(tokens, extra))

        out: dict[str, float] = {}
        for name in names:
            module = self.network.get_submodule(name)
            hook = module.register_forward_hook(lambda _m, _i, o, name=name: take(name, o))
            with torch.enable_grad():
                result = self.run(self.pixels)
            hook.remove()
            (gradient,) = torch.autograd.grad(
                result.logits[:, 0].sum(),  # type: ignore[attr-defined]
                taken[name],
                allow_unused=True,
            )
            out[name] = 0.0 if gradient is None else float(gradient.abs().max())
        return out

    def finished(self) -> list[str]:
        """Every module in the order of finishing."""
        order: list[str] = []
        hooks = [
            module.register_forward_hook(lambda _m, _i, _o, name=name: order.append(name))
            for name, module in self.network.named_modules()
        ]
        with torch.no_grad():
            self.run(self.pixels)
        for hook in hooks:
            hook.remove()
        return list(dict.fromkeys(reversed(order)))[::-1]


def test_every_family_is_judged() -> None:
    assert set(DEFAULTS) | set(REFUSED) == set(zoo.ZOO)
    assert not set(DEFAULTS) & set(REFUSED)


@pytest.mark.parametrize("family", DEFAULTS)
def test_patch_tokens_reach_the_answer_here_and_at_no_later_layer(family: str) -> None:
    """Gradients say so, which the choice does not look at."""
    tried = Tried(family)
    choice = tried.choose()
    assert choice.layer == DEFAULTS[family]
    lists = (nn.ModuleList, nn.Sequential)
    blocks = {
        f"{name}.{key}"
        for name, module in tried.network.named_modules()
        if isinstance(module, lists)
        for key, _ in module.named_children()
    }
    order = tried.finished()
    later = [n for n in order[order.index(choice.layer) + 1 :] if n in tried.found]
    assert set(later) == set(choice.passed_over)
    if not zoo.ZOO[family].classifies:
        assert not blocks & set(later)
        assert "encoder gives" in choice.why
        return
    if choice.passed_over:
        ends = [name for name in later if choice.passed_over[name] == UNREAD]
        assert set(tried.gradients(ends).values()) <= {0.0}
        assert {name for name in later if name in blocks} <= set(ends)
    assert tried.gradients([choice.layer])[choice.layer] > 0


@pytest.mark.parametrize("family", REFUSED)
def test_where_blocks_cannot_be_read_none_is_taken(family: str) -> None:
    choice = Tried(family).choose()
    assert choice.layer == ""
    assert REFUSED[family] in choice.why


def test_the_choice_is_kept_listed_and_explained(tmp_path: Path) -> None:
    path = str(tiny_models.save("vit", tmp_path / "vit"))
    opened = backbones.load(path)
    assert opened.layer == "vit.layers.0"
    assert "patch tokens still change the logits" in backbones.why_layer(opened)
    listing = backbones.list_layers(path)
    by_name = {info.name: info for info in listing.layers}
    assert listing.refused == ""
    assert [name for name, info in by_name.items() if info.default] == ["vit.layers.0"]
    assert by_name["vit.layernorm"].why == UNREAD
    assert by_name["vit.layers.1.mlp"].why == AROUND
    assert by_name["vit.layers.0.mlp"].why == ""
    assert backbones.why_layer(backbones.load(path, layer="vit.layers.1")) == huggingface.NAMED


def test_a_model_is_opened_with_two_passes_and_those_that_try_a_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tiny_models.save("vit", tmp_path / "vit"))
    passes: list[int] = []
    own = huggingface.call

    def counted(network: nn.Module, pixels: Tensor) -> object:
        passes.append(len(pixels))
        return own(network, pixels)

    monkeypatch.setattr(huggingface, "call", counted)
    named = backbones.load(path, layer="vit.layers.0")
    assert passes == [2, 2]
    found = backbones.load(path)
    assert found.layer == named.layer
    tried = len(passes) - 4
    passes.clear()
    backbones.list_layers(path)
    assert len(passes) == 2 + tried


def test_a_model_without_a_default_asks_for_a_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tiny_models.save("vit", tmp_path / "vit"))
    monkeypatch.setattr(default_layer, "choose", lambda *_: Choice("", "it shuffles", {}))
    with pytest.raises(ValueError, match=r"it shuffles\. Name one with --layer"):
        backbones.load(path)
    listing = backbones.list_layers(path)
    assert listing.refused == "it shuffles"
    assert not any(info.default for info in listing.layers)
    assert backbones.load(path, layer="vit.layers.0").layer == "vit.layers.0"


def test_a_vit_made_for_a_size_that_is_no_square_runs_at_it() -> None:
    """Interpolating its position embeddings fails there, and nothing needs it."""
    config = ViTConfig(**(zoo.BODY | {"image_size": [24, 40]}))
    network = ViTModel(config).eval()
    assert huggingface.call(network, torch.zeros(1, 3, 24, 40)).last_hidden_state.shape[1] == 16
