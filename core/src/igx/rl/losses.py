"""Losses averaged over the gradient steps of an epoch, on the device: nobody waits for one."""

from collections.abc import Mapping

import torch
from torch import Tensor


class LossMeans:
    """Sums up named numbers until they are drained; the names are those of the first time.

    Args:
        device: where the numbers are.

    Attributes:
        names: of what was counted in.
    """

    def __init__(self, device: torch.device) -> None:
        self.names: tuple[str, ...] = ()
        self._sums = torch.zeros(1, dtype=torch.float64, device=device)

    @torch.no_grad()
    def add(self, numbers: Mapping[str, Tensor]) -> None:
        """Count one gradient step in; each number is a tensor without dimensions."""
        row = torch.stack([*numbers.values(), torch.ones_like(next(iter(numbers.values())))])
        if not self.names:
            self.names = tuple(numbers)
            self._sums = torch.zeros_like(row, dtype=torch.float64)
        self._sums += row

    def drain(self) -> Tensor:
        """Means since the last time, of float64, in the order of `names`."""
        means = self._sums[:-1] / self._sums[-1]
        self._sums.zero_()
        return means
