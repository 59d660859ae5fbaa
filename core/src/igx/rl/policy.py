"""A trained policy as a function of observations, for playing, recording and export."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from igx.config.run_config import RunConfig
from igx.config.sections import BUILT_IN_NETWORK
from igx.env.vec_env import VecEnv
from igx.errors import ConfigError
from igx.plugins import Plugins, load_plugins
from igx.rl import checkpoints
from igx.rl.agents import Agent
from igx.rl.origin import refuse_foreign
from igx.rl.rl_games import create_player, register_network


class Policy:
    """Maps the observations of an environment to actions; a recurrent one clears its state where an episode ended.

    Args:
        player: rl_games' player with the trained weights.
        env: the environment it acts in, whose `terminated` and `truncated` tell when an episode has ended.
        deterministic: act by the mean of the distribution instead of by a sample.
    """

    def __init__(self, player: Any, env: VecEnv, *, deterministic: bool = True) -> None:
        self.deterministic = deterministic
        self._player, self._env = player, env
        self.restart()

    def take(self, state: checkpoints.State, *, agent: Agent, path: Path) -> None:
        """Act from now on by what a checkpoint of `agent` holds.

        Raises:
            CheckpointError: `state`, read from `path`, is of another network.
        """
        agent.take_policy(self._player, state, path=path)

    def restart(self) -> None:
        """Forget what was seen so far; call it after `env.reset()`."""
        self._player.reset()

    @torch.no_grad()
    def __call__(self, obs: Mapping[str, Tensor]) -> Tensor:
        """Actions for observations as `env.reset` and `env.step` return them; shape `[num_envs, num_actions]`."""
        done = self._env.terminated | self._env.truncated
        for states in self._player.states or ():
            states.masked_fill_(done[None, :, None], 0.0)
        return self._player.get_action(obs["policy"], self.deterministic)


def load_policy(
    checkpoint: Path, config: RunConfig, env: VecEnv, *, deterministic: bool = True, plugins: Plugins | None = None
) -> Policy:
    """The policy in a checkpoint, ready to act in `env`.

    Args:
        checkpoint: the file.
        config: the settings that it was trained with.
        env: where it shall act; any number of environments.
        deterministic: act by the mean of the distribution instead of by a sample.
        plugins: where agents and networks come from.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or of another task or network.
    """
    player = load_player(checkpoint, config, env, plugins=plugins or load_plugins())
    return Policy(player, env, deterministic=deterministic)


def untrained_policy(config: RunConfig, env: VecEnv, *, deterministic: bool = True, plugins: Plugins) -> Policy:
    """A policy as a training by `config` begins with, ready to act in `env`; arguments as for `load_policy`."""
    return Policy(create_player(make_agent(config, plugins), config, env), env, deterministic=deterministic)


def load_player(checkpoint: Path, config: RunConfig, env: VecEnv, *, plugins: Plugins) -> Any:
    """rl_games' player with the weights of a checkpoint; the arguments, and what is raised, are `load_policy`'s."""
    state = checkpoints.load(checkpoint, device=env.device)
    refuse_foreign(state, config, env, path=checkpoint)
    agent = make_agent(config, plugins)
    player = create_player(agent, config, env)
    agent.take_policy(player, state, path=checkpoint)
    return player


def make_agent(config: RunConfig, plugins: Plugins) -> Agent:
    """The agent that a run names, with its network made known to rl_games.

    Raises:
        PluginError: agent or network is unknown, or can't be loaded.
    """
    agent_class: Any = plugins.agents.get(config.run.agent).load()
    if not (isinstance(agent_class, type) and issubclass(agent_class, Agent)):
        raise ConfigError(f"Agent {config.run.agent!r} leads to {agent_class!r}, which is no subclass of Agent.")
    if config.network.name != BUILT_IN_NETWORK:
        register_network(config.network.name, plugins.networks.get(config.network.name).load())
    return agent_class()
