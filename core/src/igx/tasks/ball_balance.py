"""Ball balance: catch a ball on a tray that stands on three legs, and keep it there."""

import math

import torch
from pydantic import Field
from torch import Tensor

from igx.math import inverse_kernel
from igx.sim.actuators import JointPosition
from igx.sim.entities import Articulation, RigidBody
from igx.task import Task, TaskConfig, observation, on_reset, reward, shared, termination

_BALL_RADIUS = 0.1


class BallBalanceConfig(TaskConfig):
    """Settings of ball balance."""

    episode_steps: int = Field(500, gt=0, description="Steps after which an episode is cut off [steps].")
    clip_observations: float | None = Field(5.0, gt=0, description="Observations are clipped to plus and minus this.")
    target: tuple[float, float, float] = Field((0.0, 0.0, 0.7), description="Where the ball should be [m].")
    drop_height: float = Field(0.15, gt=0, description="Height of the ball that ends the episode [m].")


class BallBalance(Task):
    """Keep the ball near `target`; the episode fails when it drops below `drop_height`.

    As in IsaacGymEnvs 1.5.1, except:

    - Its tray carries three force sensors of PhysX. Here the wrench is taken with which contacts, in effect the ball,
      push the tray, in the tray's axes; each of the three points shows that force, and its torque about itself. What
      the legs and gravity do to the tray is no part of it.
    - Of those sensors its policy sees the x component of the forces, but not y and z, and all of the torques, component
      by component, each across the sensors. That was meant to be one sensor after the other; the columns are kept.
    - An episode has all of its 500 steps, and an action counts from the first one on; there the first action is
      discarded, and the last step left out.
    - The knees' gains are a tenth, with the same ratio: as quick, but softer. Stiffer ones, in closed chains, are
      stable at shorter steps only.
    - The legs collide with nothing; the ball can't reach them before it has dropped.
    """

    config: BallBalanceConfig
    robot = Articulation("balance_bot", wrench_bodies="tray")
    ball = RigidBody(shape="sphere", size=(_BALL_RADIUS,), mass=0.837758, spawn_pos=(0.2, 0.0, 2.0))
    knees = JointPosition(robot, joints="lower_leg_joint.", stiffness=400.0, damping=10.0, scale=20.0, integrated=True)

    def setup(self) -> None:
        self.target = self.tensor(self.config.target)
        knees = [self.robot.joint_index(name) for name in self.knees.joint_names]
        self.driven = torch.tensor(knees, device=self.device)
        angles = (2.0 * math.pi / 3.0 * leg for leg in range(3))
        self.sensors = self.tensor([(0.4 * math.cos(angle), 0.4 * math.sin(angle), 0.0) for angle in angles])
        thrown = (0.001, 0.5), (-math.pi, math.pi), (1.0, 2.0), (0.0, 5.0)  # distance, angle, height, speed
        self.least, self.most = self.tensor(thrown).unbind(-1)
        self.fall = self.tensor(-5.0).expand(self.num_envs, 1)

    @shared
    def pushed(self) -> Tensor:
        """Contact force [N], then torque [N·m] on the tray."""
        return self.robot.wrench

    # What the policy sees, in this order.

    @observation
    def knee_pos(self) -> Tensor:
        """Angles of the driven joints [rad]."""
        return self.robot.joint_pos[:, self.driven]

    @observation
    def knee_vel(self) -> Tensor:
        """Angular velocities of the driven joints [rad/s]."""
        return self.robot.joint_vel[:, self.driven]

    @observation
    def ball_pos(self) -> Tensor:
        """Position of the ball [m]."""
        return self.ball.pos

    @observation
    def ball_vel(self) -> Tensor:
        """Velocity of the ball in the world [m/s]."""
        return self.ball.lin_vel_w

    @observation(scale=1.0 / 20.0)
    def sensor_force(self) -> Tensor:
        """Contact force on the tray along x, once for each sensor [N]."""
        return self.pushed()[:, :1].expand(-1, 3)

    @observation(scale=1.0 / 20.0)
    def sensor_torque(self) -> Tensor:
        """Its torque about each sensor: all x components, then y, then z [N·m]."""
        force, torque = self.pushed()[:, None].split(3, dim=-1)
        about_each = torque - torch.linalg.cross(self.sensors.expand(self.num_envs, -1, -1), force)
        return about_each.transpose(1, 2).flatten(1)

    # What it is paid for.

    @reward(weight=1.0)
    def held(self) -> Tensor:
        """1 for a ball that rests at the target, less with its distance and its speed."""
        distance, speed = (self.ball.pos - self.target).norm(dim=-1), self.ball.lin_vel_w.norm(dim=-1)
        return inverse_kernel(distance) * inverse_kernel(speed)

    # When it ends, and how it starts again.

    @termination
    def dropped(self) -> Tensor:
        """The ball fell off the tray."""
        return self.ball.pos[:, 2] < self.config.drop_height

    @on_reset
    def throw(self) -> None:
        """Drop the ball from somewhere above the tray, more or less towards its middle; the robot stands still."""
        distance, angle, height, speed = self.uniform(self.least, self.most, 4).split(1, dim=1)
        outward = torch.cat([angle.cos(), angle.sin()], dim=1)
        inward = (0.001 - distance) / 0.499 * speed * outward
        self.ball.set_state(
            pos=torch.cat([distance * outward, height], dim=1), lin_vel_w=torch.cat([inward, self.fall], dim=1)
        )
