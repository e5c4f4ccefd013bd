"""Images of three classes that are told apart by colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from data.datasets.types import Dataset

COLOURS = {"wren": (200, 60, 40), "heron": (40, 90, 200), "finch": (60, 180, 60)}


def coloured(root: Path) -> Dataset:
    """In split "shifted" the colours are exchanged."""
    generator = np.random.default_rng(0)
    rows = []
    names = list(COLOURS)
    for index in range(96):
        label = names[index % 3]
        split = "train" if index < 66 else "test" if index < 81 else "shifted"
        shown = label if split != "shifted" else names[(index + 1) % 3]
        noise = generator.normal(0, 12, (96, 128, 3))
        picture = np.clip(np.array(COLOURS[shown]) + noise, 0, 255).astype(np.uint8)
        file = f"{index}.png"
        Image.fromarray(picture).save(root / file)
        rows.append({"image_id": index, "file": file, "label": label, "split": split})
    return Dataset(name="colours", root=root, images=pd.DataFrame(rows))
