"""Terms about the episode itself."""

import torch
from torch import Tensor

from igx.task.task import Task


def alive(task: Task) -> Tensor:
    """1 in every step."""
    return task.constant(("alive",), lambda: torch.ones_like(task.episode_step, dtype=torch.float32))
