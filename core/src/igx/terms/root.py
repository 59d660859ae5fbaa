"""Terms about the root body of a robot, and the forces on its bodies."""

import math

import torch
from torch import Tensor

from igx.task.task import Task
from igx.terms.root_frame import in_root_frame, root_axes, root_yaw


def root_height(task: Task, robot: str = "robot") -> Tensor:
    """Height of the root [m]."""
    live = task.articulation(robot)
    return live.root_pos[:, 2]


def root_quat(task: Task, robot: str = "robot") -> Tensor:
    """Orientation of the root (w, x, y, z), shape `[num_envs, 4]`."""
    live = task.articulation(robot)
    return live.root_quat


def root_lin_vel_b(task: Task, robot: str = "robot") -> Tensor:
    """Velocity of the root in its own frame [m/s], shape `[num_envs, 3]`."""
    live = task.articulation(robot)
    return in_root_frame(task, live.root_lin_vel_w, robot)


def root_ang_vel_b(task: Task, robot: str = "robot") -> Tensor:
    """Angular velocity of the root in its own frame [rad/s], shape `[num_envs, 3]`."""
    live = task.articulation(robot)
    return live.root_ang_vel_b


def root_yaw_roll(task: Task, wrapped: bool = False, robot: str = "robot") -> Tensor:  # noqa: FBT001, FBT002
    """Yaw, then roll of the root [rad], shape `[num_envs, 2]`.

    Each is in [0, 2 pi), as IsaacGymEnvs' ant sees them, or `wrapped` to (-pi, pi], as its humanoid does.
    """
    axes = root_axes(task, robot)
    roll = torch.atan2(axes[2, 1], axes[2, 2])
    angles = torch.stack([root_yaw(task, robot), roll], dim=-1)
    return angles if wrapped else angles.remainder(2.0 * math.pi)


def root_upright(task: Task, robot: str = "robot") -> Tensor:
    """Cosine of the root's tilt from upright."""
    return root_axes(task, robot)[2, 2]


def projected_gravity(task: Task, robot: str = "robot") -> Tensor:
    """Direction of gravity in the root's frame, shape `[num_envs, 3]`; (0, 0, -1) when upright."""
    return -root_axes(task, robot)[2].T


def root_lin_vel_w(task: Task, robot: str = "robot") -> Tensor:
    """Velocity of the root in the world [m/s], shape `[num_envs, 3]`."""
    live = task.articulation(robot)
    return live.root_lin_vel_w


def root_ang_vel_w(task: Task, robot: str = "robot") -> Tensor:
    """Angular velocity of the root in the world [rad/s], shape `[num_envs, 3]`."""
    live = task.articulation(robot)
    return live.root_ang_vel_w


def wrench(task: Task, robot: str = "robot") -> Tensor:
    """Contact force [N] and torque [N·m] on each wrench body, in its frame, shape `[num_envs, 6 * bodies]`."""
    live = task.articulation(robot)
    return live.wrench


def root_below(task: Task, height: float, robot: str = "robot") -> Tensor:
    """Whether the root is lower than `height` [m]."""
    return root_height(task, robot) < height
