"""Where the seconds of an epoch go, measured without waiting for the device in the middle of it."""

import time
from collections import defaultdict

import torch


class Stopwatch:
    """Adds up the time spent in named phases; on CUDA the device's own time, by events.

    Args:
        device: where the work runs.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._phases: list[str] = []
        self._moments: list[float] = []
        self._events: list[torch.cuda.Event] = []

    def enter(self, phase: str) -> None:
        """From here on time counts for `phase`."""
        self._phases.append(phase)
        if self.device.type != "cuda":
            self._moments.append(time.perf_counter())
            return
        if len(self._events) < len(self._phases):
            self._events.append(torch.cuda.Event(enable_timing=True))
        self._events[len(self._phases) - 1].record()

    def read(self) -> dict[str, float]:
        """Seconds of every phase since the last reading; waits for the device and ends the current phase."""
        self.enter("")
        seconds: defaultdict[str, float] = defaultdict(float)
        for index, phase in enumerate(self._phases[:-1]):
            seconds[phase] += self._between(index, index + 1)
        self._phases.clear()
        self._moments.clear()
        return dict(seconds)

    def _between(self, start: int, end: int) -> float:
        if self.device.type != "cuda":
            return self._moments[end] - self._moments[start]
        self._events[end].synchronize()
        return self._events[start].elapsed_time(self._events[end]) / 1000
