"""Which modules of a network give tokens on a grid, and how to read them.

A convolutional map is a grid as it stands. A sequence is one once its CLS and register tokens are
taken off the front and what is left matches the grid of the patch embedding (halved where a
network merges patches). Nothing is reshaped to a grid that the network did not compute.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from core.types import Grid

# Parameters that become tokens in front of the patches; every family names them in these words.
PREFIX_TOKENS = ("cls_token", "class_embedding", "class_token", "distillation_token")
REGISTERS = ("register_tokens", "storage_tokens")


class LayerInfo(NamedTuple):
    name: str
    kind: str  # "map" (b d h w), "map, channels last" (b h w d), "sequence" (b s d) or "tokens"
    grid: Grid
    width: int  # d
    n_extra: int  # CLS and register tokens, apart from the grid
    default: bool
    why: str  # of the default: why it is; of a layer that finishes later: why not; else ""


class Listing(NamedTuple):
    layers: list[LayerInfo]
    refused: str
    """why none of them can be the default; "": one is"""


class Stem(NamedTuple):
    """The first convolution: its output grid and, where it cuts patches, their size in pixels."""

    grid: Grid
    rows: int
    columns: int


@dataclass(frozen=True)
class Layout:
    """How one layer's output is read as tokens."""

    kind: str
    grid: Grid
    n_extra: int
    cover: tuple[float, float] = (1.0, 1.0)  # rows, columns: how much of the pixels the grid spans

    def split(self, out: Tensor) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b e d"]]:
        if self.kind == "sequence":
            return out[:, self.n_extra :], out[:, : self.n_extra]
        pattern = "b d h w -> b (h w) d" if self.kind == "map" else "b h w d -> b (h w) d"
        tokens = rearrange(out, pattern)
        return tokens, tokens[:, :0]

    def join(self, tokens: Float[Tensor, "b t d"], extra: Float[Tensor, "b e d"]) -> Tensor:
        """The inverse of `split`, to hand the tokens on to the rest of the network."""
        if self.kind == "sequence":
            return torch.cat([extra, tokens], dim=1)
        pattern = "b (h w) d -> b d h w" if self.kind == "map" else "b (h w) d -> b h w d"
        return rearrange(tokens, pattern, h=self.grid.h, w=self.grid.w)


def tensor_of(output: Any) -> Tensor | None:
    """What a module hands on: a tensor, or the first entry of a plain tuple."""
    if isinstance(output, Tensor):
        return output
    if type(output) is tuple and output and isinstance(output[0], Tensor):
        return output[0]
    return None


def with_tensor(output: Any, tensor: Tensor) -> Any:
    return tensor if isinstance(output, Tensor) else (tensor, *output[1:])


def n_prefix(network: nn.Module) -> int:
    """Tokens that the network puts in front of its patches."""
    count = 0
    for name, parameter in network.named_parameters():
        last = name.rpartition(".")[2]
        if last in PREFIX_TOKENS:
            count += parameter.shape[-2] if parameter.ndim > 1 else 1
        elif last in REGISTERS:
            count += parameter.shape[-2]
    return count


@torch.no_grad()
def survey(network: nn.Module, pixels: Tensor, call: Any) -> dict[str, tuple[Layout, int]]:
    """Every module whose output is tokens on a grid, in the order of finishing: layout and width.

    One dry run. `call(pixels)` runs the network.
    """
    seen: dict[str, tuple[int, ...]] = {}
    stems: list[Stem] = []

    def note(name: str, module: nn.Module, output: Any) -> None:
        tensor = tensor_of(output)
        if tensor is None or not tensor.is_floating_point() or not name:
            return
        seen.pop(name, None)  # run twice: the last run is the one that is captured
        seen[name] = tuple(tensor.shape)
        if isinstance(module, nn.Conv2d):
            stems.append(Stem(Grid(*tensor.shape[2:]), *_stride(module)))

    hooks = [
        module.register_forward_hook(
            lambda module, _inputs, output, name=name: note(name, module, output)
        )
        for name, module in network.named_modules()
    ]
    try:
        call(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    size = (pixels.shape[2], pixels.shape[3])
    stem = stems[0] if stems and stems[0].rows > 1 else None
    prefix = n_prefix(network)
    found: dict[str, tuple[Layout, int]] = {}
    for name, shape in seen.items():
        layout = read_shape(shape, size=size, stem=stem, prefix=prefix)
        if layout is not None and shape[0] == len(pixels):  # else: windows, not images
            found[name] = (layout, shape[1] if layout.kind == "map" else shape[-1])
    return found


def read_shape(
    shape: tuple[int, ...],
    *,
    size: tuple[int, int],
    stem: Stem | None,
    prefix: int,
) -> Layout | None:
    """The layout of an output of this shape, or None where it is no grid or more than one.

    A patch embedding may leave a rim of pixels out (384 pixels in patches of 14) or pad beyond the
    last one; `cover` says so.
    """
    if len(shape) == 4:
        first, last = _is_map(shape[2:], size), _is_map(shape[1:3], size)
        if first == last:  # neither, or undecidable
            return None
        kind, grid = ("map", shape[2:]) if first else ("map, channels last", shape[1:3])
        cover = _cover(Grid(*grid), stem=stem, size=size)
        return Layout(kind, Grid(*grid), 0, cover)
    if len(shape) != 3 or stem is None or shape[-1] == 1:
        return None
    # a pyramid may put its CLS token in front at its last stage only, a pooling head inside itself
    fits = [
        (grid, extra)
        for extra in sorted({0, prefix})
        for grid in _merged(stem.grid)
        if grid.h * grid.w == shape[1] - extra
    ]
    if len(fits) != 1:
        return None
    grid, extra = fits[0]
    return Layout("sequence", grid, extra, _cover(grid, stem=stem, size=size))


def _stride(module: nn.Conv2d) -> tuple[int, int]:
    """Patch size of a convolution that cuts the image into patches; (1, 1) for any other."""
    cuts = module.kernel_size == module.stride and module.padding in ((0, 0), "valid")
    return (module.stride[0], module.stride[1]) if cuts else (1, 1)


def _cover(grid: Grid, *, stem: Stem | None, size: tuple[int, int]) -> tuple[float, float]:
    if stem is None:
        return 1.0, 1.0
    merges = round(math.log2(stem.grid.h / grid.h)), round(math.log2(stem.grid.w / grid.w))
    times = 2 ** max(merges)  # a grid of one row cannot tell how often it was merged
    return grid.h * stem.rows * times / size[0], grid.w * stem.columns * times / size[1]


def _is_map(grid: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether one stride, the same for rows and columns, leads from the pixels to this grid."""
    h, w = grid
    if h * w < 2:
        return False
    return any(
        size[0] // s <= h <= -(-size[0] // s) and size[1] // s <= w <= -(-size[1] // s)
        for s in range(1, max(size) + 1)
    )


def _merged(patches: Grid) -> list[Grid]:
    """The patch grid and what repeated merging of 2 x 2 patches leaves of it."""
    grids = [patches]
    while grids[-1].h * grids[-1].w > 2:
        grids.append(Grid(math.ceil(grids[-1].h / 2), math.ceil(grids[-1].w / 2)))
    return [grid for grid in grids if grid.h * grid.w > 1]


def check_layer(layer: str, network: nn.Module, found: dict[str, tuple[Layout, int]]) -> None:
    """Raises ValueError, with the nearest names, for a layer that gives no tokens on a grid."""
    if layer in found:
        return
    exists = layer in dict(network.named_modules())
    near = difflib.get_close_matches(layer, found, n=5, cutoff=0.4) or list(found)[-5:]
    what = "gives no tokens on a grid" if exists else "does not exist in this model"
    raise ValueError(
        f"layer {layer!r} {what}; close to it: {', '.join(near)}. --list-layers prints all "
        f"{len(found)} layers that can be used"
    )
