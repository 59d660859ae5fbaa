"""Humanoid: run towards a far target on two legs."""

from pydantic import Field
from torch import Tensor

from igx import (
    Articulation,
    JointEffort,
    Task,
    TaskConfig,
    observation,
    on_reset,
    remembered,
    reward,
    setting,
    termination,
    terms,
)
from igx_tasks_locomotion import running

_LEG = (45.0, 45.0, 135.0, 90.0, 22.5, 22.5)  # hip x, z, y, knee, ankle y, x
_ARM = (67.5, 67.5, 45.0)  # shoulder 1, 2, elbow
_GEARS = (67.5, 67.5, 67.5, *_LEG, *_LEG, *_ARM, *_ARM)  # abdomen z, y, x, then right and left [N·m]


class HumanoidConfig(TaskConfig):
    """Settings of the humanoid."""

    target: tuple[float, float] = Field((1000.0, 0.0), description="Where to run, in the ground plane [m].")
    fall_height: float = Field(0.8, gt=0, description="Torso height that ends the episode [m].")
    death_cost: float = Field(-1.0, le=0, description="Reward of the step in which the humanoid falls.")


class Humanoid(Task):
    """Run towards `target`; the episode ends when the torso drops below `fall_height`.

    As in IsaacGymEnvs 1.5.1, except that the angle to the target is measured in the ground plane (there it is taken
    from the target's height), that what is seen of joint forces is what their motors exert, and of forces on the feet
    what contacts do, where PhysX' sensors may count more.
    """

    config: HumanoidConfig
    robot = Articulation("humanoid", spawn_height=1.34, wrench_bodies=".*_foot")
    effort = JointEffort(robot, scale=_GEARS)

    def setup(self) -> None:
        self.target = self.tensor(self.config.target)
        self.strength = self.tensor(_GEARS) / max(_GEARS)

    distance = remembered(running.distance)

    # What the policy sees, in this order.
    height = observation(terms.root_height)
    lin_vel = observation(terms.root_lin_vel_b)
    ang_vel = observation(terms.root_ang_vel_b, scale=0.25)
    yaw_roll = observation(terms.root_yaw_roll, wrapped=True)
    target_angle = observation(running.target_angle, wrapped=True)
    upright = observation(terms.root_upright)
    heading = observation(running.heading)
    joint_pos = observation(terms.joint_pos_scaled)
    joint_vel = observation(terms.joint_vel, scale=0.1)
    joint_effort = observation(terms.joint_effort, scale=0.01)
    foot_wrench = observation(terms.wrench, scale=0.01)
    last_action = observation(terms.last_action)

    # What it is paid for. Costs are positive quantities with negative weights.
    alive = reward(terms.alive, weight=2.0)
    progress = reward(running.progress, weight=1.0)
    standing = reward(running.standing, weight=0.1)
    on_course = reward(running.on_course, weight=0.5)
    action_cost = reward(terms.action_l2, weight=-0.01)

    @reward(weight=-0.05)
    def energy(self) -> Tensor:
        """Sum of |action × joint velocity × 0.1|, weighted by how strong the joint is."""
        return ((self.action * self.robot.joint_vel * 0.1).abs() * self.strength).sum(-1)

    @reward(weight=-0.25)
    def at_limit(self, threshold: float = 0.98) -> Tensor:
        """How far joints are from `threshold` of the way to their limits to these, weighted by their strength."""
        beyond = (self.robot.joint_pos_scaled.abs() - threshold).clamp(min=0.0) / (1.0 - threshold)
        return (beyond * self.strength).sum(-1)

    def total_reward(self, weighted: Tensor) -> Tensor:
        return weighted.sum(-1).masked_fill(self.terminated, self.config.death_cost)

    # When it ends, and how it starts again.
    fallen = termination(terms.root_below, height=setting("fall_height"))
    scatter_joints = on_reset(running.scatter_joints)
