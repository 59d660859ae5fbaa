"""Numbers that leave the device without anybody waiting for them."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Readout:
    """Numbers on their way to the host, as they are when this is made; what is done with the tensor later is no matter.

    Args:
        names: one for each number.
        numbers: shape `[len(names)]`.
    """

    def __init__(self, names: Sequence[str], numbers: Tensor) -> None:
        self._names = tuple(names)
        self._is_there: torch.cuda.Event | None = None
        if numbers.device.type == "cuda":
            self._numbers = torch.empty_like(numbers, device="cpu", pin_memory=True)
            self._numbers.copy_(numbers, non_blocking=True)
            self._is_there = torch.cuda.Event()
            self._is_there.record(torch.cuda.current_stream(numbers.device))
        else:
            self._numbers = numbers.clone()

    def read(self) -> dict[str, float]:
        """The numbers by name; waits until they are there."""
        if self._is_there is not None:
            self._is_there.synchronize()
        return dict(zip(self._names, self._numbers.tolist(), strict=True))
