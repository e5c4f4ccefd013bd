"""The state of a training run as tensors, so that a killed one goes on as if it never stopped."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def pack(
    step: int,
    parameters: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    also: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Everything that the next step depends on, beside the data; copies."""
    state = {"step": torch.tensor(step), "generator": generator.get_state()}
    state |= {f"also.{name}": tensor for name, tensor in also.items()}
    for name, parameter in parameters.items():
        state[f"parameter.{name}"] = parameter
        for moment, value in optimiser.state[parameter].items():
            state[f"moment.{name}.{moment}"] = torch.as_tensor(value)
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}


def unpack(
    state: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    also: Mapping[str, Tensor],
) -> int:
    """Puts the state back in place; returns the number of steps that are done.

    Raises ValueError when it belongs to another run.
    """
    shapes = {f"parameter.{name}": p.shape for name, p in parameters.items()}
    shapes |= {f"also.{name}": tensor.shape for name, tensor in also.items()}
    for name, shape in shapes.items():
        if name not in state or state[name].shape != shape:
            raise ValueError(
                f"the saved state of this training does not fit: {name} is "
                f"{tuple(state[name].shape) if name in state else 'missing'}, expected "
                f"{tuple(shape)}; remove the folder `work` beside the store and build again"
            )
    for name, tensor in also.items():
        tensor.copy_(state[f"also.{name}"])
    moments: dict[int, dict[str, Tensor]] = {}
    for i, (name, parameter) in enumerate(parameters.items()):
        parameter.copy_(state[f"parameter.{name}"])
        head = f"moment.{name}."
        moments[i] = {k.removeprefix(head): v for k, v in state.items() if k.startswith(head)}
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
    generator.set_state(state["generator"])
    return int(state["step"])
