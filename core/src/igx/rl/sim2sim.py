"""Plays a policy on two simulators, to see what it owes to the one that it was trained with."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from igx.config.run_config import RunConfig
from igx.env import make_env
from igx.plugins import Plugins
from igx.rl.playing import Episodes, play
from igx.rl.policy import load_policy


@dataclass(frozen=True)
class Gap:
    """How far the mean of one series lies above that of another.

    Attributes:
        value: the difference of the means.
        error: its standard error, which says how much chance may have to do with it; 0 of single episodes.
    """

    value: float
    error: float

    @classmethod
    def between(cls, before: Sequence[float], after: Sequence[float]) -> "Gap":
        """From the mean of `before` to that of `after`."""
        errors = (statistics.pstdev(series) / math.sqrt(len(series)) for series in (before, after))
        return cls(statistics.fmean(after) - statistics.fmean(before), math.hypot(*errors))


def play_on(config: RunConfig, checkpoint: Path, *, episodes: int, plugins: Plugins) -> Episodes:
    """What the policy in `checkpoint` comes to on the simulator, and from the seed, that `config` names.

    Raises:
        IgxError: simulator or device can't be had, or the policy is of another network.
    """
    env = make_env(config, plugins=plugins)
    try:
        return play(env, load_policy(checkpoint, config, env, plugins=plugins), episodes=episodes)
    finally:
        env.close()
