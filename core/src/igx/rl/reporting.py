"""The numbers of an epoch in the shape in which rl_games' algorithms keep and report them."""

from collections.abc import Mapping
from typing import Any

EPISODES = ("returns", "shaped", "lengths", "count")
"""What `EpisodeSums.drain` tells, in its order."""


def count_episodes(algo: Any, *, returns: float, shaped: float, lengths: float, count: float) -> None:
    """Take the sums over episodes that ended into rl_games' means over the last `games_to_track` ones."""
    if count == 0:
        return
    number = int(count)
    _take_in(algo.game_rewards, returns / number, number, shape=(1, 1))
    _take_in(algo.game_shaped_rewards, shaped / number, number, shape=(1, 1))
    _take_in(algo.game_lengths, lengths / number, number, shape=(1,))


def speeds(seconds: Mapping[str, float], *, steps: int) -> dict[str, float]:
    """rl_games' tags for how fast an epoch was.

    Args:
        seconds: how long its phases took: `env`, `inference` and, if anything was learned, `update`.
        steps: environment steps in it.
    """
    update = seconds.get("update", 0.0)
    rollout = seconds["env"] + seconds["inference"]
    return {
        "performance/step_inference_rl_update_fps": steps / sum(seconds.values()),
        "performance/step_inference_fps": steps / rollout,
        "performance/step_fps": steps / seconds["env"],
        "performance/rl_update_time": update,
        "performance/step_inference_time": rollout,
        "performance/step_time": seconds["env"],
    }


def _take_in(meter: Any, mean: float, count: int, *, shape: tuple[int, ...]) -> None:
    new = min(count, meter.max_size)
    old = min(meter.max_size - new, meter.current_size)
    before = meter.mean.cpu()  # where it stays: to read it from a device waits for all that the device has to do
    meter.mean = ((before * old + mean * new) / (old + new)).reshape(shape)
    meter.current_size = old + new
