"""What the flying tasks are paid for: being close to a target and, the closer the more, level and without spin."""

from typing import Protocol

from torch import Tensor

from igx.math import upright
from igx.sim.entities import ArticulationState


class Flyer(Protocol):
    """A task with a robot that flies to a target."""

    robot: ArticulationState

    def to_target(self) -> Tensor:
        """From the robot to the target, in the world [m], shape `[num_envs, 3]`."""
        ...


def distance(task: Flyer) -> Tensor:
    """Distance to the target [m]."""
    return task.to_target().norm(dim=-1)


def near(task: Flyer) -> Tensor:
    """1 at the target, one half 1 m away."""
    return 1.0 / (1.0 + distance(task).square())


def near_and_level(task: Flyer) -> Tensor:
    """Close to the target and upright: 1 for both, one fifth of it upside down."""
    tilt = 1.0 - upright(task.robot.root_quat)
    return near(task) / (1.0 + tilt.square())


def near_and_steady(task: Flyer) -> Tensor:
    """Close to the target and without spin: 1 for both, half of it at 1 rad/s about the world's vertical."""
    spin = task.robot.root_ang_vel_w[:, 2]
    return near(task) / (1.0 + spin.square())


def beyond(task: Flyer, limit: float) -> Tensor:
    """Whether the target is farther away than `limit` [m]."""
    return distance(task) > limit
