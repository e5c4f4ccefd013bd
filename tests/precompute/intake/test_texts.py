"""A recipe's [text]: reading words, leaving out what cannot be used and saying so, and vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fake_builds
import numpy as np
import pytest
from safetensors.numpy import save_file

from core import backbones
from core.backbones import text_tower
from core.recipe import TextSpec
from core.types import Backbone
from data import datasets
from data.datasets.types import Dataset
from precompute.intake import activations as acts
from precompute.intake import word_files
from precompute.intake.activations import ActivationStore
from precompute.intake.embed_texts import read_texts
from precompute.intake.sources import Log
from precompute.intake.texts import Texts
from tests import tiny_clips, tiny_models

Read = Callable[..., tuple[Texts, list[str]]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clips.save("clip", tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture(scope="module")
def dataset(shapes: Path) -> Dataset:
    return datasets.load("manifest", shapes)


def extracted(dataset: Dataset, backbone: Backbone, folder: Path) -> ActivationStore:
    return acts.extract(dataset, backbone, folder, batch=8)[0]


@pytest.fixture(scope="module")
def read(clip: Path, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Of the tiny CLIP at its joint layer: what a [text] gives, and what it has to say."""
    backbone = backbones.load(str(clip), layer="joint")
    folder = tmp_path_factory.mktemp("work")
    store = extracted(dataset, backbone, folder / "activations")

    def of(**spec: str) -> tuple[Texts, list[str]]:
        log = Log()
        recipe = replace(fake_builds.RECIPE, text=TextSpec(**spec))
        known = fake_builds.build(
            recipe=recipe,
            dataset=dataset,
            backbone=backbone,
            model=str(clip),
            log=log,
            work=folder,
            activations=store,
        )
        found = read_texts(known)
        return found, [message for _, _, message in log.notices]

    return of


def written(folder: Path, *words: str) -> str:
    path = folder / "words.txt"
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return str(path)


# -- a vocabulary ------------------------------------------------------------------------------


def test_words_and_images_meet_in_the_backbones_own_space(
    read: Read, clip: Path, dataset: Dataset, tmp_path: Path
) -> None:
    found, said = read(vocabulary=written(tmp_path, "red", "blue bird"))
    assert said == []
    assert found.words == ("red", "blue bird")
    assert found.origin == "words.txt"
    assert found.joint
    assert found.words_in is not None
    assert found.images_in is not None
    np.testing.assert_array_equal(
        found.words_in, text_tower.load_text_tower(str(clip)).embed(found.words)
    )
    assert found.images_in.shape == (len(dataset.images) - 1, 9)  # one file is broken
    np.testing.assert_allclose(np.linalg.norm(found.images_in, axis=1), 1, rtol=1e-5)
    side = found.side(np.array([2, 5]), np.array([7]))
    assert side is not None
    np.testing.assert_array_equal(side.images_in, found.images_in[[2, 5]])
    np.testing.assert_array_equal(side.images_in_test, found.images_in[[7]])


def test_template_is_what_the_model_reads(read: Read, clip: Path, tmp_path: Path) -> None:
    found, _ = read(vocabulary=written(tmp_path, "red", "blue"), template="a {} bird")
    expected = text_tower.load_text_tower(str(clip)).embed(["a red bird", "a blue bird"])
    assert found.words == ("red", "blue")
    np.testing.assert_array_equal(found.words_in, expected)


def test_no_text_table_gives_no_words_and_no_notice(read: Read) -> None:
    found, said = read()
    assert found == Texts()
    assert found.side(np.array([0]), np.array([1])) is None
    assert said == []


def test_what_is_left_out_is_counted_and_told(read: Read, tmp_path: Path) -> None:
    lines = ["red", "", "blue", "red", "  ", " blue ", "green", "a red bird in snow", "wing"]
    found, said = read(vocabulary=written(tmp_path, *lines))
    assert found.words == ("red", "blue", "wing")
    blank, again, unknown = said
    assert "words.txt: 2 blank lines (lines 2, 5) were skipped" in blank
    assert "2 repeated lines (lines 4, 6) were dropped" in again
    assert "2 of 5 words were left out: 'green' holds a word" in unknown
    assert "'a red bird in snow' is 7 tokens long" in unknown


def test_other_words_are_other_work(read: Read, tmp_path: Path) -> None:
    tags = {read(vocabulary=written(tmp_path, *w))[0].tag for w in (("red",), ("blue",), ("red",))}
    assert len(tags) == 2
    assert read()[0].tag == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no word"),
        (b"\n \n", "holds no word"),
        (b"red\n\xff\xfe", "not UTF-8 text (byte 4 is 0xff)"),
        (b"green\n", "none of the 1 words can be read"),
        (None, "does not exist"),
    ],
)
def test_unusable_vocabulary_is_a_notice_and_no_words(
    content: bytes | None, message: str, read: Read, tmp_path: Path
) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    found, said = read(vocabulary=str(path))
    assert found == Texts()
    assert message in said[-1]


def test_byte_order_mark_is_no_part_of_the_first_word(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("red\r\nblue\r\n".encode("utf-8-sig"))
    assert word_files.read_vocabulary(path, lambda _: None) == ("red", "blue")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"model": "."}, "name a vocabulary"),
        ({"vocabulary": "v", "template": "a bird"}, "{} must stand for the word"),
        ({"vectors": "v", "vocabulary": "w"}, "leave them out"),
        ({"vectors": "absent.safetensors"}, "does not exist"),
    ],
)
def test_contradictory_tables(spec: dict[str, str], message: str, read: Read) -> None:
    found, said = read(**spec)
    assert found == Texts()
    assert message in said[0]


def test_other_model_looks_at_the_images_itself(
    read: Read, clip: Path, dataset: Dataset, tmp_path: Path
) -> None:
    """A backbone without texts beside a CLIP: same vectors as where the CLIP is the backbone."""
    vit = str(tiny_models.save("vit", tmp_path / "vit"))
    backbone = backbones.load(vit)
    store = extracted(dataset, backbone, tmp_path / "activations")
    log = Log()
    words = written(tmp_path, "red", "blue")
    recipe = fake_builds.RECIPE
    known = fake_builds.build(
        recipe=replace(recipe, text=TextSpec(vocabulary=words, model=str(clip))),
        dataset=dataset,
        backbone=backbone,
        model=vit,
        log=log,
        work=tmp_path,
        activations=store,
    )
    found = read_texts(known)
    own, _ = read(vocabulary=words)
    assert log.notices == []
    assert not found.joint
    np.testing.assert_allclose(found.images_in, own.images_in, rtol=1e-4, atol=1e-5)
    alone = replace(known, recipe=replace(recipe, text=TextSpec(vocabulary=words)))
    refused = read_texts(alone)
    assert refused == Texts()
    assert "'vit' model, which has no texts" in log.notices[0][2]


# -- vectors made elsewhere --------------------------------------------------------------------


def vectors(path: Path, listed: list[str], changed: dict[str, object] | None = None) -> str:
    rng = np.random.default_rng(3)
    content: dict[str, object] = {
        "texts": rng.normal(size=(2, 5)).astype(np.float32) * 7,
        "images": rng.normal(size=(len(listed), 5)).astype(np.float32),
        "words": ["red", "blue"],
        "files": listed,
    }
    content |= changed or {}
    tensors = {n: content[n] for n in ("texts", "images") if content[n] is not None}
    metadata = {n: json.dumps(content[n]) for n in ("words", "files") if content[n] is not None}
    save_file(tensors, path, metadata=metadata)
    return str(path)


def test_vectors_are_matched_to_images_by_name(
    read: Read, dataset: Dataset, tmp_path: Path
) -> None:
    files = dataset.images["file"].tolist()[::-1]  # the broken one too, in another order
    found, said = read(vectors=vectors(tmp_path / "v.safetensors", files))
    assert said == []
    assert found.words == ("red", "blue")
    assert not found.joint
    assert found.images_in is not None
    rng = np.random.default_rng(3)
    texts = rng.normal(size=(2, 5))
    images = rng.normal(size=(len(files), 5))
    np.testing.assert_allclose(
        found.words_in, texts / np.linalg.norm(texts, axis=1, keepdims=True), rtol=1e-5
    )
    expected = images[files.index("images/07.png")]
    np.testing.assert_allclose(found.images_in[7], expected / np.linalg.norm(expected), rtol=1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"files": None}, "no JSON list 'files'"),
        ({"words": "red"}, "must be a JSON list"),
        ({"words": ["red"]}, "lists 1 words"),
        ({"words": ["red", "red"]}, "'red' is listed twice"),
        ({"texts": None}, "no tensor 'texts'"),
        ({"texts": np.ones((2, 4), dtype=np.float32)}, "from one model"),
        ({"texts": np.zeros((2, 5), dtype=np.float32)}, "2 rows of `texts` are zero"),
        (
            {"images": np.ones((3, 5), dtype=np.float32), "files": ["a", "b", "c"]},
            "lacks 30 of the data set's 30 images",
        ),
    ],
)
def test_vectors_that_do_not_fit(
    changed: dict[str, object], message: str, read: Read, dataset: Dataset, tmp_path: Path
) -> None:
    files = dataset.images["file"].tolist()
    found, said = read(vectors=vectors(tmp_path / "v.safetensors", files, changed))
    assert found == Texts()
    assert message in said[0]


def test_file_of_another_format(read: Read, tmp_path: Path) -> None:
    (tmp_path / "v.safetensors").write_bytes(b"red blue")
    found, said = read(vectors=str(tmp_path / "v.safetensors"))
    assert found == Texts()
    assert "not a safetensors file" in said[0]
