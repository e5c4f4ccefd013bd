"""Which part of an image the model sees: markers just inside the border show, outside do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPImageProcessorPil,
    ConvNextImageProcessorPil,
    DeiTImageProcessorPil,
    MobileNetV2ImageProcessorPil,
    ViTImageProcessorPil,
)

from core.backbones import processing
from core.backbones.processing import Preprocessor

CROP = {"height": 48, "width": 48}
PROCESSORS: dict[str, Callable[[], Preprocessor]] = {
    "direct": lambda: Preprocessor(ViTImageProcessorPil(size={"height": 48, "width": 80}), None),
    "shortest edge, crop": lambda: Preprocessor(
        CLIPImageProcessorPil(size={"shortest_edge": 48}, crop_size=CROP), None
    ),
    "larger edge, crop": lambda: Preprocessor(
        MobileNetV2ImageProcessorPil(size={"shortest_edge": 60}, crop_size=CROP), None
    ),
    "warp, crop": lambda: Preprocessor(
        DeiTImageProcessorPil(size={"height": 60, "width": 72}, crop_size=CROP), None
    ),
    "crop share": lambda: Preprocessor(
        ConvNextImageProcessorPil(size={"shortest_edge": 48}, crop_pct=0.75), None
    ),
    "crop larger than image": lambda: Preprocessor(
        CLIPImageProcessorPil(size={"shortest_edge": 40}, crop_size={"height": 64, "width": 50}),
        None,
    ),
    "padded": lambda: Preprocessor(
        ViTImageProcessorPil(
            size={"height": 40, "width": 60}, do_pad=True, pad_size={"height": 48, "width": 80}
        ),
        None,
    ),
    "own size": lambda: Preprocessor(
        MobileNetV2ImageProcessorPil(size={"shortest_edge": 60}, crop_size=CROP), (48, 80)
    ),
}
SHAPES = [(200, 140), (140, 200), (161, 119)]  # width, height


def marked(width: int, height: int, x: float, y: float) -> Image.Image:
    """Black with a white square of 4 % of the shorter side, centred at fractions (x, y)."""
    picture = np.zeros((height, width, 3), np.uint8)
    half = max(2, round(0.02 * min(width, height)))
    row, column = round(y * height), round(x * width)
    picture[max(0, row - half) : row + half, max(0, column - half) : column + half] = 255
    return Image.fromarray(picture)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PROCESSORS)
def test_markers_show_exactly_where_the_box_says(name: str, shape: tuple[int, int]) -> None:
    preprocessor = PROCESSORS[name]()
    frame = preprocessor.frame(*shape)
    black = preprocessor([Image.new("RGB", shape)])
    assert tuple(black.shape) == (1, 3, frame.height, frame.width)
    x0, y0, x1, y1 = frame.box
    n_outside = 0
    for x in np.linspace(0.04, 0.96, 12):
        for y in np.linspace(0.04, 0.96, 12):
            brightness = (preprocessor([marked(*shape, x, y)]) - black)[0, 0]
            across, down = (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)
            if not (-0.06 < across < 1.06 and -0.06 < down < 1.06):
                assert brightness.abs().max() < 1e-6
                n_outside += 1
            elif 0.06 < across < 0.94 and 0.06 < down < 0.94:
                peak = np.unravel_index(int(brightness.argmax()), brightness.shape)
                assert abs((peak[1] + 0.5) / frame.width - across) < 0.05
                assert abs((peak[0] + 0.5) / frame.height - down) < 0.05
    assert (n_outside > 0) == (min(x0, y0) > 0.12 or max(x0, y0) > 0.12)


def test_crop_of_a_wide_image_is_its_middle() -> None:
    frame = PROCESSORS["shortest edge, crop"]().frame(200, 100)
    assert frame == ((0.25, 0.0, 0.75, 1.0), 48, 48)


def test_padding_reaches_outside_the_image() -> None:
    frame = PROCESSORS["padded"]().frame(200, 140)
    assert frame.box == pytest.approx((0.0, 0.0, 80 / 60, 48 / 40))


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_check_on_coordinates_passes(name: str) -> None:
    processing._check(PROCESSORS[name](), name)


def test_the_check_refuses_a_processor_that_does_something_else() -> None:
    broken = Preprocessor(MirroredProcessor(size={"height": 48, "width": 80}), None)
    with pytest.raises(ValueError, match="does not place images"):
        processing._check(broken, "mirrored")


class MirroredProcessor(ViTImageProcessorPil):
    def resize(self, image: np.ndarray, *args: object, **kwargs: object) -> np.ndarray:
        return super().resize(image, *args, **kwargs)[..., ::-1]  # type: ignore[arg-type]


def test_images_of_varying_output_size_are_refused() -> None:
    free = Preprocessor(
        CLIPImageProcessorPil(size={"shortest_edge": 48}, do_center_crop=False), None
    )
    with pytest.raises(ValueError, match="give a fixed size"):
        processing._check(free, "free")
    processing._check(Preprocessor(free.processor, (48, 80)), "fixed")


def test_grey_and_transparent_images_become_colour() -> None:
    preprocessor = PROCESSORS["direct"]()
    grey = Image.new("L", (30, 20), 128)
    expected = preprocessor([Image.new("RGB", (30, 20), (128, 128, 128))])
    torch.testing.assert_close(preprocessor([grey, grey.convert("RGBA")])[:1], expected)


def test_no_image_is_enlarged_beyond_bounds() -> None:
    """A strip of 8 x 1,000,000 pixels would have taken 14 GB."""
    enlarging = PROCESSORS["shortest edge, crop"]()
    strip = Image.new("L", (150_000, 8))
    with pytest.raises(
        ValueError, match="from 150000 x 8 to 900000 x 48 pixels; at most 33,554,432"
    ):
        enlarging([strip])
