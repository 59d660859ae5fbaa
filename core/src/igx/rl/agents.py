"""Learning algorithms as igx sets them up on rl_games; `AgentSpec.target` names a subclass of `Agent`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from igx.config.run_config import RunConfig
from igx.env.memory import bytes_per_rollout, require_memory, require_memory_for
from igx.env.vec_env import VecEnv
from igx.errors import CheckpointError, ConfigError
from igx.rl import rl_games
from igx.rl.checkpoints import State, refuse_mismatch
from igx.rl.models import Gaussian, SoftActorCritic, SquashedGaussian
from igx.rl.players import PpoPlayer, SacPlayer
from igx.rl.ppo import Ppo
from igx.rl.ppo_config import PpoConfig
from igx.rl.replay import ReplayBuffer
from igx.rl.rl_games import Runner
from igx.rl.sac import Sac, transition_widths
from igx.rl.stock_ppo import StockPpo

_MODELS = {
    rl_games.GAUSSIAN: ("igx_gaussian", Gaussian),
    rl_games.SQUASHED: ("igx_squashed_gaussian", SquashedGaussian),
}
"""Our models, and the names they are registered under, by those of rl_games'."""

_SAC_MODEL = "igx_soft_actor_critic"
_NETWORKS = {
    "model": "policy",
    "assymetric_vf_nets": "central value network",
    "actor": "policy of SAC",
    "critic": "critics",
    "critic_target": "target critics",
    "running_mean_std": "mean and variance of observations",
}
"""What a checkpoint holds under rl_games' keys."""


class Agent:
    """How one algorithm is set up: what rl_games is told, what is registered there, what a checkpoint must hold.

    An algorithm of another package subclasses this. It adds its builders in `register`, makes its parameters of the
    run's config in `params` (the parts of `igx.rl.rl_games` help), and declares its own config section in its
    `AgentSpec`. The algorithm itself is what rl_games takes for one: `train()` runs it, `get_full_state_weights()` is
    its checkpoint, and `algo_observer.after_print_stats(frame, epoch, time)` is called at the end of each epoch.
    """

    algo_name: str
    """The name of algorithm and player in rl_games' factories."""

    def register(self, runner: Runner) -> None:
        """Add the builders of algorithm and player to the runner's factories, and models to rl_games' registries."""
        raise NotImplementedError

    def params(self, config: RunConfig, env: VecEnv) -> rl_games.Params:
        """Make rl_games' parameters of a run's config.

        Raises:
            ConfigError: the settings and the environment don't go together.
        """
        raise NotImplementedError

    def require_memory(self, config: RunConfig, env: VecEnv) -> None:
        """Refuse rollouts that memory can't hold; by default, those of an agent with PPO's settings.

        Raises:
            SimulatorError: there is too little.
        """
        ppo = config.agent
        if isinstance(ppo, PpoConfig):
            widths = env.observation_widths
            each = bytes_per_rollout(
                steps=ppo.horizon,
                observations=widths["policy"] + (widths.get("critic", 0) if ppo.central_value else 0),
                actions=env.num_actions,
            )
            what = f"a rollout of {ppo.horizon} steps (ppo.horizon)"
            require_memory(each * env.num_envs, device=env.device, num_envs=env.num_envs, what=what)

    def on_trial(self, config: RunConfig) -> RunConfig:
        """The settings to measure training by, or to warm up with: without a beginning that isn't like the rest."""
        return config

    def start_from(self, algo: Any, state: State, *, path: Path) -> None:
        """Take the networks and normalisers out of a checkpoint, and nothing else, before a new run.

        Raises:
            CheckpointError: `state`, read from `path`, is of another network.
        """
        refuse_mismatch(path, _network(state, "model", path=path), algo.model.state_dict())
        if getattr(algo, "has_central_value", False):
            central = algo.central_value_net
            found = _network(state, "assymetric_vf_nets", path=path)
            refuse_mismatch(path, found, central.state_dict())
            central.load_state_dict(found)
        algo.set_weights(state)

    def take_policy(self, player: Any, state: State, *, path: Path) -> None:
        """Take the policy out of a checkpoint into a player.

        Raises:
            CheckpointError: `state`, read from `path`, is of another network.
        """
        refuse_mismatch(path, _network(state, "model", path=path), player.model.state_dict())
        player.set_weights(state)


class PpoAgent(Agent):
    """igx's PPO."""

    algo_name = "igx_ppo"

    def register(self, runner: Runner) -> None:
        """Add our agent, player and model."""
        runner.algo_factory.register_builder(self.algo_name, Ppo)
        runner.player_factory.register_builder(self.algo_name, PpoPlayer)
        for name, model in _MODELS.values():
            rl_games.register_model(name, model)

    def params(self, config: RunConfig, env: VecEnv) -> rl_games.Params:
        """See `igx.rl.rl_games.params`."""
        params = rl_games.params(config, env, algo=self.algo_name)
        params["model"]["name"], _ = _MODELS[params["model"]["name"]]
        return params


class StockPpoAgent(Agent):
    """rl_games' PPO as it is; `ppo.normalizer_updates` has no effect on it, it updates in every mini-epoch."""

    algo_name = "igx_stock_ppo"

    def register(self, runner: Runner) -> None:
        """Add rl_games' agent, and our player."""
        runner.algo_factory.register_builder(self.algo_name, StockPpo)
        runner.player_factory.register_builder(self.algo_name, PpoPlayer)

    def params(self, config: RunConfig, env: VecEnv) -> rl_games.Params:
        """See `igx.rl.rl_games.params`.

        Raises:
            ConfigError: also if the settings ask for what only igx's PPO does.
        """
        ppo = config.agent
        if isinstance(ppo, PpoConfig) and ppo.bootstrap == "terminal":
            raise ConfigError(
                "ppo.bootstrap is terminal, which rl_games' PPO cannot do; say --agent ppo, or ppo.bootstrap=previous."
            )
        if isinstance(ppo, PpoConfig) and ppo.lr_schedule == "linear" and config.run.max_epochs is None:
            raise ConfigError(
                "ppo.lr_schedule is linear, which rl_games' PPO cannot do by run.max_frames; "
                "say --agent ppo, or set run.max_epochs."
            )
        return rl_games.params(config, env, algo=self.algo_name)


class SacAgent(Agent):
    """igx's SAC."""

    algo_name = "igx_sac"

    def register(self, runner: Runner) -> None:
        """Add our agent, player and model."""
        runner.algo_factory.register_builder(self.algo_name, Sac)
        runner.player_factory.register_builder(self.algo_name, SacPlayer)
        rl_games.register_model(_SAC_MODEL, SoftActorCritic)

    def params(self, config: RunConfig, env: VecEnv) -> rl_games.Params:
        """See `igx.rl.rl_games.sac_params`."""
        params = rl_games.sac_params(config, env, algo=self.algo_name)
        params["model"]["name"] = _SAC_MODEL
        return params

    def require_memory(self, config: RunConfig, env: VecEnv) -> None:
        """Refuse a replay buffer that memory can't hold.

        Raises:
            SimulatorError: there is too little.
        """
        sac = rl_games.sac_settings(config)
        widths = transition_widths(observations=env.observation_widths["policy"], actions=env.num_actions)
        require_memory_for(
            sac.buffer_size * ReplayBuffer.bytes_per_row(widths),
            device=env.device,
            setting="sac.buffer_size",
            value=sac.buffer_size,
            what="a replay buffer of so many transitions",
            advice="try sac.buffer_size={}",
        )

    def on_trial(self, config: RunConfig) -> RunConfig:
        """Without the warm-up, which learns nothing."""
        no_warmup = {"warmup_epochs": 0, "warmup_frames": None}
        at_once = rl_games.sac_settings(config).model_copy(update=no_warmup)
        return config.model_copy(update={config.agent_section: at_once})

    def start_from(self, algo: Any, state: State, *, path: Path) -> None:
        """Take the networks, the normaliser and, where the file tells it, the weight of entropy that they go with.

        Raises:
            CheckpointError: `state`, read from `path`, is of another network.
        """
        _refuse_other_networks(algo.model, state, path=path)
        algo.set_weights(state)
        if "igx" in state:
            algo.set_alpha(state["igx"]["log_alpha"])

    def take_policy(self, player: Any, state: State, *, path: Path) -> None:
        """Take the policy out of a checkpoint into a player.

        Raises:
            CheckpointError: `state`, read from `path`, is of another network.
        """
        _refuse_other_networks(player.model, state, path=path)
        player.set_weights(state)


def _refuse_other_networks(model: Any, state: State, *, path: Path) -> None:
    for name in ("actor", "critic", "critic_target"):
        refuse_mismatch(path, _network(state, name, path=path), getattr(model.sac_network, name).state_dict())
    if model.normalize_input:
        refuse_mismatch(path, _network(state, "running_mean_std", path=path), model.running_mean_std.state_dict())


def _network(state: State, key: str, *, path: Path) -> Mapping[str, Tensor]:
    if key not in state:
        raise CheckpointError(f"{path} holds no {_NETWORKS[key]}; it has {', '.join(sorted(state)) or 'nothing'}.")
    return state[key]
