"""Finds out on the CPU what would make the host wait for a device."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


@contextmanager
def no_waiting_for_the_device() -> Generator[None]:
    """Fail on what makes the host wait for a device, or depends on the values in it."""
    refused = {"_local_scalar_dense", "nonzero", "masked_select", "item"}

    class Refuse(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            assert func.overloadpacket.__name__ not in refused, func
            return func(*args, **(kwargs or {}))

    with Refuse():
        yield
