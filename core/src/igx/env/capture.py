"""Functions that always do the same: recorded as CUDA graphs and replayed, or compiled and called without checks."""

import contextlib
import functools
import gc
import logging
import warnings
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import torch

from igx.sim.simulator import Simulator

logger = logging.getLogger(__name__)

_CALLS_BEFORE = 3  # the first bring everything into place (torch may compile twice), the last is watched


class Recorded:
    """A function over fixed buffers, called as it is at first, then recorded, and replayed from then on.

    The calls before the recording do their work like all others. In them engines load their kernels, libraries make
    their workspaces and optimisers their state, which they can't while a graph is recorded. A function that makes the
    host wait for the device can't be recorded; it stays as it is, and one line in the log says where it waits.

    Args:
        function: without decisions on the host; what it reads and writes keeps its address.
        what: names it in the log.
        device: a CUDA device.
        simulator: whose kernels it launches, if any; it is told of the recording.
        generators: of the random numbers that it draws, beside torch's own; replays go on drawing new ones.
    """

    def __init__(
        self,
        function: Callable[[], None],
        *,
        what: str,
        device: torch.device,
        simulator: Simulator | None = None,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self._function, self._what = function, what
        self._stream = _recording_stream(device)
        self._device, self._simulator, self._generators = device, simulator, generators
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._is_refused = False

    def __call__(self) -> None:
        """Run the function, or replay its recording."""
        if self._graph is None and (self._is_refused or self._calls < _CALLS_BEFORE):
            self._run()
            return
        if self._graph is None:
            self._graph = self._record()
        self._graph.replay()

    def _run(self) -> None:
        self._calls += 1
        with self._on_recording_stream():
            if self._calls != _CALLS_BEFORE:
                self._function()
                return
            with _watched() as waits:
                self._function()
        if waits:
            self._is_refused = True
            logger.warning("%s runs without a CUDA graph: it waits for the device at %s", self._what, waits[0])

    def _record(self) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        for generator in self._generators:
            graph.register_generator_state(generator)
        with self._on_recording_stream(), _without_collection():
            torch.cuda.synchronize(self._device)
            # other threads (trackers, data loaders) may use CUDA meanwhile
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                with self._simulator.capturing(self._stream) if self._simulator else contextlib.nullcontext():
                    self._function()
            except BaseException:
                with contextlib.suppress(RuntimeError):  # what went wrong first is what counts
                    graph.capture_end()
                raise
            graph.capture_end()
        return graph

    @contextlib.contextmanager
    def _on_recording_stream(self) -> Generator[None]:
        """A graph can't be recorded on the default stream, and what came before runs best where it will be."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            yield
        current.wait_stream(self._stream)


class Unguarded:
    """A function with compiled parts, not recorded: after some calls torch no longer checks whether these still fit.

    Otherwise it looks before each of them at all the attributes and tensors that were there when it was compiled. As
    with what is `Recorded`, everything has to stay what it was in the first calls, in which torch compiles; but the
    number of torch's threads may change, and an inference mode may begin or end.

    Args:
        function: what it reads and writes keeps type, shape and device; numbers on the host keep their value.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self._function, self._calls = function, 0
        self._mode: tuple[int, bool] | None = None

    def __call__(self) -> None:
        """Run the function."""
        mode = torch.get_num_threads(), torch.is_inference_mode_enabled()
        if mode != self._mode:
            self._mode, self._calls = mode, 0
        if self._calls < _CALLS_BEFORE:
            self._calls += 1
            self._function()
            return
        with torch.compiler.set_stance(skip_guard_eval_unsafe=True):
            self._function()


@functools.cache
def _recording_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


@contextlib.contextmanager
def _without_collection() -> Generator[None]:
    """Keep older graphs from being destroyed meanwhile, which would spoil the one that is recorded."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _watched() -> Generator[list[str]]:
    """Collect the places where the host waits for the device meanwhile."""
    waits: list[str] = []
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(mode)
            waits += [
                f"{Path(warning.filename).name}:{warning.lineno}"
                for warning in caught
                if "synchronizing CUDA operation" in str(warning.message)
            ]
