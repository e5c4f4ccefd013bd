"""What becomes of the CLS token at a layer, of every family that has one or has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import DeiTConfig, DeiTForImageClassificationWithTeacher, ViTImageProcessorPil

from core import backbones
from core.backbones import ReadsCls, cls_token, huggingface, layers, mean_readout, resume
from core.types import Grid
from tests import tiny_models
from tests.core.backbones import zoo

LAST = {
    "vit": "vit.layernorm",
    "deit": "deit.layernorm",
    "dinov2": "dinov2.layernorm",
    "dinov2_with_registers": "dinov2_with_registers.layernorm",
}
"""the last norm, from which the classifier reads the CLS token"""


def opened(family: str, folder: Path, *, layer: str = "") -> huggingface.HuggingFaceBackbone:
    zoo.network(family).save_pretrained(folder)
    rows, columns = zoo.ZOO[family].size
    ViTImageProcessorPil(size={"height": rows, "width": columns}).save_pretrained(folder)
    return huggingface.load(str(folder), layer=layer)


def pixels(backbone: huggingface.HuggingFaceBackbone, n: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(n, 3, *backbone.pixel_size, generator=generator)


@pytest.mark.parametrize("family", LAST)
def test_at_the_last_norm_the_logits_are_linear_in_the_cls_token(
    family: str, tmp_path: Path
) -> None:
    backbone = opened(family, tmp_path, layer=LAST[family])
    found = backbone.cls_readout()
    assert found is not None
    weight, bias = found
    seen, stopped = backbone.forward(pixels(backbone)), backbone.resume(pixels(backbone))
    other = torch.randn(seen.extra[:, 0].shape, generator=torch.Generator().manual_seed(3)) * 4
    moved = stopped(stopped.tokens, cls=other) - seen.logits
    expected = (other - seen.extra[:, 0]).double().numpy() @ weight.astype(np.float64).T
    np.testing.assert_allclose(moved.double().numpy(), expected, atol=1e-5)
    if family in ("vit", "deit"):  # whose logits read nothing else
        assert not backbone.reads().patches
        np.testing.assert_allclose(
            seen.extra[:, 0].double().numpy() @ weight.T + bias, seen.logits.numpy(), atol=1e-5
        )
    else:  # which also read the mean patch
        assert backbone.reads().patches
    assert backbone.reads().cls
    assert backbone.reads().alone == (family in ("vit", "deit"))
    assert backbones.no_cls(backbone) == ""


def test_a_classifier_that_is_the_mean_of_two_gives_half_of_the_cls_tokens() -> None:
    config = DeiTConfig(**zoo.BODY, num_labels=5)
    torch.manual_seed(0)
    network = DeiTForImageClassificationWithTeacher(config).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    probe = mean_readout.probes(32, 32)
    found = layers.survey(network, probe[:2], lambda x: network(pixel_values=x))
    stopped = resume.stop(
        network,
        lambda net, x: net(pixel_values=x),
        probe,
        layer="deit.layernorm",
        layout=found["deit.layernorm"][0],
    )
    readout = cls_token.find(stopped)
    assert readout is not None
    np.testing.assert_allclose(readout[0], network.cls_classifier.weight.detach() / 2, atol=1e-6)
    np.testing.assert_allclose(readout[1], network.cls_classifier.bias.detach() / 2, atol=1e-6)


def test_a_model_that_also_reads_a_distillation_token_does_not_read_its_cls_token_alone(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    network = DeiTForImageClassificationWithTeacher(DeiTConfig(**zoo.BODY, num_labels=5)).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    network.save_pretrained(tmp_path)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    backbone = huggingface.load(str(tmp_path), layer="deit.layernorm")
    seen = backbone.forward(pixels(backbone))
    assert seen.extra.shape[1] == 2
    reads = backbone.reads()
    assert (reads.patches, reads.cls, reads.alone) == (False, True, False)
    readout = backbone.cls_readout()
    assert readout is not None
    # what the other token says stays as it is
    rest = seen.logits.numpy() - seen.extra[:, 0].numpy() @ readout[0].T - readout[1]
    other = network.distillation_classifier(seen.extra[:, 1]).detach().numpy() / 2
    np.testing.assert_allclose(rest, other, atol=1e-4)


@pytest.mark.parametrize("family", ["vit", "deit", "dinov2_with_registers"])
def test_before_the_last_block_the_cls_token_is_read_but_not_linearly(
    family: str, tmp_path: Path
) -> None:
    zoo.network(family).save_pretrained(tmp_path)
    body = LAST[family].split(".", maxsplit=1)[0]
    names = [name for name, _ in zoo.network(family).named_modules()]
    block = f"{body}.layers.1" if f"{body}.layers.1" in names else f"{body}.encoder.layer.1"
    backbone = opened(family, tmp_path / "again", layer=block)
    alone = not family.startswith("dinov2")  # whose classifier also reads the mean patch
    assert backbone.reads() == cls_token.Reads(patches=True, cls=True, no_cls="", alone=alone)
    assert backbone.cls_readout() is None


@pytest.mark.parametrize(
    ("family", "why"),
    [
        ("convnext", "no CLS token"),
        ("siglip", "no CLS token"),
        ("swin", "no CLS token"),
        ("resnet", "no CLS token"),
        ("beit", "nothing that follows reads its CLS token"),
    ],
)
def test_a_model_that_reads_no_cls_token_says_why(family: str, why: str, tmp_path: Path) -> None:
    backbone = opened(family, tmp_path)
    told = backbones.no_cls(backbone)
    assert why in told
    assert not backbone.reads().cls
    assert backbone.cls_readout() is None


def test_registers_alone_are_no_cls_token() -> None:
    layout = layers.Layout("sequence", Grid(2, 2), 3)
    network = torch.nn.Module()
    network.register_tokens = torch.nn.Parameter(torch.zeros(1, 3, 4))
    assert not cls_token.has(network, layout)
    network.cls_token = torch.nn.Parameter(torch.zeros(1, 1, 4))
    assert cls_token.has(network, layout)
    assert not cls_token.has(network, layers.Layout("map", Grid(2, 2), 0))


def test_an_encoder_hands_its_cls_token_on_and_has_no_logits(tmp_path: Path) -> None:
    backbone = huggingface.load(str(tiny_models.save("vit_features", tmp_path)))
    assert isinstance(backbone, ReadsCls)
    assert backbone.reads().cls
    assert backbone.cls_readout() is None


def test_a_given_cls_token_takes_the_place_of_the_images_own(tmp_path: Path) -> None:
    backbone = opened("dinov2_with_registers", tmp_path)
    stopped = backbone.resume(pixels(backbone))
    whole = stopped(stopped.tokens)
    torch.testing.assert_close(stopped(stopped.tokens, cls=stopped.extra[:, 0]), whole)
    changed = stopped(stopped.tokens, cls=stopped.extra[:, 0] + 1)
    assert not torch.allclose(changed, whole, atol=1e-3)
    # registers stay: the same by hand
    extra = torch.cat([stopped.extra[:, :1] + 1, stopped.extra[:, 1:]], dim=1)
    by_hand = type(stopped)(**{**stopped.__dict__, "extra": extra})
    torch.testing.assert_close(by_hand(stopped.tokens), changed)


def test_the_fingerprint_says_that_a_cls_token_is_kept(tmp_path: Path) -> None:
    backbone = opened("vit", tmp_path)
    own = huggingface._fingerprint
    args = (backbone.network, backbone.preprocessor, backbone.layer)
    assert own(*args, has_cls=True) == backbone.fingerprint
    assert own(*args, has_cls=False) != backbone.fingerprint
