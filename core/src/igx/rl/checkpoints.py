"""Checkpoints on disk: written whole or not at all, read without running code, compared before they are loaded."""

import io
import os
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from igx.errors import CheckpointError, RunFailure

State = dict[str, Any]
"""What a checkpoint holds: rl_games' keys; `Any`, because each algorithm keeps what it needs."""

_SCALAR = np.float32(0).__reduce__()[0]  # how numpy pickles one number, wherever it lives in this version

_SAFE: list[Any] = [  # stock rl_games keeps the best return as a numpy number; plain data all the same
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float32)),
    type(np.dtype(np.float64)),
]

_COMPILED = "_orig_mod."  # torch.compile puts this before the names of what it wraps
_NETWORKS = (
    "model",
    "assymetric_vf_nets",
    "actor",
    "critic",
    "critic_target",
    "running_mean_std",
)  # sic: rl_games' names


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write `state` to `path`, which afterwards holds all of it or, if this fails, what it held before.

    Raises:
        RunFailure: it cannot be written (the disk is full, the folder is gone).
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _write_durably(part, buffer.getbuffer())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        _remove(part)
        kept = "; the former file is unchanged" if path.exists() else ""
        raise RunFailure(f"The checkpoint {path} cannot be written: {error.strerror or error}{kept}.") from error


def copied(state: Any) -> Any:
    """`state` with tensors of its own, which further training leaves as they are; what isn't a tensor is shared."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, Mapping):
        return {name: copied(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(copied(value) for value in state)
    return state


def load(path: Path, *, device: torch.device | str = "cpu") -> State:
    """Read a checkpoint, ours or stock rl_games', with its tensors on `device`.

    Raises:
        CheckpointError: it is missing, truncated, no checkpoint, or holds code, which is not run.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.")
    try:
        with torch.serialization.safe_globals(_SAFE):
            state: object = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(_unpickling_complaint(path, error)) from error
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} cannot be read: it is truncated, or not a checkpoint.") from error
    if not _is_state(state):
        raise CheckpointError(f"{path} is not a checkpoint of rl_games: it holds no networks.")
    return {key: _without_compiled(value) if key in _NETWORKS else value for key, value in state.items()}


def refuse_mismatch(path: Path, there: Mapping[str, Tensor], here: Mapping[str, Tensor]) -> None:
    """Check that the network `there`, in the file at `path`, has the parameters of the network `here`.

    Raises:
        CheckpointError: it hasn't; the message names the first difference.
    """
    differences = list(_differences(there, here))
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise CheckpointError(f"{path} is of another network: {differences[0]}{more}.")


def is_finite(state: Mapping[str, Any]) -> bool:
    """Whether every number of the networks in `state` is finite; waits for the device."""
    networks = [state[key] for key in _NETWORKS if key in state]
    return all(bool(value.isfinite().all()) for network in networks for value in network.values())


def _write_durably(path: Path, data: memoryview) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:  # the folder itself may be gone; the error being reported says so better
        return


def _unpickling_complaint(path: Path, error: pickle.UnpicklingError) -> str:
    code = re.search(r"(?:Unsupported global: )?GLOBAL (\S+)", str(error))
    if code:
        return f"{path} holds code ({code.group(1)}) instead of tensors; it was not run."
    return f"{path} cannot be read: it is truncated, or not a checkpoint."


def _is_state(value: object) -> TypeGuard[State]:
    return isinstance(value, dict) and any(isinstance(part, dict) for part in value.values())


def _without_compiled(network: Mapping[str, Any]) -> State:
    return {name.replace(_COMPILED, ""): value for name, value in network.items()}


def _differences(there: Mapping[str, Tensor], here: Mapping[str, Tensor]) -> Iterator[str]:
    for name, value in here.items():
        if name not in there:
            yield f"{name} is missing there"
        elif there[name].shape != value.shape:
            yield f"{name} is {list(there[name].shape)} there and {list(value.shape)} here"
    yield from (f"{name} is there but not here" for name in there if name not in here)
