"""A network's own logit as a function of its concepts, against the network with a hook in it."""

from __future__ import annotations

import pytest
import tiny_models
import torch

from core.backbones import huggingface
from core.importance import METHODS, ResumedLogit
from tests.core.backbones import test_resume_network

LAYER = "vit.layers.0"
NAMES = ["gradient_input", "integrated_gradients", "occlusion", "sobol"]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> huggingface.HuggingFaceBackbone:
    path = tiny_models.save("vit", tmp_path_factory.mktemp("vit") / "vit", seed=4)
    return huggingface.load(str(path), layer=LAYER, size=(32, 32))


class Twin:
    """One image and logit, by the whole network with a hook at the layer."""

    def __init__(
        self,
        backbone: huggingface.HuggingFaceBackbone,
        pixels: torch.Tensor,
        codes: torch.Tensor,
        directions: torch.Tensor,
        output: int,
    ) -> None:
        self.backbone, self.pixels, self.output = backbone, pixels, output
        self.parts = [codes[:, k, None] * directions[k] for k in range(len(directions))]

    def __call__(self, left: list[float]) -> float:
        def edit(tokens: torch.Tensor) -> torch.Tensor:
            for m, part in zip(left, self.parts, strict=True):
                tokens = tokens - (1 - m) * part
            return tokens

        return float(test_resume_network.slow(self.backbone, self.pixels, edit)[0, self.output])


@pytest.fixture
def pair(backbone: huggingface.HuggingFaceBackbone) -> tuple[ResumedLogit, Twin]:
    generator = torch.Generator().manual_seed(6)
    pixels = torch.randn(1, 3, *backbone.pixel_size, generator=generator)
    t = backbone.resume(pixels).tokens.shape[1]
    codes, directions = (torch.rand(s, generator=generator) for s in ((t, 5), (5, 12)))
    function = ResumedLogit(
        lambda n: backbone.resume(pixels.expand(n, -1, -1, -1)), codes, directions, 2
    )
    return function, Twin(backbone, pixels, codes, directions, 2)


def test_a_resumed_logit_is_the_networks(pair: tuple[ResumedLogit, Twin]) -> None:
    function, twin = pair
    rows = torch.rand(37, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rows[0], rows[1] = 1, 0
    found = function(rows)  # more than run at once
    assert found.dtype == torch.float64
    for i in (0, 1, 2, 31, 32, 36):
        assert found[i] == pytest.approx(twin(rows[i].tolist()), abs=1e-5)


def test_every_method_explains_a_resumed_logit(pair: tuple[ResumedLogit, Twin]) -> None:
    function, twin = pair
    whole = torch.ones(1, 5, dtype=torch.float64)
    found = {name: METHODS[name].run(function, whole, seed=0)[0] for name in NAMES}
    full, none = twin([1.0] * 5), twin([0.0] * 5)
    for k in range(5):
        without, more, less = ([1.0] * 5 for _ in range(3))
        without[k], more[k], less[k] = 0.0, 1.01, 0.99
        assert found["occlusion"][k] == pytest.approx(full - twin(without), abs=1e-5)
        slope = (twin(more) - twin(less)) / 0.02
        assert found["gradient_input"][k] == pytest.approx(slope, rel=0.02, abs=1e-3)
    # in another order than occlusion, for the rest of the network is bent
    assert not torch.allclose(found["occlusion"], found["gradient_input"], rtol=0.05)
    assert float(found["integrated_gradients"].sum()) == pytest.approx(full - none, abs=5e-3)
    assert (found["sobol"] >= 0).all()
    assert found["sobol"].sum() > 0.5
    with pytest.raises(ValueError, match="LinearLogit"):
        METHODS["linear"].run(function, whole)
