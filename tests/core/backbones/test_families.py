"""Every family through the one generic path: true grids, CLS apart, gradients, reloading."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core import backbones
from core.backbones import layers
from tests import tiny_models

# Rows and columns in pixels, and the grid that follows from patch size or strides alone.
SIZES = {
    "vit": ((24, 40), (3, 5), 1),
    "vit_features": ((24, 40), (3, 5), 1),
    "dinov2_with_registers": ((24, 40), (3, 5), 1 + 3),
    "clip": ((24, 40), (3, 5), 1),
    "clip_both": ((24, 40), (3, 5), 1),
    "siglip": ((24, 40), (3, 5), 0),
    "swin": ((48, 80), (6, 10), 0),  # no smaller than its window
    "resnet": ((24, 40), (3, 5), 0),
    "convnext": ((24, 40), (3, 5), 0),
    "mobilenet_v2": ((96, 160), (3, 5), 0),
}
CLASSIFIERS = ("vit", "swin", "resnet", "convnext", "mobilenet_v2")
POOLED_LINEAR = ("swin", "resnet", "mobilenet_v2")
CUT_IN_PATCHES = tuple(family for family in SIZES if family not in ("resnet", "mobilenet_v2"))


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {family: tiny_models.save(family, root / family) for family in tiny_models.FAMILIES}


def pixels(size: tuple[int, int], *, n: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 3, *size, generator=torch.Generator().manual_seed(seed))


def test_every_family_has_a_size() -> None:
    assert set(SIZES) == set(tiny_models.FAMILIES)


@pytest.mark.parametrize("family", SIZES)
def test_grid_is_non_square_and_prefix_tokens_are_apart(
    family: str, saved: dict[str, Path]
) -> None:
    size, grid, n_extra = SIZES[family]
    backbone = backbones.load(str(saved[family]), size=size)
    seen = backbone.forward(pixels(size))
    assert seen.grid == grid
    assert seen.tokens.shape[:2] == (2, grid[0] * grid[1])
    assert seen.extra.shape[:2] == (2, n_extra)
    assert not seen.tokens.requires_grad


@pytest.mark.parametrize("family", CUT_IN_PATCHES)
@pytest.mark.parametrize("cell", [(0, 1), (1, 3), (2, 4)])
def test_token_index_is_row_times_width_plus_column(
    family: str, cell: tuple[int, int], saved: dict[str, Path]
) -> None:
    """Changing one patch changes the token at its place most, whichever family it is."""
    size, grid, _ = SIZES[family]
    # The first layer with the final grid: deeper ones mix the places.
    found = backbones.list_layers(str(saved[family]), size=size).layers
    layer = next(info for info in found if info.grid == grid)
    backbone = backbones.load(str(saved[family]), layer=layer.name, size=size)
    base = pixels(size, n=1)
    rows, columns = size[0] // grid[0], size[1] // grid[1]
    altered = base.clone()
    inside = (
        slice(cell[0] * rows, (cell[0] + 1) * rows),
        slice(cell[1] * columns, (cell[1] + 1) * columns),
    )
    altered[:, :, inside[0], inside[1]] += 3.0
    change = (backbone.forward(altered).tokens - backbone.forward(base).tokens).norm(dim=-1)[0]
    assert int(change.argmax()) == cell[0] * grid[1] + cell[1]


@pytest.mark.parametrize("family", SIZES)
def test_tokens_are_what_the_network_itself_returns(family: str, saved: dict[str, Path]) -> None:
    size, (h, w), n_extra = SIZES[family]
    # the classifier reads its CLS token, so its default comes before the last block
    layer = "vit.layernorm" if family == "vit" else ""
    backbone = backbones.load(str(saved[family]), layer=layer, size=size)
    seen = backbone.forward(pixels(size))
    network = backbone.network  # type: ignore[attr-defined]
    base = getattr(network, network.base_model_prefix, network)
    resizes = family in ("vit", "vit_features", "clip", "clip_both", "siglip", "swin")
    extra = {"interpolate_pos_encoding": True} if resizes else {}
    with torch.no_grad():
        last = base(pixels(size), **extra).last_hidden_state
    if last.ndim == 4:
        for row in range(h):
            for column in range(w):
                torch.testing.assert_close(
                    seen.tokens[:, row * w + column], last[:, :, row, column]
                )
        return
    torch.testing.assert_close(seen.tokens, last[:, n_extra:])
    torch.testing.assert_close(seen.extra, last[:, :n_extra])


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_logits_can_be_differentiated_by_pixels_and_tokens(
    family: str, saved: dict[str, Path]
) -> None:
    size, _, _ = SIZES[family]
    backbone = backbones.load(str(saved[family]), size=size)
    assert backbone.outputs == ("wren", "heron", "finch", "swift")
    inputs = pixels(size)
    seen = backbone.attributed(inputs)
    assert seen.logits is not None
    assert seen.logits.shape == (2, 4)
    torch.testing.assert_close(seen.logits.detach(), backbone.forward(pixels(size)).logits)
    wanted = [inputs, seen.tokens]
    by_pixels, by_tokens = torch.autograd.grad(seen.logits[:, 1].sum(), wanted)
    assert by_pixels.abs().sum() > 0
    assert by_tokens.abs().sum() > 0


def test_editing_a_token_changes_the_logit_by_its_gradient(saved: dict[str, Path]) -> None:
    backbone = backbones.load(str(saved["resnet"]), size=(24, 40))
    seen = backbone.attributed(pixels((24, 40)))
    assert seen.logits is not None
    (gradient,) = torch.autograd.grad(seen.logits[:, 2].sum(), seen.tokens)
    readout = backbone.linear_readout()
    assert readout is not None
    expected = torch.from_numpy(readout[0][2]) / (3 * 5)
    torch.testing.assert_close(gradient, expected.expand_as(gradient))


@pytest.mark.parametrize("family", SIZES)
def test_linear_readout_is_given_exactly_where_it_holds(
    family: str, saved: dict[str, Path]
) -> None:
    size, _, _ = SIZES[family]
    backbone = backbones.load(str(saved[family]), size=size)
    readout = backbone.linear_readout()
    assert (readout is not None) == (family in POOLED_LINEAR)
    if readout is None:
        return
    weight, bias = map(torch.from_numpy, readout)
    seen = backbone.forward(pixels(size, seed=3))
    torch.testing.assert_close(
        seen.tokens.mean(1) @ weight.T + bias, seen.logits, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("family", SIZES)
def test_saving_and_loading_again_changes_nothing(
    family: str, saved: dict[str, Path], tmp_path: Path
) -> None:
    size, _, _ = SIZES[family]
    first = backbones.load(str(saved[family]), size=size)
    first.network.save_pretrained(tmp_path)  # type: ignore[attr-defined]
    first.preprocessor.processor.save_pretrained(tmp_path)  # type: ignore[attr-defined]
    second = backbones.load(str(tmp_path), size=size)
    assert second.fingerprint == first.fingerprint
    torch.testing.assert_close(
        second.forward(pixels(size)).tokens, first.forward(pixels(size)).tokens, rtol=0, atol=0
    )


def test_fingerprint_follows_weights_layer_and_size(saved: dict[str, Path], tmp_path: Path) -> None:
    other = tiny_models.save("vit", tmp_path / "vit", seed=1)
    prints = [
        backbones.load(str(saved["vit"])).fingerprint,
        backbones.load(str(other)).fingerprint,
        backbones.load(str(saved["vit"]), size=(24, 40)).fingerprint,
        backbones.load(str(saved["vit"]), layer="vit.layers.1").fingerprint,
    ]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("family", SIZES)
def test_every_listed_layer_can_be_loaded_with_the_grid_it_promises(
    family: str, saved: dict[str, Path]
) -> None:
    size, _, _ = SIZES[family]
    found = backbones.list_layers(str(saved[family]), size=size).layers
    assert sum(info.default for info in found) == 1
    for info in found[:: max(1, len(found) // 4)]:
        seen = backbones.load(str(saved[family]), layer=info.name, size=size).forward(pixels(size))
        assert seen.grid == info.grid
        assert seen.tokens.shape[1:] == (info.grid.h * info.grid.w, info.width)


def test_windows_are_not_taken_for_images(saved: dict[str, Path]) -> None:
    """Attention in Swin runs on windows of 4 x 4, which is also the last grid of this model."""
    for info in backbones.list_layers(str(saved["swin"])).layers:
        seen = backbones.load(str(saved["swin"]), layer=info.name).forward(pixels((32, 32), n=3))
        assert len(seen.tokens) == 3


def test_a_grid_that_leaves_a_rim_out_says_so(saved: dict[str, Path]) -> None:
    backbone = backbones.load(str(saved["siglip"]), size=(27, 42))
    assert backbone.forward(pixels((27, 42))).grid == (3, 5)
    assert backbone.view(300, 200) == pytest.approx((0, 0, 40 / 42, 24 / 27))
    padded = backbones.load(str(saved["swin"]), size=(41, 75))
    assert padded.forward(pixels((41, 75))).grid == (6, 10)
    assert padded.view(300, 200) == pytest.approx((0, 0, 80 / 75, 48 / 41))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 7, 3, 5), ("map", (3, 5))),
        ((2, 3, 5, 7), ("map, channels last", (3, 5))),
        ((2, 16, 9), ("sequence", (3, 5))),
        ((2, 15, 9), ("sequence", (3, 5))),  # before the CLS token is put in front
        ((2, 14, 9), None),  # one patch too few
        ((2, 7, 1, 1), None),  # pooled
        ((2, 5, 3, 7), None),  # rows and columns exchanged
    ],
)
def test_shapes_are_read_only_where_they_fit_the_pixels(
    shape: tuple[int, ...], expected: tuple[str, tuple[int, int]] | None
) -> None:
    stem = layers.Stem(layers.Grid(3, 5), 8, 8)
    layout = layers.read_shape(shape, size=(24, 40), stem=stem, prefix=1)
    assert (layout and (layout.kind, tuple(layout.grid))) == expected
