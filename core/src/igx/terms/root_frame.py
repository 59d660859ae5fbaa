"""How a robot's root is turned, once for all terms that ask: its axes, its yaw, and vectors in its frame."""

import torch
from torch import Tensor

from igx.task.declare import shared
from igx.task.task import Task

_MATRIX = (
    *("-yy -zz", "+xy -wz", "+xz +wy"),
    *("+xy +wz", "-xx -zz", "+yz -wx"),
    *("+xz -wy", "+yz +wx", "-xx -yy"),
)
"""Half of what the rotation matrix of a unit quaternion (w, x, y, z) is beside the identity, entry by entry."""


@shared
def root_axes(task: Task, robot: str = "robot") -> Tensor:
    """The root's axes in the world: its rotation matrix, entry by entry, shape `[3, 3, num_envs]`.

    Row 2 is the world's vertical in the root's frame, column 0 where the root faces.
    """
    live = task.articulation(robot)
    chosen, factor, identity = task.constant(("root_axes",), lambda: _products(task))
    a, c, b, d = (live.root_quat.T.index_select(0, chosen) * factor).split(9)
    return torch.addcmul(torch.addcmul(identity, a, b), c, d).unflatten(0, (3, 3))


def _products(task: Task) -> tuple[Tensor, Tensor, Tensor]:
    """For the matrix's entries as `identity + a b + c d`: which components a, c, b and d are, times which factors."""
    products = [product for column in zip(*(entry.split() for entry in _MATRIX), strict=True) for product in column]
    chosen = ["wxyz".index(product[place]) for place in (1, 2) for product in products]
    factor = [float(f"{product[0]}2") for product in products] + [1.0] * len(products)
    identity = torch.eye(3, device=task.device).view(9, 1)
    return torch.tensor(chosen, device=task.device), task.tensor(factor)[:, None], identity


def in_root_frame(task: Task, vector: Tensor, robot: str = "robot") -> Tensor:
    """`vector`, shape `[num_envs, 3]`, from the world's frame to the root's."""
    return (root_axes(task, robot) * vector.T.unsqueeze(1)).sum(0).T


@shared
def root_yaw(task: Task, robot: str = "robot") -> Tensor:
    """Angle of the root about the vertical [rad] in (-pi, pi]."""
    axes = root_axes(task, robot)
    return torch.atan2(axes[1, 0], axes[0, 0])
