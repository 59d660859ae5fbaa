"""How much room for contacts and constraints a scene needs, found by letting it tumble."""

import math
from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from igx.sim.engine_log import engine_log_off

_PROBES, _STEPS = 64, 200
_HEADROOM = 1.5


@dataclass(frozen=True, kw_only=True)
class BufferSizes:
    """Room for one environment: contacts (a share of a common pool) and constraint rows."""

    contacts: int
    constraints: int


def probe_buffers(model: mujoco.MjModel, *, contacts: int | None = None, constraints: int | None = None) -> BufferSizes:
    """Sizes that a scene needs, with head-room; what is given is kept.

    Drops the scene's free bodies in random orientations, under random controls and joint positions, on the CPU, and
    takes the most contacts and constraint rows that were ever seen.
    """
    if contacts is None or constraints is None:
        most_contacts, most_constraints = _tumble(model)
        contacts = contacts or _with_headroom(most_contacts)
        constraints = constraints or _with_headroom(most_constraints)
    return BufferSizes(contacts=contacts, constraints=constraints)


def _with_headroom(most: int) -> int:
    return 4 * math.ceil((most * _HEADROOM + 4) / 4)


def _tumble(model: mujoco.MjModel) -> tuple[int, int]:
    rng = np.random.default_rng(0)
    batch = Batch(model, _PROBES)
    _scatter(model, batch.bind("qpos"), rng)
    limited = model.actuator_ctrllimited.astype(bool)
    low = np.where(limited, model.actuator_ctrlrange[:, 0], -1.0)
    high = np.where(limited, model.actuator_ctrlrange[:, 1], 1.0)
    ctrl, ncon, nefc = batch.bind("ctrl"), batch.bind("ncon"), batch.bind("nefc")
    most_contacts = most_constraints = 0
    for _ in range(_STEPS):
        ctrl[:] = rng.uniform(low, high, ctrl.shape)
        with engine_log_off():  # what diverges is reset by the engine
            batch.step(nstep=2)
        most_contacts = max(most_contacts, int(ncon.max()))
        most_constraints = max(most_constraints, int(nefc.max()))
    return most_contacts, most_constraints


def _scatter(model: mujoco.MjModel, qpos: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Turn free bodies and move ball joints and limited joints at random, in half of the probes."""
    half = len(qpos) // 2
    for joint in range(model.njnt):
        address, kind = model.jnt_qposadr[joint], model.jnt_type[joint]
        if kind == int(mujoco.mjtJoint.mjJNT_FREE):
            quat = rng.normal(size=(half, 4))
            qpos[:half, address + 3 : address + 7] = quat / np.linalg.norm(quat, axis=1, keepdims=True)
        elif kind == int(mujoco.mjtJoint.mjJNT_BALL):
            largest = model.jnt_range[joint, 1] if model.jnt_limited[joint] else math.pi
            qpos[:half, address : address + 4] = _turns(half, largest, rng)
        elif model.jnt_limited[joint]:
            qpos[:half, address] = rng.uniform(*model.jnt_range[joint], size=half)


def _turns(count: int, largest: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Quaternions of random rotations by up to `largest` [rad], shape `[count, 4]`."""
    axes = rng.normal(size=(count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    half_angles = 0.5 * rng.uniform(0.0, largest, size=(count, 1))
    return np.concatenate([np.cos(half_angles), axes * np.sin(half_angles)], axis=1)
