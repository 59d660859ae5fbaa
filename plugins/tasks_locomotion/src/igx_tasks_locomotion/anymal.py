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
    termination,
    terms,
)
from igx.math import exp_kernel

_STEP = 0.02  # duration of the reference's step [s], which is a factor of each of its weights


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
        default_joint_pos={
            "L._HAA": 0.03,
            "R._HAA": -0.03,
            ".F_HFE": 0.4,
            ".H_HFE": -0.4,
            ".F_KFE": -0.8,
            ".H_KFE": 0.8,
        },
    )
    position = JointPosition(
        robot, stiffness=setting("stiffness"), damping=setting("damping"), scale=setting("action_scale")
    )
    contact = Sensor(robot, "contact_force", on="base|.*_THIGH")

    def setup(self) -> None:
        self.command_scale = self.tensor((2.0, 2.0, 0.25))

    velocity = command(terms.velocity_command, lin_vel_x=(-2.0, 2.0), lin_vel_y=(-1.0, 1.0), turn=(-1.0, 1.0))

    # What the policy sees, in this order.
    lin_vel = observation(terms.root_lin_vel_b, scale=2.0)
    ang_vel = observation(terms.root_ang_vel_b, scale=0.25)
    gravity = observation(terms.projected_gravity)

    @observation
    def commanded(self) -> Tensor:
        """Velocities forward and to the left [m/s] and yaw rate [rad/s] to move at, each with its scale."""
        return self.velocity() * self.command_scale

    joint_pos = observation(terms.joint_pos)
    joint_vel = observation(terms.joint_vel, scale=0.05)
    last_action = observation(terms.last_action)

    # What it is paid for.

    @metric
    def lin_vel_error(self) -> Tensor:
        """Distance of the velocity in the ground plane from the commanded one [m/s]."""
        return (self.velocity()[:, :2] - self.robot.root_lin_vel_b[:, :2]).norm(dim=-1)

    @metric
    def yaw_rate_error(self) -> Tensor:
        """Distance of the yaw rate from the commanded one [rad/s]."""
        return (self.velocity()[:, 2] - self.robot.root_ang_vel_b[:, 2]).abs()

    @reward(weight=1.0 * _STEP)
    def lin_vel_tracked(self) -> Tensor:
        """How near the velocity in the ground plane is to the commanded one."""
        return exp_kernel(self.lin_vel_error(), 0.5)

    @reward(weight=0.5 * _STEP)
    def yaw_rate_tracked(self) -> Tensor:
        """How near the yaw rate is to the commanded one."""
        return exp_kernel(self.yaw_rate_error(), 0.5)

    @reward(weight=-2.5e-5 * _STEP)
    def effort(self) -> Tensor:
        """Sum of the squared joint efforts [N²·m²]."""
        return self.robot.joint_effort.square().sum(-1)

    def total_reward(self, weighted: Tensor) -> Tensor:
        return weighted.sum(-1).clamp(min=0.0)

    # When it ends, and how it starts again.

    @termination
    def touched(self) -> Tensor:
        """The base or a thigh touches the ground."""
        return (self.contact().unflatten(1, (-1, 3)).norm(dim=-1) > self.config.touch).any(-1)

    @on_reset
    def scatter_joints(self) -> None:
        """Start with the angles of the default pose times random factors, and joints that move a little."""
        joints = self.robot.num_joints
        pos = self.robot.default_joint_pos * self.uniform(0.5, 1.5, joints)
        self.robot.set_joints(pos=pos, vel=self.uniform(-0.1, 0.1, joints))
