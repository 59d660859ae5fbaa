"""A step recorded once as a CUDA graph and replayed: hundreds of kernel launches for the price of one."""

from collections.abc import Callable

import torch

from igx.sim.simulator import Simulator

_WARM_UP_STEPS = 3


def capture(
    step: Callable[[], None], *, simulator: Simulator, generators: tuple[torch.Generator, ...]
) -> Callable[[], None]:
    """Record `step` and return its replay.

    Runs `step` a few times first: engines load their kernels and libraries make their workspaces then, which they can't
    while a graph is recorded. The caller restores what those steps changed.

    Args:
        step: works on fixed buffers, without host decisions.
        simulator: told of the recording.
        generators: of the random numbers that `step` draws; replays go on drawing new ones.
    """
    device = simulator.device
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP_STEPS):
            step()
        torch.cuda.synchronize(device)
        # other threads (trackers, data loaders) may use CUDA meanwhile
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            with simulator.capturing(stream):
                step()
        finally:
            graph.capture_end()
    torch.cuda.current_stream(device).wait_stream(stream)
    return graph.replay
