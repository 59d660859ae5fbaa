"""How much memory an environment takes, so that a number too large is refused before anything is allocated."""

import mujoco
import psutil
import torch

from igx.errors import SimulatorError

_ENGINE_SHARE = 4
"""Bytes that each number counted by `bytes_per_env` takes, generously."""


def bytes_per_env(model: mujoco.MjModel, *, contacts: int = 0, constraints: int = 0) -> int:
    """An upper estimate of what one environment takes in an engine and the torch buffers over it.

    Counts numbers by the model's sizes: state and derived quantities of bodies, joints and geoms, the constraint
    Jacobian, contacts.

    Args:
        model: the compiled scene.
        contacts, constraints: rows of which each environment has its own; none on the CPU, where threads share them.
    """
    kinematics = 60 * model.nbody + 30 * model.ngeom + 30 * model.nv + 8 * model.nv * model.nv
    constraint_rows = constraints * (model.nv + 12)
    numbers = 2 * (model.nq + model.nv) + kinematics + constraint_rows + 50 * contacts + 4 * model.nsensordata
    return numbers * _ENGINE_SHARE


def bytes_per_rollout(*, steps: int, observations: int, actions: int) -> int:
    """What an agent keeps of a rollout of one environment, and of the data set that it makes of that.

    Args:
        steps: how long it is.
        observations: width of all groups that the agent sees together.
        actions: how many there are; their distribution's means and deviations are kept, too.
    """
    numbers = observations + 3 * actions + 4  # reward, value, probability, done
    return 2 * steps * numbers * 4


def require_memory(needed: int, *, device: torch.device, num_envs: int, what: str = "that") -> None:
    """Refuse what can't fit.

    Args:
        needed: bytes for all environments.
        device: where.
        num_envs: how many environments there are.
        what: takes them.

    Raises:
        SimulatorError: if the device has less than `needed` bytes free.
    """
    require_memory_for(
        needed, device=device, setting="sim.num_envs", value=num_envs, what=what, advice="try --num-envs {}"
    )


def require_memory_for(needed: int, *, device: torch.device, setting: str, value: int, what: str, advice: str) -> None:
    """Refuse a setting whose memory grows with it and can't fit.

    Args:
        needed: bytes.
        device: where.
        setting: the setting by its path.
        value: what it is.
        what: takes the memory.
        advice: what to do, with `{}` for a value that fits.

    Raises:
        SimulatorError: if the device has less than `needed` bytes free.
    """
    free = free_memory(device)
    if needed > free:
        most = max(1, int(value * 0.8 * free / needed))
        raise SimulatorError(
            f"{setting} is {value}: {what} takes about {_gib(needed)}, and {device} has {_gib(free)} free; "
            f"{advice.format(most)}."
        )


def free_memory(device: torch.device) -> int:
    """Bytes that can be allocated on `device`."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def _gib(number: int) -> str:
    return f"{number / 2**30:.1f} GiB"
