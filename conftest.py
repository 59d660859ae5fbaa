"""What all tests of the workspace share: tests marked `gpu` are left out where there is no CUDA device."""

import pytest

from igx.sim.offscreen import choose_renderer

choose_renderer()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the `gpu` tests as skipped on a machine without CUDA."""
    gpu_tests = [item for item in items if item.get_closest_marker("gpu")]
    if not gpu_tests:
        return
    import torch

    if not torch.cuda.is_available():
        for item in gpu_tests:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
