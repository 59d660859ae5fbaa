"""ANYmal: walk over level ground at a commanded velocity, as IsaacGymEnvs has it."""

from pydantic import Field
from torch import Tensor

from igx import (
    Articulation,
    JointPosition,
    Sensor,
    Task,
    TaskConfig,
    command,
    metric,
    observation,
    on_reset,
    reward,
    setting,
    shared,
    termination,
    terms,
)
from igx_tasks_locomotion import walking


class AnymalConfig(TaskConfig):
    """Settings of ANYmal."""

    episode_steps: int = Field(2500, gt=0, description="Steps after which an episode is cut off [steps].")
    clip_observations: float | None = Field(5.0, gt=0, description="Observations are clipped to plus and minus this.")
    stiffness: float = Field(85.0, gt=0, description="Of the joints' position control [N·m/rad].")
    damping: float = Field(2.0, ge=0, description="Of the joints' position control [N·m·s/rad].")
    action_scale: float = Field(0.5, gt=0, description="How far an action of 1 moves a target from its default [rad].")
    touch: float = Field(1.0, gt=0, description="Force on base or thighs that ends the episode [N].")


class Anymal(Task):
    """Walk at the velocity that an episode commands; it ends when the base or a thigh touches the ground.

    As in IsaacGymEnvs 1.5.1, except for its turned gravity: the policy sees the direction of gravity in the robot's
    frame, where the reference rotates the world's vector the wrong way. Leg order is LF, RF, LH, RH.
    """

    config: AnymalConfig
    robot = Articulation(
        "anymal_c",
        spawn_height=0.62,
        default_joint_pos=walking.ANYMAL_POSE,
    )
    position = JointPosition(
        robot, stiffness=setting("stiffness"), damping=setting("damping"), scale=setting("action_scale")
    )
    contact = Sensor(robot, "contact_force", on="base|.*_THIGH")

    velocity = command(terms.velocity_command, lin_vel_x=(-2.0, 2.0), lin_vel_y=(-1.0, 1.0), turn=(-1.0, 1.0))

    @shared
    def wanted(self) -> Tensor:
        """The command, which holds for the episode."""
        return self.velocity()

    # What the policy sees, in this order.
    lin_vel = observation(terms.root_lin_vel_b, scale=2.0)
    ang_vel = observation(terms.root_ang_vel_b, scale=0.25)
    gravity = observation(terms.projected_gravity)

    commanded = observation(walking.commanded, scale=(2.0, 2.0, 0.25))
    joint_pos = observation(terms.joint_pos)
    joint_vel = observation(terms.joint_vel, scale=0.05)
    last_action = observation(terms.last_action)

    # What it is paid for.

    lin_vel_b = shared(terms.root_lin_vel_b)
    lin_vel_error = metric(walking.lin_vel_error)
    yaw_rate_error = metric(walking.yaw_rate_error)
    lin_vel_tracked = reward(walking.lin_vel_tracked, weight=1.0 * walking.ANYMAL_STEP)
    yaw_rate_tracked = reward(walking.yaw_rate_tracked, weight=0.5 * walking.ANYMAL_STEP)
    effort = reward(walking.effort, weight=-2.5e-5 * walking.ANYMAL_STEP)

    def total_reward(self, weighted: Tensor) -> Tensor:
        return weighted.sum(-1).clamp(min=0.0)

    # When it ends, and how it starts again.

    @termination
    def touched(self) -> Tensor:
        """The base or a thigh touches the ground."""
        return (walking.force(self.contact) > self.config.touch).any(-1)

    scatter_joints = on_reset(walking.scatter_joints)
