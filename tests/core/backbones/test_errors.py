"""What can be wrong with a model directory, and that the message says what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from core import backbones
from core.backbones import huggingface
from tests import tiny_models


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save("vit", tmp_path_factory.mktemp("whole") / "vit")


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "vit"))


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"does not exist.*hub name"):
        backbones.load(str(tmp_path / "absent"))


def test_file_instead_of_directory(model: Path) -> None:
    with pytest.raises(ValueError, match="is a file; give the directory"):
        backbones.load(str(model / "model.safetensors"))


def test_hub_name_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match=r"could not be fetched.*network"):
        backbones.load("no-such-owner/no-such-model")


def test_no_config(model: Path) -> None:
    (model / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no config\.json"):
        backbones.load(str(model))


def test_no_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="no weights"):
        backbones.load(str(model))


def test_pickled_weights_only(model: Path) -> None:
    (model / "model.safetensors").unlink()
    torch.save({"a": torch.zeros(1)}, model / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"safetensors are required.*save_pretrained"):
        backbones.load(str(model))


def test_no_image_processor(model: Path) -> None:
    (model / "preprocessor_config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"preprocessor_config\.json.*copy it"):
        backbones.load(str(model))


def test_text_model(model: Path) -> None:
    text = {"model_type": "bert", "architectures": ["BertModel"]}
    (model / "config.json").write_text(json.dumps(text))
    with pytest.raises(ValueError, match=r"'bert' model.*image model"):
        backbones.load(str(model))


def test_unknown_model_type(model: Path) -> None:
    (model / "config.json").write_text(json.dumps({"model_type": "novelty"}))
    with pytest.raises(ValueError, match="cannot be read as a transformers model"):
        backbones.load(str(model))


def test_incomplete_weights(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config["num_hidden_layers"] = 3
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"lack 16 tensors.*would be random"):
        backbones.load(str(model))


def test_unknown_layer_names_the_nearest(model: Path) -> None:
    with pytest.raises(ValueError, match=r"does not exist.*vit\.layernorm.*--list-layers"):
        backbones.load(str(model), layer="vit.layernrm")


def test_layer_without_a_grid(model: Path) -> None:
    with pytest.raises(ValueError, match="gives no tokens on a grid"):
        backbones.load(str(model), layer="classifier")


def test_pixels_of_another_size(model: Path) -> None:
    with pytest.raises(ValueError, match=r"opened for pixels of \(32, 32\).*have \(24, 40\)"):
        backbones.load(str(model)).forward(torch.zeros(1, 3, 24, 40))


def test_unknown_family(model: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown backbone family 'timm'; known: huggingface"):
        backbones.load(str(model), family="timm")


def test_more_logits_than_names(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = huggingface.open_network
    monkeypatch.setattr(
        huggingface,
        "open_network",
        lambda *given, **options: whole(*given, **options)._replace(outputs=("wren", "heron")),
    )
    with pytest.raises(ValueError, match=r"gives 4 logits and its config\.json names 2 classes"):
        backbones.load(str(model))


def test_a_model_that_draws_at_random(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = huggingface.call

    def noisy(network: torch.nn.Module, pixels: torch.Tensor) -> object:
        result = whole(network, pixels)
        result.logits = result.logits + torch.randn_like(result.logits)
        return result

    monkeypatch.setattr(huggingface, "call", noisy)
    with pytest.raises(ValueError, match="different results for the same pixels"):
        backbones.load(str(model), layer="vit.layers.0")
