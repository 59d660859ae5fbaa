"""Whether torch's compiler works on this machine: what it makes, the system's own compilers have to finish."""

import functools

import torch

from igx.errors import SimulatorError


@functools.cache
def compiler_fault(device: str) -> str | None:
    """Why torch can't compile for `device` here, in one line, or None: tried out on a tiny function."""
    try:
        torch.compile(_next)(torch.zeros(2, device=device))
    except Exception as error:  # noqa: BLE001  of many types: from its own to those of the compilers that it calls
        lines = [line.strip() for line in str(error).splitlines()]
        return next((line for line in lines if line and not line.startswith("backend=")), type(error).__name__)
    return None


def require_compiler(device: str, *, setting: str) -> None:
    """Refuse what `setting` asks for if torch can't compile for `device` here.

    Raises:
        SimulatorError: it can't.
    """
    fault = compiler_fault(device)
    if fault is not None:
        wanted = "a C++ compiler" if device == "cpu" else "a C compiler and Python's headers"
        raise SimulatorError(
            f"{setting}=true needs {wanted}, and torch's compiler does not work here: {fault}; "
            f"see `igx doctor`, or say {setting}=false."
        )


def _next(values: torch.Tensor) -> torch.Tensor:
    return values + 1.0
