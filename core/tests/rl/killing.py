"""Real training processes, quickly started, that tests kill: children of a server that has imported everything once."""

import multiprocessing
import os
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["killing", "igx.rl.runner", "igx.sim.mujoco_cpu", "igx.tasks.cartpole"])

SETTINGS = (
    *("sim.num_envs=32", "sim.threads=1", "ppo.horizon=8", "ppo.num_minibatches=2", "network.units=[32]"),
    *("run.torch_threads=1", "run.save_every=3", "run.save_best_after=1"),
    "run.eval_envs=0",  # when there is time for one depends on the clock, and so does which policy is the best
)


def start(function: Any, *arguments: Any) -> BaseProcess:
    """Run a function of this module in a process of its own."""
    process = _CONTEXT.Process(target=function, args=arguments, daemon=True)
    process.start()
    return process


def train(runs_dir: Path, epochs: int) -> None:
    """Train a small policy for cartpole into the folder `run`."""
    from igx.config.compose import compose
    from igx.plugins import load_plugins
    from igx.rl import runner

    overrides = [*SETTINGS, f"run.max_epochs={epochs}", f"run.runs_dir={runs_dir}", "run.name=run"]
    plugins = load_plugins()
    settings = compose(plugins=plugins, task="cartpole", overrides=overrides, cuda_available=False)
    runner.train(settings, plugins=plugins, display=Silent())


def resume(runs_dir: Path) -> None:
    """Go on with it, if it has saved anything; otherwise leave the code 2."""
    from igx.config.compose import compose
    from igx.errors import IgxError
    from igx.plugins import load_plugins
    from igx.rl import runner
    from igx.rl.run_folder import RunFolder

    plugins = load_plugins()
    try:
        folder = RunFolder.existing(runs_dir / "run")
        settings = compose(plugins=plugins, config_file=folder.config_file, cuda_available=False)
        runner.resume(settings, folder, plugins=plugins, display=Silent())
    except IgxError as error:
        (runs_dir / "refusal.txt").write_text(str(error))
        os._exit(error.exit_code)


def save_for_ever(path: Path) -> None:
    """Write checkpoints of 400 kB over each other, each of one number, which counts up."""
    import torch

    from igx.rl import checkpoints

    for number in range(10**9):
        state = {"model": {"weights": torch.full((100_000,), float(number))}, "epoch": number}
        checkpoints.save(path, state)


class Silent:
    """A display that shows nothing."""

    def begin(self, run: Any) -> None: ...

    def epoch(self, metrics: Any) -> None: ...

    def end(self) -> None: ...
