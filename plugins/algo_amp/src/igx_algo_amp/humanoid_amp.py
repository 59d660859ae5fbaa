"""Humanoid AMP: move as recorded motions do, which a discriminator judges."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from igx import (
    Articulation,
    JointPosition,
    Sensor,
    Task,
    TaskConfig,
    group,
    observation,
    on_reset,
    remembered,
    reward,
    termination,
    terms,
)
from igx.errors import TaskError, suggest
from igx.math import rotate_inverse
from igx_algo_amp.features import Features
from igx_algo_amp.humanoid import BODY_NAMES, KEY_BODIES
from igx_algo_amp.motion_library import MotionLibrary, MotionState, Skeleton
from igx_algo_amp.motion_sets import read_motions

_STIFFNESS = {
    "abdomen_.": 600.0,
    "neck_.": 50.0,
    ".*_(shoulder|ankle)_.": 200.0,
    ".*_elbow": 150.0,
    ".*_hip_.|.*_knee": 300.0,
}
_HINGE = 0.7 * 160.0 * torch.pi / 180.0  # 0.7 of the range of elbows and knees [rad]
_SCALE = {"(abdomen|neck)_.|.*_(shoulder|hip|ankle)_.": torch.pi, ".*_(elbow|knee)": _HINGE}
_MIDDLE = {".*_elbow": -80.0 * torch.pi / 180.0, ".*_knee": 80.0 * torch.pi / 180.0}  # of their ranges [rad]


class HumanoidAmpConfig(TaskConfig):
    episode_steps: int = Field(300, gt=0, description="Steps after which an episode is cut off [steps].")
    motion: str = Field(
        "walk", description="A motion of this package by name, a motion's file, or a .yaml file that lists some."
    )
    state_init: Literal["default", "start", "random", "hybrid"] = Field(
        "random",
        description="Where episodes start: standing, at a motion's beginning, anywhere in it, or standing or there.",
    )
    hybrid_prob: float = Field(0.5, ge=0, le=1, description="How often hybrid starts in a motion.")
    early_termination: bool = Field(True, description="Whether falling ends an episode.")
    contact_bodies: tuple[str, ...] = Field(
        ("right_foot", "left_foot"), description="Bodies that may touch something without having fallen."
    )
    termination_height: float = Field(0.5, gt=0, description="Below which another body that touches has fallen [m].")


class HumanoidAmp(Task):
    """Move as recorded motions do; the episode ends when something else than the feet touches anything, itself too.

    As in IsaacGymEnvs 1.5.1, except that standing starts have the arms stretched out sideways (there the shoulders'
    angles are of the other sign, which puts the arms into the chest), that hybrid starts draw anew each time, and that
    position control has no largest effort and turns ball joints the straight way to their targets.

    What an agent needs beside the policy's observations are the groups `amp`, the last two states of the running
    episode, the newer first, and `terminal`, what the policy would see if the episode went on; and `demonstrate`.
    """

    config: HumanoidAmpConfig
    robot = Articulation("humanoid_amp", spawn_height=0.89, default_joint_pos=_MIDDLE)
    position = JointPosition(
        robot, stiffness=_STIFFNESS, damping={joint: 0.1 * gain for joint, gain in _STIFFNESS.items()}, scale=_SCALE
    )
    contact = Sensor(robot, "contact_force", on=".*")
    amp = group(when="before_reset")
    terminal = group(when="before_reset")

    def setup(self) -> None:
        device = self.device
        motions, weights = read_motions(self.config.motion)
        skeleton = Skeleton.of_model(self.simulator.model, prefix="robot/")
        self.library = MotionLibrary(motions, weights=weights, skeleton=skeleton, key_bodies=KEY_BODIES, device=device)
        self._features = Features(self.robot.joint_names, device=device)
        self._key_bodies = torch.tensor([self.robot.body_index(name) for name in KEY_BODIES], device=device)
        may_touch = self.config.contact_bodies
        for name in may_touch:
            if name not in BODY_NAMES:
                raise TaskError(f"task.contact_bodies: the robot has no body {name!r}.{suggest(name, BODY_NAMES)}")
        self._must_not_touch = torch.tensor([name not in may_touch for name in BODY_NAMES], device=device)
        self._standing = self._stand()
        shares = {"default": 0.0, "start": 1.0, "random": 1.0, "hybrid": self.config.hybrid_prob}
        self._motion_share = shares[self.config.state_init]
        self._time_share = 0.0 if self.config.state_init == "start" else 1.0

    def _stand(self) -> MotionState:
        """Upright with the arms stretched out, at rest, shape `[1, ...]`."""
        joints = torch.zeros(1, self.robot.num_joints, device=self.device)
        for name, angle in (("right_shoulder_x", -0.5 * torch.pi), ("left_shoulder_x", 0.5 * torch.pi)):
            joints[0, self.robot.joint_index(name)] = angle
        rest = torch.zeros(1, 3, device=self.device)
        return MotionState(
            root_pos=self.tensor([[0.0, 0.0, 0.89]]),
            root_quat=self.tensor([[1.0, 0.0, 0.0, 0.0]]),
            root_lin_vel_w=rest,
            root_ang_vel_w=rest,
            joint_pos=joints,
            joint_vel=torch.zeros_like(joints),
            key_pos=torch.zeros(1, len(KEY_BODIES), 3, device=self.device),  # which nothing is written from
        )

    def state(self) -> MotionState:
        """The robot's state of now, as motions have theirs."""
        robot = self.robot
        return MotionState(
            root_pos=robot.root_pos,
            root_quat=robot.root_quat,
            root_lin_vel_w=robot.root_lin_vel_w,
            root_ang_vel_w=robot.root_ang_vel_w,
            joint_pos=robot.joint_pos,
            joint_vel=robot.joint_vel,
            key_pos=robot.body_pos.index_select(1, self._key_bodies),
        )

    def demonstrate(self, count: int) -> Tensor:
        """Pairs of states of the motions, a step apart, as `amp` has those of the robot, shape `[count, 210]`."""
        index, time = self.library.sample(count, generator=self.generator)
        now, before = (self._features(self.library.state(index, at)) for at in (time, time - self.step_dt))
        return torch.cat([now, before], dim=-1)

    # What the policy sees, in this order.

    @observation
    def height(self) -> Tensor:
        """Height of the pelvis [m]."""
        return self._features.height(self.state())

    @observation
    def orientation(self) -> Tensor:
        """Where the pelvis' x axis and its z axis point in the world."""
        return self._features.orientation(self.state())

    @observation
    def lin_vel(self) -> Tensor:
        """Velocity of the pelvis, turned back by its heading [m/s]."""
        return self._features.lin_vel(self.state())

    @observation
    def ang_vel(self) -> Tensor:
        """Angular velocity of the pelvis, turned back by its heading [rad/s]."""
        return self._features.ang_vel(self.state())

    @observation
    def joint_rotations(self) -> Tensor:
        """Of elbows and knees the angle [rad], of other joints where they turn the x axis and the z axis."""
        return self._features.joint_rotations(self.state())

    joint_vel = observation(terms.joint_vel)

    @observation
    def key_positions(self) -> Tensor:
        """Where hands and feet are from the pelvis, turned back by its heading [m]."""
        return self._features.key_positions(self.state())

    # What the discriminator and the critic see.

    @remembered
    def features(self) -> Tensor:
        """The robot's state in 105 numbers."""
        return self._features(self.state())

    @observation(group="amp")
    def states(self) -> Tensor:
        """The state of now and the one before, in 105 numbers each."""
        return torch.cat([self.features(), self.features.previous], dim=-1)

    @observation(group="terminal")
    def last_state(self) -> Tensor:
        """The state of now in 105 numbers."""
        return self.features()

    # What it is paid for by the task; the discriminator pays by itself.
    alive = reward(terms.alive)

    # When it ends, and how it starts again.

    @termination
    def fallen(self) -> Tensor:
        """Whether a body that must not touches something, and one is low, in another step than the first."""
        pushed = (self.contact().unflatten(1, (-1, 3)) > 0.1).any(-1) & self._must_not_touch
        low = (self.robot.body_pos[..., 2] < self.config.termination_height) & self._must_not_touch
        fallen = pushed.any(-1) & low.any(-1) & (self.episode_step > 1)
        return fallen if self.config.early_termination else torch.zeros_like(fallen)

    @on_reset
    def begin(self) -> None:
        """Start standing, or in a motion: where `state_init` says."""
        draw = self.uniform(0.0, 1.0, 3)
        index, time = self.library.pick(draw[:, :2])
        recorded, standing = self.library.state(index, self._time_share * time), self._standing
        in_motion = draw[:, 2:] < self._motion_share
        chosen = [
            torch.where(in_motion, ours, theirs) for ours, theirs in zip(recorded[:-1], standing[:-1], strict=True)
        ]
        pos, quat, lin_vel, ang_vel, joint_pos, joint_vel = chosen
        self.robot.set_root(pos=pos, quat=quat, lin_vel_w=lin_vel, ang_vel_b=rotate_inverse(quat, ang_vel))
        self.robot.set_joints(pos=joint_pos, vel=joint_vel)
