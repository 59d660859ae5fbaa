"""What policy and discriminator see of the humanoid: 105 numbers of one state, simulated or recorded."""

from collections.abc import Sequence

import torch
from torch import Tensor

from igx.math import quat_from_rotation_vector, rotate, rotate_inverse, yaw_quat
from igx_algo_amp.motion_library import MotionState


def seen_from_root(positions: Tensor, root_pos: Tensor, root_quat: Tensor) -> Tensor:
    """Where bodies, shape `[..., bodies, 3]`, are from the root [m], turned back by its heading."""
    return rotate_inverse(yaw_quat(root_quat)[..., None, :], positions - root_pos[..., None, :])


class Features:
    """Numbers of a state of a robot, by what they mean.

    Directions are those of the root turned back by its heading, except the root's own orientation.

    Args:
        joint_names: of the robot; three that end in `_x`, `_y`, `_z` are a ball joint's.
        device: where the states are.
    """

    def __init__(self, joint_names: Sequence[str], *, device: torch.device | str = "cpu") -> None:
        balls = [
            joint for joint, name in enumerate(joint_names) if f"{name[:-2]}_z" in joint_names and name[-2:] == "_x"
        ]
        in_balls = {joint + axis for joint in balls for axis in range(3)}
        hinges = [joint for joint in range(len(joint_names)) if joint not in in_balls]
        width = {**dict.fromkeys(balls, 6), **dict.fromkeys(hinges, 1)}
        apart = [(joint, column) for joint in (*balls, *hinges) for column in range(width[joint])]
        together = [apart.index((joint, column)) for joint in sorted(width) for column in range(width[joint])]
        ball_columns = [joint + axis for joint in balls for axis in range(3)]
        self._balls = torch.tensor(ball_columns, dtype=torch.long, device=device)
        self._hinges = torch.tensor(hinges, dtype=torch.long, device=device)
        self._together = torch.tensor(together, device=device)
        self._x = torch.tensor([1.0, 0.0, 0.0], device=device)
        self._z = torch.tensor([0.0, 0.0, 1.0], device=device)

    def __call__(self, state: MotionState) -> Tensor:
        """All of them, in the order of the methods below, shape `[n, features]`."""
        parts = (
            self.height(state),
            self.orientation(state),
            self.lin_vel(state),
            self.ang_vel(state),
            self.joint_rotations(state),
            state.joint_vel,
            self.key_positions(state),
        )
        return torch.cat(parts, dim=-1)

    def height(self, state: MotionState) -> Tensor:
        """Height of the root [m], shape `[n, 1]`."""
        return state.root_pos[..., 2:]

    def orientation(self, state: MotionState) -> Tensor:
        """Where the root's x axis and its z axis point in the world, shape `[n, 6]`."""
        return self._directions(state.root_quat)

    def lin_vel(self, state: MotionState) -> Tensor:
        """Velocity of the root [m/s], shape `[n, 3]`."""
        return rotate_inverse(yaw_quat(state.root_quat), state.root_lin_vel_w)

    def ang_vel(self, state: MotionState) -> Tensor:
        """Angular velocity of the root [rad/s], shape `[n, 3]`."""
        return rotate_inverse(yaw_quat(state.root_quat), state.root_ang_vel_w)

    def joint_rotations(self, state: MotionState) -> Tensor:
        """Of hinges their angle [rad], of ball joints where they turn the x axis and the z axis, joint by joint."""
        balls = state.joint_pos.index_select(-1, self._balls).unflatten(-1, (-1, 3))
        directions = self._directions(quat_from_rotation_vector(balls)).flatten(-2)
        hinges = state.joint_pos.index_select(-1, self._hinges)
        return torch.cat([directions, hinges], dim=-1).index_select(-1, self._together)

    def key_positions(self, state: MotionState) -> Tensor:
        """Where the key bodies are from the root [m], shape `[n, 3 * bodies]`."""
        return seen_from_root(state.key_pos, state.root_pos, state.root_quat).flatten(-2)

    def _directions(self, quat: Tensor) -> Tensor:
        """The x axis and the z axis turned by `quat`, shape `[..., 4]` to `[..., 6]`."""
        return torch.cat([rotate(quat, self._x), rotate(quat, self._z)], dim=-1)
