"""The settings of SAC: standard names, rl_games' names as aliases, only what the agent honours."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, cast

from pydantic import AliasChoices, BeforeValidator, Field, PositiveInt, model_validator

from igx.config.base import Config
from igx.config.run_config import RunConfig
from igx.errors import ConfigError

_PPO_ONLY = (
    "rnn",
    "d2rl",
    "distribution",
    "fixed_sigma",
    "log_std_init",
    "mu_activation",
    "sigma_activation",
    "mu_init",
    "value_activation",
)


def _bootstrap(value: object) -> object:
    return {True: "auto", False: "off"}[value] if isinstance(value, bool) else value


def _grad_norm(value: object) -> object:
    is_zero = isinstance(value, int | float) and not isinstance(value, bool) and value == 0
    return None if is_zero else value


class SacConfig(Config):
    """Soft actor-critic: learns from a buffer of past transitions, by a policy as random as it may be."""

    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("warmup_epochs", "warmup_frames"),)
    advice: ClassVar[Mapping[str, str]] = {
        "lr": "say sac.actor_lr, sac.critic_lr and sac.alpha_lr",
        "learning_rate": "say sac.actor_lr, sac.critic_lr and sac.alpha_lr",
        "max_epochs": "say run.max_epochs",
        "max_frames": "say run.max_frames",
        "score_to_win": "say run.score_to_win",
        "games_to_track": "say run.games_to_track",
        "save_frequency": "say run.save_every",
        "save_best_after": "say run.save_best_after",
        "num_actors": "say sim.num_envs",
        "device": "say sim.device",
        "reward_shaper": "say sac.reward_scale and sac.reward_shift",
        "torch_compile": "say sim.compile, which compiles the task's step",
        "compile": "say sim.compile, which compiles the task's step",
        "num_seed_steps": "rl_games never read it; say sac.warmup_epochs",
        "minibatch_size": "say sac.batch_size",
    }

    actor_lr: float = Field(default=5e-4, gt=0, le=1, description="Learning rate of the policy.")
    critic_lr: float = Field(default=5e-4, gt=0, le=1, description="Learning rate of the two critics.")
    alpha_lr: float = Field(default=5e-3, gt=0, le=1, description="Learning rate of the weight of entropy.")
    gamma: float = Field(default=0.99, ge=0, le=1, description="Discount per step.")
    tau: float = Field(
        default=0.005,
        gt=0,
        le=1,
        validation_alias=AliasChoices("tau", "critic_tau"),
        description="How far the target critics move towards the critics in each update.",
    )
    batch_size: int = Field(default=4096, ge=1, le=16_777_216, description="Transitions per update.")
    buffer_size: int = Field(
        default=1_000_000,
        ge=1,
        le=1_000_000_000,
        validation_alias=AliasChoices("buffer_size", "replay_buffer_size"),
        description="Transitions that are kept to learn from; the oldest give way.",
    )
    horizon: int = Field(
        default=8,
        ge=1,
        le=100_000,
        validation_alias=AliasChoices("horizon", "num_steps_per_episode"),
        description="Steps of each environment per epoch, which is what reports and checkpoints go by [steps].",
    )
    updates_per_step: int = Field(
        default=1,
        ge=1,
        le=1000,
        validation_alias=AliasChoices("updates_per_step", "num_updates_per_step"),
        description="Updates after each step of all environments; many environments need several.",
    )
    policy_frequency: int = Field(
        default=1, ge=1, le=1000, description="Updates of the critics for each of the policy and the weight of entropy."
    )
    warmup_epochs: int | None = Field(
        default=10,
        ge=0,
        validation_alias=AliasChoices("warmup_epochs", "num_warmup_steps"),
        description="Epochs at the start that act at random and learn nothing [epochs].",
    )
    warmup_frames: PositiveInt | None = Field(
        default=None,
        validation_alias=AliasChoices("warmup_frames", "num_warmup_frames"),
        description="The same in steps of all environments together, rounded up to whole epochs, "
        "instead of warmup_epochs.",
    )

    init_alpha: float = Field(default=1.0, gt=0, le=1e6, description="Weight of entropy at the start.")
    learnable_alpha: bool = Field(
        default=True,
        validation_alias=AliasChoices("learnable_alpha", "learnable_temperature"),
        description="Adjust the weight of entropy so that the policy has the target entropy; false keeps init_alpha.",
    )
    min_alpha: float = Field(
        default=0.0, ge=0, description="Least weight of entropy in the policy's loss; in rl_games it is 0.01."
    )
    target_entropy_coef: float = Field(
        default=1.0, ge=-10, le=10, description="Target entropy per action, negated: 1 aims at -1 for each action."
    )
    log_std_bounds: tuple[float, float] = Field(
        default=(-5.0, 2.0), description="Lowest and highest log of the actions' standard deviation."
    )
    critic_grad_norm: Annotated[float | None, BeforeValidator(_grad_norm)] = Field(
        default=None,
        gt=0,
        validation_alias=AliasChoices("critic_grad_norm", "critic_grad_clip"),
        description="Norm that the critics' gradients are truncated to; null for no truncation.",
    )

    bootstrap: Annotated[Literal["off", "previous", "terminal", "auto"], BeforeValidator(_bootstrap)] = Field(
        default="auto",
        validation_alias=AliasChoices("bootstrap", "value_bootstrap"),
        description="What follows where an episode was cut off by time: its true last observation (terminal), that "
        "before the last step (previous, rl_games' way), or nothing (off); auto is terminal where the task shows it.",
    )
    normalize_input: bool = Field(default=True, description="Normalise observations by running mean and variance.")
    normalizer_updates: Literal["collected", "sampled"] = Field(
        default="collected",
        description="Take mean and variance of each observation once, as it is seen, or of every batch (rl_games).",
    )
    reward_scale: float = Field(
        default=1.0, gt=0, description="Factor on rewards for learning; reported returns are unscaled."
    )
    reward_shift: float = Field(default=0.0, description="Added to rewards before they are scaled.")

    save_replay_buffer: bool = Field(
        default=True,
        description="Keep the buffer in last.pth and periodic checkpoints, which it makes large; without it a resumed "
        "run first collects as much as in the warm-up, by its policy.",
    )
    capture: bool = Field(
        default=True, description="Record acting and updates as CUDA graphs, which saves launching kernels; CUDA only."
    )
    mixed_precision: bool = Field(default=False, description="Update in bfloat16 where that is safe.")

    @model_validator(mode="before")
    @classmethod
    def _one_warmup(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, object]", value)
        frames = given.get("warmup_frames", given.get("num_warmup_frames"))
        epochs = given.get("warmup_epochs", given.get("num_warmup_steps"))
        if frames is None:
            return given
        if epochs is not None:
            raise ValueError("warmup_epochs and warmup_frames exclude each other; give exactly one")
        return {**given, "warmup_epochs": None}

    @model_validator(mode="after")
    def _goes_together(self) -> "SacConfig":
        if self.warmup_epochs is None and self.warmup_frames is None:
            raise ValueError("one of warmup_epochs, warmup_frames must be given; 0 epochs is no warm-up")
        low, high = self.log_std_bounds
        if not -20 <= low < high <= 5:
            raise ValueError(f"log_std_bounds is [{low:g}, {high:g}]; it must rise, within -20 and 5, e.g. [-5, 2]")
        updates = self.horizon * self.updates_per_step
        if self.policy_frequency > updates:
            raise ValueError(
                f"policy_frequency is {self.policy_frequency}; an epoch has {updates} updates "
                "(horizon x updates_per_step), and the policy must learn in each, so it must not be more"
            )
        return self

    def num_warmup_epochs(self, *, num_envs: int) -> int:
        """Epochs at the start that act at random, in `num_envs` environments."""
        if self.warmup_frames is None:
            return self.warmup_epochs or 0
        return math.ceil(self.warmup_frames / (num_envs * self.horizon))

    def check(self, config: RunConfig) -> None:
        """Refuse a buffer that can't hold a batch or a step, and a network that SAC doesn't have."""
        a_batch = (self.batch_size, "a batch (sac.batch_size)")
        a_step = (config.sim.num_envs, "a step of all environments (sim.num_envs)")
        for needed, what in (a_batch, a_step):
            if self.buffer_size < needed:
                raise ConfigError(
                    f"sac.buffer_size is {self.buffer_size}; it must hold {what}, which is {needed} transitions."
                )
        _check_network(config)


def _check_network(config: RunConfig) -> None:
    """Refuse what only networks of PPO have."""
    network = config.network
    if not network.units:
        raise ConfigError("network.units is empty; SAC's networks need a layer, e.g. [256, 256].")
    for name in _PPO_ONLY:
        field = type(network).model_fields[name]
        if getattr(network, name) != field.default:
            raise ConfigError(
                f"network.{name} is given, and SAC's networks have no such choice; leave it out, or say --agent ppo."
            )
