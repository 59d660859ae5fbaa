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
        self._is_cuda = device.type == "cuda"
        self._running, self._spare = Laps(), Laps()

    def enter(self, phase: str) -> None:
        """From here on time counts for `phase`; for nothing if that is empty."""
        self._running.enter(phase, is_cuda=self._is_cuda)

    def stop(self) -> "Laps":
        """End the current phase; what was measured may be read until this is called once more."""
        self.enter("")
        stopped, self._running, self._spare = self._running, self._spare, self._running
        self._running.phases.clear()
        return stopped


class Laps:
    """Phases one after the other, each with the moment of its beginning; events are used again and again."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self._moments: list[float] = []
        self._events: list[torch.cuda.Event] = []

    def enter(self, phase: str, *, is_cuda: bool) -> None:
        """Begin a phase, now."""
        index = len(self.phases)
        self.phases.append(phase)
        if not is_cuda:
            self._moments[index:] = [time.perf_counter()]
            return
        if len(self._events) == index:
            self._events.append(torch.cuda.Event(enable_timing=True))
        self._events[index].record()

    def seconds(self) -> dict[str, float]:
        """Seconds of every phase but the last; waits for the device."""
        seconds: defaultdict[str, float] = defaultdict(float)
        for index, phase in enumerate(self.phases[:-1]):
            if phase:
                seconds[phase] += self._between(index, index + 1)
        return dict(seconds)

    def _between(self, start: int, end: int) -> float:
        if self._moments:
            return self._moments[end] - self._moments[start]
        self._events[end].synchronize()
        return self._events[start].elapsed_time(self._events[end]) / 1000
