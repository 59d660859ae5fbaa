"""A task's random numbers: all of a step's in one draw, so that the step can be compiled and captured.

A step always asks for the same widths in the same order. The first time they are counted; from then on one call fills
a pool and every request takes its columns of it.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from igx.errors import TaskError


class RandomPool:
    """One distribution's numbers for a step.

    Args:
        fill: fills a tensor with fresh numbers, in place.
        num_envs: rows.
        device: of the numbers.
    """

    def __init__(self, fill: Callable[[Tensor], object], *, num_envs: int, device: torch.device) -> None:
        self._fill = fill
        self._num_envs, self._device = num_envs, device
        self._pool: Tensor | None = None
        self._cursor: int | None = None

    def count(self) -> None:
        """Begin to count what a step asks for."""
        self._pool, self._cursor = None, 0

    def freeze(self) -> None:
        """A whole step has been counted: make the pool."""
        if self._cursor is None:
            raise RuntimeError("count() comes before freeze()")
        self._pool = torch.zeros(self._num_envs, self._cursor, device=self._device)
        self._cursor = None

    def refill(self) -> None:
        """Begin a step."""
        if self._pool is not None:
            if self._pool.shape[1]:
                self._fill(self._pool)
            self._cursor = 0

    def close(self, *, is_compiled: bool) -> None:
        """End a step, in which nothing is counted if it is compiled: what is asked for outside is drawn on the spot."""
        if not is_compiled and self._pool is not None and self._cursor != self._pool.shape[1]:
            raise TaskError(f"A step drew {self._cursor} random columns, but {self._pool.shape[1]} when it was built.")
        self._cursor = None

    def take(self, width: int) -> Tensor:
        """Numbers of shape `[num_envs, width]`."""
        if self._cursor is None or self._pool is None:
            numbers = torch.empty(self._num_envs, width, device=self._device)
            self._fill(numbers)
            if self._cursor is not None:
                self._cursor += width
            return numbers
        start, self._cursor = self._cursor, self._cursor + width
        if self._cursor > self._pool.shape[1]:
            raise TaskError("A step asks for more random numbers than when it was built; its terms must not branch.")
        return self._pool[:, start : self._cursor]
