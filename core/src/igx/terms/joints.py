"""Terms about the joints of a robot."""

import torch
from torch import Tensor

from igx.task.task import Task


def joint_pos(task: Task, robot: str = "robot") -> Tensor:
    """Joint positions less their defaults [rad or m], shape `[num_envs, joints]`."""
    live = task.articulation(robot)
    return live.joint_pos - live.default_joint_pos


def joint_pos_scaled(task: Task, robot: str = "robot") -> Tensor:
    """Joint positions with their limits at -1 and 1, shape `[num_envs, joints]`."""
    live = task.articulation(robot)
    return live.joint_pos_scaled


def joint_vel(task: Task, robot: str = "robot") -> Tensor:
    """Joint velocities [rad/s or m/s], shape `[num_envs, joints]`."""
    live = task.articulation(robot)
    return live.joint_vel


def joint_effort(task: Task, robot: str = "robot") -> Tensor:
    """What the actuators exerted on each joint in the last substep [N·m or N], shape `[num_envs, joints]`."""
    live = task.articulation(robot)
    return live.joint_effort


def joints_at_limit(task: Task, threshold: float = 0.99, robot: str = "robot") -> Tensor:
    """How many joints are beyond `threshold` of the way to their upper limit."""
    return (joint_pos_scaled(task, robot) > threshold).sum(-1, dtype=torch.float32)
