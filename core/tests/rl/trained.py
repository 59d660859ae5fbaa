"""Folders of runs with a policy that nobody trained, made quickly, for tests of what is done with trained ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from igx.config.compose import compose
from igx.config.overrides import Assignment, parse_override
from igx.config.run_config import RunConfig, dump
from igx.env import make_env
from igx.plugins import Plugins, load_plugins
from igx.rl import checkpoints
from igx.rl.metrics import Scalars
from igx.rl.policy import make_agent
from igx.rl.rl_games import AlgoObserver, create_algo
from igx.rl.run_folder import RunFolder

NUM_ENVS = 64


def untrained_run(
    folder: Path, task: str, *settings: str, plugins: Plugins | None = None
) -> tuple[RunFolder, RunConfig]:
    """A run of `task` with `settings`, whose policy has the weights that it starts with and has seen observations."""
    plugins = plugins or load_plugins()
    config = _config(task, settings, plugins)
    run = RunFolder(folder)
    run.networks.mkdir(parents=True)
    run.config_file.write_text(dump(config))
    env = make_env(config, plugins=plugins)
    agent = make_agent(config, plugins)
    algo = create_algo(agent, config, env, folder=folder, observer=AlgoObserver(), writer=Scalars())
    state: dict[str, Any] = algo.get_full_state_weights()
    for network in state.values():
        if isinstance(network, Mapping):
            _look_around(network)
    checkpoints.save(run.last, state)
    env.close()
    return run, config


def _config(task: str, settings: tuple[str, ...], plugins: Plugins) -> RunConfig:
    own = {"sim.num_envs": NUM_ENVS, "sim.device": "cpu", "sim.threads": 1, "run.torch_threads": 1}
    given = [Assignment(path, value, "test") for path, value in own.items()]
    return compose(
        plugins=plugins,
        task=task,
        overrides=[*given, *(parse_override(text, origin="test") for text in settings)],
        cuda_available=False,
        for_training=False,
    ).config


def _look_around(network: Mapping[str, Any]) -> None:
    """Give a normaliser of observations in `network` some mean and variance, so that it isn't the identity."""
    for name, value in network.items():
        if name.endswith("running_mean"):
            value.copy_(torch.linspace(-0.2, 0.3, value.numel()).view_as(value))
        elif name.endswith("running_var"):
            value.copy_(torch.linspace(0.5, 2.0, value.numel()).view_as(value))
