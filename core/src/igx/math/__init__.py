"""Pure functions of tensors: rotations, frames, angles and the shapes that rewards are made of.

Quaternions are (w, x, y, z) everywhere in igx, MuJoCo's order, so that views of the engine's state stay zero-copy.
"""

from igx.math.rotations import (
    angle_between,
    axis_angle_from_quat,
    cos_between,
    matrix_from_quat,
    pitch,
    quat_conjugate,
    quat_from_axis_angle,
    quat_from_euler,
    quat_from_rotation_vector,
    quat_from_xyzw,
    quat_multiply,
    roll,
    rotate,
    rotate_inverse,
    upright,
    wrap_to_pi,
    yaw,
    yaw_quat,
)
from igx.math.shaping import exp_kernel, inverse_kernel, scale_from_unit, tolerance, unscale

__all__ = [
    "angle_between",
    "axis_angle_from_quat",
    "cos_between",
    "exp_kernel",
    "inverse_kernel",
    "matrix_from_quat",
    "pitch",
    "quat_conjugate",
    "quat_from_axis_angle",
    "quat_from_euler",
    "quat_from_rotation_vector",
    "quat_from_xyzw",
    "quat_multiply",
    "roll",
    "rotate",
    "rotate_inverse",
    "scale_from_unit",
    "tolerance",
    "unscale",
    "upright",
    "wrap_to_pi",
    "yaw",
    "yaw_quat",
]
