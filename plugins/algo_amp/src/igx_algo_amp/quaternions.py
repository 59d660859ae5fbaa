"""Rotations on the host: what `igx.math` does for tensors, for NumPy arrays of frames. Quaternions are (w, x, y, z)."""

import numpy as np
import torch
from numpy.typing import NDArray

from igx import math

Floats = NDArray[np.float64]


def multiply(left: Floats, right: Floats) -> Floats:
    """Rotation that applies `right` first, then `left`, shape `[..., 4]`."""
    return math.quat_multiply(*map(torch.from_numpy, np.broadcast_arrays(left, right))).numpy()


def conjugate(quat: Floats) -> Floats:
    """The inverse rotation, shape `[..., 4]`."""
    return quat * np.array([1.0, -1.0, -1.0, -1.0])


def rotate(quat: Floats, vector: Floats) -> Floats:
    """`vector`, shape `[..., 3]`, turned by `quat`, shape `[..., 4]`."""
    return math.rotate(torch.from_numpy(quat), torch.from_numpy(vector)).numpy()


def from_vector(vector: Floats) -> Floats:
    """Rotation about `vector` by its length [rad], shape `[..., 3]` to `[..., 4]`."""
    return math.quat_from_rotation_vector(torch.from_numpy(vector)).numpy()


def to_vector(quat: Floats) -> Floats:
    """Unit axis times angle in [0, pi] [rad], shape `[..., 4]` to `[..., 3]`."""
    return math.axis_angle_from_quat(torch.from_numpy(quat)).numpy()


def from_matrix(matrix: Floats) -> Floats:
    """Quaternions of rotation matrices, shape `[..., 3, 3]` to `[..., 4]`."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.moveaxis(matrix, (-2, -1), (0, 1))
    candidates = np.stack(  # the quaternion times four times each of its numbers; the largest of these is well known
        [
            np.stack([1.0 + xx + yy + zz, zy - yz, xz - zx, yx - xy], axis=-1),
            np.stack([zy - yz, 1.0 + xx - yy - zz, yx + xy, xz + zx], axis=-1),
            np.stack([xz - zx, yx + xy, 1.0 - xx + yy - zz, zy + yz], axis=-1),
            np.stack([yx - xy, xz + zx, zy + yz, 1.0 - xx - yy + zz], axis=-1),
        ],
        axis=-2,
    )
    sizes = np.diagonal(candidates, axis1=-2, axis2=-1)
    best = np.take_along_axis(candidates, sizes.argmax(-1)[..., None, None], axis=-2)[..., 0, :]
    return best / np.linalg.norm(best, axis=-1, keepdims=True)


def angle_between(first: Floats, second: Floats) -> Floats:
    """Angle of the rotation from one to the other [rad], shape `[..., 4]` to `[...]`."""
    return np.linalg.norm(to_vector(multiply(second, conjugate(first))), axis=-1)


def about(axis: str, angle: Floats) -> Floats:
    """Rotation about the axis x, y or z by `angle` [rad], shape `[...]` to `[..., 4]`."""
    vector = np.zeros((*np.shape(angle), 3))
    vector[..., "xyz".index(axis)] = angle
    return from_vector(vector)
