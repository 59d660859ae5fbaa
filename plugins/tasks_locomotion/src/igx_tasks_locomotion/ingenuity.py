"""Ingenuity: a helicopter with two rotors flies from point to point, on Mars."""

import math

from pydantic import Field
from torch import Tensor

from igx import (
    Articulation,
    Task,
    TaskConfig,
    Thrust,
    metric,
    observation,
    on_reset,
    reward,
    setting,
    termination,
    terms,
)
from igx_tasks_locomotion import flying


class IngenuityConfig(TaskConfig):
    """Settings of Ingenuity."""

    episode_steps: int = Field(2000, gt=0, description="Steps after which an episode is cut off [steps].")
    clip_observations: float | None = Field(5.0, gt=0, description="Observations are clipped to plus and minus this.")
    target_steps: int = Field(500, gt=0, description="Steps after which the target is somewhere else [steps].")
    reach: float = Field(8.0, gt=0, description="Distance from the target that ends the episode [m].")
    crash_height: float = Field(0.5, gt=0, description="Height of the chassis that ends the episode [m].")


class Ingenuity(Task):
    """Fly to a target, which is somewhere else every `target_steps`; too far from it, or too low, the episode ends.

    Each rotor takes three actions: how far its thrust leans to the body's x and y, and the thrust, which may be
    negative. As in IsaacGymEnvs 1.5.1, except that nothing limits how fast the helicopter turns (there 4 pi rad/s),
    that the rotors do not spin for show, that the target is not drawn, that an episode has all of its 2000 steps and
    an action counts from the first one on (there the first action is discarded, and the last step left out), and that
    the quaternion is seen in the order (w, x, y, z). The presets set the gravity of Mars.
    """

    config: IngenuityConfig
    robot = Articulation("ingenuity")
    rotors = Thrust(robot, bodies="rotor_physics_.", scale=20.0, limits=(-20.0, 20.0), swivel=0.2)

    def setup(self) -> None:
        self.num_targets = math.ceil(self.config.episode_steps / self.config.target_steps)
        self.targets = self.buffer("targets", self.num_targets, 3)
        self.lowest, self.highest = self.tensor((-5.0, -5.0, 1.0)), self.tensor((5.0, 5.0, 2.0))
        self.spawn = self.tensor((0.0, 0.0, 1.0))
        self.nearest, self.farthest = self.tensor((-1.5, -1.5, -0.2)), self.tensor((1.5, 1.5, 1.5))

    def target(self) -> Tensor:
        """Where to fly, in the world [m], shape `[num_envs, 3]`; it changes in the step after each `target_steps`."""
        number = (self.episode_step - 1).clamp(min=0) // self.config.target_steps
        return self.targets.gather(1, number.view(-1, 1, 1).expand(-1, 1, 3))[:, 0]

    # What the policy sees, in this order.

    @observation(scale=1.0 / 3.0)
    def to_target(self) -> Tensor:
        """From the chassis to the target, in the world [m]."""
        return self.target() - self.robot.root_pos

    quat = observation(terms.root_quat)
    lin_vel = observation(terms.root_lin_vel_w, scale=0.5)
    ang_vel = observation(terms.root_ang_vel_w, scale=1.0 / math.pi)

    # What it is paid for.
    near = reward(flying.near, weight=1.0)
    level = reward(flying.near_and_level, weight=5.0)
    steady = reward(flying.near_and_steady, weight=1.0)
    distance = metric(flying.distance)

    # When it ends, and how it starts again.
    lost = termination(flying.beyond, limit=setting("reach"))
    crashed = termination(terms.root_below, height=setting("crash_height"))

    @on_reset
    def scatter(self) -> None:
        """Start level and at rest around the middle, with all of the episode's targets drawn."""
        self.robot.set_root(pos=self.spawn + self.uniform(self.nearest, self.farthest, 3))
        unit = self.uniform(0.0, 1.0, 3 * self.num_targets).unflatten(1, (-1, 3))
        self.write(self.targets, self.lowest + unit * (self.highest - self.lowest))
