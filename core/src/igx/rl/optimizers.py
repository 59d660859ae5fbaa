"""Optimisers whose learning rate is a tensor: a CUDA graph sees it change, and a checkpoint holds a number."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from igx.rl.checkpoints import State


def learning_rate(optimizer: Optimizer, lr: float) -> Tensor:
    """Give `optimizer` its rate as a tensor; on the CPU as precise as a number, on CUDA ready to be recorded."""
    device = optimizer.param_groups[0]["params"][0].device
    is_cuda = device.type == "cuda"
    tensor = torch.tensor(lr, dtype=torch.float32 if is_cuda else torch.float64, device=device)
    for group in optimizer.param_groups:
        group.update(lr=tensor, capturable=is_cuda)
    return tensor


def state_of(optimizer: Optimizer, *, lr: float) -> State:
    """Its state as an optimiser without tensors for settings would have it, which goes on from it on any device."""
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        group.update(lr=lr, capturable=False)
    return state


@contextmanager
def settings_kept(optimizers: Sequence[Optimizer]) -> Generator[list[float]]:
    """Load states without the settings in them; the list holds the learning rates that were in them afterwards."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    ours = [_settings(group) for group in groups]
    rates: list[float] = []
    yield rates
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]  # loading makes new ones
    rates += [float(group["lr"]) for group in groups]
    for group, settings in zip(groups, ours, strict=True):
        group.update(settings)


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "params"}
