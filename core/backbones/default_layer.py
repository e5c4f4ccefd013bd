"""The layer in which concepts are sought where none is named, established by trying it.

What the network makes of two probe images is watched while the tokens of a layer are exchanged
between them:

* All tokens exchanged: if the network then answers each image as it answered the other, everything
  that the answer rests on goes through the layer. So it is on the main path. The inside of an MLP
  or of an attention is not, for the skip connection goes around it.
* Patch tokens alone exchanged, CLS and register tokens kept: if the answer stays as it was, nobody
  reads the patch tokens from here on, and a map of concepts there would explain nothing. This is so
  after the last block of a ViT whose classifier reads its CLS token.

The default is the last layer to finish that passes both. An answer is the logits, or the last
hidden state of an encoder without a classifier. A network with a block that finishes later, changes
the answer and gives no tokens on a known grid has no default: the last thing that fits is then not
the last layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.backbones import layers
from core.backbones.layers import Layout

TOLERANCE = 1e-3
"""of the largest difference between the answers to the two probes; rounding is below 1e-5 of it"""
AROUND = "a path of the network goes around it"
UNREAD = "what follows reads only the CLS and register tokens here"

Run = Callable[[Tensor], Any]


class Choice(NamedTuple):
    """The default layer, or why there is none."""

    layer: str
    """dotted module name; "": none can be the default"""
    why: str
    """a sentence for people"""
    passed_over: dict[str, str]
    """why each layer that finishes later is not the default, by name"""


def changed_by(
    network: nn.Module, run: Run, pixels: Float[Tensor, "2 3 H W"], *, name: str, layout: Layout
) -> tuple[bool, bool]:
    """Whether the answer changes when two probes exchange the patch tokens of a layer; whether it
    does when they exchange the first of its other tokens, which must be there to be exchanged."""
    with torch.no_grad():
        answer = _answer(run(pixels))
    spread = (answer[0] - answer[1]).abs().max()
    found = []
    for edit in (_exchanged, _first_exchanged):
        if edit is _first_exchanged and not layout.n_extra:
            found.append(False)
            continue
        with _edited(network, name, partial(edit, layout)):
            found.append(not _equal(_answer(run(pixels)), answer, spread))
    return found[0], found[1]


def changed_by_others(
    network: nn.Module, run: Run, pixels: Float[Tensor, "2 3 H W"], *, name: str, layout: Layout
) -> bool:
    """Whether the answer changes when two probes exchange what a layer has beside its patch tokens
    and the first of its other tokens: registers, or a distillation token."""
    with torch.no_grad():
        answer = _answer(run(pixels))
    with _edited(network, name, partial(_others_exchanged, layout)):
        changed = _answer(run(pixels))
    return not _equal(changed, answer, (answer[0] - answer[1]).abs().max())


class Watched(NamedTuple):
    """What two passes over the two probe images showed, before anything was tried."""

    order: list[tuple[str, int]]
    """modules in the order of finishing, with the dimensions of their output"""
    answer: Float[Tensor, "2 ..."]
    n_logits: int
    """0: the network does not classify"""
    steady: bool
    """whether both passes gave the same: nothing in the network is drawn anew"""


def watch(
    network: nn.Module, run: Run, pixels: Float[Tensor, "2 3 H W"]
) -> tuple[dict[str, tuple[Layout, int]], Watched]:
    """Two passes over the probe images: what `layers.survey` gives of the first, and both."""
    before: list[Any] = []

    def kept(pixels: Tensor) -> None:
        before.append(run(pixels))

    found = layers.survey(network, pixels, kept)
    order, result = _finished(network, run, pixels)
    answer = _answer(result)
    spread = (answer[0] - answer[1]).abs().max()
    logits = getattr(result, "logits", None)
    n_logits = 0 if logits is None else logits.shape[-1]
    return found, Watched(order, answer, n_logits, _equal(_answer(before[0]), answer, spread))


def choose(
    network: nn.Module,
    run: Run,
    pixels: Float[Tensor, "2 3 H W"],
    found: dict[str, tuple[Layout, int]],
    seen: Watched,
) -> Choice:
    """`run(pixels)` runs the network; `found` and `seen` are what `watch` gave of it."""
    answer = seen.answer
    spread = (answer[0] - answer[1]).abs().max()
    if not seen.steady:
        return Choice("", "two passes over the same pixels give different results", {})
    if not spread > 0:
        return Choice("", "it answers two different pictures alike", {})
    blocks = _blocks(network)
    passed_over: dict[str, str] = {}
    for name, ndim in reversed(seen.order):
        if name not in found:
            if name in blocks and ndim in (3, 4) and _matters(network, run, pixels, name, answer):
                why = (
                    f"its block {name!r} changes the result and finishes after every layer that "
                    "could be taken, but its tokens lie on no known grid"
                )
                return Choice("", why, passed_over)
            continue
        layout = found[name][0]
        with _edited(network, name, lambda raw: raw.roll(1, dims=0)):
            through = _equal(_answer(run(pixels)), answer.roll(1, dims=0), spread)
        if not through:
            if name in blocks and _matters(network, run, pixels, name, answer):
                why = f"its last block that can be taken, {name!r}, is one of several paths"
                return Choice("", why, passed_over)
            passed_over[name] = AROUND
            continue
        with _edited(network, name, partial(_exchanged, layout)):
            unread = _equal(_answer(run(pixels)), answer, spread)
        if unread:
            passed_over[name] = UNREAD
            continue
        return Choice(name, _reason(passed_over, classifies=seen.n_logits > 0), passed_over)
    return Choice("", "no layer on its main path gives tokens on a known grid", passed_over)


def _reason(passed_over: dict[str, str], *, classifies: bool) -> str:
    if not classifies:
        return "what the encoder gives after its last block"
    if UNREAD in passed_over.values():
        return (
            "the last layer whose patch tokens still change the logits; later ones are read at "
            "their CLS and register tokens only"
        )
    return "the last layer that everything the logits rest on goes through"


def _finished(network: nn.Module, run: Run, pixels: Tensor) -> tuple[list[tuple[str, int]], Any]:
    """Modules in the order of finishing with the dimensions of their output, and the result."""
    finished: dict[str, int] = {}

    def note(name: str, output: Any) -> None:
        tensor = layers.tensor_of(output)
        if name and tensor is not None and tensor.is_floating_point():
            finished.pop(name, None)  # run twice: the last run counts
            finished[name] = tensor.ndim

    hooks = [
        module.register_forward_hook(lambda _m, _i, output, name=name: note(name, output))
        for name, module in network.named_modules()
    ]
    try:
        with torch.no_grad():
            result = run(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    return list(finished.items()), result


def _answer(result: Any) -> Tensor:
    """Logits, or the last hidden state, or the first tensor that a network returns."""
    for name in ("logits", "last_hidden_state"):
        value = getattr(result, name, None)
        if isinstance(value, Tensor):
            return value.detach().double()
    values = result.values() if hasattr(result, "values") else result
    return next(v for v in values if isinstance(v, Tensor)).detach().double()


def _blocks(network: nn.Module) -> set[str]:
    """Entries of lists, and of sequences that hold several of one class, with parameters."""
    out: set[str] = set()
    for name, module in network.named_modules():
        if not isinstance(module, nn.ModuleList | nn.Sequential):
            continue
        kinds = [type(child) for child in module]
        needed = 1 if isinstance(module, nn.ModuleList) else 2
        out.update(
            f"{name}.{key}" if name else key
            for key, child in module.named_children()
            if kinds.count(type(child)) >= needed and next(child.parameters(), None) is not None
        )
    return out


def _exchanged(layout: Layout, raw: Tensor) -> Tensor:
    tokens, extra = layout.split(raw)
    return layout.join(tokens.roll(1, dims=0), extra)


def _first_exchanged(layout: Layout, raw: Tensor) -> Tensor:
    tokens, extra = layout.split(raw)
    return layout.join(tokens, torch.cat([extra[:, :1].roll(1, dims=0), extra[:, 1:]], dim=1))


def _others_exchanged(layout: Layout, raw: Tensor) -> Tensor:
    tokens, extra = layout.split(raw)
    return layout.join(tokens, torch.cat([extra[:, :1], extra[:, 1:].roll(1, dims=0)], dim=1))


def _matters(network: nn.Module, run: Run, pixels: Tensor, name: str, answer: Tensor) -> bool:
    """Whether the answer changes when this module gives zeros."""
    with _edited(network, name, torch.zeros_like):
        changed = _answer(run(pixels))
    spread = (answer[0] - answer[1]).abs().max()
    return not _equal(changed, answer, spread)


def _equal(one: Tensor, other: Tensor, spread: Tensor) -> bool:
    return bool((one - other).abs().max() <= TOLERANCE * spread)


@contextmanager
def _edited(network: nn.Module, name: str, edit: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """The module hands on `edit` of what it gave."""

    def change(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        tensor = layers.tensor_of(output)
        return None if tensor is None else layers.with_tensor(output, edit(tensor))

    hook = network.get_submodule(name).register_forward_hook(change)
    try:
        with torch.no_grad():
            yield
    finally:
        hook.remove()
