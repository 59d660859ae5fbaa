"""Quadcopter: fly to a point and hover there, with four rotors that tilt."""

import math

from pydantic import Field
from torch import Tensor

from igx import (
    Articulation,
    JointPosition,
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


class QuadcopterConfig(TaskConfig):
    """Settings of the quadcopter."""

    episode_steps: int = Field(500, gt=0, description="Steps after which an episode is cut off [steps].")
    clip_observations: float | None = Field(5.0, gt=0, description="Observations are clipped to plus and minus this.")
    target: tuple[float, float, float] = Field((0.0, 0.0, 1.0), description="Where to hover [m].")
    reach: float = Field(3.0, gt=0, description="Distance from the target that ends the episode [m].")
    crash_height: float = Field(0.3, gt=0, description="Height of the chassis that ends the episode [m].")


class Quadcopter(Task):
    """Hover at `target`; the episode ends beyond `reach` of it, or below `crash_height`.

    Actions move the tilts of the rotors, eight joints, and then change their four thrusts. As in IsaacGymEnvs 1.5.1,
    except that nothing limits how fast the chassis turns (there 4 pi rad/s), that an episode has all of its 500 steps
    and an action counts from the first one on (there the first action is discarded, and the last step left out), and
    that the quaternion is seen in the order (w, x, y, z).
    """

    config: QuadcopterConfig
    robot = Articulation("quadcopter")
    # PhysX has no damping here, but its implicit drives damp by the stiffness times the substep: 5 ms.
    tilt = JointPosition(robot, stiffness=1000.0, damping=5.0, scale=8.0 * math.pi, integrated=True)
    thrust = Thrust(robot, bodies="rotor[0-3]", scale=200.0, limits=(0.0, 2.0), integrated=True)

    def setup(self) -> None:
        self.target = self.tensor(self.config.target)
        self.spawn = self.tensor((0.0, 0.0, 1.0))
        self.nearest, self.farthest = self.tensor((-1.5, -1.5, -0.2)), self.tensor((1.5, 1.5, 1.5))

    # What the policy sees, in this order.

    @observation(scale=1.0 / 3.0)
    def to_target(self) -> Tensor:
        """From the chassis to the target, in the world [m]."""
        return self.target - self.robot.root_pos

    quat = observation(terms.root_quat)
    lin_vel = observation(terms.root_lin_vel_w, scale=0.5)
    ang_vel = observation(terms.root_ang_vel_w, scale=1.0 / math.pi)
    tilts = observation(terms.joint_pos)

    # What it is paid for.
    near = reward(flying.near, weight=1.0)
    level = reward(flying.near_and_level, weight=1.0)
    steady = reward(flying.near_and_steady, weight=1.0)
    distance = metric(flying.distance)

    # When it ends, and how it starts again.
    lost = termination(flying.beyond, limit=setting("reach"))
    crashed = termination(terms.root_below, height=setting("crash_height"))

    @on_reset
    def scatter(self) -> None:
        """Start level and at rest around the target, mostly above it, with the rotors a little tilted."""
        self.robot.set_root(pos=self.spawn + self.uniform(self.nearest, self.farthest, 3))
        self.robot.set_joints(pos=self.uniform(-0.2, 0.2, self.robot.num_joints))
