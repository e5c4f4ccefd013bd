"""The rest of a network, run again from other tokens at one layer.

Everything that was finished when the layer was is not computed again: each such module gives back
a copy of what it gave before. So what an edit of the tokens does to the logits costs only the part
of the network above the layer, whatever path the rest takes around it (skip connections included).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.backbones import layers
from core.backbones.layers import Layout

Call = Callable[[nn.Module, Tensor], Any]


@runtime_checkable
class Stopped(Protocol):
    """A batch of images at the layer, waiting to go on."""

    @property
    def tokens(self) -> Float[Tensor, "b t d"]: ...

    @property
    def extra(self) -> Float[Tensor, "b e d"]:
        """CLS and register tokens; the CLS token comes first."""
        ...

    def __call__(
        self, tokens: Float[Tensor, "b t d"], cls: Float[Tensor, "b d"] | None = None
    ) -> Float[Tensor, "b y"]:
        """Logits with these tokens at the layer, and with this CLS token where one is given;
        everything else as it was. Without gradients."""
        ...

    def attributed(
        self, tokens: Float[Tensor, "b t d"], cls: Float[Tensor, "b d"] | None = None
    ) -> Float[Tensor, "b y"]:
        """The same with gradients: logits can be differentiated with respect to what is given."""
        ...


@runtime_checkable
class Resumes(Protocol):
    """A backbone that can go on from other tokens at its layer."""

    def resume(self, pixels: Float[Tensor, "b 3 H W"]) -> Stopped: ...


@dataclass(frozen=True)
class Resumed:
    """One batch of images, stopped at a layer."""

    network: nn.Module
    call: Call
    pixels: Tensor
    layer: str
    layout: Layout
    done: dict[str, list[Any]]
    """outputs of each call, of the outermost modules that finished before the layer, and its own"""
    tokens: Float[Tensor, "b t d"]
    extra: Float[Tensor, "b e d"]

    @torch.no_grad()
    def __call__(
        self, tokens: Float[Tensor, "b t d"], cls: Float[Tensor, "b d"] | None = None
    ) -> Float[Tensor, "b y"]:
        """Logits with these tokens at the layer; its register tokens stay, and so does its CLS
        token unless another is given."""
        return self.attributed(tokens, cls)

    def attributed(
        self, tokens: Float[Tensor, "b t d"], cls: Float[Tensor, "b d"] | None = None
    ) -> Float[Tensor, "b y"]:
        """As a call, with gradients where the caller asks for them."""
        extra = self.extra
        if cls is not None:
            extra = torch.cat([cls.to(extra)[:, None], extra[:, 1:]], dim=1)
        new = self.layout.join(tokens.to(self.tokens), extra)
        with _replayed(self.network, self.done, self.layer, new):
            logits: Tensor = self.call(self.network, self.pixels).logits
        return logits


@torch.no_grad()
def stop(network: nn.Module, call: Call, pixels: Tensor, *, layer: str, layout: Layout) -> Resumed:
    """Run the images once, and keep what the modules up to the layer gave."""
    names = {module: name for name, module in network.named_modules()}
    finished: list[tuple[str, Any]] = []
    reached = 0

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal reached
        name = names[module]
        if reached and name != layer:
            return
        # of modules inside one another only the outermost will ever be called again
        finished[:] = [row for row in finished if not row[0].startswith(f"{name}.")]
        finished.append((name, copy.deepcopy(output)))
        if name == layer:  # a layer that runs twice is the one that ran last
            reached = len(finished)

    hooks = [module.register_forward_hook(note) for module in names]
    try:
        call(network, pixels)
    finally:
        for hook in hooks:
            hook.remove()
    done: dict[str, list[Any]] = {}
    for name, output in finished[:reached]:
        done.setdefault(name, []).append(output)
    raw = layers.tensor_of(done[layer][-1])
    assert raw is not None, "the survey found a tensor here"
    tokens, extra = layout.split(raw)
    return Resumed(network, call, pixels, layer, layout, done, tokens, extra)


@contextmanager
def _replayed(
    network: nn.Module, done: dict[str, list[Any]], layer: str, new: Tensor
) -> Iterator[None]:
    """Modules of `done` give what they gave, the layer's last call gives `new`."""
    modules = {name: network.get_submodule(name) for name in done}
    own = {name: module.forward for name, module in modules.items()}
    patched = {name for name, module in modules.items() if "forward" in module.__dict__}

    def give(name: str) -> Callable[..., Any]:
        left = list(done[name])

        def forward(*args: Any, **kwargs: Any) -> Any:
            if not left:  # one module used again further up
                return own[name](*args, **kwargs)
            output = left.pop(0)
            if name == layer and not left:
                return layers.with_tensor(output, new.clone())
            # a copy, for what follows may write into it
            return copy.deepcopy(output)

        return forward

    try:
        for name, module in modules.items():
            module.forward = give(name)
        yield
    finally:
        for name, module in modules.items():
            if name in patched:
                module.forward = own[name]
            else:
                del module.forward
