"""Ant: run towards a far target without falling over."""

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
    termination,
    terms,
)
from igx_tasks_locomotion import running


class AntConfig(TaskConfig):
    """Settings of the ant."""

    target: tuple[float, float] = Field((1000.0, 0.0), description="Where to run, in the ground plane [m].")
    fall_height: float = Field(0.31, gt=0, description="Torso height that ends the episode [m].")
    death_cost: float = Field(-2.0, le=0, description="Reward of the step in which the ant falls.")


class Ant(Task):
    """Run towards `target`; the episode ends when the torso drops below `fall_height`.

    As in IsaacGymEnvs 1.5.1, except that the angle to the target is measured in the ground plane; there it is taken
    from the target's height, which makes it minus the yaw wherever the target is.
    """

    config: AntConfig
    robot = Articulation("ant", spawn_height=0.44, wrench_bodies=".*_foot")
    effort = JointEffort(robot, scale=15.0)

    def setup(self) -> None:
        self.target = self.tensor(self.config.target)

    distance = remembered(running.distance)

    # What the policy sees, in this order.
    height = observation(terms.root_height)
    lin_vel = observation(terms.root_lin_vel_b)
    ang_vel = observation(terms.root_ang_vel_b)
    yaw_roll = observation(terms.root_yaw_roll)
    target_angle = observation(running.target_angle)
    upright = observation(terms.root_upright)
    heading = observation(running.heading)
    joint_pos = observation(terms.joint_pos_scaled)
    joint_vel = observation(terms.joint_vel, scale=0.2)
    foot_wrench = observation(terms.wrench, scale=0.1)
    last_action = observation(terms.last_action)

    # What it is paid for. Costs are positive quantities with negative weights.
    alive = reward(terms.alive, weight=0.5)
    action_cost = reward(terms.action_l2, weight=-0.005)
    energy = reward(terms.action_power, weight=-0.05, scale=0.2)
    at_limit = reward(terms.joints_at_limit, weight=-0.1, threshold=0.99)
    progress = reward(running.progress, weight=1.0)
    standing = reward(running.standing, weight=0.1)
    on_course = reward(running.on_course, weight=0.5)

    def total_reward(self, weighted: Tensor) -> Tensor:
        return weighted.sum(-1).masked_fill(self.terminated, self.config.death_cost)

    # When it ends, and how it starts again.
    @termination
    def fallen(self) -> Tensor:
        """The torso is too low."""
        return self.robot.root_pos[:, 2] < self.config.fall_height

    scatter_joints = on_reset(running.scatter_joints)
