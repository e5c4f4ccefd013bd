"""Images to pixels with the model's own image processor, and which part of an image it keeps.

The part is derived from the processor's settings, then checked against what the processor does to
a picture whose colours are its coordinates: a processor that behaves otherwise is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from transformers import AutoImageProcessor, ViTImageProcessorPil

from core.backbones import network_files
from core.backbones.weight_files import settings
from core.types import Box

PROBES = ((210, 150), (150, 210))  # width, height: landscape and portrait, in pixels
MOST_RESIZED = 2**25
"""pixels that an image is resized to at most; as three numbers of 4 bytes they take 400 MB"""
TOLERANCE = 0.02  # of the image's side; colours have 256 steps and resizing blurs the border


LARGEST = 8_192
"""pixels a side that a model may be given"""
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")


class Refused(ValueError):
    """A processor that works, but not in a way that can be followed."""


class Frame(NamedTuple):
    box: Box
    height: int
    width: int


@dataclass(frozen=True)
class Preprocessor:
    processor: Any
    size: tuple[int, int] | None  # rows, columns; None: the processor's own

    def __call__(self, images: Sequence[Image.Image]) -> Float[Tensor, "b 3 H W"]:
        upright = [image.convert("RGB") for image in images]
        if self.size is None:
            for image in upright:
                _check_enlarged(self.processor, image)
            return self.processor(upright, return_tensors="pt")["pixel_values"].float()
        rows, columns = self.size
        chosen = self.processor.resample
        filter_ = Image.Resampling.BILINEAR if chosen is None else Image.Resampling(int(chosen))
        resized = [image.resize((columns, rows), filter_) for image in upright]
        fixed = {"do_resize": False, "do_center_crop": False, "do_pad": False}
        pixels = self.processor(resized, return_tensors="pt", **fixed)["pixel_values"]
        return pixels.float()

    def frame(self, width: int, height: int) -> Frame:
        """Which part of a width x height image is seen, and how many pixels the model gets."""
        if self.size is not None:
            return Frame(Box(0.0, 0.0, 1.0, 1.0), *self.size)
        rows, columns = _resized(self.processor, height, width)
        crop = _crop(self.processor)
        out_rows, out_columns = crop or (rows, columns)
        # Cropping a smaller image pads it on both sides, so the offset may be negative.
        top, left = (rows - out_rows) // 2, (columns - out_columns) // 2
        pad = _setting(self.processor, "pad_size")
        if getattr(self.processor, "do_pad", False) and pad:
            out_rows, out_columns = pad["height"], pad["width"]  # added below and to the right
        box = Box(
            left / columns, top / rows, (left + out_columns) / columns, (top + out_rows) / rows
        )
        return Frame(box, out_rows, out_columns)


def open_processor(model: str, *, size: tuple[int, int] | None) -> Preprocessor:
    """Raises FileNotFoundError without a file that says how images are read, ValueError if it is
    unusable."""
    source = Path(model).expanduser()
    if network_files.is_local(model):
        files = [file for file in PROCESSOR_FILES if (source / file).is_file()]
        if not files:
            raise FileNotFoundError(
                f"{source} has no preprocessor_config.json, which says how images are resized and "
                "normalised; copy it from the model's original checkpoint, or write one with "
                "ViTImageProcessor(size=..., image_mean=..., image_std=...).save_pretrained(...)"
            )
        for file in files:
            settings(source / file)
        model = str(source)
    if size is not None and not all(1 <= side <= LARGEST for side in size):
        raise ValueError(
            f"size is {size}; give rows and columns in pixels, each from 1 to {LARGEST}"
        )
    try:
        processor = _open(model)
    except Exception as error:
        raise ValueError(
            f"the image processor of {model!r} cannot be opened with Pillow alone: {error}. If it "
            'only resizes and normalises, set "image_processor_type": "ViTImageProcessor" in '
            "preprocessor_config.json"
        ) from error
    preprocessor = Preprocessor(processor, size)
    try:
        _check(preprocessor, model)
    except Refused:
        raise
    except Exception as error:
        raise ValueError(
            f"the image processor of {model!r} fails on a picture: {error}. Its settings must be "
            "those of the model's original checkpoint"
        ) from error
    return preprocessor


def _open(model: str) -> Any:
    """With Pillow. DINOv3's own class needs torchvision; it resizes and normalises as ViT's does,
    apart from rounding to 8 bits between the two."""
    held, _ = ViTImageProcessorPil.get_image_processor_dict(model)
    if str(held.get("image_processor_type", "")).startswith("DINOv3ViTImageProcessor"):
        return ViTImageProcessorPil.from_dict(held)
    return AutoImageProcessor.from_pretrained(model, backend="pil", trust_remote_code=False)


def _setting(processor: Any, name: str) -> dict[str, int]:
    """A size setting as a plain dict without the entries that are not set."""
    value = getattr(processor, name, None)
    if value is None:
        return {}
    return {key: int(side) for key, side in dict(value).items() if side is not None}


def _resized(processor: Any, height: int, width: int) -> tuple[int, int]:
    if not processor.do_resize:
        return height, width
    size = _setting(processor, "size")
    if "height" in size and "width" in size:
        return size["height"], size["width"]
    edge = size.get("shortest_edge")
    if edge is None or "longest_edge" in size:
        raise Refused(
            f"the image processor resizes to {size}, which depends on the image in a way that is "
            "not supported; give a fixed size (rows, columns)"
        )
    percent = getattr(processor, "crop_pct", None)
    if percent is not None and edge >= 384:  # ConvNeXt's convention: large inputs are warped
        return edge, edge
    if percent is not None:
        edge = int(edge / percent)
    short, long = min(height, width), max(height, width)
    other = int(edge * long / short)
    return (edge, other) if height <= width else (other, edge)


def _check_enlarged(processor: Any, image: Image.Image) -> None:
    """Raises ValueError before more memory is taken than an image may cost."""
    rows, columns = _resized(processor, image.height, image.width)
    if rows * columns > MOST_RESIZED:
        raise ValueError(
            f"the model's image processor would enlarge it from {image.width} x {image.height} to "
            f"{columns} x {rows} pixels; at most {MOST_RESIZED:,} are made"
        )


def _crop(processor: Any) -> tuple[int, int] | None:
    if getattr(processor, "do_center_crop", False):
        crop = _setting(processor, "crop_size")
        return crop["height"], crop["width"]
    edge = _setting(processor, "size").get("shortest_edge")
    if processor.do_resize and edge and getattr(processor, "crop_pct", None) is not None:
        return edge, edge
    return None


def _check(preprocessor: Preprocessor, model: str) -> None:
    frames = [preprocessor.frame(*probe) for probe in PROBES]
    sides = [side for frame in frames for side in (frame.height, frame.width)]
    if preprocessor.size is None:
        sides += [side for w, h in PROBES for side in _resized(preprocessor.processor, h, w)]
    if not all(1 <= side <= LARGEST for side in sides):
        raise Refused(
            f"the image processor of {model!r} makes images of {max(sides, key=abs):,} pixels a "
            f"side; 1 to {LARGEST:,} are allowed. Give a fixed size (rows, columns)"
        )
    if len({(frame.height, frame.width) for frame in frames}) > 1:
        raise Refused(
            f"the image processor of {model!r} gives images of different shapes different sizes; "
            "give a fixed size (rows, columns)"
        )
    grey = Image.new("RGB", PROBES[0], "grey")
    with np.errstate(all="ignore"):  # what follows says it
        finite = bool(preprocessor([grey]).isfinite().all())
    if not finite:
        raise Refused(
            f"the image processor of {model!r} makes pixels that are not finite; image_std must be "
            "above 0, and image_mean and rescale_factor must be numbers"
        )
    for probe, frame in zip(PROBES, frames, strict=True):
        if not _seen(preprocessor, *probe, frame=frame) <= TOLERANCE:
            raise Refused(
                f"the image processor of {model!r} ({type(preprocessor.processor).__name__}) does "
                "not place images as its settings say, so maps would be drawn in the wrong place; "
                "give a fixed size (rows, columns) to resize without cropping"
            )


def _seen(preprocessor: Preprocessor, width: int, height: int, *, frame: Frame) -> float:
    """Largest distance between where a pixel comes from and where `frame` says, in image sides."""
    x = np.broadcast_to((np.arange(width) + 0.5) / width, (height, width))
    y = np.broadcast_to(((np.arange(height) + 0.5) / height)[:, None], (height, width))
    ramp = np.stack([x, y, np.zeros_like(x)], axis=-1)
    black, white = np.zeros_like(ramp), np.ones_like(ramp)
    pictures = [Image.fromarray(np.rint(255 * p).astype(np.uint8)) for p in (ramp, black, white)]
    pixels = preprocessor(pictures).to(torch.float64)
    if tuple(pixels.shape[2:]) != (frame.height, frame.width):
        return float("inf")
    if getattr(preprocessor.processor, "do_flip_channel_order", False):
        pixels = pixels.flip(1)  # the model reads blue, green, red
    seen, low, high = pixels
    # Fractions of the width (channel 0) and height (channel 1), whatever the normalisation is.
    seen_x, seen_y = ((seen - low) / (high - low).abs().clamp_min(1e-9))[:2].numpy()
    box = frame.box
    told_x = box.x0 + (np.arange(frame.width) + 0.5) / frame.width * (box.x1 - box.x0)
    told_y = box.y0 + (np.arange(frame.height) + 0.5) / frame.height * (box.y1 - box.y0)
    in_x, in_y = (told_x > 0.03) & (told_x < 0.97), (told_y > 0.03) & (told_y < 0.97)
    if not in_x.any() or not in_y.any():
        return float("inf")
    off_x = np.abs(seen_x - told_x)[np.ix_(in_y, in_x)].max()
    off_y = np.abs(seen_y - told_y[:, None])[np.ix_(in_y, in_x)].max()
    return float(max(off_x, off_y))
