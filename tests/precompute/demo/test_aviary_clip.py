"""The tiny CLIP of the demo: captions that are true, and words that are learnt from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from paths import ROOT
from PIL import Image

from core import backbones
from core.backbones import text_tower
from data.datasets.aviary import captions
from data.datasets.aviary.species import GROUPS
from data.datasets.types import Dataset
from precompute.demo import aviary_clip
from precompute.demo.training import normalised, read

KINDS = {"Ember Finch": (200, 60, 40), "Moss Shrike": (60, 170, 60), "Glacier Jay": (40, 90, 210)}
"""three species, told apart by colour alone; kind k shows value k of every group"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    names = list(captions.CAPTION_PHRASES)
    rows, labels = [], []
    for index in range(72):
        kind = index % 3
        noise = rng.normal(0, 12, (96, 128, 3))
        colour = np.array(list(KINDS.values())[kind])
        picture = np.clip(colour + noise, 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(root / f"{index}.png")
        rows.append(
            {
                "image_id": index,
                "file": f"{index}.png",
                "label": list(KINDS)[kind],
                "split": "train" if index < 48 else "test",
            }
        )
        shown = {f"{group}: {values[kind]}" for group, values in GROUPS.items()}
        labels += [(index, j, name in shown) for j, name in enumerate(names)]
    return Dataset(
        name="colours",
        root=root,
        images=pd.DataFrame(rows),
        labelled=pd.DataFrame(
            {"labelled_id": range(len(names)), "name": names, "grouping": "", "part": None}
        ),
        image_labels=pd.DataFrame(labels, columns=["image_id", "labelled_id", "present"]),
    )


@pytest.fixture(scope="module")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> aviary_clip.Trained:
    out = tmp_path_factory.mktemp("clip") / "colours"
    return aviary_clip.train_clip(dataset, out, seed=0, epochs=25, progress=False)


# -- captions ----------------------------------------------------------------------------------


def test_every_concept_has_words_of_its_own() -> None:
    assert len(set(captions.CAPTION_PHRASES.values())) == 35
    shipped = ROOT / "data" / "vocab" / "aviary.txt"
    assert shipped.read_text(encoding="utf-8").splitlines() == list(
        captions.CAPTION_PHRASES.values()
    )


def test_captions_say_only_what_the_image_shows(dataset: Dataset) -> None:
    shown, species = captions.caption_truth(dataset)
    phrases = list(captions.CAPTION_PHRASES.values())
    written = [c for seed in range(20) for c in captions.captions_of(dataset, seed=seed)]
    for i, made in enumerate(written):
        image = i % len(shown)
        assert 1 <= len(made.concepts) <= 3
        assert len(set(made.concepts)) == len(made.concepts)
        assert all(shown[image, j] for j in made.concepts)
        assert all(phrases[j] in made.text for j in made.concepts)
        silent = [p for j, p in enumerate(phrases) if j not in made.concepts]
        left = made.text
        for j in made.concepts:
            left = left.replace(phrases[j], "")
        assert not any(f" {p} " in f" {left} " for p in silent)
        assert made.species in ("", species[image])
        assert (made.species.lower() in made.text) or not made.species
    used = {j for made in written for j in made.concepts}
    assert used == set(np.flatnonzero(shown.any(0)))
    assert set(" ".join(made.text for made in written).split()) <= set(captions.caption_words())


def test_captions_follow_the_seed(dataset: Dataset) -> None:
    one, two, other = (captions.captions_of(dataset, seed=seed) for seed in (3, 3, 4))
    assert one == two
    assert one != other


def test_caption_fits_every_image_that_shows_what_it_mentions() -> None:
    shown = np.zeros((4, 35), dtype=bool)
    shown[0, [2, 7]] = shown[1, 2] = shown[2, [2, 7, 9]] = True
    written = [
        captions.Caption("", (2, 7), ""),
        captions.Caption("", (2,), "Glacier Jay"),
    ]
    names = ["Ember Finch", "Glacier Jay", "Glacier Jay", "Glacier Jay"]
    found = captions.caption_fits(written, shown, names)
    assert found.tolist() == [[True, False, True, False], [False, True, True, False]]


def test_other_data_sets_have_no_captions(dataset: Dataset, tmp_path: Path) -> None:
    other = Dataset(name="others", root=tmp_path, images=dataset.images)
    with pytest.raises(ValueError, match=r"'others'.*Aviary alone"):
        aviary_clip.train_clip(other, tmp_path / "clip", progress=False)
    assert not (tmp_path / "clip").exists()


# -- the model ---------------------------------------------------------------------------------


def test_words_are_learnt(trained: aviary_clip.Trained) -> None:
    known = ~np.isnan(trained.auc)
    assert known.sum() == 27  # three values of each group vary here
    assert trained.auc[known].mean() > 0.9
    assert trained.n == 24


def test_patches_know_the_words_too(dataset: Dataset, trained: aviary_clip.Trained) -> None:
    """Plain colours: every single patch of an image is nearest to its own kind's words."""
    backbone = backbones.load(str(trained.path), layer="joint")
    words = [captions.CAPTION_PHRASES[f"plumage: {v}"] for v in GROUPS["plumage"][:3]]
    said = torch.from_numpy(text_tower.load_text_tower(str(trained.path)).embed(words))
    tested = dataset.images[dataset.images["split"] == "test"]
    pictures = [dataset.open(file) for file in tested["file"]]
    seen = backbone.forward(backbone.preprocess(pictures))
    assert seen.grid == (6, 8)
    right = torch.arange(len(tested))[:, None] % 3
    assert ((seen.tokens @ said.T).argmax(2) == right).float().mean() > 0.8


def test_loader_sees_what_was_trained(dataset: Dataset, trained: aviary_clip.Trained) -> None:
    backbone = backbones.load(str(trained.path))
    files = dataset.images["file"].tolist()[:5]
    pixels = backbone.preprocess([dataset.open(file) for file in files])
    torch.testing.assert_close(pixels, normalised(read(dataset, files, progress=False)))
    network = aviary_clip.CLIPModel.from_pretrained(trained.path).eval()
    with torch.no_grad():
        whole = aviary_clip.see(network, pixels).whole
    torch.testing.assert_close(backbone.forward(pixels).embedding, whole, rtol=1e-4, atol=1e-5)


def test_same_seed_gives_the_same_weights(dataset: Dataset, tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        aviary_clip.train_clip(dataset, tmp_path / name, seed=seed, epochs=1, progress=False)
    files = [
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two", "three")
    ]
    assert files[0] == files[1] != files[2]


def test_nothing_is_trained_over_what_is_there(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="remove it"):
        aviary_clip.train_clip(dataset, tmp_path, progress=False)
    with pytest.raises(ValueError, match="at least two images and one epoch"):
        aviary_clip.train_clip(dataset, tmp_path / "new", epochs=0, progress=False)
