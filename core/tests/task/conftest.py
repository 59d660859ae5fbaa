"""Lets tests run a task of theirs on the real engine."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from igx import Task, VecEnv
from igx.config.sections import RunSettings, SimConfig
from igx.env.make import build
from igx.sim.mujoco_cpu import MujocoCpu

Simulated = Callable[..., VecEnv]


@pytest.fixture
def simulated() -> Simulated:
    """Builds environments of a task class: `simulated(Ant, num_envs=8, seed=1, settings={…}, sim={…})`."""

    def make(
        task_class: type[Task],
        *,
        num_envs: int = 4,
        seed: int = 0,
        settings: dict[str, Any] | None = None,
        sim: dict[str, Any] | None = None,
    ) -> VecEnv:
        room = {"contacts_per_env": 1, "constraints_per_env": 1}  # for GPUs; saves measuring it
        sim_config = SimConfig.model_validate(
            {"device": "cpu", "num_envs": num_envs, "threads": 1, **room, **(sim or {})}
        )
        task_config = task_class.settings().model_validate(settings or {})
        run = RunSettings(task=task_class.__name__, agent="none", seed=seed)
        config = SimpleNamespace(task=task_config, sim=sim_config, run=run)
        return build(task_class, config, simulator_class=MujocoCpu)

    return make
