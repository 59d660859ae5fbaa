"""Terms that make environments differ: bodies, contacts, actuators and gravity of each, and shoves.

Each serves when the environments are built (`on_start`), in resets (`on_reset`) or while episodes run (`on_interval`),
in a task's class or added in a config::

    task: {resets: {load: {term: mass, bodies: base, factor: [0.8, 1.2]}}}

What is drawn replaces the model file's value, or multiplies it; it never adds up over time.
"""

from collections.abc import Iterable

import mujoco
import torch
from torch import Tensor

from igx.config.ranges import Factor, Range, Share
from igx.errors import TaskError, suggest
from igx.sim.declared import matching
from igx.sim.simulator import rows
from igx.task.declare import writes
from igx.task.task import Task

_KP, _KV = 1, 2  # columns of an affine actuator's bias: -stiffness and -damping


@writes("geom_friction")
def friction(task: Task, sliding: Share = (0.5, 1.25), robot: str = "robot") -> None:
    """Draw the sliding friction between a robot and the ground, one number for all its shapes.

    Of two touching shapes the engine takes the larger friction, so the world's own shapes get the same number.
    """
    values = task.simulator.model_field("geom_friction")
    drawn = task.uniform(*sliding, 1)
    task.write(values[:, :, 0], torch.where(_shapes(task, robot), drawn, values[:, :, 0]))


@writes("body_mass", "body_inertia")
def mass(task: Task, factor: Factor = (0.8, 1.2), bodies: str = ".*", robot: str = "robot") -> None:
    """Multiply mass and inertia of the bodies that match, each by a number of its own."""
    ids = _bodies(task, bodies, robot)
    drawn = task.uniform(*factor, len(ids))
    _scale(task, "body_mass", ids, drawn)
    _scale(task, "body_inertia", ids, drawn[..., None])


@writes("body_ipos")
def center_of_mass(task: Task, offset: Range = (-0.02, 0.02), bodies: str = ".*", robot: str = "robot") -> None:
    """Move the centre of mass of the bodies that match [m], each along its own three axes."""
    ids = _bodies(task, bodies, robot)
    drawn = task.uniform(*offset, 3 * len(ids)).unflatten(1, (-1, 3))
    _set(task, "body_ipos", ids, _nominal(task, "body_ipos")[ids] + drawn)


@writes("dof_damping")
def joint_damping(task: Task, factor: Share = (0.5, 1.5), robot: str = "robot") -> None:
    """Multiply the viscous damping of a robot's joints, each by a number of its own."""
    _scale_joints(task, "dof_damping", factor, robot)


@writes("dof_frictionloss")
def joint_friction(task: Task, factor: Share = (0.5, 1.5), robot: str = "robot") -> None:
    """Multiply the dry friction of a robot's joints, each by a number of its own."""
    _scale_joints(task, "dof_frictionloss", factor, robot)


@writes("dof_armature")
def joint_armature(task: Task, factor: Share = (0.9, 1.1), robot: str = "robot") -> None:
    """Multiply the rotor inertia of a robot's joints, each by a number of its own."""
    _scale_joints(task, "dof_armature", factor, robot)


@writes("actuator_gainprm", "actuator_biasprm")
def gains(task: Task, stiffness: Share = (0.8, 1.2), damping: Share = (0.8, 1.2), actuator: str = "position") -> None:
    """Multiply stiffness and damping of a position or velocity control, of each joint by numbers of its own."""
    ids = _actuators(task, actuator)
    stiff, damp = task.uniform(*stiffness, len(ids)), task.uniform(*damping, len(ids))
    gain, bias = _nominal(task, "actuator_gainprm")[ids], _nominal(task, "actuator_biasprm")[ids]
    is_position = bias[:, _KP] != 0.0
    gain = gain.expand(task.num_envs, -1, -1).clone()
    bias = bias.expand(task.num_envs, -1, -1).clone()
    gain[:, :, 0] *= torch.where(is_position, stiff, damp)
    bias[:, :, _KP] *= stiff
    bias[:, :, _KV] *= damp
    _set(task, "actuator_gainprm", ids, gain)
    _set(task, "actuator_biasprm", ids, bias)


@writes("opt.gravity")
def gravity(task: Task, offset: Range = (-0.4, 0.4)) -> None:
    """Add to gravity [m/s²], along each axis a number of its own."""
    values = task.simulator.model_field("opt.gravity")
    task.write(values, _nominal(task, "opt.gravity") + task.uniform(*offset, 3))


def push(
    task: Task,
    lin_vel: Range = (-1.0, 1.0),
    lin_vel_z: Range = (0.0, 0.0),
    ang_vel: Range = (0.0, 0.0),
    robot: str = "robot",
) -> None:
    """Shove a free root: add to its velocity in the ground plane, upwards [m/s] and about each axis [rad/s]."""
    live = task.articulation(robot)
    linear = torch.cat([task.uniform(*lin_vel, 2), task.uniform(*lin_vel_z, 1)], dim=-1)
    angular = task.uniform(*ang_vel, 3)
    live.set_root(lin_vel_w=live.root_lin_vel_w + linear, ang_vel_b=live.root_ang_vel_b + angular)


def _nominal(task: Task, field: str) -> Tensor:
    """A field of the model as its file has it."""
    model = task.simulator.model
    home = model.opt if field.startswith("opt.") else model
    return task.constant(("nominal", field), lambda: task.tensor(getattr(home, field.removeprefix("opt.")).copy()))


def _indices(task: Task, values: Iterable[int]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.long, device=task.device)


def _scale_joints(task: Task, field: str, factor: Share, robot: str) -> None:
    live = task.articulation(robot)
    every = range(task.simulator.model.nv)
    columns = task.constant(("joints", robot), lambda: _indices(task, every[live.joint_dofs]))
    _scale(task, field, columns, task.uniform(*factor, live.num_joints))


def _scale(task: Task, field: str, ids: Tensor, factor: Tensor) -> None:
    _set(task, field, ids, _nominal(task, field)[ids] * factor)


def _set(task: Task, field: str, ids: Tensor, value: Tensor) -> None:
    """Write `value`, shape `[num_envs, ids, ...]`, into those rows of a field where the term may."""
    values = task.simulator.model_field(field)
    current = values.index_select(1, ids)
    values.index_copy_(1, ids, torch.where(rows(task.mask, like=current), value, current))


def _bodies(task: Task, pattern: str, robot: str) -> Tensor:
    def find() -> Tensor:
        live = task.articulation(robot)
        names = matching(pattern, live.body_names, what=f"body of {robot!r}")
        return _indices(task, [live.root_id + live.body_index(name) for name in names])

    return task.constant(("bodies", pattern, robot), find)


def _shapes(task: Task, robot: str) -> Tensor:
    """Which shapes are the robot's or the world's, bool `[shapes]`."""

    def find() -> Tensor:
        live = task.articulation(robot)
        owner = torch.as_tensor(task.simulator.model.geom_bodyid).to(task.device)
        first, last = live.root_id, live.root_id + len(live.body_names)
        return (owner == 0) | ((owner >= first) & (owner < last))

    return task.constant(("shapes", robot), find)


def _actuators(task: Task, name: str) -> Tensor:
    def find() -> Tensor:
        if name not in task.actuators:
            raise TaskError(f"{type(task).__name__} has no actuator {name!r}.{suggest(name, task.actuators)}")
        model = task.simulator.model
        ids = [i for i in range(model.nu) if model.actuator(i).name.startswith(f"{name}:")]
        if (model.actuator_biastype[ids] != mujoco.mjtBias.mjBIAS_AFFINE).any():
            raise TaskError(f"{name!r} of {type(task).__name__} controls neither positions nor velocities: no gains.")
        return _indices(task, ids)

    return task.constant(("actuators", name), find)
