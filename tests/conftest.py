"""Checks every array's shape while tests run, and offers one store that went the real way."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# numba gives torch back all cores when it starts its own threads; tiny tensors only wait for them.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numba
import pytest
from jaxtyping import install_import_hook
from xdist.scheduler import LoadFileScheduling, Scheduling

# numba compiles UMAP for 20 s, and running it on a dozen points takes 1 s without. What is compiled
# here is imported later, and stays so.
os.environ["NUMBA_DISABLE_JIT"] = "1"
numba.config.reload_config()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that TensorFlow is missing
    import umap  # noqa: F401

del os.environ["NUMBA_DISABLE_JIT"]
numba.config.reload_config()

# Under importlib mode pytest leaves this folder off the path, and tests share modules in it.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "stores"))
# Before anything imports the packages, or their annotations stay unchecked.
install_import_hook(["app", "core", "data", "precompute"], "typecheck.check")

import fakes  # noqa: E402
import torch  # noqa: E402

from core.recipe import Recipe, parse  # noqa: E402
from data import write  # noqa: E402

# Two cores, tiny tensors: a second thread only waits.
torch.set_num_threads(1)


AS_FOR_PEOPLE = write.ends_build


def _ends(error: Exception, *, taken_back: bool) -> bool:
    """A fault of the program ends a build in tests; for people it is a notice."""
    foreseen = isinstance(error, ValueError | OSError)
    return not foreseen or AS_FOR_PEOPLE(error, taken_back=taken_back)


write.ends_build = _ends


class _OneBrowser(LoadFileScheduling):
    """Files go to whoever is free, but those that need a browser and its store to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/browser" if file.startswith("tests/browser/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return _OneBrowser(config, log)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of 31 little pictures, one of which is broken; see `fakes.shapes`."""
    return fakes.shapes(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random ResNet with the four classes of the pictures, saved as any checkpoint is."""
    import tiny_models

    return tiny_models.save("resnet", tmp_path_factory.mktemp("model") / "resnet", seed=2)


@pytest.fixture(scope="session")
def tiny_recipe(shapes: Path, tiny_model: Path) -> Recipe:
    return parse(fakes.recipe_text(shapes, tiny_model))


@pytest.fixture(scope="session")
def tiny_store(tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of every kind of row, through the real pipeline; its work folder is kept."""
    from precompute import pipeline

    out = tmp_path_factory.mktemp("store")
    return pipeline.run(tiny_recipe, text=tiny_recipe.canonical(), out=out, keep_work=True)


@pytest.fixture(scope="module")
def faults_are_notices() -> Iterator[None]:
    """As for people; see `_ends`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "ends_build", AS_FOR_PEOPLE)
        yield


@pytest.fixture
def fake_backbone(monkeypatch: pytest.MonkeyPatch) -> Iterator[fakes.FakeBackbone]:
    """What the pipeline opens for any model name, until the test ends."""
    from core import backbones

    fake = fakes.FakeBackbone()
    monkeypatch.setitem(backbones.BACKBONES, "huggingface", lambda _model, **_options: fake)
    return fake


@pytest.fixture(scope="session")
def trees_store(shapes: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with every kind of tree; see `fake_trees`."""
    import fake_trees

    return fake_trees.build(shapes, tiny_model, tmp_path_factory.mktemp("trees"))


@pytest.fixture(scope="session")
def families_store(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with bottlenecks of several families; see `fake_families`."""
    import fake_families

    return fake_families.build(shapes, tmp_path_factory.mktemp("families"))


@pytest.fixture(scope="session")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random vision transformer with the four classes of the pictures."""
    import tiny_models

    return tiny_models.save("vit", tmp_path_factory.mktemp("vit") / "vit", seed=4)


@pytest.fixture(scope="session")
def cls_store(shapes: Path, vit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of banks whose scores are read from the CLS token, and from maps, where the
    classifier reads the CLS token alone; see `fake_vit`."""
    import fake_vit

    return fake_vit.scored(shapes, vit, fake_vit.LAST, tmp_path_factory.mktemp("cls"))


@pytest.fixture(scope="session")
def explained_store(shapes: Path, vit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without a head, which explains the backbone's own logits; see `fake_vit`."""
    import fake_vit

    return fake_vit.explained(shapes, vit, fake_vit.LAYER, tmp_path_factory.mktemp("explained"))


@pytest.fixture(scope="session")
def labels_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose images carry several labels; see `fake_labels`."""
    import fake_labels

    return fake_labels.build(tmp_path_factory.mktemp("labels"))
