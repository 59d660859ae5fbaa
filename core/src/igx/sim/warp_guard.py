"""Which environments' states are no numbers, or beyond bounds: a kernel of our own, where torch takes seven."""

# Warp compiles a kernel from its source; as Python it means little.
# pyright: reportArgumentType=false, reportAssignmentType=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportUntypedFunctionDecorator=false

from typing import Any

import torch
import warp as wp
from torch import Tensor


@wp.kernel
def _find_beyond(
    qpos: wp.array2d[float],
    qvel: wp.array2d[float],
    farthest: float,
    fastest: float,
    is_beyond: wp.array[wp.bool],
) -> None:
    env = wp.tid()
    is_beyond[env] = False
    for i in range(qpos.shape[1]):
        if not (wp.abs(qpos[env, i]) < farthest):  # comparisons with NaN are false
            is_beyond[env] = True
    for i in range(qvel.shape[1]):
        if not (wp.abs(qvel[env, i]) < fastest):
            is_beyond[env] = True


def beyond(qpos: Any, qvel: Any, *, farthest: float, fastest: float) -> Tensor:
    """Where a position or a velocity is not within its bound.

    Args:
        qpos, qvel: the engine's arrays, one row for each environment.
        farthest, fastest: bounds of what they hold.

    Returns:
        bool `[num_envs]`.
    """
    found = torch.empty(len(qpos), dtype=torch.bool, device=wp.device_to_torch(qpos.device))
    inputs = [qpos, qvel, farthest, fastest, wp.from_torch(found, dtype=wp.bool)]
    wp.launch(_find_beyond, dim=len(qpos), inputs=inputs, device=qpos.device)
    return found
