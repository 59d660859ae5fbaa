"""Losses averaged over the gradient steps of an epoch, on the device: nobody waits for one."""

from collections.abc import Mapping

import torch
from torch import Tensor


class LossMeans:
    """Sums up named numbers until they are drained; the names are those of the first time."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._sums = torch.zeros(1, dtype=torch.float64)

    @torch.no_grad()
    def add(self, numbers: Mapping[str, Tensor]) -> None:
        """Count one gradient step in; each number is a tensor without dimensions."""
        row = torch.stack([*numbers.values(), torch.ones_like(next(iter(numbers.values())))])
        if not self._names:
            self._names = tuple(numbers)
            self._sums = torch.zeros_like(row, dtype=torch.float64)
        self._sums += row

    def drain(self) -> dict[str, Tensor]:
        """Means since the last time, of float64; nothing where there was no gradient step yet."""
        *sums, count = self._sums.unbind()
        means = {name: total / count for name, total in zip(self._names, sums, strict=True)}
        self._sums.zero_()
        return means
