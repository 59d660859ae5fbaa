"""Recorded motions on the device: a robot's states at any times of any of them, batched and without a word to the host.

Between two frames positions are blended and rotations turn evenly (slerp); velocities are those of the frame before. A
motion that loops goes on for ever, before its first frame too, each time `travel` further on. Another one stays in its
last frame after its end, and before its beginning is what its first two frames, gone on backwards, make it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import mujoco
import numpy as np
import torch
from torch import Tensor

from igx.math import axis_angle_from_quat
from igx_algo_amp import quaternions
from igx_algo_amp.motions import Floats, Motion, MotionError

_SMOOTHING = 2.0  # standard deviation of the filter over velocities of bodies [frames]


class MotionState(NamedTuple):
    """A state of the robot as motions have it, for a batch of any shape.

    Attributes:
        root_pos, root_quat: in the world, shape `[..., 3]` and `[..., 4]`.
        root_lin_vel_w, root_ang_vel_w: in the world [m/s, rad/s], shape `[..., 3]`.
        joint_pos, joint_vel: as `Articulation` has them, shape `[..., num_joints]`.
        key_pos: positions of the key bodies in the world [m], shape `[..., key bodies, 3]`.
    """

    root_pos: Tensor
    root_quat: Tensor
    root_lin_vel_w: Tensor
    root_ang_vel_w: Tensor
    joint_pos: Tensor
    joint_vel: Tensor
    key_pos: Tensor


@dataclass(frozen=True, eq=False)
class Skeleton:
    """What a motion must have to move a robot: its bodies, and how each is joined to its parent.

    Attributes:
        body_names, offsets: of the robot, in the order of its model.
        hinge_axes: by body that hangs on a hinge, the hinge's axis.
        balls: bodies that hang on a ball joint.
    """

    body_names: tuple[str, ...]
    offsets: Floats
    hinge_axes: dict[int, Floats]
    balls: tuple[int, ...]

    @classmethod
    def of_model(cls, model: mujoco.MjModel, *, prefix: str = "") -> "Skeleton":
        """The bodies of a model, or of its part whose names begin with `prefix`.

        Raises:
            MotionError: a joint of it is neither a hinge nor a ball joint, or a body hangs on several.
        """
        bodies = [body for body in range(1, model.nbody) if model.body(body).name.startswith(prefix)]
        hinges: dict[int, Floats] = {}
        balls: list[int] = []
        for index, body in enumerate(bodies[1:], start=1):
            joints = range(model.body_jntadr[body], model.body_jntadr[body] + model.body_jntnum[body])
            kinds = [int(model.jnt_type[joint]) for joint in joints]
            if kinds == [int(mujoco.mjtJoint.mjJNT_HINGE)]:
                hinges[index] = np.array(model.jnt_axis[joints[0]])
            elif kinds == [int(mujoco.mjtJoint.mjJNT_BALL)]:
                balls.append(index)
            elif kinds:
                raise MotionError(f"Body {model.body(body).name!r} hangs neither on one hinge nor on one ball joint.")
        names = tuple(model.body(body).name.removeprefix(prefix) for body in bodies)
        return cls(names, np.array(model.body_pos[bodies]), hinges, tuple(balls))

    @property
    def joint_bodies(self) -> list[int]:
        """Bodies that hang on a joint."""
        return sorted({*self.balls, *self.hinge_axes})

    @property
    def columns(self) -> list[tuple[int, int | None]]:
        """Of each coordinate of the joints its body, and of a ball joint which axis."""
        columns: list[tuple[int, int | None]] = []
        for body in self.joint_bodies:
            columns += [(body, None)] if body in self.hinge_axes else [(body, 0), (body, 1), (body, 2)]
        return columns

    def require(self, motion: Motion) -> None:
        """Refuse a motion of other bodies.

        Raises:
            MotionError: the motion's bodies are not the robot's.
        """
        if motion.body_names != self.body_names:
            first = next((name for name in self.body_names if name not in motion.body_names), "")
            what = f"it has no {first!r}" if first else "they stand in another order, or there are more"
            raise MotionError(f"The bodies of motion {motion.name!r} are not the robot's: {what}.")


class MotionLibrary:
    """Motions of one robot, drawn by their weights.

    Args:
        motions: at least one.
        skeleton: of the robot.
        key_bodies: names of the bodies whose positions are given.
        weights: how often each is drawn, relative to the others; equally by default.
        device: where everything is.

    Attributes:
        names: of the motions.
        durations: of the motions [s], shape `[motions]`.

    Raises:
        MotionError: there is no motion, the weights are not sensible, or a motion does not fit the robot.
    """

    def __init__(
        self,
        motions: Sequence[Motion],
        *,
        skeleton: Skeleton,
        key_bodies: Sequence[str],
        weights: Sequence[float] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        weights = [1.0] * len(motions) if weights is None else weights
        if not motions or len(weights) != len(motions) or min(weights) < 0.0 or sum(weights) <= 0.0:
            raise MotionError("A library takes motions with weights, none of them negative and not all of them 0.")
        for motion in motions:
            skeleton.require(motion)
        self.names, self._device = tuple(motion.name for motion in motions), device
        frames = [_Frames(motion, skeleton, key_bodies) for motion in motions]
        counts = torch.tensor([motion.num_frames for motion in motions])
        self._first = (counts.cumsum(0) - counts).to(device)
        self._last = (counts - 1).to(device)
        self.durations = self._tensor([motion.duration for motion in motions])
        self._fps = self._tensor([motion.fps for motion in motions])
        self._loops = torch.tensor([motion.loop for motion in motions], device=device)
        self._travel = self._tensor(np.stack([motion.travel for motion in motions]))
        cumulative = np.cumsum(weights) / np.sum(weights)
        cumulative[np.flatnonzero(weights)[-1] :] = np.inf  # rounding must not lead to one of weight 0
        self._cumulative = self._tensor(cumulative)
        self._root_pos = self._joined(frames, "root_pos")
        self._rotations = self._joined(frames, "rotations")
        self._lin_vel, self._ang_vel = self._joined(frames, "lin_vel"), self._joined(frames, "ang_vel")
        self._joint_vel, self._key_pos = self._joined(frames, "joint_vel"), self._joined(frames, "key_pos")
        self._find_joints(skeleton)

    def _find_joints(self, skeleton: Skeleton) -> None:
        """Note where the joints' coordinates are among the rotation vectors of their bodies."""
        bodies, columns = skeleton.joint_bodies, skeleton.columns
        places = [3 * bodies.index(body) + (axis or 0) for body, axis in columns]
        self._columns = torch.tensor(places, device=self._device)
        self._is_hinge = torch.tensor([axis is None for _, axis in columns], device=self._device)
        self._axes = self._tensor(np.stack([skeleton.hinge_axes.get(body, np.zeros(3)) for body in bodies]))

    def _tensor(self, values: object) -> Tensor:
        return torch.as_tensor(np.asarray(values, dtype=np.float32), device=self._device)

    def _joined(self, frames: Sequence["_Frames"], field: str) -> Tensor:
        return self._tensor(np.concatenate([getattr(one, field) for one in frames]))

    def pick(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Motions by their weights and times within them, from random numbers in [0, 1).

        Args:
            uniform: shape `[n, 2]`.

        Returns:
            Indices of motions, int64 `[n]`, and times [s], `[n]`.
        """
        index = torch.searchsorted(self._cumulative, uniform[:, 0].contiguous(), right=True)
        return index, uniform[:, 1] * self.durations[index]

    def sample(self, count: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """As `pick`, with `count` numbers from a generator of the library's device."""
        return self.pick(torch.rand(count, 2, device=self._device, generator=generator))

    def state(self, index: Tensor, time: Tensor) -> MotionState:
        """States of the robot in motions at times.

        Args:
            index: of motions, int64 `[n]`.
            time: since their beginning [s], `[n]`; may be before it and after their end.
        """
        duration, last = self.durations[index], self._last[index]
        rounds = torch.where(self._loops[index], torch.floor(time / duration), 0.0)
        place = (time - rounds * duration) * self._fps[index]  # in frames
        before = torch.minimum(place.floor().long().clamp(min=0), last)
        after = torch.minimum(before + 1, last)
        share = (place - before)[:, None]
        before, after = before + self._first[index], after + self._first[index]
        rotations = slerp(self._rotations[before], self._rotations[after], share[:, None])
        moved = (rounds[:, None] * self._travel[index])[:, None]
        root_pos = torch.lerp(self._root_pos[before], self._root_pos[after], share) + moved[:, 0]
        return MotionState(
            root_pos=root_pos,
            root_quat=rotations[:, 0],
            root_lin_vel_w=self._lin_vel[before],
            root_ang_vel_w=self._ang_vel[before],
            joint_pos=self._joint_pos(rotations[:, 1:]),
            joint_vel=self._joint_vel[before],
            key_pos=torch.lerp(self._key_pos[before], self._key_pos[after], share[:, None]) + moved,
        )

    def _joint_pos(self, rotations: Tensor) -> Tensor:
        """Coordinates of the joints from the rotations of their bodies, shape `[n, joints, 4]`."""
        vectors = axis_angle_from_quat(rotations)
        turned = (vectors * self._axes).sum(-1, keepdim=True).expand_as(vectors).flatten(1)  # about the hinges' axes
        return torch.where(self._is_hinge, turned[:, self._columns], vectors.flatten(1)[:, self._columns])


class _Frames:
    """What a library has of each frame of a motion."""

    def __init__(self, motion: Motion, skeleton: Skeleton, key_bodies: Sequence[str]) -> None:
        positions, world_rotations = motion.poses(skeleton.offsets)
        self.root_pos = motion.root_pos
        self.rotations = motion.rotations[:, [0, *skeleton.joint_bodies]]
        self.lin_vel = linear_velocity(motion.root_pos, motion)
        self.ang_vel = angular_velocity(world_rotations[:, 0], motion)
        self.joint_vel = _joint_velocity(motion, skeleton)
        missing = [name for name in key_bodies if name not in motion.body_names]
        if missing:
            raise MotionError(f"Motion {motion.name!r} has no body {missing[0]!r}.")
        self.key_pos = positions[:, [motion.body_names.index(name) for name in key_bodies]]


def linear_velocity(positions: Floats, motion: Motion) -> Floats:
    """Velocities [m/s] of points of a motion, shape `[frames, 3]`: smoothed central differences."""
    if motion.loop:
        ring = positions[:-1]
        ahead, behind = np.roll(ring, -1, axis=0), np.roll(ring, 1, axis=0)
        ahead[-1] += motion.travel
        behind[0] -= motion.travel
        return _smoothed(_closed(0.5 * (ahead - behind) * motion.fps), loop=True)
    return _smoothed(np.gradient(positions, axis=0) * motion.fps, loop=False)


def angular_velocity(rotations: Floats, motion: Motion) -> Floats:
    """Angular velocities in the world [rad/s] of a body of a motion, shape `[frames, 3]`, smoothed.

    From each frame to the next one; the last one's is 0 unless the motion loops.
    """
    turns = quaternions.multiply(rotations[1:], quaternions.conjugate(rotations[:-1]))
    velocity = quaternions.to_vector(turns) * motion.fps
    if motion.loop:
        return _smoothed(_closed(velocity), loop=True)
    return _smoothed(np.concatenate([velocity, np.zeros((1, 3))]), loop=False)


def _joint_velocity(motion: Motion, skeleton: Skeleton) -> Floats:
    """Of each coordinate [rad/s], shape `[frames, num_joints]`: from each frame to the next one, not smoothed."""
    turns = quaternions.multiply(quaternions.conjugate(motion.rotations[:-1]), motion.rotations[1:])
    velocity = quaternions.to_vector(turns) * motion.fps
    columns = [
        velocity[:, body] @ skeleton.hinge_axes[body] if axis is None else velocity[:, body, axis]
        for body, axis in skeleton.columns
    ]
    between = np.stack(columns, axis=-1)
    return np.concatenate([between, between[:1] if motion.loop else between[-1:]])


def _closed(ring: Floats) -> Floats:
    """With the first frame once more as the last one, as looping motions have it."""
    return np.concatenate([ring, ring[:1]])


def _smoothed(values: Floats, *, loop: bool) -> Floats:
    """Filtered over time by a Gaussian, shape `[frames, 3]`; beyond its ends goes on as it loops, or as at the end."""
    reach = int(4.0 * _SMOOTHING + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SMOOTHING) ** 2)
    if loop:
        padded = np.pad(values[:-1], ((reach, reach + 1), (0, 0)), mode="wrap")
    else:
        padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return windows @ (weights / weights.sum())


def slerp(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Rotation that is `share` of the shorter way from one to the other, shape `[..., 4]`.

    Args:
        first, second: unit quaternions, shape `[..., 4]`.
        share: shape `[..., 1]`; outside [0, 1] it goes on beyond them.
    """
    cosine = (first * second).sum(-1, keepdim=True)
    second = torch.where(cosine < 0.0, -second, second)
    # the angle between two unit vectors, exact for small ones too, where the arc cosine is not
    half = torch.atan2((second - first).norm(dim=-1, keepdim=True), (second + first).norm(dim=-1, keepdim=True))
    angle = 2.0 * half
    sine = angle.sin()
    is_small = sine < 1e-4
    sine = torch.where(is_small, 1.0, sine)
    weight = torch.where(is_small, 1.0 - share, ((1.0 - share) * angle).sin() / sine)
    other = torch.where(is_small, share, (share * angle).sin() / sine)
    return torch.nn.functional.normalize(weight * first + other * second, dim=-1)
