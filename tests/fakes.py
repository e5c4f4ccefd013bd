"""Small stand-ins that keep the contracts: a backbone, a stream of tokens, a data set."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Integer
from PIL import Image, ImageDraw
from torch import Tensor

from core.types import Activations, Box, Crops, FitData, Grid, Labels, TextSide

CLASSES = ("wren", "heron", "finch", "swift")
"""red square, red disc, blue square, blue disc"""
SIZE = (24, 40)
"""(height, width) fed to the tiny ResNet, which makes a 3 x 5 grid of it"""
N_IMAGES, N_BROKEN, N_UNLABELLED = 30, 1, 2


@dataclass
class FakeBackbone:
    """Patches of 4 x 4 pixels to 7 channels, a ReLU, the mean, and a linear layer to 4 classes."""

    name: str = "fake"
    layer: str = "patches"
    outputs: tuple[str, ...] = CLASSES
    fingerprint: str = "fake-0"
    spoiled: bool = False
    """whether every activation is NaN"""
    shown: int = 0
    """images forwarded so far"""

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(5)
        self.kernel = torch.randn(7, 3, 4, 4, generator=generator) / 4
        self.weight = torch.randn(4, 7, generator=generator)
        self.bias = torch.randn(4, generator=generator) / 4

    def preprocess(self, images: Sequence[Image.Image]) -> Float[Tensor, "b 3 12 20"]:
        resized = [np.asarray(i.resize((20, 12)), dtype=np.float32) for i in images]
        return torch.from_numpy(np.stack(resized) / 127.5 - 1).permute(0, 3, 1, 2).contiguous()

    def view(self, width: int, height: int) -> Box:  # noqa: ARG002
        return Box(0.0, 0.0, 1.0, 1.0)

    def attributed(self, pixels: Float[Tensor, "b 3 12 20"]) -> Activations:
        if not pixels.requires_grad:
            pixels.requires_grad_(True)
        maps = torch.relu(torch.nn.functional.conv2d(pixels, self.kernel, stride=4))
        tokens = maps.flatten(2).transpose(1, 2)
        if self.spoiled:
            tokens = tokens * float("nan")
        logits = tokens.mean(1) @ self.weight.T + self.bias if self.outputs else None
        return Activations(tokens, Grid(3, 5), tokens[:, :0], logits)

    def forward(self, pixels: Float[Tensor, "b 3 12 20"]) -> Activations:
        self.shown += len(pixels)
        with torch.no_grad():
            seen = self.attributed(pixels.clone())
        logits = None if seen.logits is None else seen.logits.detach()
        return Activations(seen.tokens.detach(), seen.grid, seen.extra.detach(), logits)

    def linear_readout(self) -> tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]] | None:
        return (self.weight.numpy(), self.bias.numpy()) if self.outputs else None


@dataclass(frozen=True)
class ArrayStream:
    """A `TokenStream` over a tensor."""

    tokens: Float[Tensor, "n d"]

    @property
    def n_tokens(self) -> int:
        return len(self.tokens)

    @property
    def width(self) -> int:
        return self.tokens.shape[1]

    def batches(self, size: int, *, seed: int | None) -> Iterator[Float[Tensor, "b d"]]:
        order = torch.arange(len(self.tokens))
        if seed is not None:
            order = torch.randperm(len(order), generator=torch.Generator().manual_seed(seed))
        yield from self.tokens[order].split(size)

    def sample(self, n: int, *, seed: int) -> Float[Tensor, "n d"]:
        order = torch.randperm(len(self.tokens), generator=torch.Generator().manual_seed(seed))
        return self.tokens[order[:n].sort().values]


@dataclass(frozen=True)
class MapStream:
    """An `ImageStream` over a tensor whose images are one row of tokens high."""

    tokens: Float[Tensor, "n t d"]

    @property
    def grid(self) -> Grid:
        return Grid(1, self.tokens.shape[1])

    @property
    def n_images(self) -> int:
        return len(self.tokens)

    def batches(
        self, size: int, *, seed: int | None
    ) -> Iterator[tuple[Integer[Tensor, " b"], Float[Tensor, "b t d"]]]:
        rows = torch.arange(len(self.tokens))
        if seed is not None:
            rows = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        for part in rows.split(size):
            yield part, self.tokens[part]


@dataclass(frozen=True)
class TokenCrops:
    """A `CropSource` of pretended crops: the first third of an image's tokens, the next, ..."""

    tokens: Float[Tensor, "n t d"]

    def take(self, *, patch: float, stride: float, n: int, seed: int) -> Crops:  # noqa: ARG002
        parts = torch.stack([p.mean(1) for p in self.tokens.chunk(3, dim=1)], dim=1)
        image, third = np.divmod(np.arange(parts.shape[0] * parts.shape[1]), parts.shape[1])
        zero = np.zeros(len(image))
        box = np.stack([third / 3, zero, (third + 1) / 3, zero + 0.5], axis=1)
        return Crops(parts.flatten(0, 1)[:n], image[:n], box[:n])

    def earlier(
        self, crops: Crops, chosen: Integer[np.ndarray, " m"], *, layer: str
    ) -> tuple[str, Float[Tensor, "m e"]] | None:
        """Products of neighbouring channels: non-linear in the crop's own activations."""
        x = crops.activations[chosen]
        return layer or "before", torch.cat([x * x.roll(1, dims=1), x.square()], dim=1)


TAUGHT = {
    "cav",
    "imported_sae",
    "cbm",
    "label_free",
    "sparse_cbm",
    "imported_cbm",
    "text",
    "sl_cbm",
    "csr",
    "energy",
}
"""methods that need more than tokens"""


def text_side(pooled: Float[np.ndarray, "n d"], n_train: int, *, words: int = 9) -> TextSide:
    """Words in the tokens' own space, and every image where its mean token points."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(words, pooled.shape[1])).astype(np.float32)
    words_in, images = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (rows, pooled))
    names = tuple(f"word {i}" for i in range(words))
    return TextSide(names, words_in, images[:n_train], images[n_train:], True, "words.txt")


def fit_data(tokens: Float[Tensor, "n t d"], labels: Labels | None = None) -> FitData:
    """Images' tokens as a bank sees them; the last third of the images is the test split.

    With labels, the first and the last of them make four classes.
    """
    n_train = len(labels.train) if labels else len(tokens) - len(tokens) // 3
    pooled = tokens.mean(1).numpy()
    stream = ArrayStream(tokens[:n_train].flatten(0, 1))
    return FitData(
        stream,
        pooled[:n_train],
        pooled[n_train:],
        labels,
        images=MapStream(tokens[:n_train]),
        crops=TokenCrops(tokens[:n_train]),
        classes=(labels.train[:, 0] + 2 * labels.train[:, -1]).astype(int) if labels else None,
        text=text_side(pooled, n_train) if labels else None,
    )


def shapes(root: Path) -> Path:
    """Writes 30 pictures of a coloured shape, one broken file, masks, and the manifest of all.

    4 train, 2 test and 1 shifted a class, 2 unlabelled; grouped concepts (colour, shape), a lone
    one (striped, unknown for two images), the place of the shape and its mask.
    """
    rng = np.random.default_rng(8)
    plan = [
        (label, split)
        for split, each in (("train", 4), ("test", 2), ("shifted", 1))
        for label in CLASSES
        for _ in range(each)
    ] + [("", "train"), ("", "test")]
    rows = []
    for i, (label, split) in enumerate(plan):
        colour, shape = divmod(CLASSES.index(label) if label else i % 4, 2)
        striped = i // 2 % 2
        rows.append(_picture(root, i, colour, shape, striped, rng))
        known = "" if i in (3, 20) else str(striped)
        rows[-1] |= {"label": label, "split": split, "concept:striped": known}
    (root / "images" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    rows.append({"file": "images/broken.jpg", "label": CLASSES[0], "split": "train"})
    path = root / "shapes.csv"
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _picture(
    root: Path, i: int, colour: int, shape: int, striped: int, rng: np.random.Generator
) -> dict[str, str]:
    for folder in ("images", "masks"):
        (root / folder).mkdir(exist_ok=True)
    width, height = 72 + i % 3, 44
    size = 20 + int(rng.integers(8))
    x, y = (int(rng.integers(limit - size)) for limit in (width, height))
    box = (x, y, x + size - 1, y + size - 1)
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    (draw.rectangle if shape == 0 else draw.ellipse)(box, fill=255)
    noise = rng.integers(90, 150, (height, width, 3), dtype=np.uint8)
    fill = np.array(((220, 40, 40), (40, 60, 220))[colour], dtype=np.uint8)
    inside = np.asarray(mask)[..., None] > 0
    stripes = (np.arange(height)[:, None, None] // 3 % 2 == 1) & (striped == 1)
    pixels = np.where(inside & ~stripes, fill, np.where(inside, 245, noise)).astype(np.uint8)
    Image.fromarray(pixels).save(root / "images" / f"{i:02d}.png")
    mask.save(root / "masks" / f"{i:02d}.png")
    return {
        "file": f"images/{i:02d}.png",
        "label": "",
        "split": "",
        "concept:colour/red": str(int(colour == 0)),
        "concept:colour/blue": str(int(colour == 1)),
        "concept:shape/square": str(int(shape == 0)),
        "concept:shape/disc": str(int(shape == 1)),
        "concept:striped": "",
        "part:shape": f"{x + size / 2} {y + size / 2}",
        "mask:shape": f"masks/{i:02d}.png",
    }


def recipe_text(manifest: Path, model: Path | str, *, name: str = "tiny") -> str:
    """Every kind of bank, head and saliency, small enough for seconds."""
    return f"""
name = "{name}"
seed = 1

[dataset]
reader = "manifest"
path = "{manifest.as_posix()}"

[backbone]
model = "{model if isinstance(model, str) else model.as_posix()}"
size = [{SIZE[0]}, {SIZE[1]}]
batch = 8

[[banks]]
method = "nmf"
n_concepts = 5

[[banks]]
method = "sae"
n_concepts = 12
params = {{ top_k = 2, n_steps = 60, batch = 64, revive_every = 20 }}

[[banks]]
method = "cav"

[[heads]]
bank = "nmf"

[[heads]]
bank = "cav"

[[heads]]
bank = "sae"
kind = "backbone"

[depth]
layers = ["resnet.encoder.stages.1", "resnet.embedder"]

[saliency]
methods = ["grad_cam", "integrated_gradients"]
limit = 6
"""
