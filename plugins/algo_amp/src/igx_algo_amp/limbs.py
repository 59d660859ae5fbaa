"""Legs and arms of the AMP humanoid by their ends: which way they are turned, and how far they are bent."""

import numpy as np

from igx_algo_amp import quaternions
from igx_algo_amp.humanoid import OFFSETS, SOLE

THIGH, SHIN = float(-OFFSETS[10, 2]), float(-OFFSETS[11, 2])
"""Lengths from hip to knee and from knee to ankle [m]."""

HEEL, TOE = -0.0435, 0.1335
"""Where the sole ends, forward from the ankle [m]."""

Floats = quaternions.Floats


def reach(way: Floats, *, left: Floats) -> tuple[Floats, Floats]:
    """Rotations of the thigh in the world, and angles of the knee, that put the ankle at `way` from the hip.

    Args:
        way: shape `[frames, 3]` [m]; where it is longer than the leg, the leg is stretched towards it.
        left: about which the knee bends, as far as it is at a right angle to `way`, shape `[frames, 3]` or `[3]`.
    """
    distance = np.linalg.norm(way, axis=-1)
    cosine = (distance**2 - THIGH**2 - SHIN**2) / (2.0 * THIGH * SHIN)
    knee = np.arccos(np.clip(cosine, -1.0, 1.0))
    in_thigh = np.stack([-SHIN * np.sin(knee), np.zeros_like(knee), -THIGH - SHIN * np.cos(knee)], axis=-1)
    ours, theirs = _along(in_thigh, np.array([0.0, 1.0, 0.0])), _along(way, left)
    return quaternions.from_matrix(theirs @ np.swapaxes(ours, -1, -2)), knee


def turned_to(*, left: Floats, up: Floats) -> Floats:
    """Rotations that turn the y axis to `left`, and the z axis as near to `up` as that allows, shape `[..., 4]`."""
    y = unit(left)
    x = unit(np.cross(y, up))
    return quaternions.from_matrix(np.stack([x, y, np.cross(x, y)], axis=-1))


def unit(vector: Floats) -> Floats:
    """Vectors of length 1, shape `[..., 3]`."""
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def ends_of_sole(ankle: Floats, foot: Floats) -> tuple[Floats, Floats]:
    """Where the middles of the sole's edge at the heel, and of that at the toes, are in the world.

    Args:
        ankle: shape `[frames, 3]` [m].
        foot: rotations of the foot, shape `[frames, 4]`.
    """
    heel, toe = (ankle + quaternions.rotate(foot, np.array([x, 0.0, -SOLE])) for x in (HEEL, TOE))
    return heel, toe


def _along(down: Floats, left: Floats) -> Floats:
    """Right-handed axes in columns: along `down`, as near to `left` as can be, and at a right angle to both."""
    along = unit(down)
    aside = unit(left - (left * along).sum(-1, keepdims=True) * along)
    return np.stack([along, aside, np.cross(along, aside)], axis=-1)
