"""One is said in the singular."""

import pytest

from core.counted import counted


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [
        (0, "image", "0 images"),
        (1, "image", "1 image"),
        (2000, "image", "2,000 images"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (1.0, "concept bank", "1 concept bank"),
    ],
)
def test_the_noun_fits_the_number(n, noun, text):
    assert counted(n, noun) == text
