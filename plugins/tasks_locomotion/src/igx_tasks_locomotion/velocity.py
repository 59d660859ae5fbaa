"""Velocity: a legged robot, whichever the settings name, walks as fast and in the direction it is told to."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from igx import (
    Articulation,
    JointPosition,
    Sensor,
    Task,
    TaskConfig,
    Terrain,
    TerrainConfig,
    command,
    curriculum,
    metric,
    observation,
    on_interval,
    on_reset,
    on_start,
    reward,
    setting,
    shared,
    termination,
    terms,
)
from igx.config.base import Config
from igx.errors import TaskError
from igx.math import exp_kernel, quat_from_axis_angle
from igx.sim.declared import per_joint
from igx.terms.commands import velocity_to_follow
from igx_tasks_locomotion import walking

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class RobotConfig(Config):
    """What the task has to know of a robot.

    What is told by joint is a number, or a mapping of regular expressions to numbers, of which the last that matches
    counts; one that an override adds to a preset's comes last.
    """

    model: str = Field(description="Name of an igx-assets model, menagerie:NAME, package:PACKAGE/path.xml, or a path.")
    spawn_height: float = Field(gt=0, description="Height of the root above the ground at a reset [m].")
    default_joint_pos: dict[str, float] = Field(description="The pose that it stands in [rad].")
    stiffness: Positive | dict[str, Positive] = Field(description="Of the joints' position control [N·m/rad].")
    damping: NotNegative | dict[str, NotNegative] = Field(description="Of the joints' position control [N·m·s/rad].")
    action_scale: Positive | dict[str, Positive] = Field(
        description="How far an action of 1 moves a target from the default pose [rad]."
    )
    trunk: str = Field(description="Bodies that must not touch anything, a regular expression.")
    feet: str = Field(description="Bodies that it stands on.")
    soles: str = Field(description="Sites at the feet, one for each, in the order of the feet.")
    pose_tolerance: Positive | dict[str, Positive] = Field(
        0.3, description="Deviation from the default pose [rad] at which the reward for the pose is 37 %."
    )
    swing_height: float = Field(0.08, gt=0, description="Height that feet should swing at [m].")


class VelocityConfig(TaskConfig):
    """Settings of walking at a commanded velocity."""

    clip_actions: float | None = Field(None, gt=0, description="Actions are clipped to plus and minus this.")
    robot: RobotConfig = Field(description="The robot.")
    terrain: TerrainConfig | None = Field(None, description="Rough ground; null for a level floor.")
    heading_gain: float | None = Field(
        0.5, gt=0, description="Yaw rate by which a heading is taken [1/s]; null if yaw rates are commanded themselves."
    )
    steepest_tilt: float = Field(70.0, gt=0, le=180, description="Tilt of the root that ends the episode [deg].")


class Velocity(Task):
    """Walk at the velocity that is commanded, upright and without haste.

    Rewards are of the kind that mjlab and Isaac Lab pay for their velocity tasks: a kernel of the tracking errors, and
    small costs that make a gait: steps instead of sliding, a pose near the default one, smooth actions. Other robots
    are other settings of `task.robot`. On rough ground (`task.terrain`) the policy sees the heights around it, and
    robots that come far go on to harder levels.
    """

    config: VelocityConfig
    ground = Terrain(setting("terrain"))
    robot = Articulation(
        setting("robot.model"),
        spawn_height=setting("robot.spawn_height"),
        default_joint_pos=setting("robot.default_joint_pos"),
    )
    position = JointPosition(
        robot,
        stiffness=setting("robot.stiffness"),
        damping=setting("robot.damping"),
        scale=setting("robot.action_scale"),
    )
    trunk_force = Sensor(robot, "contact_force", on=setting("robot.trunk"))
    foot_force = Sensor(robot, "contact_force", on=setting("robot.feet"))
    sole_pos = Sensor(robot, "site_pos", on=setting("robot.soles"))
    sole_vel = Sensor(robot, "site_lin_vel", on=setting("robot.soles"))

    def setup(self) -> None:
        feet, bodies = len(self.sole_pos.part_names), len(self.foot_force.part_names)
        if feet != bodies:
            raise TaskError(
                f"task.robot.soles matches {feet} sites and task.robot.feet {bodies} bodies; each foot needs one sole."
            )
        self.air_time = self.buffer("air_time", feet)
        self.pose_tolerance = self.tensor(
            per_joint(self.config.robot.pose_tolerance, self.robot.joint_names, what="task.robot.pose_tolerance")
        )
        self.up = self.tensor((0.0, 0.0, 1.0))
        self.least_upright = math.cos(math.radians(self.config.steepest_tilt))

    def update(self) -> None:
        self.air_time += self.step_dt
        self.air_time.masked_fill_(self.touches(), 0.0)

    # What is commanded, and how well it is followed.

    velocity = command(terms.velocity_command, every_s=(3.0, 8.0), turn=(-math.pi, math.pi), standing=0.1, slowest=0.1)

    @shared
    def wanted(self) -> Tensor:
        """Velocities forward and to the left [m/s] and yaw rate [rad/s] that are wanted now, shape `[num_envs, 3]`."""
        return velocity_to_follow(self.velocity(), self.robot, heading_gain=self.config.heading_gain)

    @shared
    def moves(self) -> Tensor:
        """Whether the robot is to move at all, bool `[num_envs]`."""
        return (self.velocity() != 0.0).any(-1)

    lin_vel_b = shared(terms.root_lin_vel_b)
    lin_vel_error = metric(walking.lin_vel_error)
    yaw_rate_error = metric(walking.yaw_rate_error)
    level = metric(terms.terrain_level)

    # What the policy sees, in this order; heights on rough ground only.

    lin_vel = observation(terms.root_lin_vel_b, noise=0.1)
    ang_vel = observation(terms.root_ang_vel_b, noise=0.2, scale=0.25)
    gravity = observation(terms.projected_gravity, noise=0.05)
    commanded = observation(walking.commanded)
    joint_pos = observation(terms.joint_pos, noise=0.01)
    joint_vel = observation(terms.joint_vel, noise=1.5, scale=0.05)
    last_action = observation(terms.last_action)
    heights = observation(terms.height_scan, noise=0.05, below=setting("robot.spawn_height"), enabled=False)

    # What it is paid for. Costs are positive quantities with negative weights.

    lin_vel_tracked = reward(walking.lin_vel_tracked, weight=2.0)
    yaw_rate_tracked = reward(walking.yaw_rate_tracked, weight=1.0)

    @reward(weight=0.5)
    def upright(self, tolerance: float = 0.45) -> Tensor:
        """How upright the root is."""
        return exp_kernel(terms.projected_gravity(self)[:, :2].norm(dim=-1), tolerance)

    @reward(weight=0.5)
    def pose(self) -> Tensor:
        """How near the joints are to the default pose."""
        deviation = terms.joint_pos(self) / self.pose_tolerance
        return torch.exp(-deviation.square().mean(-1))

    @reward(weight=0.5)
    def stepping(self, shortest: float = 0.05, longest: float = 0.5) -> Tensor:
        """Share of the feet that have been in the air for a step's time [s] while the robot is to move."""
        swings = (self.air_time > shortest) & (self.air_time < longest)
        return swings.float().mean(-1) * self.moves()

    @reward(weight=-1.0)
    def low_swing(self) -> Tensor:
        """Squared distance of the feet from the height to swing at [m²], times their speed [m/s], summed."""
        height = self.sole_heights() - self.config.robot.swing_height
        return (height.square() * self.sole_speeds()).sum(-1) * self.moves()

    @reward(weight=-0.1)
    def slip(self) -> Tensor:
        """Sum of the squared speeds of the feet that touch the ground [m²/s²]."""
        return (self.sole_speeds().square() * self.touches()).sum(-1)

    bounce = reward(walking.bounce, weight=-0.5)
    sway = reward(walking.sway, weight=-0.05)
    action_rate = reward(terms.action_rate_l2, weight=-0.01)

    @reward(weight=-1.0)
    def beyond_limits(self, share: float = 0.9) -> Tensor:
        """By how much joints are beyond a share of the way to their limits, summed; 0 for joints without limits."""
        return (self.robot.joint_pos_scaled.abs() - share).clamp(min=0.0).nan_to_num(0.0).sum(-1)

    effort = reward(walking.effort, weight=-2.0e-5)

    # Feet.

    @shared
    def touches(self) -> Tensor:
        """Whether each foot touches something, bool `[num_envs, feet]`."""
        return walking.force(self.foot_force) > 1.0

    def sole_heights(self) -> Tensor:
        """Heights of the feet above the ground below them [m], shape `[num_envs, feet]`."""
        soles = self.sole_pos().unflatten(1, (-1, 3))
        return soles[..., 2] - self.ground.height_at(soles[..., :2])

    @shared
    def sole_speeds(self) -> Tensor:
        """Speeds of the feet in the ground plane [m/s], shape `[num_envs, feet]`."""
        return self.sole_vel().unflatten(1, (-1, 3))[..., :2].norm(dim=-1)

    # When it ends, how it starts again, and what happens meanwhile.

    @termination
    def fallen(self) -> Tensor:
        """The root is tilted too far."""
        return terms.root_upright(self) < self.least_upright

    @termination
    def trunk_touches(self) -> Tensor:
        """A body that must not touch anything does."""
        return (walking.force(self.trunk_force) > 1.0).any(-1)

    start = on_reset(terms.start_on_terrain, spread=0.5)

    @on_reset
    def face_anywhere(self) -> None:
        """Start with any heading."""
        yaw = self.uniform(-math.pi, math.pi, 1)[:, 0]
        self.robot.set_root(quat=quat_from_axis_angle(self.up.expand(self.num_envs, -1), yaw))

    @on_reset
    def scatter_joints(self, spread: float = 0.1) -> None:
        """Start with joints a little off the default pose [rad], and no foot in the air."""
        self.write(self.air_time, 0.0)
        self.robot.set_joints(pos=self.robot.default_joint_pos + self.uniform(-spread, spread, self.robot.num_joints))

    friction = on_start(terms.friction, sliding=(0.4, 1.2))
    load = on_start(terms.center_of_mass, offset=(-0.02, 0.02), bodies=setting("robot.trunk"))
    push = on_interval(terms.push, every_s=(5.0, 8.0), lin_vel=(-0.5, 0.5), ang_vel=(-0.3, 0.3))
    climb = curriculum(terms.climb_by_distance, up=0.5, down=0.25, command="velocity")
