"""The only module that knows rl_games: its parameters, its view of environments, its registries, prints and globals."""

import logging
import os
import random
import sys
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import gymnasium
import numpy as np
import psutil
import torch
from torch import Tensor, nn

from igx.config.run_config import RunConfig
from igx.config.sections import BUILT_IN_NETWORK, InitializerConfig, NetworkConfig, RnnConfig, RunSettings, TrunkConfig
from igx.env.torch_compiler import require_compiler
from igx.env.vec_env import VecEnv
from igx.errors import ConfigError
from igx.rl.ppo_config import CentralValueConfig, PpoConfig
from igx.rl.sac_config import SacConfig

with warnings.catch_warnings(), mock.patch.object(torch, "compile", lambda function: function):
    # an example in it compiles a function as it is imported, which takes longer than all other imports together
    warnings.simplefilter("ignore", DeprecationWarning)  # it still decorates with TorchScript
    from rl_games.algos_torch import a2c_continuous, model_builder, models, players, sac_agent, torch_ext
    from rl_games.common import a2c_common, env_configurations, ivecenv, vecenv
    from rl_games.common.algo_observer import AlgoObserver
    from rl_games.common.layers import recurrent
    from rl_games.torch_runner import Runner

torch.set_printoptions(profile="default")  # importing rl_games changes how tensors print, for everybody

__all__ = [
    "GAUSSIAN",
    "SOFT_ACTOR_CRITIC",
    "SQUASHED",
    "A2CAgent",
    "AlgoObserver",
    "AverageMeter",
    "ModelA2CContinuousLogStd",
    "ModelA2CContinuousTanh",
    "ModelSACContinuous",
    "PpoPlayerContinuous",
    "RlGamesEnv",
    "RnnWithDones",
    "Runner",
    "SACAgent",
    "SACPlayer",
    "Writer",
    "activation",
    "create_algo",
    "create_player",
    "mean_list",
    "params",
    "policy_kl",
    "register_model",
    "register_network",
    "sac_params",
    "sac_settings",
    "seed_everything",
    "swap_and_flatten01",
]

A2CAgent: type[Any] = a2c_continuous.A2CAgent  # rl_games has no types, and what can be inferred is wrong in places
AverageMeter: type[Any] = torch_ext.AverageMeter
IVecEnv: type[Any] = ivecenv.IVecEnv
ModelA2CContinuousLogStd: Any = models.ModelA2CContinuousLogStd
ModelA2CContinuousTanh: Any = models.ModelA2CContinuousTanh
ModelSACContinuous: Any = models.ModelSACContinuous
PpoPlayerContinuous: type[Any] = players.PpoPlayerContinuous
RnnWithDones: type[Any] = recurrent.RnnWithDones
SACAgent: type[Any] = sac_agent.SACAgent
SACPlayer: type[Any] = players.SACPlayer
mean_list = torch_ext.mean_list
policy_kl = torch_ext.policy_kl
swap_and_flatten01 = a2c_common.swap_and_flatten01

Params = dict[str, Any]
"""Parameters as rl_games takes them; `Any`, because that is what its dicts hold."""

GAUSSIAN, SQUASHED = "continuous_a2c_logstd", "continuous_a2c_tanh"
"""rl_games' models of a Gaussian policy, and of one squashed into [-1, 1]."""

SOFT_ACTOR_CRITIC = "soft_actor_critic"
"""rl_games' model of SAC's networks, and its builder of them."""

_ENV = "igx"
_MODELS = {"gaussian": GAUSSIAN, "tanh": SQUASHED}
_SCHEDULE_TYPES = {"per_minibatch": "legacy", "per_mini_epoch": "standard"}
_BOUNDS_LOSSES = {"soft_limit": "bound", "squared": "regularisation"}
_BARE_INITIALIZERS = {"default", "orthogonal", "kaiming_normal"}
_NEVER = sys.maxsize
_MOST_TORCH_THREADS = 16
"""On a CPU; a large minibatch gains from as many (RESULTS.md), more were not tried."""

_log = logging.getLogger("igx.rl_games")


class Writer(Protocol):
    """What rl_games asks of the writer that its scalars go to."""

    def add_scalar(self, tag: str, value: Any, step: Any = None) -> None:
        """Take one number (a float, a numpy number or a tensor of one element) under its tag."""
        ...


class AlgoFactory(Protocol):
    """What building asks of an agent; `igx.rl.agents.Agent` is one."""

    algo_name: str

    def register(self, runner: Runner) -> None:
        """Add builders to the runner's factories."""
        ...

    def params(self, config: RunConfig, env: VecEnv) -> Params:
        """Everything rl_games needs to know."""
        ...


class RlGamesEnv(IVecEnv):
    """A `VecEnv` as rl_games wants one: observations as `{"obs", "states"}`, one `dones`, cut-offs as `time_outs`."""

    def __init__(self, env: VecEnv) -> None:
        self.env = env
        self.dones = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)

    def get_env_info(self) -> dict[str, Any]:
        """Spaces of the policy's and, where there is a `critic` group, of the value network's observations."""
        info: dict[str, Any] = {
            "observation_space": _box(self.env.observation_widths["policy"]),
            "action_space": self.env.action_space,
            "agents": 1,
            "value_size": 1,
        }
        if "critic" in self.env.observation_widths:
            info["state_space"] = _box(self.env.observation_widths["critic"])
        return info

    def reset(self) -> dict[str, Tensor]:
        """Begin all episodes anew."""
        return self._observations(self.env.reset())

    def step(self, actions: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor, dict[str, Tensor]]:
        """Act once everywhere; what comes back are the same buffers each time."""
        obs, reward, terminated, truncated, info = self.env.step(actions)
        torch.logical_or(terminated, truncated, out=self.dones)
        return self._observations(obs), reward, self.dones, {**info, "time_outs": truncated}

    def observations(self) -> dict[str, Tensor]:
        """What the policy sees now, without a step."""
        return self._observations(self.env.obs)

    def mark(self) -> None:
        """An epoch ends: see `VecEnv.mark`."""
        self.env.mark()

    def get_env_state(self) -> dict[str, Any]:
        """State of all environments, for a checkpoint."""
        return self.env.state_dict()

    def set_env_state(self, env_state: Mapping[str, Any] | None) -> None:
        """Go on from a checkpoint's state, if it has one."""
        if env_state is not None:
            self.env.load_state_dict(env_state)

    def _observations(self, obs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        states = {"states": obs["critic"]} if "critic" in obs else {}
        return {"obs": obs["policy"], **states}


def params(config: RunConfig, env: VecEnv, *, algo: str) -> Params:
    """Parameters of rl_games' PPO for a run whose agent's section is a `PpoConfig`.

    Raises:
        ConfigError: the settings ask for an observation group that the task doesn't declare.
        SimulatorError: they ask for compilation, which does not work here.
    """
    ppo = config.agent
    if not isinstance(ppo, PpoConfig):
        raise ConfigError(f"Agent {config.run.agent!r} has settings of type {type(ppo).__name__}; PPO's are PpoConfig.")
    _refuse_missing_groups(ppo, env)
    if ppo.compile:  # for sim.compile the environments have asked
        require_compiler(str(env.device), setting=f"{config.agent_section}.compile")
    return {
        "seed": config.run.seed,
        "torch_threads": config.run.torch_threads or _torch_threads(config.sim.device),
        "algo": {"name": algo},
        "model": {"name": _MODELS[config.network.distribution]},
        "network": network(config.network),
        "config": {
            **run(config.run, env),
            **update(ppo, num_envs=env.num_envs, horizon=ppo.horizon),
            **_rollout(ppo, recurrent=_is_recurrent(config)),
            **_losses(ppo, env.device),
            "capture": ppo.capture,
            "bfloat16": bool(ppo.mixed_precision),  # on the CPU, too, where rl_games knows no mixed precision
            "compile": bool(config.sim.compile) if ppo.compile is None else ppo.compile,
            **_schedule(ppo),
            **_central_value(ppo.central_value, num_envs=env.num_envs, horizon=ppo.horizon),
        },
    }


def _torch_threads(device: str) -> int | str:
    """How many threads torch takes for PPO where the settings leave it open."""
    if device != "cpu":
        return "auto"  # at most four, as rl_games chooses: the work is the GPU's
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return min(cores, available, _MOST_TORCH_THREADS)


def sac_params(config: RunConfig, env: VecEnv, *, algo: str) -> Params:
    """Parameters of rl_games' SAC for a run whose agent's section is a `SacConfig`.

    Raises:
        ConfigError: the settings ask for an observation group that the task doesn't declare.
    """
    sac = sac_settings(config)
    if sac.bootstrap == "terminal":
        _refuse_missing_terminal(env, setting="sac.bootstrap", seen_by="policy")
    name = SOFT_ACTOR_CRITIC if config.network.name == BUILT_IN_NETWORK else config.network.name
    return {
        "seed": config.run.seed,
        "torch_threads": config.run.torch_threads or "auto",
        "algo": {"name": algo},
        "model": {"name": SOFT_ACTOR_CRITIC},
        "network": {
            **_trunk(config.network),
            "name": name,
            "separate": True,
            "log_std_bounds": list(sac.log_std_bounds),
            **config.network.options,
        },
        "config": {**run(config.run, env), **_sac(sac, env)},
    }


def sac_settings(config: RunConfig) -> SacConfig:
    """The agent's section of a run of SAC.

    Raises:
        ConfigError: it is another algorithm's.
    """
    sac = config.agent
    if not isinstance(sac, SacConfig):
        raise ConfigError(f"Agent {config.run.agent!r} has settings of type {type(sac).__name__}; SAC's are SacConfig.")
    return sac


def run(settings: RunSettings, env: VecEnv) -> Params:
    """What every algorithm of rl_games takes from `run` and the environment.

    Checkpoints, the best return and `score_to_win` are the run's affair, so rl_games is told to save nothing.
    """
    return {
        "name": settings.task,
        "env_name": _ENV,
        "env_config": {"env": RlGamesEnv(env)},
        "num_actors": env.num_envs,
        "device": str(env.device),
        "device_name": str(env.device),
        "multi_gpu": False,
        "torch_compile": False,
        "max_epochs": settings.max_epochs or -1,
        "max_frames": settings.max_frames or -1,
        "games_to_track": settings.games_to_track,
        "save_frequency": 0,
        "save_best_after": _NEVER,
        "print_stats": False,
        "player": {"use_vecenv": True, "deterministic": True, "print_stats": False},
    }


def network(config: NetworkConfig) -> Params:
    """The `network` section: a policy with a value output."""
    log_std = config.log_std_init if config.fixed_sigma else 0.0  # it would fill a layer's weights; _start_deviation
    return {
        **_trunk(config),
        "name": config.name,
        "separate": config.separate,
        "space": {
            "continuous": {
                "mu_activation": activation(config.mu_activation),
                "sigma_activation": activation(config.sigma_activation),
                "mu_init": _initializer(config.mu_init),
                "sigma_init": {"name": "const_initializer", "val": log_std},
                "fixed_sigma": config.fixed_sigma,
            }
        },
        **config.options,
    }


def update(config: PpoConfig | CentralValueConfig, *, num_envs: int, horizon: int) -> Params:
    """How one network is updated from a rollout."""
    return {
        "learning_rate": config.lr,
        "mini_epochs": config.mini_epochs,
        "minibatch_size": config.minibatch(num_envs=num_envs, horizon=horizon),
        "e_clip": config.clip,
        "clip_value": config.clip_value,
        "truncate_grads": config.grad_norm is not None,
        "grad_norm": config.grad_norm or 1.0,  # read even where nothing is truncated
        "weight_decay": config.weight_decay,
        "normalize_input": config.normalize_input,
    }


def create_algo(
    agent: AlgoFactory, config: RunConfig, env: VecEnv, *, folder: Path, observer: AlgoObserver, writer: Writer
) -> Any:
    """Build the algorithm that trains, seeded; its files belong under `folder`, its scalars go to `writer`.

    Returns `Any`, because rl_games' algorithms share no typed base.
    """
    parameters = agent.params(config, env)
    parameters["config"].update(train_dir=str(folder.parent), full_experiment_name=folder.name)
    runner = _runner(agent, parameters, observer=observer)
    seed_everything(config.run.seed)
    with _scripting_quietly(), _scalars_to(writer):
        algo = runner.algo_factory.create(agent.algo_name, base_name="run", params=runner.params)
    _start_deviation(algo.model, config.network)
    if "critic" in env.observation_layout and not getattr(algo, "has_central_value", False):
        names, has_one = ", ".join(env.observation_layout["critic"]), isinstance(config.agent, PpoConfig)
        advice = "ppo.central_value={} makes a network that does" if has_one else "only PPO has a network that could"
        _log.warning("no network sees the observations of group 'critic' (%s); %s", names, advice)
    return algo


def create_player(agent: AlgoFactory, config: RunConfig, env: VecEnv) -> Any:
    """Build the player that acts for a trained policy in all of `env`; `Any` as above."""
    parameters = agent.params(_to_play(config), env)
    runner = _runner(agent, parameters, observer=AlgoObserver())
    seed_everything(config.run.seed)
    with _scripting_quietly():
        player = runner.create_player()
    player.has_batch_dimension = True
    player.batch_size = env.num_envs
    return player


def register_model(name: str, model: type) -> None:
    """Make a model known to rl_games under `name`; its own names can't be taken over."""
    model_builder.register_model(name, model)


def register_network(name: str, builder: type) -> None:
    """Make a network builder known to rl_games under `name`; its own names can't be taken over."""
    model_builder.register_network(name, builder)


def seed_everything(seed: int) -> None:
    """Seed the global generators that rl_games draws from, 0 included, which rl_games takes for "don't"."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - rl_games' initialisers draw from this one
    random.seed(seed)


def _to_play(config: RunConfig) -> RunConfig:
    """`config` for a player, which trains nothing: minibatches need not divide anything, nothing need be compiled."""
    ppo = config.agent
    if not isinstance(ppo, PpoConfig):
        return config
    whole = {"num_minibatches": 1, "minibatch_size": None, "minibatch_size_per_env": None}
    central = ppo.central_value and ppo.central_value.model_copy(update=whole)
    changes = {**whole, "central_value": central, "compile": False}
    return config.model_copy(update={config.agent_section: ppo.model_copy(update=changes)})


def _start_deviation(model: Any, config: NetworkConfig) -> None:
    """Start a deviation that depends on the state at `log_std_init` everywhere: by its bias, its weights are zero."""
    sigma = getattr(getattr(model, "a2c_network", None), "sigma", None)
    if isinstance(sigma, nn.Linear):
        nn.init.constant_(sigma.bias, config.log_std_init)


def _runner(agent: AlgoFactory, parameters: Params, *, observer: AlgoObserver) -> Runner:
    _quiet()
    vecenv.register(_ENV, lambda _name, _num_envs, *, env, **_: env)
    env_configurations.register(_ENV, {"vecenv_type": _ENV, "env_creator": lambda *, env, **_: env})
    runner = Runner(observer)
    agent.register(runner)
    runner.load_config(parameters)
    return runner


def _refuse_missing_groups(ppo: PpoConfig, env: VecEnv) -> None:
    widths = env.observation_widths
    if ppo.central_value is not None and "critic" not in widths:
        raise ConfigError(
            "ppo.central_value needs observations of group 'critic', and the task declares none; "
            "leave it out, or give some observations that group."
        )
    if ppo.bootstrap != "terminal":
        return
    _refuse_missing_terminal(env, setting="ppo.bootstrap", seen_by="policy" if ppo.central_value is None else "critic")


def _refuse_missing_terminal(env: VecEnv, *, setting: str, seen_by: str) -> None:
    """Refuse to continue cut-off episodes by their last observation where the task doesn't show it as `seen_by`."""
    widths = env.observation_widths
    if "terminal" not in widths:
        raise ConfigError(
            f"{setting} is terminal, which needs observations of group 'terminal' taken before the reset, and the "
            f"task declares none; say {setting}=previous."
        )
    if widths["terminal"] != widths[seen_by]:
        raise ConfigError(
            f"{setting} is terminal, but group 'terminal' is {widths['terminal']} wide and the value network sees "
            f"group {seen_by!r}, which is {widths[seen_by]} wide."
        )


def _is_recurrent(config: RunConfig) -> bool:
    ppo = config.agent
    return config.network.rnn is not None or (
        isinstance(ppo, PpoConfig) and ppo.central_value is not None and ppo.central_value.network.rnn is not None
    )


def _rollout(ppo: PpoConfig, *, recurrent: bool) -> Params:
    low, high = ppo.reward_clip or (None, None)
    return {
        "horizon_length": ppo.horizon,
        "gamma": ppo.gamma,
        "tau": ppo.gae_lambda,
        "value_bootstrap": ppo.bootstrap != "off",
        "bootstrap": ppo.bootstrap,
        "reward_shaper": {
            "scale_value": ppo.reward_scale,
            "shift_value": ppo.reward_shift,
            "min_val": -np.inf if low is None else low,
            "max_val": np.inf if high is None else high,
            "log_val": ppo.reward_log,
        },
        "clip_actions": ppo.clip_actions,
        "seq_length": ppo.seq_length if recurrent else 1,  # checked against the batch even without a recurrent layer
        "zero_rnn_on_done": ppo.zero_rnn_on_done,
        "epochs_between_resets": ppo.epochs_between_resets,
    }


def _losses(ppo: PpoConfig, device: torch.device) -> Params:
    return {
        "ppo": ppo.clip_policy,
        "use_smooth_clamp": ppo.smooth_clip,
        "critic_coef": ppo.critic_coef,
        "entropy_coef": ppo.entropy_coef,
        "bound_loss_type": _BOUNDS_LOSSES[ppo.bounds_loss],
        "bounds_loss_coef": ppo.bounds_loss_coef,
        "normalize_value": ppo.normalize_value,
        "normalize_advantage": ppo.normalize_advantage,
        "normalizer_updates": ppo.normalizer_updates,
        "freeze_critic": ppo.freeze_value_normalizer,
        "mixed_precision": bool(ppo.mixed_precision) and device.type == "cuda",
        "use_diagnostics": ppo.diagnostics,
    }


def _schedule(ppo: PpoConfig) -> Params:
    return {
        "lr_schedule": ppo.lr_schedule,
        "schedule_type": _SCHEDULE_TYPES[ppo.schedule_type],
        "kl_threshold": ppo.kl_threshold,
        "schedule_entropy": ppo.entropy_schedule == "linear",
        "min_lr": ppo.min_lr,
        "max_lr": ppo.max_lr,
    }


def _sac(sac: SacConfig, env: VecEnv) -> Params:
    return {
        "actor_lr": sac.actor_lr,
        "critic_lr": sac.critic_lr,
        "alpha_lr": sac.alpha_lr,
        "gamma": sac.gamma,
        "critic_tau": sac.tau,
        "batch_size": sac.batch_size,
        "replay_buffer_size": 1,  # rl_games allocates one that ours takes the place of
        "buffer_size": sac.buffer_size,
        "num_steps_per_episode": sac.horizon,
        "num_updates_per_step": sac.updates_per_step,
        "num_warmup_steps": sac.num_warmup_epochs(num_envs=env.num_envs),
        "policy_frequency": sac.policy_frequency,
        "init_alpha": sac.init_alpha,
        "learnable_temperature": sac.learnable_alpha,
        "min_alpha": sac.min_alpha,
        "target_entropy_coef": sac.target_entropy_coef,
        "critic_grad_clip": sac.critic_grad_norm or 0.0,
        "normalize_input": sac.normalize_input,
        "normalizer_updates": sac.normalizer_updates,
        "bootstrap": sac.bootstrap,
        "value_bootstrap": sac.bootstrap != "off",
        "reward_shaper": {"scale_value": sac.reward_scale, "shift_value": sac.reward_shift},
        "save_replay_buffer": sac.save_replay_buffer,
        "capture": sac.capture,
        "bfloat16": sac.mixed_precision,
    }


def _central_value(config: CentralValueConfig | None, *, num_envs: int, horizon: int) -> Params:
    if config is None:
        return {}
    section = {
        **update(config, num_envs=num_envs, horizon=horizon),
        "network": {**_trunk(config.network), "name": BUILT_IN_NETWORK, "central_value": True},
        "lr_schedule": config.lr_schedule,
        "freeze_critic": config.freeze,
    }
    return {"central_value_config": section, "use_experimental_cv": config.train_policy_value}


def _trunk(config: TrunkConfig) -> Params:
    layers = {
        "units": list(config.units),
        "activation": activation(config.activation),
        "initializer": _initializer(config.initializer),
        "d2rl": config.d2rl,
    }
    trunk: Params = {"mlp": layers, "value_activation": activation(config.value_activation)}
    if config.normalization is not None:
        trunk["normalization"] = config.normalization
    if config.rnn is not None:
        trunk["rnn"] = _rnn(config.rnn)
    return trunk


def _rnn(config: RnnConfig) -> Params:
    return {"name": config.type, **config.model_dump(exclude={"type"})}


def activation(name: str) -> str:
    """rl_games' name of an activation."""
    return "None" if name == "none" else name


def _initializer(config: InitializerConfig) -> Params:
    name = config.name if config.name in _BARE_INITIALIZERS else f"{config.name}_initializer"
    return {"name": name, **config.options}


def _box(width: int) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-np.inf, np.inf, (width,), np.float32)


@contextmanager
def _scripting_quietly() -> Generator[None]:
    """Build without the warnings that each of rl_games' TorchScript normalisers raises."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*torch.jit.*")
        yield


@contextmanager
def _scalars_to(writer: Writer) -> Generator[None]:
    """Build with `writer` where rl_games would open an event file of its own."""
    with (
        mock.patch.object(a2c_common, "SummaryWriter", return_value=writer),
        mock.patch.object(sac_agent, "SummaryWriter", return_value=writer),
    ):
        yield


def _log_print(*words: object, **_options: object) -> None:
    _log.debug(" ".join(str(word) for word in words))


def _quiet() -> None:
    """Give rl_games' modules a `print` that logs: it reports on itself by printing, from everywhere."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "rl_games":
            vars(module)["print"] = _log_print
