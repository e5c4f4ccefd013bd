"""Contracts that every saliency method keeps, and what is special to each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL.Image import Image

from core import backbones
from core.saliency import METHODS, cells
from core.types import Activations, Backbone, Box, Grid
from tests import tiny_models

SIZE, GRID = (24, 40), (3, 5)


class Pixelwise:
    """Logit y is a linear function of the pixels; tokens are the patch means of the colours."""

    name, layer, fingerprint = "pixelwise", "patches", "0"
    outputs = ("a", "b", "c", "d")

    def __init__(self, weight: torch.Tensor) -> None:
        self.weight = weight  # y 3 H W

    def attributed(self, pixels: torch.Tensor) -> Activations:
        tokens = torch.nn.functional.avg_pool2d(pixels, 8).flatten(2).transpose(1, 2)
        logits = torch.einsum("bchw,ychw->by", pixels, self.weight.to(pixels.dtype))
        return Activations(tokens, Grid(*GRID), tokens[:, :0], logits)

    def preprocess(self, images: Sequence[Image]) -> torch.Tensor:
        raise NotImplementedError

    def view(self, width: int, height: int) -> Box:
        raise NotImplementedError

    def linear_readout(self) -> None:
        return None

    def forward(self, pixels: torch.Tensor) -> Activations:
        with torch.no_grad():
            return self.attributed(pixels)


class Constant(Pixelwise):
    """Logits that depend on nothing."""

    def attributed(self, pixels: torch.Tensor) -> Activations:
        seen = super().attributed(pixels)
        return Activations(seen.tokens, seen.grid, seen.extra, torch.ones(len(pixels), 4))


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    path = tiny_models.save("vit", tmp_path_factory.mktemp("vit") / "vit")
    return backbones.load(str(path), size=SIZE, layer="vit.layers.0")


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    path = tiny_models.save("resnet", tmp_path_factory.mktemp("resnet") / "resnet")
    return backbones.load(str(path), size=SIZE)


def pixels(n: int = 2, *, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 3, *SIZE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("which", ["vit", "resnet"])
@pytest.mark.parametrize("name", METHODS)
def test_one_finite_map_an_image_on_the_grid(
    name: str, which: str, request: pytest.FixtureRequest
) -> None:
    backbone = request.getfixturevalue(which)
    target = torch.tensor([1, 3])
    maps = METHODS[name].function(backbone, pixels(), target).maps
    assert maps.shape == (2, *GRID)
    assert maps.isfinite().all()
    assert not maps.requires_grad
    assert maps.abs().sum() > 0
    assert METHODS[name].signed or (maps >= 0).all()
    assert METHODS[name].unit
    assert METHODS[name].about


@pytest.mark.parametrize("name", METHODS)
def test_images_do_not_influence_each_other(name: str, resnet: Backbone) -> None:
    target = torch.tensor([1, 3, 0])
    together = METHODS[name].function(resnet, pixels(3), target).maps
    alone = METHODS[name].function(resnet, pixels(3)[1:2], target[1:2]).maps
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_constant_model_has_an_empty_map(name: str) -> None:
    maps = METHODS[name].function(
        Constant(torch.zeros(4, 3, *SIZE)), pixels(), torch.zeros(2).long()
    )
    assert torch.equal(maps.maps, torch.zeros(2, *GRID))


@pytest.mark.parametrize("name", METHODS)
def test_methods_leave_the_pixels_alone(name: str, resnet: Backbone) -> None:
    inputs = pixels()
    METHODS[name].function(resnet, inputs, torch.tensor([0, 1]))
    assert torch.equal(inputs, pixels())
    assert not inputs.requires_grad


@pytest.mark.parametrize("name", METHODS)
def test_targets_out_of_range_are_refused(name: str, resnet: Backbone) -> None:
    with pytest.raises(ValueError, match=r"class indices 0\.\.3"):
        METHODS[name].function(resnet, pixels(), torch.tensor([0, 4]))


@pytest.mark.parametrize("name", METHODS)
def test_models_without_classifier_are_refused(name: str, tmp_path: Path) -> None:
    path = tiny_models.save("clip", tmp_path / "clip")
    with pytest.raises(ValueError, match="no classifier"):
        METHODS[name].function(
            backbones.load(str(path)), torch.zeros(1, 3, 32, 32), torch.zeros(1).long()
        )


@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion"])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_batch_size_changes_nothing(name: str, batch_size: int, resnet: Backbone) -> None:
    target = torch.tensor([1, 3, 0])
    expected = METHODS[name].function(resnet, pixels(3), target).maps
    found = METHODS[name].function(resnet, pixels(3), target, batch_size=batch_size).maps
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_integrated_gradients_add_up_to_the_difference_from_the_baseline(vit: Backbone) -> None:
    inputs, target = pixels() * 0.5, torch.tensor([1, 3])
    maps = METHODS["integrated_gradients"].function(vit, inputs, target, n_steps=100).maps
    at, before = vit.forward(inputs).logits, vit.forward(inputs * 0).logits
    assert at is not None
    assert before is not None
    difference = (at - before)[torch.arange(2), target]
    torch.testing.assert_close(maps.sum((1, 2)), difference, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion"])
def test_linear_model_is_attributed_exactly(name: str) -> None:
    weight = torch.randn(4, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    params: dict[str, Any] = {"window": 1} if name == "occlusion" else {"n_steps": 3}
    maps = METHODS[name].function(Pixelwise(weight), pixels(), torch.tensor([2, 0]), **params).maps
    for image, target in enumerate((2, 0)):
        share = (pixels()[image] * weight[target]).sum(0)
        for row in range(GRID[0]):
            for column in range(GRID[1]):
                cell = share[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8].sum()
                torch.testing.assert_close(maps[image, row, column], cell, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("window", "cells_hit"), [(1, 1), (3, 9)])
def test_occlusion_finds_the_planted_pixel(window: int, cells_hit: int) -> None:
    weight = torch.zeros(4, 3, *SIZE)
    weight[1, 0, 11, 29] = 1.0  # row 11 lies in cell 1 of 3, column 29 in cell 3 of 5
    found = METHODS["occlusion"].function(
        Pixelwise(weight), torch.ones(1, 3, *SIZE), torch.tensor([1]), window=window
    )
    assert int((found.maps[0] == 1).sum()) == cells_hit
    assert found.maps[0, 1, 3] == 1
    assert float(found.maps.sum()) == cells_hit


def test_coarser_occlusion_hides_larger_cells() -> None:
    weight = torch.randn(4, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    found = METHODS["occlusion"].function(
        Pixelwise(weight), pixels(1), torch.tensor([2]), window=1, coarsen=2
    )
    assert found.maps.shape == (1, 2, 3)
    share = (pixels(1)[0] * weight[2]).sum(0)
    torch.testing.assert_close(found.maps[0, 1, 0], share[12:, :13].sum(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.maps.sum(), share.sum(), rtol=1e-4, atol=1e-3)


def test_occlusion_refuses_even_windows(resnet: Backbone) -> None:
    with pytest.raises(ValueError, match=r"window is 2.*must be odd"):
        METHODS["occlusion"].function(resnet, pixels(), torch.tensor([0, 1]), window=2)


def test_grad_cam_equals_its_definition_written_out(vit: Backbone) -> None:
    """Finite differences of the logit by each token, in float64, one number at a time."""
    network = vit.network.double()  # type: ignore[attr-defined]
    inputs, target = pixels(1).double(), torch.tensor([2])
    found = METHODS["grad_cam"].function(vit, inputs, target).maps[0]
    tokens = vit.forward(inputs).tokens[0]
    n_tokens, width = tokens.shape
    alpha = torch.zeros(width, dtype=torch.float64)
    module = network.get_submodule(vit.layer)
    for d in range(width):
        for t in range(n_tokens):
            values = []
            for step in (1e-5, -1e-5):
                moved = torch.zeros(1, 1 + n_tokens, width, dtype=torch.float64)
                moved[0, 1 + t, d] = step
                hook = module.register_forward_hook(lambda _m, _i, out, by=moved: out + by)
                values.append(network(inputs, interpolate_pos_encoding=True).logits[0, 2].item())
                hook.remove()
            alpha[d] += (values[0] - values[1]) / 2e-5 / n_tokens
    network.float()
    expected = torch.zeros(GRID, dtype=torch.float64)
    for row in range(GRID[0]):
        for column in range(GRID[1]):
            expected[row, column] = max(0.0, float(alpha @ tokens[row * GRID[1] + column]))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)


def test_grad_cam_before_its_maximum_sums_to_a_pooled_logit(resnet: Backbone) -> None:
    readout = resnet.linear_readout()
    assert readout is not None
    weight, bias = map(torch.from_numpy, readout)
    seen = resnet.forward(pixels())
    evidence = (seen.tokens @ weight[1]) / seen.tokens.shape[1]
    found = METHODS["grad_cam"].function(resnet, pixels(), torch.tensor([1, 1])).maps
    assert seen.logits is not None
    torch.testing.assert_close(evidence.sum(1) + bias[1], seen.logits[:, 1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.flatten(1), evidence.clamp(min=0), rtol=1e-4, atol=1e-5)


def test_grad_cam_refuses_a_layer_that_the_classifier_does_not_read(tmp_path: Path) -> None:
    path = tiny_models.save("vit", tmp_path / "vit")
    last = backbones.load(str(path), layer="vit.layernorm", size=SIZE)
    with pytest.raises(ValueError, match=r"only the CLS.*'vit\.layernorm'.*earlier layer"):
        METHODS["grad_cam"].function(last, pixels(), torch.tensor([0, 1]))


def test_every_pixel_belongs_to_the_cell_of_its_centre() -> None:
    assert cells.cell_of_pixels(7, 3).tolist() == [0, 0, 1, 1, 1, 2, 2]
    values = torch.arange(2 * 7 * 11, dtype=torch.float64).reshape(2, 7, 11)
    summed = cells.sum_by_cell(values, Grid(3, 5))
    assert summed.shape == (2, 3, 5)
    torch.testing.assert_close(summed.sum((1, 2)), values.sum((1, 2)))
    assert summed[1, 0, 0] == values[1, :2, :2].sum()
