"""Whose fault it is that training gives no numbers any more: a term's of the task, or its own."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from igx.env.vec_env import VecEnv


def broken_terms(env: VecEnv, algo: Any, of_epoch: Mapping[str, float]) -> list[str]:
    """Terms that were not finite in the rollout that was learned from last, while all actions until then were.

    Args:
        env: the environments.
        algo: one of rl_games' algorithms, which have no types; of one without rollouts, the rewards alone are judged.
        of_epoch: what `env.episode_metrics` told of the rollout.
    """
    if hasattr(algo, "experience_buffer"):
        actions, observed = _rollout(algo)
        acted, seen = _finite_steps(actions), min(_finite_steps(values) for values in observed.values())
        steps = actions.shape[1]
        if seen < steps and seen <= acted:  # what is seen in a step comes before the action, and the reward after it
            return env.program.broken_observations({group: values[:, seen] for group, values in observed.items()})
        if acted < steps:
            return []
    rewards = [name for name, value in of_epoch.items() if name.startswith("reward/") and not math.isfinite(value)]
    return [name.replace("/", " ", 1) for name in rewards]


def _rollout(algo: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Its actions, and the observations by group, shape `[num_envs, steps, width]`."""
    learned = {"policy": algo.dataset.values_dict}
    if learned["policy"] is None:  # rl_games' own agent has thrown it away, but plays no other one meanwhile
        buffer = algo.experience_buffer.tensor_dict
        names = {"obses": "policy", "states": "critic"}
        groups = {group: buffer[name].transpose(0, 1) for name, group in names.items() if name in buffer}
        return buffer["actions"].transpose(0, 1), groups
    if algo.has_central_value:
        learned["critic"] = algo.central_value_net.dataset.values_dict
    by_env = (-1, algo.horizon_length)
    return learned["policy"]["actions"].unflatten(0, by_env), {
        group: values["obs"].unflatten(0, by_env) for group, values in learned.items()
    }


def _finite_steps(values: Tensor) -> int:
    """How many steps there are before the first one that isn't finite everywhere."""
    return int(values.isfinite().all(-1).all(0).int().cumprod(0).sum())
