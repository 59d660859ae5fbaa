"""The numbers of an epoch: collected from whatever rl_games algorithm writes scalars, under names of our own."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

Metrics = dict[str, float]
"""Name → number, as trackers, observers and the display get them. Times are in seconds, returns unscaled.

`epoch`, `frames`, `time`; `steps_per_s` over all and `rollout_steps_per_s` without the update; `env_s`, `inference_s`
and `update_s` of one epoch; `return`, `length` (means over the last `run.games_to_track` episodes), `episodes` that
ended in this epoch; `reward/TERM` and `metric/NAME` (the same means); `loss/...`, `entropy`, `kl`, `lr`, `alpha`;
`unstable`. Where the policy was evaluated: `eval/return`, `eval/length`, `eval/success`, and `eval/seconds`, which it
took.
"""

NAMES = {
    "performance/step_inference_rl_update_fps": "steps_per_s",
    "performance/step_inference_fps": "rollout_steps_per_s",
    "performance/step_fps": "env_steps_per_s",
    "performance/step_time": "env_s",
    "performance/step_inference_time": "rollout_s",
    "performance/rl_update_time": "update_s",
    "losses/a_loss": "loss/actor",
    "losses/c_loss": "loss/critic",
    "losses/cval_loss": "loss/central_value",
    "losses/bounds_loss": "loss/bounds",
    "losses/alpha_loss": "loss/alpha",
    "losses/entropy": "entropy",
    "info/kl": "kl",
    "info/last_lr": "lr",
    "info/cval_lr": "central_value_lr",
    "info/e_clip": "clip",
    "info/alpha": "alpha",
    "shaped_rewards/step": "shaped_return",
}
"""rl_games' tag → our name. Other tags, an algorithm's own, are kept as they are."""

_SAID_OTHERWISE = ("rewards/", "shaped_rewards/", "episode_lengths/", "info/epochs", "info/lr_mul")


class Scalars:
    """What rl_games takes for a TensorBoard writer: keeps each scalar of the current epoch under our name."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def add_scalar(self, tag: str, value: Any, step: Any = None) -> None:
        """Keep `value`; a later one under the same tag replaces it."""
        if not tag.startswith(_SAID_OTHERWISE):
            self._values[NAMES.get(tag, tag)] = value

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def drain(self) -> Metrics:
        """The numbers since the last call."""
        values, self._values = self._values, {}
        metrics = {name: _number(value) for name, value in values.items()}
        if "rollout_s" in metrics and "env_s" in metrics:
            metrics["inference_s"] = metrics["rollout_s"] - metrics["env_s"]
        return metrics


def _number(value: Any) -> float:
    """`value` as a number, be it one, a tensor or an array of one element."""
    if isinstance(value, Tensor):
        value = value.detach()
    return float(value.item() if hasattr(value, "item") else value)


class EpisodeMeans:
    """Means over about the last `window` episodes of what `VecEnv.episode_metrics` tells of each epoch's.

    Args:
        window: episodes that count, as in `run.games_to_track`.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.counted = 0.0
        self._means: Metrics = {}

    def add(self, epoch: Mapping[str, float]) -> None:
        """Take one epoch in: `episodes` that ended, and the means over them."""
        new = min(epoch.get("episodes", 0.0), self.window)
        if new == 0:
            return
        old = min(self.window - new, self.counted)
        for name, value in epoch.items():
            if name.startswith(("reward/", "metric/")):
                self._means[name] = (self._means.get(name, 0.0) * old + value * new) / (old + new)
        self.counted = old + new

    def state_dict(self) -> dict[str, Any]:
        """What the means to come depend on."""
        return {"counted": self.counted, "means": dict(self._means)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict()`; from nothing, if that is empty."""
        self.counted, self._means = state.get("counted", 0.0), dict(state.get("means", {}))

    def means(self) -> Metrics:
        """The means by name; empty until an episode has ended."""
        return dict(self._means)


def first_not_finite(metrics: Mapping[str, float], *, among: tuple[str, ...]) -> str | None:
    """Name of a number that is infinite or not a number, if its name begins like one in `among`."""
    return next((name for name, value in metrics.items() if name.startswith(among) and not math.isfinite(value)), None)
