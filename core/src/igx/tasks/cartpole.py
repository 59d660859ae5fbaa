"""Cartpole: keep a pole upright by pushing the cart it stands on."""

import math

import torch
from pydantic import Field
from torch import Tensor

from igx.sim.actuators import JointEffort
from igx.sim.declared import setting
from igx.sim.entities import Articulation
from igx.task import Task, TaskConfig, observation, on_reset, reward, termination


class CartpoleConfig(TaskConfig):
    """Settings of cartpole."""

    episode_steps: int = Field(500, gt=0, description="Steps after which an episode is cut off [steps].")
    clip_observations: float | None = Field(5.0, gt=0, description="Observations are clipped to plus and minus this.")
    max_effort: float = Field(400.0, gt=0, description="Force of a full action on the cart [N].")
    reach: float = Field(3.0, gt=0, le=4.0, description="Distance of the cart that ends the episode [m].")
    fail_cost: float = Field(-2.0, le=0, description="Reward of the step in which the episode fails.")


class Cartpole(Task):
    """Keep the pole upright; the episode fails when it lies down or the cart runs off."""

    config: CartpoleConfig
    robot = Articulation("cartpole")
    effort = JointEffort(robot, joints="slider_to_cart", scale=setting("max_effort"))

    def setup(self) -> None:
        self.cart = self.robot.joint_index("slider_to_cart")
        self.pole = self.robot.joint_index("cart_to_pole")

    # What the policy sees, in this order.

    @observation
    def cart_pos(self) -> Tensor:
        """Distance from the middle of the rail [m]."""
        return self.robot.joint_pos[:, self.cart]

    @observation
    def cart_vel(self) -> Tensor:
        """Velocity along the rail [m/s]."""
        return self.robot.joint_vel[:, self.cart]

    @observation
    def pole_angle(self) -> Tensor:
        """Angle from upright [rad]."""
        return self.robot.joint_pos[:, self.pole]

    @observation
    def pole_vel(self) -> Tensor:
        """Angular velocity of the pole [rad/s]."""
        return self.robot.joint_vel[:, self.pole]

    # What it is paid for.

    @reward(weight=1.0)
    def alive(self) -> Tensor:
        """1 in every step."""
        return torch.ones_like(self.pole_angle())

    @reward(weight=-1.0)
    def tilt(self) -> Tensor:
        """Squared angle from upright."""
        return self.pole_angle().square()

    @reward(weight=-0.01)
    def cart_speed(self) -> Tensor:
        """Speed of the cart."""
        return self.cart_vel().abs()

    @reward(weight=-0.005)
    def pole_speed(self) -> Tensor:
        """Speed of the pole."""
        return self.pole_vel().abs()

    def total_reward(self, weighted: Tensor) -> Tensor:
        return weighted.sum(-1).masked_fill(self.terminated, self.config.fail_cost)

    # When it ends, and how it starts again.

    @termination
    def out_of_reach(self) -> Tensor:
        """The cart ran off."""
        return self.cart_pos().abs() > self.config.reach

    @termination
    def fallen(self) -> Tensor:
        """The pole lies down."""
        return self.pole_angle().abs() > math.pi / 2

    @on_reset
    def scatter_joints(self) -> None:
        """Start near upright, slowly moving."""
        joints = self.robot.num_joints
        self.robot.set_joints(pos=self.uniform(-0.1, 0.1, joints), vel=self.uniform(-0.25, 0.25, joints))
