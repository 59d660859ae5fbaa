"""What becomes of actions on their way to the actuators: noise, then a delay."""

import torch
from torch import Tensor

from igx.config.base import NoiseSettings
from igx.sim.simulator import write_rows
from igx.task.task import Task


class ActionPath:
    """Carries the actions of a task to its actuators, as `action_noise` and `action_delay` of its config say.

    An episode begins with actions of 0 on their way, and with a delay of its own.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._noise: NoiseSettings | None = task.config.action_noise
        self._shortest, self._longest = task.config.action_delay
        actions = task.action.shape[1]
        self._sent = task.buffer("action/sent", self._longest, actions) if self._longest else None
        self._delay = task.buffer("action/delay", dtype=torch.long) if self._longest else None

    def send(self, action: Tensor) -> Tensor:
        """What arrives at the actuators in the step in which `action`, shape `[num_envs, actions]`, is sent."""
        if self._noise is not None and self._noise.scale:
            action = action + self._task.noise(self._noise, action.shape[1])
        if self._sent is None or self._delay is None:
            return action
        under_way = torch.cat([self._sent, action[:, None]], dim=1)
        self._sent.copy_(under_way[:, 1:])
        age = (self._longest - self._delay).view(-1, 1, 1).expand(-1, 1, action.shape[1])
        return under_way.gather(1, age)[:, 0]

    def begin(self, where: Tensor) -> None:
        """Let nothing be under way in the environments of `where`, bool `[num_envs]`, and draw their delays."""
        if self._sent is None or self._delay is None:
            return
        self._sent.masked_fill_(where[:, None, None], 0.0)
        write_rows(self._delay, self._drawn(), where=where)

    def _drawn(self) -> Tensor | int:
        if self._shortest == self._longest:
            return self._longest
        return self._task.uniform(self._shortest, self._longest + 1, 1)[:, 0].long().clamp(max=self._longest)
