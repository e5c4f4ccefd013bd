"""The nouns: Backbone, Activations, ConceptBank, Head, and the data a bank is fitted on.

Protocols, not base classes: a fake in a test or a class elsewhere conforms by having the members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Integer

from core.kinds import LabelLevel
from core.readouts import Head, Named, Readout, ReadsClasses, words_of  # noqa: F401 (nouns too)

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


class Grid(NamedTuple):
    """Token grid, rows then columns; token index = row * w + column."""

    h: int
    w: int


class Box(NamedTuple):
    """Part of the upright image that the token grid covers, as fractions of its width and height.

    (0, 0, 1, 1) is the whole image. A centre crop lies inside it; a padding processor reaches
    outside (negative x0 or x1 > 1).
    """

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Activations:
    """One batch at one layer. `extra` holds CLS and register tokens, apart from the grid; where the
    model has a CLS token, it is the first of them."""

    tokens: Float[Tensor, "b t d"]
    grid: Grid
    extra: Float[Tensor, "b e d"]
    logits: Float[Tensor, "b y"] | None
    embedding: Float[Tensor, "b e"] | None = None
    """a CLIP-like model's image vectors, in the space of its texts; None: not such a model"""


@runtime_checkable
class Backbone(Protocol):
    """Turns a batch of images into tokens on a grid and, if it classifies, logits."""

    @property
    def name(self) -> str: ...

    @property
    def layer(self) -> str: ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the logits, in order; empty when the model does not classify."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever weights, layer or preprocessing change."""
        ...

    def preprocess(self, images: Sequence[Image]) -> Float[Tensor, "b 3 H W"]: ...

    def view(self, width: int, height: int) -> Box:
        """Which part of an image of this size `preprocess` lets the model see."""
        ...

    def forward(self, pixels: Float[Tensor, "b 3 H W"]) -> Activations:
        """Without gradients."""
        ...

    def attributed(self, pixels: Float[Tensor, "b 3 H W"]) -> Activations:
        """With gradients: logits can be differentiated with respect to `pixels` and `tokens`."""
        ...

    def linear_readout(self) -> tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]] | None:
        """(W, b) when logits = W mean(tokens) + b holds on probe images; None when it does not."""
        ...


@runtime_checkable
class TokenStream(Protocol):
    """Activations of many images, possibly larger than memory."""

    @property
    def n_tokens(self) -> int: ...

    @property
    def width(self) -> int:
        """d"""
        ...

    def batches(self, size: int, *, seed: int | None) -> Iterator[Float[Tensor, "b d"]]:
        """Every token once. seed None: in order; otherwise shuffled, the same way for one seed."""
        ...

    def sample(self, n: int, *, seed: int) -> Float[Tensor, "n d"]:
        """n tokens (or all, if fewer) drawn without replacement."""
        ...


@runtime_checkable
class ImageStream(Protocol):
    """Token maps of many images, possibly larger than memory; whole images at a time."""

    @property
    def grid(self) -> Grid: ...

    @property
    def n_images(self) -> int: ...

    def batches(
        self, size: int, *, seed: int | None
    ) -> Iterator[tuple[Integer[Tensor, " b"], Float[Tensor, "b t d"]]]:
        """Every image once, with its row among the pooled ones; seed as in `TokenStream`."""
        ...


@dataclass(frozen=True)
class TextSide:
    """Words and images in one space: what a CLIP-like model says of both. All rows have norm 1."""

    words: tuple[str, ...]
    words_in: Float[np.ndarray, "v e"]
    """the words' vectors"""
    images_in: Float[np.ndarray, "n e"]
    """the train images' vectors, in the order of `FitData.pooled`"""
    images_in_test: Float[np.ndarray, "m e"]
    joint: bool
    """whether the tokens themselves live in this space (d = e)"""
    origin: str
    """where the words are from, for people: a file's name"""
    images_in_val: Float[np.ndarray, "a e"] | None = None
    """the val images' vectors, in the order of `FitData.pooled_val`; None: there are none"""


@dataclass(frozen=True)
class Crops:
    """Parts of train images, each seen by the model alone, enlarged to its whole input."""

    activations: Float[Tensor, "c d"]
    """mean over the crop's tokens"""
    image: Integer[np.ndarray, " c"]
    """row in `FitData.pooled`"""
    box: Float[np.ndarray, "c 4"]
    """x0, y0, x1, y1 as fractions of the upright image's width and height"""


@runtime_checkable
class CropSource(Protocol):
    """Cuts crops out of the train images and runs the model on them; what it did, it keeps."""

    def take(self, *, patch: float, stride: float, n: int, seed: int) -> Crops:
        """At most n crops, spread over the images. patch: side as a share of the model's input,
        height and width alike; stride: largest step between crops, as a share of the patch."""
        ...

    def earlier(
        self, crops: Crops, chosen: Integer[np.ndarray, " m"], *, layer: str
    ) -> tuple[str, Float[Tensor, "m e"]] | None:
        """The name of an earlier layer and the activations of some crops there.

        layer "": the nearest one, outside the bank's own block, that is never negative on them;
        None where there is no such layer.
        """
        ...


@runtime_checkable
class Checkpoint(Protocol):
    """Where a long fit keeps its state, so that a killed one goes on where it was."""

    def load(self) -> dict[str, Tensor] | None: ...

    def save(self, state: dict[str, Tensor]) -> None: ...


@dataclass(frozen=True)
class Labels:
    """Which labelled concepts the images show: 1 present, 0 absent, NaN unknown."""

    names: tuple[str, ...]
    train: Float[np.ndarray, "n l"]
    test: Float[np.ndarray, "m l"]
    level: LabelLevel  # "image": labelled one by one; "class": every image has its class's labels


@dataclass(frozen=True)
class Targets:
    """Labels of which an image can carry several: 1 shown, 0 absent, NaN unknown."""

    y: Float[np.ndarray, "n l"]
    classes: Integer[np.ndarray, " l"]
    """class_id of each column"""


@dataclass(frozen=True)
class FitData:
    """What a concept method may look at. Tokens and pooled rows come from the train split; a bank
    that is scored by CLS tokens finds these among the tokens, too."""

    tokens: TokenStream
    pooled: Float[np.ndarray, "n d"]
    """one vector of each image, whose code is its score: its mean token, or its CLS token where
    scores are read there"""
    pooled_test: Float[np.ndarray, "m d"]
    labels: Labels | None
    progress: Callable[[str], None] = lambda _: None
    images: ImageStream | None = None
    """the same tokens image by image, for methods that look at whole maps"""
    classes: Integer[np.ndarray, " n"] | None = None
    """class of each train image, -1 unlabelled; None: nothing is labelled"""
    targets: Targets | None = None
    """of the train images of a multi-label set, in place of `classes`; None: it is no such set"""
    text: TextSide | None = None
    checkpoint: Checkpoint | None = None
    crops: CropSource | None = None
    layer: str = ""
    """dotted name of the layer the tokens are from; "": unknown"""
    device: str = "cpu"
    """torch device for what trains long; banks come back on the CPU"""
    pooled_val: Float[np.ndarray, "a d"] | None = None
    """of the images that strengths are chosen on; None: there are none"""


@runtime_checkable
class ConceptBank(Protocol):
    """k directions in activation space and a rule that gives every token k codes.

    An image's score is the mean of its codes over patches, their maximum, or the code of its CLS
    token, as the bank's `pool` says (`core.kinds.Pool`). A map leads to the score of the first two;
    beside the third it shows the same directions over the patches.
    """

    @property
    def directions(self) -> Float[Tensor, "k d"]: ...

    @property
    def offset(self) -> Float[Tensor, " d"] | None:
        """Reconstruction is codes @ directions + offset; None: the bank does not reconstruct.
        A bank that `Rescales` adds its `offsets` of the token instead."""
        ...

    @property
    def signed(self) -> bool:
        """Whether codes can be negative (evidence against)."""
        ...

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]: ...

    def tensors(self) -> dict[str, Tensor]:
        """Everything `core.concepts.restore` needs beside the method's name."""
        ...

    def facts(self) -> list[dict[str, float]]:
        """Per concept, numbers measured while fitting (a CAV's accuracies); may be empty."""
        ...


@runtime_checkable
class Rescales(Protocol):
    """A bank that rescales every token before it codes it, so that what it adds at last differs
    from token to token."""

    def offsets(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]: ...
