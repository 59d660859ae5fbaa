"""Runs on the point mass, for the tests of what a run does beside training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import point_mass
from point_mass import point_mass_config

from igx.config.compose import Composed
from igx.plugins import Plugins, TaskSpec, load_plugins
from igx.rl.runner import TrainResult, train


class Silent:
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.epochs: list[Mapping[str, float]] = []
        self.ends = 0

    def begin(self, run: Any) -> None:
        self.folders.append(run.folder)

    def epoch(self, metrics: Mapping[str, float]) -> None:
        self.epochs.append(metrics)

    def end(self) -> None:
        self.ends += 1


def composed(runs_dir: Path, *, agent: str = "ppo", **settings: dict[str, Any]) -> Composed:
    """Settings as `compose` gives them, for a task that is no plugin's."""
    task = TaskSpec(name="point-mass", target="point_mass:PointMass", summary="Push a point to the origin.")
    return Composed(
        config=point_mass_config(runs_dir=runs_dir, agent=agent, settings=settings),
        origins={},
        task_spec=task,
        agent_spec=load_plugins().agents.get(agent),
        presets=(),
    )


def run(
    runs_dir: Path,
    *,
    agent: str = "ppo",
    display: Silent | None = None,
    plugins: Plugins | None = None,
    **settings: Any,
) -> TrainResult:
    return train(
        composed(runs_dir, agent=agent, **settings),
        plugins=plugins or load_plugins(),
        display=display or Silent(),
        make_env=point_mass.make,
    )
