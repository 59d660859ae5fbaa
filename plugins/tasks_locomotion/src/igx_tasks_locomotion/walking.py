"""What walking tasks share: how well a robot follows the velocity it is told, what that pays, and what a gait costs."""

from typing import Protocol

from torch import Tensor

from igx.math import exp_kernel
from igx.sim.entities import ArticulationState
from igx.sim.sensors import SensorState
from igx.task.declare import BoundTerm

ANYMAL_POSE = {"L._HAA": 0.03, "R._HAA": -0.03, ".F_HFE": 0.4, ".H_HFE": -0.4, ".F_KFE": -0.8, ".H_KFE": 0.8}
"""The default joint positions of IsaacGymEnvs' ANYmal tasks [rad]."""

ANYMAL_STEP = 0.02
"""Duration of a step of these tasks [s], which is a factor of each of their weights."""


class Walker(Protocol):
    """A task with a robot that walks as it is told; what returns a tensor is `shared`.

    Attributes:
        wanted: velocities forward and to the left [m/s] and yaw rate [rad/s] that it is told, shape `[num_envs, 3]`.
        lin_vel_b: velocity of the robot's root in its own frame [m/s], shape `[num_envs, 3]`.
    """

    robot: ArticulationState
    wanted: BoundTerm
    lin_vel_b: BoundTerm

    def uniform(self, low: float, high: float, width: int) -> Tensor:
        """Random numbers, shape `[num_envs, width]`."""
        ...


def commanded(task: Walker) -> Tensor:
    """Velocities forward and to the left [m/s] and yaw rate [rad/s] that are wanted."""
    return task.wanted()


def force(sensor: SensorState) -> Tensor:
    """How strongly each body of a sensor of contact forces is pushed [N], shape `[num_envs, bodies]`."""
    return sensor().unflatten(1, (-1, 3)).norm(dim=-1)


# Metrics.


def lin_vel_error(task: Walker) -> Tensor:
    """Distance of the velocity in the ground plane from the one that is wanted [m/s]."""
    return (task.wanted()[:, :2] - task.lin_vel_b()[:, :2]).norm(dim=-1)


def yaw_rate_error(task: Walker) -> Tensor:
    """Distance of the yaw rate from the one that is wanted [rad/s]."""
    return (task.wanted()[:, 2] - task.robot.root_ang_vel_b[:, 2]).abs()


# Rewards.


def lin_vel_tracked(task: Walker, tolerance: float = 0.5) -> Tensor:
    """How near the velocity in the ground plane is to the one that is wanted: 1, or 37 % at the tolerance [m/s]."""
    return exp_kernel(lin_vel_error(task), tolerance)


def yaw_rate_tracked(task: Walker, tolerance: float = 0.5) -> Tensor:
    """How near the yaw rate is to the one that is wanted: 1, or 37 % at the tolerance [rad/s]."""
    return exp_kernel(yaw_rate_error(task), tolerance)


def bounce(task: Walker) -> Tensor:
    """Squared vertical velocity, in the robot's frame [m²/s²]."""
    return task.lin_vel_b()[:, 2].square()


def sway(task: Walker) -> Tensor:
    """Squared roll and pitch rates [rad²/s²]."""
    return task.robot.root_ang_vel_b[:, :2].square().sum(-1)


def effort(task: Walker) -> Tensor:
    """Sum of the squared joint efforts [N²·m²]."""
    return task.robot.joint_effort.square().sum(-1)


# Resets.


def scatter_joints(task: Walker) -> None:
    """Start with the angles of the default pose times random factors, and joints that move a little."""
    robot = task.robot
    pos = robot.default_joint_pos * task.uniform(0.5, 1.5, robot.num_joints)
    robot.set_joints(pos=pos, vel=task.uniform(-0.1, 0.1, robot.num_joints))
