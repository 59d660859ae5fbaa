"""How AMP is set up on rl_games: its settings, what a task must have, and what a checkpoint brings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from igx.config.run_config import RunConfig
from igx.env.memory import require_memory_for
from igx.env.vec_env import VecEnv
from igx.errors import CheckpointError, ConfigError
from igx.rl import rl_games
from igx.rl.agents import PpoAgent
from igx.rl.checkpoints import State, refuse_mismatch
from igx.rl.players import PpoPlayer
from igx.rl.rl_games import Params, Runner
from igx_algo_amp.amp import KEPT, MOTIONS, Amp
from igx_algo_amp.config import AmpConfig


class AmpAgent(PpoAgent):
    """AMP on igx's PPO."""

    algo_name = "igx_amp"

    def register(self, runner: Runner) -> None:
        """Add our agent, and PPO's player and models."""
        super().register(runner)
        runner.algo_factory.register_builder(self.algo_name, Amp)
        runner.player_factory.register_builder(self.algo_name, PpoPlayer)

    def params(self, config: RunConfig, env: VecEnv) -> Params:
        """Those of PPO, and `amp` in its config.

        Raises:
            ConfigError: the settings are another agent's, or the task demonstrates nothing.
        """
        amp = _settings(config)
        _refuse_undemonstrated(config.run.task, env)
        params = super().params(config, env)
        params["config"]["reward_shaper"]["scale_value"] *= amp.task_reward_weight
        params["config"]["amp"] = {
            "units": amp.disc_units,
            "activation": rl_games.activation(amp.disc_activation),
            "is_normalized": amp.normalize_amp_input,
            "style_weight": amp.style_reward_weight * amp.style_reward_scale,
            "learns_sigma": amp.learn_sigma,
            "log_std_min": amp.log_std_min,
            "batch_size": amp.disc_batch_size,
            "demos_per_epoch": amp.demos_per_epoch,
            "kept_share": amp.replay_keep_share,
            "capacities": {"demos": amp.demo_buffer_size, "replay": amp.replay_buffer_size},
            "penalties": {
                "gradient": amp.disc_grad_penalty,
                "logit": amp.disc_logit_reg,
                "weights": amp.disc_weight_decay,
            },
        }
        return params

    def require_memory(self, config: RunConfig, env: VecEnv) -> None:
        """Refuse a rollout or a replay buffer that memory can't hold.

        Raises:
            ConfigError: the settings are another agent's, or the task demonstrates nothing.
            SimulatorError: there is too little memory.
        """
        amp = _settings(config)
        _refuse_undemonstrated(config.run.task, env)
        super().require_memory(config, env)
        require_memory_for(
            4 * env.observation_widths[MOTIONS] * (amp.replay_buffer_size + amp.demo_buffer_size),
            device=env.device,
            setting="amp.replay_buffer_size",
            value=amp.replay_buffer_size,
            what="replay and demonstrations of so many motions",
            advice="try amp.replay_buffer_size={}",
        )

    def start_from(self, algo: Any, state: State, *, path: Path) -> None:
        """Take the policy, the discriminator and their statistics out of a checkpoint.

        Raises:
            CheckpointError: `state`, read from `path`, is of other networks, or has no discriminator.
        """
        kept: Mapping[str, Any] | None = state.get(KEPT)
        if kept is None:
            raise CheckpointError(f"{path} holds no discriminator: it was not trained by AMP.")
        refuse_mismatch(path, kept["discriminator"], algo.discriminator.state_dict())
        super().start_from(algo, state, path=path)
        algo.take_discriminator(state)


def _settings(config: RunConfig) -> AmpConfig:
    amp = config.agent
    if not isinstance(amp, AmpConfig):
        raise ConfigError(f"Agent {config.run.agent!r} has settings of type {type(amp).__name__}; AMP's are AmpConfig.")
    return amp


def _refuse_undemonstrated(task: str, env: VecEnv) -> None:
    if MOTIONS not in env.observation_widths:
        raise ConfigError(
            f"AMP shows its discriminator the observations of group {MOTIONS!r}, and {task} declares none; "
            f"declare {MOTIONS} = group(when='before_reset')."
        )
    if not hasattr(env.task, "demonstrate"):
        raise ConfigError(f"AMP learns from demonstrations, and {task} has none: write its method demonstrate(count).")
