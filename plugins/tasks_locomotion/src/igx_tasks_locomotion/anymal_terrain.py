"""ANYmal on rough ground: walk at a commanded velocity over slopes, stairs and blocks, as IsaacGymEnvs has it."""

import math

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
from igx.terms.commands import velocity_to_follow
from igx_tasks_locomotion import walking


class AnymalTerrainConfig(TaskConfig):
    """Settings of ANYmal on rough ground."""

    clip_actions: float | None = Field(None, gt=0, description="Actions are clipped to plus and minus this.")
    terrain: TerrainConfig = TerrainConfig()
    stiffness: float = Field(80.0, gt=0, description="Of the joints' position control [N·m/rad].")
    damping: float = Field(2.0, ge=0, description="Of the joints' position control [N·m·s/rad].")
    action_scale: float = Field(0.5, gt=0, description="How far an action of 1 moves a target from its default [rad].")
    touch: float = Field(1.0, gt=0, description="Force from which a body counts as touching something [N].")
    air_time: float = Field(0.5, gt=0, description="Time in the air from which a foot's step is worth something [s].")


class AnymalTerrain(Task):
    """Walk at the velocity that an episode commands, over ground that gets harder with how far the robot comes.

    As in IsaacGymEnvs 1.5.1, built as it was meant where that differs from what it does:

    - A step is four substeps of 5 ms; there a fifth is simulated, with the last torque or none.
    - Time in the air is counted in steps of 20 ms; there in steps of 5 ms, so that no step is ever worth anything.
    - An episode's end by time is told to the learner; there it never is.
    - Levels go down by how far each robot came of what it was told; there all commands count together for each.
    - Finishing the last level leads to a random one; there to the first.
    - The yaw rate that a policy sees after a reset is that of its new state; there still the old one's.
    - Who is told to stand stands; there it turns to a heading of 0.
    - Robots are pushed by adding to their velocity, each in its own time; there all at once, by setting it.
    """

    config: AnymalTerrainConfig
    ground = Terrain(setting("terrain"))
    robot = Articulation(
        "anymal_c_minimal",
        spawn_height=0.62,
        default_joint_pos=walking.ANYMAL_POSE,
    )
    position = JointPosition(
        robot, stiffness=setting("stiffness"), damping=setting("damping"), scale=setting("action_scale")
    )
    base_force = Sensor(robot, "contact_force", on="base")
    knee_force = Sensor(robot, "contact_force", on=".*_THIGH")
    foot_force = Sensor(robot, "contact_force", on=".*_SHANK")

    def setup(self) -> None:
        self.air_time = self.buffer("air_time", len(self.foot_force.part_names))
        self.landed_after = self.buffer("landed_after", len(self.foot_force.part_names))
        self.last_joint_vel = self.buffer("last_joint_vel", self.robot.num_joints)
        self.joint_vel_change = self.buffer("joint_vel_change", self.robot.num_joints)

    def update(self) -> None:
        touches = self.foot_force().unflatten(1, (-1, 3))[..., 2] > self.config.touch
        lands = touches & (self.air_time > 0.0)
        self.air_time += self.step_dt
        self.landed_after.copy_(torch.where(lands, self.air_time, 0.0))
        self.air_time.masked_fill_(touches, 0.0)
        self.joint_vel_change.copy_(self.robot.joint_vel - self.last_joint_vel)
        self.last_joint_vel.copy_(self.robot.joint_vel)

    # What is commanded, and how well it is followed.

    velocity = command(
        terms.velocity_command, lin_vel_x=(-1.0, 1.0), lin_vel_y=(-1.0, 1.0), turn=(-math.pi, math.pi), slowest=0.25
    )

    @shared
    def wanted(self) -> Tensor:
        """Velocities forward and to the left [m/s] and yaw rate [rad/s] that are wanted now, shape `[num_envs, 3]`."""
        return velocity_to_follow(self.velocity(), self.robot, heading_gain=0.5)

    lin_vel_b = shared(terms.root_lin_vel_b)
    lin_vel_error = metric(walking.lin_vel_error)
    yaw_rate_error = metric(walking.yaw_rate_error)
    level = metric(terms.terrain_level)

    # What the policy sees, in this order.
    lin_vel = observation(terms.root_lin_vel_b, noise=0.1, scale=2.0)
    ang_vel = observation(terms.root_ang_vel_b, noise=0.2, scale=0.25)
    gravity = observation(terms.projected_gravity, noise=0.05)

    commanded = observation(walking.commanded, scale=(2.0, 2.0, 0.25))

    @observation(noise=0.01)
    def joint_pos(self) -> Tensor:
        """Joint positions [rad]."""
        return self.robot.joint_pos

    joint_vel = observation(terms.joint_vel, noise=1.5, scale=0.05)
    heights = observation(terms.height_scan, noise=0.06, scale=5.0)
    last_action = observation(terms.last_action)

    # What it is paid for. Costs are positive quantities with negative weights.

    lin_vel_tracked = reward(walking.lin_vel_tracked, weight=1.0 * walking.ANYMAL_STEP)
    yaw_rate_tracked = reward(walking.yaw_rate_tracked, weight=0.5 * walking.ANYMAL_STEP)
    bounce = reward(walking.bounce, weight=-4.0 * walking.ANYMAL_STEP)
    sway = reward(walking.sway, weight=-0.05 * walking.ANYMAL_STEP)
    effort = reward(walking.effort, weight=-2.0e-5 * walking.ANYMAL_STEP)

    @reward(weight=-5.0e-4 * walking.ANYMAL_STEP)
    def jerkiness(self) -> Tensor:
        """Sum of the squared changes of the joint velocities in a step [rad²/s²]."""
        return self.joint_vel_change.square().sum(-1)

    @reward(weight=-0.25 * walking.ANYMAL_STEP)
    def collision(self) -> Tensor:
        """How many thighs touch something."""
        return (walking.force(self.knee_force) > self.config.touch).sum(-1)

    action_rate = reward(terms.action_rate_l2, weight=-0.01 * walking.ANYMAL_STEP)

    @reward(weight=1.0 * walking.ANYMAL_STEP)
    def stepping(self, slowest: float = 0.1) -> Tensor:
        """Time that landing feet were in the air beyond what makes a step [s], for those that are to move."""
        landed = self.landed_after > 0.0
        beyond = torch.where(landed, self.landed_after - self.config.air_time, 0.0).sum(-1)
        return beyond * (self.velocity()[:, :2].norm(dim=-1) > slowest)

    def total_reward(self, weighted: Tensor) -> Tensor:
        return weighted.sum(-1).clamp(min=0.0)

    # When it ends, how it starts again, and what happens meanwhile.

    @termination
    def touched(self) -> Tensor:
        """The base touches the ground."""
        return self.base_force().norm(dim=-1) > self.config.touch

    start = on_reset(terms.start_on_terrain, spread=0.5)

    scatter_joints = on_reset(walking.scatter_joints)

    @on_reset
    def forget_steps(self) -> None:
        """Start with no foot in the air, and with joints that have not moved before."""
        for buffer in (self.air_time, self.landed_after, self.last_joint_vel, self.joint_vel_change):
            self.write(buffer, 0.0)

    friction = on_start(terms.friction, sliding=(0.5, 1.25))
    push = on_interval(terms.push, every_s=15.0, lin_vel=(-1.0, 1.0))
    climb = curriculum(terms.climb_by_distance, up=0.5, down=0.25, command="velocity")
