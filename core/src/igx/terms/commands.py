"""Commands that legged and wheeled robots follow."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from igx.config.ranges import Range
from igx.math import wrap_to_pi, yaw
from igx.sim.entities import ArticulationState
from igx.task.task import Task


def velocity_command(
    task: Task,
    lin_vel_x: Range = (-1.0, 1.0),
    lin_vel_y: Range = (-1.0, 1.0),
    turn: Range = (-math.pi, math.pi),
    standing: Annotated[float, Field(ge=0, le=1)] = 0.0,
    slowest: Annotated[float, Field(ge=0)] = 0.0,
) -> Tensor:
    """Velocities to move at in the root's frame, and a turn, shape `[num_envs, 3]`; `velocity_to_follow` resolves it.

    Args:
        task: whose random numbers are drawn.
        lin_vel_x: forward [m/s].
        lin_vel_y: to the left [m/s].
        turn: yaw rate [rad/s], or the heading to take [rad].
        standing: share of the commands that are to stand still.
        slowest: speed [m/s] below which a command is one to stand still.
    """
    ranges = (lin_vel_x, lin_vel_y, turn)
    low, high = task.constant(("velocity_command", *ranges), lambda: task.tensor(ranges).unbind(-1))
    drawn = task.uniform(low, high, 3)
    moves = drawn[:, :2].norm(dim=-1) >= slowest
    if standing:
        moves = moves & (task.uniform(0.0, 1.0, 1)[:, 0] >= standing)
    return torch.where(moves[:, None], drawn, 0.0)


def velocity_to_follow(
    command: Tensor, robot: ArticulationState, *, heading_gain: float | None = None, fastest_turn: float = 1.0
) -> Tensor:
    """Velocities forward and to the left [m/s] and yaw rate [rad/s] that a command means now, shape `[num_envs, 3]`.

    Args:
        command: as `velocity_command` gives it.
        robot: who follows it.
        heading_gain: with which the yaw rate makes up for a wrong heading [1/s]; None if the command is a yaw rate.
        fastest_turn: yaw rate that a wrong heading leads to at most [rad/s].
    """
    if heading_gain is None:
        return command
    moves = (command != 0.0).any(-1)
    error = wrap_to_pi(command[:, 2] - yaw(robot.root_quat))
    rate = (heading_gain * error).clamp(-fastest_turn, fastest_turn)
    return torch.stack([command[:, 0], command[:, 1], torch.where(moves, rate, 0.0)], dim=-1)
