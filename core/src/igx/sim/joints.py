"""Coordinates of joints: one of a hinge or slide, and three of a ball joint, whose position is a rotation vector.

The engine has the position of a ball joint as a quaternion and its velocity as three numbers. Everything that reads or
drives joints takes the rotation vector instead, unit axis times angle, so that positions, velocities, efforts and
actions have a column for each of the same coordinates. A joint ``hip`` has the coordinates ``hip_x``, ``hip_y``,
``hip_z``, in the frame that its body has in the joint's zero position.
"""

import math
from collections.abc import Sequence

import mujoco
import torch
from torch import Tensor

from igx.math import axis_angle_from_quat, quat_conjugate, quat_from_rotation_vector, quat_multiply
from igx.sim.simulator import Simulator

AXES = "xyz"

BALL = int(mujoco.mjtJoint.mjJNT_BALL)


class JointCoordinates:
    """The coordinates of some joints of a running simulation.

    Args:
        simulator: the simulation.
        joints: ids of hinges, slides and ball joints, in the model's order.

    Attributes:
        names: of the coordinates, with the scene's prefix.
        qpos: columns of the joints in the engine's positions.
        lower, upper: limits of the coordinates [rad or m], infinite where a joint has none, shape `[coordinates]`. Of a
            ball joint the angle as a whole is limited; see `within_limits`.
    """

    def __init__(self, simulator: Simulator, joints: Sequence[int]) -> None:
        model = simulator.model
        names: list[str] = []
        qpos: list[int] = []
        span: list[tuple[float, float]] = []
        scalars, balls = _Places(), _Places()  # of hinges and slides, and of ball joints
        self._first: dict[int, int] = {}
        for joint in joints:
            is_ball = int(model.jnt_type[joint]) == BALL
            low, high = (float(end) for end in model.jnt_range[joint])
            if not model.jnt_limited[joint]:
                low, high = -math.inf, math.inf
            self._first[joint] = len(names)
            own_qpos = _qpos_of(model, joint)
            kind = balls if is_ball else scalars
            kind.qpos += range(len(qpos), len(qpos) + len(own_qpos))
            kind.coordinates += range(len(names), len(names) + (3 if is_ball else 1))
            qpos += own_qpos
            span += [(-high, high)] * 3 if is_ball else [(low, high)]
            names += coordinate_names(model.joint(joint).name, is_ball=is_ball)
        self.names, self.has_balls = tuple(names), bool(balls.qpos)

        def index(columns: Sequence[int]) -> Tensor:
            return torch.tensor(columns, dtype=torch.long, device=simulator.device)

        self.qpos = index(qpos)
        limits = torch.tensor(span, dtype=torch.float32, device=simulator.device)
        self.lower, self.upper = limits.view(len(names), 2).unbind(-1)
        self._scalars, self._balls = index(scalars.qpos), index(balls.qpos)
        self._apart = index(scalars.coordinates + balls.coordinates)
        self._together = self._apart.argsort()
        self._num_scalars = len(scalars.coordinates)

    def __len__(self) -> int:
        return len(self.names)

    def index(self, joint: int, axis: int = 0) -> int:
        """Which coordinate a joint's, or that about one axis of a ball joint, is."""
        return self._first[joint] + axis

    def from_qpos(self, qpos: Tensor) -> Tensor:
        """Coordinates, shape `[..., coordinates]`, of what the engine has in the columns `qpos`; itself without balls.

        A ball joint's angle is in [0, pi].
        """
        if not self.has_balls:
            return qpos
        quats = qpos.index_select(-1, self._balls).unflatten(-1, (-1, 4))
        parts = [qpos.index_select(-1, self._scalars), axis_angle_from_quat(quats).flatten(-2)]
        return torch.cat(parts, dim=-1).index_select(-1, self._together)

    def to_qpos(self, coordinates: Tensor) -> Tensor:
        """What the engine has in the columns `qpos` at these coordinates, shape `[..., len(qpos)]`."""
        if not self.has_balls:
            return coordinates
        scalars, vectors = self._split(coordinates)
        qpos = coordinates.new_empty(*coordinates.shape[:-1], len(self.qpos))
        qpos.index_copy_(-1, self._scalars, scalars)
        return qpos.index_copy_(-1, self._balls, quat_from_rotation_vector(vectors).flatten(-2))

    def within_limits(self, coordinates: Tensor) -> Tensor:
        """The coordinates moved within their limits: a rotation vector that is too long keeps its direction."""
        if not self.has_balls:
            return coordinates.clamp(self.lower, self.upper)
        scalars, vectors = self._split(coordinates)
        lower, _ = self._split(self.lower)
        upper, largest = self._split(self.upper)
        angle = vectors.norm(dim=-1, keepdim=True)
        shortened = vectors * (largest[..., :1] / angle.clamp(min=1e-9)).clamp(max=1.0)
        parts = [scalars.clamp(lower, upper), shortened.flatten(-2)]
        return torch.cat(parts, dim=-1).index_select(-1, self._together)

    def heading_for(self, target: Tensor, qpos: Tensor) -> Tensor:
        """Coordinates that a linear control has to be told now, so that ball joints turn to `target` the straight way.

        Differences of rotation vectors point there only for small angles; a control that follows them circles around
        targets more than about 2 rad away from the zero position. So what it is told is where the joint is now plus
        the rotation vector, in the body's frame, of the turn that is left.

        Args:
            target: coordinates, shape `[..., coordinates]`.
            qpos: what the engine has in the columns `qpos`.
        """
        if not self.has_balls:
            return target
        scalars, vectors = self._split(target)
        now = qpos.index_select(-1, self._balls).unflatten(-1, (-1, 4))
        left = quat_multiply(quat_conjugate(now), quat_from_rotation_vector(vectors))
        aims = axis_angle_from_quat(now) + axis_angle_from_quat(left)
        return torch.cat([scalars, aims.flatten(-2)], dim=-1).index_select(-1, self._together)

    def _split(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates of hinges and slides, and rotation vectors of ball joints, shape `[..., balls, 3]`."""
        apart = coordinates.index_select(-1, self._apart)
        return apart[..., : self._num_scalars], apart[..., self._num_scalars :].unflatten(-1, (-1, 3))


class _Places:
    """Which of the engine's columns and which coordinates belong to joints of one kind."""

    def __init__(self) -> None:
        self.qpos: list[int] = []
        self.coordinates: list[int] = []


def _qpos_of(model: mujoco.MjModel, joint: int) -> range:
    first = int(model.jnt_qposadr[joint])
    return range(first, first + (4 if int(model.jnt_type[joint]) == BALL else 1))


def coordinate_names(joint: str, *, is_ball: bool) -> list[str]:
    """What the coordinates of a joint are called."""
    return [f"{joint}_{axis}" for axis in AXES] if is_ball else [joint]
