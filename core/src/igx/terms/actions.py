"""Terms about what the policy does."""

import torch
from torch import Tensor

from igx.errors import TaskError
from igx.task.task import Task


def last_action(task: Task) -> Tensor:
    """The actions just applied, shape `[num_envs, actions]`; 0 after a reset."""
    return task.action


def action_l2(task: Task) -> Tensor:
    """Sum of squared actions."""
    return task.action.square().sum(-1)


def action_rate_l2(task: Task) -> Tensor:
    """Sum of squared differences from the actions before."""
    return (task.action - task.previous_action).square().sum(-1)


def action_power(task: Task, scale: float = 1.0, robot: str = "robot") -> Tensor:
    """Sum of |action × joint velocity × scale|; needs one action for each joint, in their order."""
    live = task.articulation(robot)
    if task.action.shape != live.joint_vel.shape:
        joints, actions = live.num_joints, task.action.shape[1]
        raise TaskError(f"action_power needs one action for each joint of {robot!r}: {joints}, not {actions}.")
    return scale * torch.linalg.vector_norm(task.action * live.joint_vel, ord=1, dim=-1)
