"""What running tasks share: a far target in the ground plane, how the robot is turned to it, and what running pays."""

import math
from typing import Protocol

import torch
from torch import Tensor

from igx import shared
from igx.math import wrap_to_pi
from igx.sim.entities import ArticulationState
from igx.task.declare import BoundTerm
from igx.terms.root_frame import root_axes, root_yaw


class Runner(Protocol):
    """A task with a robot that runs towards a target.

    Attributes:
        target: where to run, in the ground plane [m], shape `[2]`.
        distance: `distance` below, remembered.
    """

    robot: ArticulationState
    target: Tensor
    distance: BoundTerm
    step_dt: float

    def uniform(self, low: float, high: float, width: int) -> Tensor:
        """Random numbers, shape `[num_envs, width]`."""
        ...


@shared
def to_target(task: Runner) -> Tensor:
    """From the robot to the target in the ground plane [m], shape `[num_envs, 2]`."""
    return task.target - task.robot.root_pos[:, :2]


def distance(task: Runner) -> Tensor:
    """Distance to the target in the ground plane [m]."""
    return to_target(task).norm(dim=-1)


# Observations.


def target_angle(task: Runner, wrapped: bool = False) -> Tensor:  # noqa: FBT001, FBT002  # a term's parameter
    """Direction of the target less the yaw [rad]: of the yaw in [0, 2 pi), or itself wrapped to [-pi, pi)."""
    x, y = to_target(task).unbind(-1)
    direction, turned = torch.atan2(y, x), root_yaw(task)
    return wrap_to_pi(direction - turned) if wrapped else direction - turned.remainder(2.0 * math.pi)


def heading(task: Runner) -> Tensor:
    """Cosine between where the torso faces and the target's direction in the ground plane."""
    axes, (x, y) = root_axes(task), to_target(task).unbind(-1)
    return torch.addcmul(axes[0, 0] * x, axes[1, 0], y) / task.distance().clamp(min=1e-9)


# Rewards.


def progress(task: Runner) -> Tensor:
    """Speed towards the target [m/s]."""
    return (task.distance.previous - task.distance()) / task.step_dt


def standing(task: Runner, threshold: float = 0.93) -> Tensor:
    """Whether the torso is level: the cosine of its tilt is above `threshold`."""
    return (root_axes(task)[2, 2] > threshold).float()


def on_course(task: Runner, threshold: float = 0.8) -> Tensor:
    """Whether the torso faces the target: 1 where `heading` is above `threshold`, less in proportion below."""
    return (heading(task) / threshold).clamp(max=1.0)


# Resets.


def scatter_joints(task: Runner) -> None:
    """Start in the default pose, joints a little off and moving."""
    robot = task.robot
    pos = robot.default_joint_pos + task.uniform(-0.2, 0.2, robot.num_joints)
    robot.set_joints(pos=pos, vel=task.uniform(-0.1, 0.1, robot.num_joints))
