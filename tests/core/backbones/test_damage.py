"""Every way in which a checkpoint's files are damaged ends in a sentence that names the file or
what does not fit, takes no memory for what is not there, and reads no other file."""

from __future__ import annotations

import json
import os
import resource
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core import backbones
from core.backbones import reading, weight_files
from tests import tiny_models

Damage = Callable[[Path], object]
WEIGHTS, CONFIG, PROCESSOR = "model.safetensors", "config.json", "preprocessor_config.json"
INDEX = "model.safetensors.index.json"
ABSENT = object()
KEY = "classifier.weight"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save("vit", tmp_path_factory.mktemp("whole") / "vit")


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "vit"))


def data(change: Callable[[bytes], bytes]) -> Damage:
    """Of the weights' bytes."""
    return lambda model: (model / WEIGHTS).write_bytes(change((model / WEIGHTS).read_bytes()))


def header(**changes: Any) -> Damage:
    """Of what the weights' header says of one tensor."""

    def change(held: bytes) -> bytes:
        (n,) = struct.unpack("<Q", held[:8])
        said = json.loads(held[8 : 8 + n])
        said[KEY] |= changes
        text = json.dumps(said).encode()
        return struct.pack("<Q", len(text)) + text + held[8 + n :]

    return data(change)


def tensors(change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Damage:
    def damage(model: Path) -> None:
        held = change(load_file(model / WEIGHTS))
        save_file({k: t.contiguous() for k, t in held.items()}, model / WEIGHTS, {"format": "pt"})

    return damage


def one(change: Callable[[Tensor], Tensor]) -> Damage:
    return tensors(lambda held: held | {KEY: change(held[KEY])})


def said(file: str, **changes: Any) -> Damage:
    def damage(model: Path) -> None:
        held = json.loads((model / file).read_text()) | changes
        held = {key: value for key, value in held.items() if value is not ABSENT}
        (model / file).write_text(json.dumps(held))

    return damage


def text(file: str, held: str) -> Damage:
    return lambda model: (model / file).write_text(held)


def index(name: object, held: str = "") -> Damage:
    """The weights in a file called so, instead of the usual one, and an index that names it."""

    def damage(model: Path) -> None:
        found = load_file(model / WEIGHTS)
        (model / WEIGHTS).unlink()
        if isinstance(name, str) and name.endswith(".bin"):
            torch.save(found, model / name)
        elif isinstance(name, str) and not name.startswith("absent"):
            save_file(found, model / name, {"format": "pt"})
        places = json.dumps({"metadata": {}, "weight_map": dict.fromkeys(found, name)})
        (model / INDEX).write_text(held or places)

    return damage


def instead(make: Callable[[Path], object]) -> Damage:
    """Something else under the weights' name."""

    def damage(model: Path) -> None:
        (model / WEIGHTS).unlink()
        make(model / WEIGHTS)

    return damage


UNREADABLE = r"model\.safetensors is no whole safetensors file"
SIZES = r"do not fit its config\.json"
BESIDE = r"index\.json names .*weights must be \.safetensors files beside it"
UNKNOWN = r"config\.json of .* cannot be read as a transformers model"
PIXELS = r"image processor .*Pillow alone|image processor .* fails on a picture"

DAMAGED: dict[str, tuple[Damage, str]] = {
    "weights: empty": (data(lambda _: b""), UNREADABLE),
    "weights: 7 bytes": (data(lambda held: held[:7]), UNREADABLE),
    "weights: header cut off": (data(lambda held: held[:100]), UNREADABLE),
    "weights: half": (data(lambda held: held[: len(held) // 2]), UNREADABLE),
    "weights: last byte lost": (data(lambda held: held[:-1]), UNREADABLE),
    "weights: one byte more": (data(lambda held: held + b"x"), UNREADABLE),
    "weights: noise": (data(lambda held: os.urandom(len(held))), UNREADABLE),
    "weights: zeros": (data(lambda held: bytes(len(held))), UNREADABLE),
    "weights: a header of 1 TB": (data(lambda h: struct.pack("<Q", 10**12) + h[8:]), UNREADABLE),
    "weights: text": (data(lambda _: b"these are my notes"), UNREADABLE),
    "weights: pointer of Git LFS": (
        data(lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 9\n"),
        "git lfs pull",
    ),
    "weights: a pickle": (lambda m: torch.save({"a": torch.zeros(2)}, m / WEIGHTS), UNREADABLE),
    "weights: a folder": (instead(lambda file: file.mkdir()), "no weights"),
    "weights: a dead link": (instead(lambda file: file.symlink_to("nowhere")), "no weights"),
    "weights: another name": (index("other.safetensors", "x"), "cannot be read as JSON"),
    "weights: a tensor of 10^18": (header(shape=[10**9, 10**9]), UNREADABLE),
    "weights: a type unknown": (header(dtype="F99"), UNREADABLE),
    "weights: places that overlap": (header(data_offsets=[0, 4]), UNREADABLE),
    "weights: none of the tensors": (
        tensors(lambda _: {str(i): torch.zeros(1) for i in range(9)}),
        "lack 40 tensors",
    ),
    "weights: no classifier": (
        tensors(lambda held: {k: t for k, t in held.items() if "classifier" not in k}),
        r"lack 2 tensors .*classifier\.bias.* would be random",
    ),
    "weights: one tensor less": (
        tensors(lambda held: {k: t for k, t in held.items() if k != KEY}),
        r"lack 1 tensors .*classifier\.weight",
    ),
    "weights: other names": (
        tensors(lambda held: {f"x.{k}": t for k, t in held.items()}),
        "lack 40 tensors",
    ),
    "weights: transposed": (one(lambda t: t.T), r"weight is 12 x 4 in the file and .* be 4 x 12"),
    "weights: rows less": (one(lambda t: t[:2]), r"weight is 2 x 12 in the file"),
    "weights: a number": (one(lambda t: t[0, 0]), r"weight is one number in the file"),
    "weights: NaN": (one(lambda t: t * float("nan")), r"not finite, in 1 tensors \(classifier"),
    "weights: infinite": (one(lambda t: t / 0), "not finite"),
    "index: a pickle": (index("weights.bin"), BESIDE),
    "index: a pickle outside": (index("../w.bin"), BESIDE),
    "index: weights outside": (index("../w.safetensors"), BESIDE),
    "index: a file elsewhere": (index("/tmp/absent.safetensors", ""), BESIDE),
    "index: backslashes": (index("absent\\..\\w.safetensors"), BESIDE),
    "index: no name": (index(None), BESIDE),
    "index: a file that is absent": (index("absent.safetensors"), "which is not in"),
    "index: no JSON": (index("a.safetensors", "{"), "cannot be read as JSON"),
    "index: no map": (index("a.safetensors", "{}"), "no weight_map"),
    "index: a list": (index("a.safetensors", "[]"), "must hold one JSON object"),
    "index: a list for a map": (index("a.safetensors", '{"weight_map": ["a"]}'), "no weight_map"),
    "config: empty": (text(CONFIG, ""), r"config\.json cannot be read as JSON"),
    "config: cut off": (text(CONFIG, '{"a":'), r"config\.json cannot be read as JSON"),
    "config: nested too deep": (text(CONFIG, "[" * 100_000), "cannot be read as JSON"),
    "config: a list": (text(CONFIG, "[]"), "holds list, and must hold one JSON object"),
    "config: null": (text(CONFIG, "null"), "must hold one JSON object"),
    "config: nothing": (text(CONFIG, "{}"), UNKNOWN),
    "config: no model type": (said(CONFIG, model_type=ABSENT), UNKNOWN),
    "config: a list of types": (said(CONFIG, model_type=["vit"]), UNKNOWN),
    "config: another type": (said(CONFIG, model_type="resnet"), "asks for a network of 23,"),
    "config: names its weights": (
        said(CONFIG, transformers_weights="../w.bin"),
        "names its weights itself",
    ),
    "config: 9 classes": (said(CONFIG, id2label={str(i): "c" for i in range(9)}), "be 9 x 12"),
    "config: 2 classes": (said(CONFIG, id2label={"0": "a", "1": "b"}), "should be 2 x 12"),
    "config: 10^8 classes": (
        said(CONFIG, num_labels=10**8, id2label=ABSENT, label2id=ABSENT),
        "asks for 100,000,000 classes, and no tensor .* more than 20 rows",
    ),
    "config: classes lost": (said(CONFIG, id2label=ABSENT, label2id=ABSENT), SIZES),
    "config: classes with a gap": (
        said(CONFIG, id2label={"0": "a", "1": "b", "2": "c", "9": "d"}),
        "numbers its classes 0, 1, 2, 9",
    ),
    "config: classes by words": (said(CONFIG, id2label={"a": "b"}), UNKNOWN),
    "config: a list of classes": (said(CONFIG, id2label=["a", "b", "c", "d"]), UNKNOWN),
    "config: activation unknown": (
        said(CONFIG, hidden_act="gelly"),
        r"activation 'gelly' \(hidden_act\).*known: .*gelu",
    ),
    "config: no activation": (said(CONFIG, hidden_act=None), UNKNOWN),
    "config: wider": (said(CONFIG, hidden_size=16), "is 1 x 1 x 12 in the file and should be 1 x"),
    "config: width lost": (said(CONFIG, hidden_size=ABSENT), SIZES),
    "config: width in words": (said(CONFIG, hidden_size="twelve"), UNKNOWN),
    "config: width 0": (said(CONFIG, hidden_size=0), SIZES),
    "config: width 10^9": (said(CONFIG, hidden_size=10**9), "asks for a network of|" + SIZES),
    "config: width below 0": (said(CONFIG, hidden_size=-12), SIZES),
    "config: MLP of another width": (said(CONFIG, intermediate_size=21), SIZES),
    "config: heads do not divide": (said(CONFIG, num_attention_heads=5), SIZES),
    "config: no heads": (said(CONFIG, num_attention_heads=0), SIZES),
    "config: one layer less": (
        said(CONFIG, num_hidden_layers=1),
        "hold 16 tensors of layers .* does not ask for",
    ),
    "config: 10^6 layers": (said(CONFIG, num_hidden_layers=10**6), "asks for 1,000,000 layers"),
    "config: no patches": (said(CONFIG, patch_size=0), SIZES),
    "config: patches of -8": (said(CONFIG, patch_size=-8), SIZES),
    "config: pictures of 100,000": (
        said(CONFIG, image_size=100_000),
        r"asks for a network of 1,875,004,784 numbers.*1 x 17 x 12 in the file",
    ),
    "config: one channel": (said(CONFIG, num_channels=1), r"num_channels = 1 .* red, green"),
    "config: quantised": (
        said(CONFIG, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
        "quantised",
    ),
    "config: a number's type": (said(CONFIG, dtype="float99"), UNKNOWN),
    "processor: empty": (text(PROCESSOR, ""), r"preprocessor_config\.json cannot be read"),
    "processor: a list": (text(PROCESSOR, "[]"), "must hold one JSON object"),
    "processor: class unknown": (said(PROCESSOR, image_processor_type="Foo"), PIXELS),
    "processor: class a number": (said(PROCESSOR, image_processor_type=3), PIXELS),
    "processor: size 0": (said(PROCESSOR, size={"height": 0, "width": 0}), PIXELS),
    "processor: size below 0": (said(PROCESSOR, size={"height": -1, "width": 9}), "1 to 8,192"),
    "processor: size 100,000": (
        said(PROCESSOR, size={"height": 100_000, "width": 100_000}),
        "makes images of 100,000 pixels a side; 1 to 8,192",
    ),
    "processor: crop 100,000": (
        said(PROCESSOR, do_center_crop=True, crop_size={"height": 100_000, "width": 9}),
        "makes images of 100,000 pixels a side",
    ),
    "processor: size in words": (said(PROCESSOR, size={"height": "a", "width": "b"}), PIXELS),
    "processor: crop of no size": (said(PROCESSOR, do_center_crop=True), PIXELS),
    "processor: two means": (said(PROCESSOR, image_mean=[0.5, 0.5]), PIXELS),
    "processor: deviation 0": (said(PROCESSOR, image_std=[0, 0, 0]), "image_std must be above 0"),
    "processor: filter unknown": (said(PROCESSOR, resample=99), PIXELS),
    "processor: factor in words": (said(PROCESSOR, rescale_factor="x"), PIXELS),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_checkpoint_ends_in_a_sentence(kind: str, model: Path) -> None:
    damage, expected = DAMAGED[kind]
    damage(model)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((ValueError, FileNotFoundError), match=expected) as error:
        backbones.load(str(model))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB, on Linux
    assert "vit" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "harmless",
    [
        index("model-00001-of-00001.safetensors"),
        tensors(lambda held: held | {"more.weight": torch.zeros(3)}),
        said(CONFIG, auto_map={"AutoModel": "code.Network"}),
        said(PROCESSOR, size=32),
    ],
    ids=["in shards", "a tensor more", "code that is not run", "one number for a size"],
)
def test_what_does_no_harm_is_opened(harmless: Damage, whole: Path, model: Path) -> None:
    harmless(model)
    assert backbones.load(str(model)).outputs == backbones.load(str(whole)).outputs


@pytest.mark.parametrize("name", ["weights.bin", "../w.safetensors"])
def test_an_index_from_the_hub_is_held_to_the_same(
    name: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(name)(model)
    config = reading.AutoConfig.from_pretrained(model)
    monkeypatch.setattr(reading.AutoConfig, "from_pretrained", lambda *_given, **_named: config)
    monkeypatch.setattr(reading, "cached_file", lambda _source, file, **_named: str(model / file))
    with pytest.raises(ValueError, match=BESIDE):
        backbones.load("owner/vit")


def test_counts_of_a_config_are_found_at_any_depth() -> None:
    held = {"a": 1, "b": {"num_layers": 2, "depths": [3, 4]}, "c": "5", "d": [{"e": 6}]}
    assert weight_files._counts(held) == [
        ("a", 1),
        ("num_layers", 2),
        ("depths", 3),
        ("depths", 4),
        ("e", 6),
    ]
