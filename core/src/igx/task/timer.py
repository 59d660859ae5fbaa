"""Timers of commands and interval terms: one countdown in each environment."""

from torch import Tensor

from igx.sim.simulator import write_rows
from igx.task.task import Task


class Timer:
    """Counts steps down in each environment, and begins anew at a random time when it has run out.

    Args:
        task: whose environments; it keeps the countdown, shape `[num_envs]`, under `name`.
        name: of the buffer.
        every_s: bounds of the time [s].
    """

    def __init__(self, task: Task, name: str, every_s: tuple[float, float]) -> None:
        self._task, self._bounds = task, every_s
        self._left = task.buffer(name)

    def tick(self) -> Tensor:
        """A step has passed; returns where the time is over, bool `[num_envs]`."""
        self._left.sub_(1.0)
        return self._left < 0.5

    def begin(self, where: Tensor) -> None:
        """Begin a new countdown in the environments of `where`, bool `[num_envs]`."""
        write_rows(self._left, self._drawn(), where=where)

    def _drawn(self) -> Tensor | float:
        low, high = (max(1.0, round(bound / self._task.step_dt)) for bound in self._bounds)
        if low == high:
            return low
        return self._task.uniform(low, high, 1)[:, 0].round()
