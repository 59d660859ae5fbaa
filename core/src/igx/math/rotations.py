"""Rotations of batched vectors. Quaternions are unit, (w, x, y, z), in the last dimension."""

import math

import torch
from torch import Tensor


def quat_from_xyzw(quat: Tensor) -> Tensor:
    """Reorder (x, y, z, w), as Isaac Gym and SciPy write quaternions, to (w, x, y, z), shape `[..., 4]`."""
    return quat.roll(1, dims=-1)


def quat_conjugate(quat: Tensor) -> Tensor:
    """Inverse rotation of a unit quaternion, shape `[..., 4]`."""
    return torch.cat([quat[..., :1], -quat[..., 1:]], dim=-1)


def quat_multiply(left: Tensor, right: Tensor) -> Tensor:
    """Rotation that applies `right` first, then `left`, shape `[..., 4]`."""
    w1, x1, y1, z1 = left.unbind(-1)
    w2, x2, y2, z2 = right.unbind(-1)
    return torch.stack(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ],
        dim=-1,
    )


def quat_from_axis_angle(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotation by `angle` [rad], shape `[...]`, about the unit vector `axis`, shape `[..., 3]`."""
    half = 0.5 * angle.unsqueeze(-1)
    return torch.cat([half.cos(), axis * half.sin()], dim=-1)


def quat_from_rotation_vector(vector: Tensor) -> Tensor:
    """Rotation about `vector`, shape `[..., 3]`, by its length [rad]: the exponential map, shape `[..., 4]`."""
    half = 0.5 * vector.norm(dim=-1, keepdim=True)
    # sin(a/2) / a, which tends to 1/2 for small angles
    return torch.cat([half.cos(), 0.5 * vector * torch.sinc(half / math.pi)], dim=-1)


def axis_angle_from_quat(quat: Tensor) -> Tensor:
    """Rotation vector: unit axis times angle in [0, pi] [rad], shape `[..., 3]`."""
    quat = torch.where(quat[..., :1] < 0.0, -quat, quat)
    sin_half = quat[..., 1:].norm(dim=-1, keepdim=True)
    angle = 2.0 * torch.atan2(sin_half, quat[..., :1])
    # sin(a/2) / a tends to 1/2 for small angles, where the quotient below would be 0/0
    per_angle = torch.where(sin_half > 1e-6, angle / sin_half.clamp(min=1e-6), 2.0)
    return quat[..., 1:] * per_angle


def matrix_from_quat(quat: Tensor) -> Tensor:
    """Rotation matrix of a unit quaternion, shape `[..., 4]` to `[..., 3, 3]`."""
    w, x, y, z = quat.unbind(-1)
    entries = [
        *(1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)),
        *(2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)),
        *(2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)),
    ]
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def quat_from_euler(roll: Tensor, pitch: Tensor, yaw: Tensor) -> Tensor:
    """Rotation about the fixed x, then y, then z axis by the given angles [rad], shape `[..., 4]`."""
    cr, sr = (0.5 * roll).cos(), (0.5 * roll).sin()
    cp, sp = (0.5 * pitch).cos(), (0.5 * pitch).sin()
    cy, sy = (0.5 * yaw).cos(), (0.5 * yaw).sin()
    return torch.stack(
        [
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ],
        dim=-1,
    )


def roll(quat: Tensor) -> Tensor:
    """Angle about the fixed x axis [rad] in (-pi, pi], the first of roll, pitch, yaw."""
    w, x, y, z = quat.unbind(-1)
    return torch.atan2(torch.addcmul(w * x, y, z), 0.5 - torch.addcmul(x * x, y, y))


def pitch(quat: Tensor) -> Tensor:
    """Angle about the fixed y axis [rad] in [-pi/2, pi/2], the second of roll, pitch, yaw."""
    w, x, y, z = quat.unbind(-1)
    return torch.asin((2.0 * (w * y - z * x)).clamp(-1.0, 1.0))


def yaw(quat: Tensor) -> Tensor:
    """Angle about the fixed z axis [rad] in (-pi, pi], the last of roll, pitch, yaw."""
    w, x, y, z = quat.unbind(-1)
    return torch.atan2(torch.addcmul(w * z, x, y), 0.5 - torch.addcmul(y * y, z, z))


def yaw_quat(quat: Tensor) -> Tensor:
    """The heading of `quat` alone: its rotation about the world's z axis, shape `[..., 4]`."""
    half = 0.5 * yaw(quat)
    zero = torch.zeros_like(half)
    return torch.stack([half.cos(), zero, zero, half.sin()], dim=-1)


def upright(quat: Tensor) -> Tensor:
    """Cosine of the angle between a body's z axis and the vertical."""
    _, x, y, _ = quat.unbind(-1)
    return torch.rsub(torch.addcmul(x * x, y, y), 1.0, alpha=2.0)


def rotate(quat: Tensor, vector: Tensor) -> Tensor:
    """`vector`, shape `[..., 3]`, turned by `quat`, shape `[..., 4]`: from the body's frame to the world's.

    What stands before the last dimension is broadcast.
    """
    return _turn(quat, vector, sign=1.0)


def rotate_inverse(quat: Tensor, vector: Tensor) -> Tensor:
    """`vector` turned back by `quat`, shapes as for `rotate`: from the world's frame to the body's."""
    return _turn(quat, vector, sign=-1.0)


def _turn(quat: Tensor, vector: Tensor, *, sign: float) -> Tensor:
    """`v + 2 w (u × v) + 2 u × (u × v)` for the quaternion `(sign w, u)`, in as few operations as there are."""
    scalar = quat[..., :1]
    axis, vector = torch.broadcast_tensors(quat[..., 1:], vector)
    across = torch.linalg.cross(axis, vector)
    turned = torch.addcmul(vector, scalar, across, value=2.0 * sign)
    return torch.add(turned, torch.linalg.cross(axis, across), alpha=2.0)


def wrap_to_pi(angle: Tensor) -> Tensor:
    """The same angle in [-pi, pi) [rad]."""
    return torch.remainder(angle + math.pi, 2.0 * math.pi) - math.pi


def cos_between(a: Tensor, b: Tensor) -> Tensor:
    """Cosine of the angle between two vectors, shape `[..., d]` to `[...]`; 0 where one has no length."""
    return torch.cosine_similarity(a, b, dim=-1, eps=1e-12)


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Angle [rad] in [0, pi] of the rotation that leads from quaternion `a` to `b`, shape `[...]`."""
    return axis_angle_from_quat(quat_multiply(b, quat_conjugate(a))).norm(dim=-1)
