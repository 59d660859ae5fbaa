"""Training for its own sake, without a run folder: to measure it, or to have everything compiled that it needs."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from igx.config.run_config import RunConfig
from igx.env import VecEnv
from igx.plugins import Plugins
from igx.rl.metrics import Metrics, Scalars
from igx.rl.policy import make_agent
from igx.rl.rl_games import AlgoObserver, create_algo
from igx.rl.stopping import Stopped

_NO_END = 1_000_000_000  # epochs; a learning rate that falls linearly needs an end


def train_on_trial(
    config: RunConfig, env: VecEnv, *, plugins: Plugins, goes_on: Callable[[Metrics, int], bool]
) -> None:
    """Train a policy from the start, and forget it.

    Args:
        config: the settings; how long to train, and what to start from, is not taken from them.
        env: the environments.
        plugins: where agent and network come from.
        goes_on: handed the numbers of each epoch and the environment steps so far, tells whether to train another one.

    Raises:
        IgxError: something asked for can't be had.
    """
    settings = config.run.model_copy(update={"max_epochs": _NO_END, "max_frames": None, "save_every": 0})
    agent = make_agent(config, plugins)
    config = agent.on_trial(config.model_copy(update={"run": settings}))
    threads = torch.get_num_threads()
    try:
        with tempfile.TemporaryDirectory() as folder:
            watcher = _Watcher(env, goes_on)
            algo = create_algo(
                agent,
                config,
                env,
                folder=Path(folder, "trial"),
                observer=watcher,
                writer=watcher.scalars,
            )
            with suppress(Stopped):
                algo.train()
    finally:
        torch.set_num_threads(threads)  # rl_games sets it for the whole process


class _Watcher(AlgoObserver):
    """Asks after every epoch whether to go on, and does on the device what a run does there between two epochs."""

    def __init__(self, env: VecEnv, goes_on: Callable[[Metrics, int], bool]) -> None:
        self.scalars = Scalars()
        self._env, self._goes_on = env, goes_on

    def after_init(self, algo: Any) -> None:
        """Remember the algorithm; rl_games calls this when it is built."""
        self._algo = algo

    def after_print_stats(self, frame: int, epoch_num: int, total_time: float) -> None:
        """An epoch has ended.

        Raises:
            Stopped: it was the last one.
        """
        self._env.episode_metrics()
        self._env.overflows()
        if not self._goes_on(self.scalars.drain(), int(self._algo.frame)):
            raise Stopped("enough")
