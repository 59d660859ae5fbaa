"""`returns_while_training`: a few epochs, to see in a plugin's tests that a task can be learned."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from igx.config.compose import compose
from igx.plugins import load_plugins

if TYPE_CHECKING:  # tests that train nothing need no rl_games
    from igx.rl.trackers import Run


class _Silent:
    """Shows nothing."""

    def begin(self, run: "Run") -> None: ...
    def epoch(self, metrics: Mapping[str, float]) -> None: ...
    def end(self) -> None: ...


def returns_while_training(
    task: str, *, runs_dir: Path, max_epochs: int, num_envs: int = 256, seed: int = 1, overrides: Sequence[str] = ()
) -> list[float]:
    """Train on the CPU, with one thread for the policy, and tell how the return grew.

    Args:
        task: name of the task, as `igx list-tasks` shows it.
        runs_dir: where the run is left, e.g. pytest's `tmp_path`.
        max_epochs: how long.
        num_envs: how many environments.
        seed: of every random number.
        overrides: settings such as ``ppo.lr=1e-3``.

    Returns:
        Mean return of the last finished episodes, at most a hundred, after each epoch from the first on by which one
        had finished.
    """
    from igx.rl.runner import train

    settings = [
        f"sim.num_envs={num_envs}",
        f"run.max_epochs={max_epochs}",
        f"run.seed={seed}",
        f"run.runs_dir={runs_dir}",
        "run.torch_threads=1",
        "run.track=[]",
    ]
    plugins = load_plugins()
    composed = compose(plugins=plugins, task=task, overrides=[*settings, *overrides], cuda_available=False)
    result = train(composed, plugins=plugins, display=_Silent())
    epochs = [json.loads(line) for line in result.folder.metrics_file.read_text().splitlines()]
    return [epoch["return"] for epoch in epochs if "return" in epoch]
