"""CLIP-like models: words and images in one space, and patch tokens taken there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from core import backbones
from core.backbones import text_tower
from tests import tiny_clips, tiny_models

FAMILIES = ("clip", "siglip")
LINES = ["red beak", "blue", "a bird in snow", "wing"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("clips")
    return {family: tiny_clips.save(family, root / family) for family in FAMILIES}


@pytest.fixture
def clip(saved: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved["clip"], tmp_path / "clip"))


def whole(path: Path) -> Any:
    return AutoModel.from_pretrained(path).eval()


def pixels(n: int = 2) -> torch.Tensor:
    return torch.randn(n, 3, *tiny_clips.SIZE, generator=torch.Generator().manual_seed(1))


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=-1, keepdim=True)


# -- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_words_are_what_the_model_makes_of_each_line_alone(
    family: str, saved: dict[str, Path]
) -> None:
    found = text_tower.load_text_tower(str(saved[family])).embed(LINES)
    network, tokenizer = whole(saved[family]), tiny_clips.tokenizer()
    for row, line in zip(found, LINES, strict=True):
        ids = tokenizer(line)["input_ids"]
        if family == "siglip":  # trained on full-length lines, padding seen
            ids = ids + [tokenizer.pad_token_id] * (tiny_clips.LIMIT - len(ids))
        with torch.no_grad():
            alone = network.get_text_features(input_ids=torch.tensor([ids])).pooler_output
        np.testing.assert_allclose(row, unit(alone)[0].numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(found @ found.T - np.eye(len(LINES))).max() < 0.999  # lines differ


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("green", "does not know"),
        ("red green", "does not know"),
        ("  ", "nothing"),
        ("a red bird in snow", "7 tokens long.*at most 6"),
    ],
)
def test_lines_that_would_be_read_in_part_are_refused(
    line: str, reason: str, saved: dict[str, Path]
) -> None:
    tower = text_tower.load_text_tower(str(saved["clip"]))
    with pytest.raises(ValueError, match=reason):
        tower.embed(["red", line])
    assert tower.problem("red") == ""


def test_model_without_texts(tmp_path: Path) -> None:
    path = tiny_models.save("siglip", tmp_path / "half")
    with pytest.raises(ValueError, match=r"'siglip_vision_model' model.*both parts"):
        text_tower.load_text_tower(str(path))


def test_model_without_tokenizer(tmp_path: Path) -> None:
    path = tiny_clips.save("clip", tmp_path / "clip", with_tokenizer=False)
    with pytest.raises(ValueError, match=r"no tokenizer.*tokenizer\.json"):
        text_tower.load_text_tower(str(path))


def test_tokenizer_of_another_model(clip: Path) -> None:
    other = tiny_clips.tokenizer()
    other.add_tokens(["green"])
    other.save_pretrained(clip)
    with pytest.raises(ValueError, match=r"knows 13 tokens.*for 12"):
        text_tower.load_text_tower(str(clip))


def test_weights_without_the_text_part(clip: Path) -> None:
    tensors = load_file(clip / "model.safetensors")
    seeing = {name: t for name, t in tensors.items() if not name.startswith("text_")}
    save_file(seeing, clip / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="would be random"):
        text_tower.load_text_tower(str(clip))


def test_pickled_weights(clip: Path) -> None:
    (clip / "model.safetensors").rename(clip / "pytorch_model.bin")
    with pytest.raises(ValueError, match="safetensors are required"):
        text_tower.load_text_tower(str(clip))


# -- images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_image_vectors_are_the_models_own(family: str, saved: dict[str, Path]) -> None:
    seen = backbones.load(str(saved[family])).forward(pixels())
    with torch.no_grad():
        own = whole(saved[family]).get_image_features(pixels(), interpolate_pos_encoding=True)
    assert seen.embedding is not None
    torch.testing.assert_close(seen.embedding, unit(own.pooler_output), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_joint_tokens_are_what_the_image_vector_would_be_of_each_alone(
    family: str, saved: dict[str, Path]
) -> None:
    model = str(saved[family])
    last = backbones.load(model).forward(pixels())
    seen = backbones.load(model, layer="joint").forward(pixels())
    network = whole(saved[family])
    for token in (0, 7, 14):
        with torch.no_grad():
            if family == "clip":
                normed = network.vision_model.post_layernorm(last.tokens[:, token])
                expected = network.visual_projection(normed)
            else:
                expected = network.vision_model.head(last.tokens[:, [token]])
        torch.testing.assert_close(seen.tokens[:, token], expected, rtol=1e-4, atol=1e-5)
    assert seen.grid == (3, 5)
    assert seen.embedding is not None
    assert seen.tokens.shape[2] == seen.embedding.shape[1]
    if family == "clip":  # its image vector is the CLS token taken there
        torch.testing.assert_close(unit(seen.extra[:, 0]), seen.embedding, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_joint_is_listed_and_not_the_default(family: str, saved: dict[str, Path]) -> None:
    found = {info.name: info for info in backbones.list_layers(str(saved[family])).layers}
    assert found["joint"].grid == (3, 5)
    assert found["joint"].width == (9 if family == "clip" else 12)
    assert not found["joint"].default


def test_joint_tokens_depend_on_pixels(saved: dict[str, Path]) -> None:
    inputs = pixels()
    seen = backbones.load(str(saved["clip"]), layer="joint").attributed(inputs)
    (gradient,) = torch.autograd.grad(seen.tokens[:, 4, 2].sum(), inputs)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("family", ["vit", "clip"])
def test_models_without_texts_have_no_joint_layer(family: str, tmp_path: Path) -> None:
    """The vision half of CLIP, saved alone, has no projection either."""
    path = tiny_models.save(family, tmp_path / family)
    assert backbones.load(str(path)).forward(torch.zeros(1, 3, 32, 32)).embedding is None
    with pytest.raises(ValueError, match="'joint' does not exist"):
        backbones.load(str(path), layer="joint")
