"""The settings of PPO: standard names, rl_games' names as aliases, only what the agents honour."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, cast

from pydantic import AliasChoices, BeforeValidator, Field, PositiveInt, model_validator

from igx.config.base import Config
from igx.config.run_config import RunConfig
from igx.config.sections import TrunkConfig
from igx.errors import ConfigError

_MINIBATCH_FIELDS = ("minibatch_size", "minibatch_size_per_env", "num_minibatches")


def _bootstrap(value: object) -> object:
    return {True: "previous", False: "off"}[value] if isinstance(value, bool) else value


def _schedule(value: object) -> object:
    return "constant" if value in (None, "fixed", "none") else value


def _schedule_type(value: object) -> object:
    return {"legacy": "per_minibatch", "standard": "per_mini_epoch"}.get(str(value), value)


def _entropy_schedule(value: object) -> object:
    return {True: "linear", False: "constant"}[value] if isinstance(value, bool) else value


def _bounds_loss(value: object) -> object:
    return {"bound": "soft_limit", "regularisation": "squared", "regularization": "squared"}.get(str(value), value)


class UpdateConfig(Config):
    """How a network is updated from one rollout; shared by the policy and a central value network."""

    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (_MINIBATCH_FIELDS,)
    advice: ClassVar[Mapping[str, str]] = {
        "truncate_grads": "grad_norm=null leaves gradients as they are, a number truncates them",
    }

    lr: float = Field(
        default=3e-4,
        gt=0,
        le=1,
        validation_alias=AliasChoices("lr", "learning_rate"),
        description="Learning rate of Adam, or where its schedule starts.",
    )
    mini_epochs: int = Field(default=4, ge=1, le=1000, description="Passes over each rollout.")
    minibatch_size: PositiveInt | None = Field(default=None, description="Samples per gradient step.")
    minibatch_size_per_env: PositiveInt | None = Field(
        default=None, description="Samples per gradient step and environment, instead of minibatch_size."
    )
    num_minibatches: PositiveInt | None = Field(
        default=2, description="Gradient steps per pass over the rollout, instead of minibatch_size."
    )
    clip: float = Field(
        default=0.2,
        gt=0,
        le=10,
        validation_alias=AliasChoices("clip", "e_clip"),
        description="How far probability ratios, and clipped values, may move from the rollout's.",
    )
    clip_value: bool = Field(default=True, description="Clip the value's change in the value loss, too.")
    grad_norm: float | None = Field(
        default=1.0, gt=0, description="Norm that gradients are truncated to; null for no truncation."
    )
    weight_decay: float = Field(default=0.0, ge=0, le=1, description="Adam's weight decay.")
    normalize_input: bool = Field(default=True, description="Normalise observations by running mean and variance.")

    @model_validator(mode="before")
    @classmethod
    def _one_size(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, object]", value)
        sizes = [name for name in _MINIBATCH_FIELDS if given.get(name) is not None]
        if len(sizes) > 1:
            raise ValueError(f"{' and '.join(sizes)} exclude each other; give exactly one")
        return {**given, "num_minibatches": None} if sizes and "num_minibatches" not in sizes else given

    @model_validator(mode="after")
    def _some_size(self) -> "UpdateConfig":
        if all(getattr(self, name) is None for name in _MINIBATCH_FIELDS):
            raise ValueError(f"one of {', '.join(_MINIBATCH_FIELDS)} must be given")
        return self

    def minibatch(self, *, num_envs: int, horizon: int, path: str = "ppo") -> int:
        """Samples per gradient step, for rollouts of `horizon` steps in `num_envs` environments.

        Raises:
            ConfigError: the rollout can't be cut into whole minibatches; `path` names this section in the message.
        """
        batch = num_envs * horizon
        rollout = f"the {batch} samples of a rollout (horizon {horizon} x sim.num_envs {num_envs})"
        if self.num_minibatches is not None:
            if batch % self.num_minibatches:
                raise ConfigError(
                    f"{path}.num_minibatches is {self.num_minibatches}; it must divide {rollout}, "
                    f"e.g. {_nearest_divisor(batch, self.num_minibatches)}."
                )
            return batch // self.num_minibatches
        if self.minibatch_size is not None:
            name, given, size = "minibatch_size", self.minibatch_size, self.minibatch_size
        else:
            given = self.minibatch_size_per_env or 1
            name, size = "minibatch_size_per_env", given * num_envs
        if batch % size:
            unit = size // given
            raise ConfigError(
                f"{path}.{name} is {given}; minibatches of {size} must divide {rollout}, "
                f"e.g. {_nearest_divisor(batch // unit, given)}."
            )
        return size


class CentralValueConfig(UpdateConfig):
    """A value network of its own, which sees the observations of the `critic` group."""

    network: TrunkConfig = Field(default=TrunkConfig(), description="The value network.")
    lr_schedule: Annotated[Literal["constant", "linear"], BeforeValidator(_schedule)] = Field(
        default="constant", description="Learning rate over time; linear falls to 1e-6 over run.max_epochs."
    )
    freeze: bool = Field(
        default=False,
        validation_alias=AliasChoices("freeze", "freeze_critic"),
        description="Leave this network as it is.",
    )
    train_policy_value: bool = Field(
        default=True,
        validation_alias=AliasChoices("train_policy_value", "use_experimental_cv"),
        description="Train the value output of the policy's network, too; it shapes what the two share.",
    )


class PpoConfig(UpdateConfig):
    """Proximal policy optimisation."""

    advice: ClassVar[Mapping[str, str]] = {
        **UpdateConfig.advice,
        "max_epochs": "say run.max_epochs",
        "max_frames": "say run.max_frames",
        "score_to_win": "say run.score_to_win",
        "games_to_track": "say run.games_to_track",
        "save_frequency": "say run.save_every",
        "save_best_after": "say run.save_best_after",
        "num_actors": "say sim.num_envs",
        "device": "say sim.device",
        "reward_shaper": "say ppo.reward_scale, ppo.reward_shift, ppo.reward_clip and ppo.reward_log",
        "seq_len": "say ppo.seq_length",
        "torch_compile": "say ppo.compile",
        "normalize_rms_advantage": "it never worked in rl_games; say ppo.normalize_advantage",
        "max_steps": "it never worked in rl_games; say run.max_frames",
    }

    lr_schedule: Annotated[Literal["adaptive", "linear", "constant"], BeforeValidator(_schedule)] = Field(
        default="adaptive",
        description="Learning rate over time: adaptive keeps the KL divergence near kl_threshold; "
        "linear falls to 1e-6 over run.max_epochs, or else run.max_frames.",
    )
    schedule_type: Annotated[Literal["per_minibatch", "per_mini_epoch"], BeforeValidator(_schedule_type)] = Field(
        default="per_minibatch", description="When an adaptive learning rate is adjusted."
    )
    kl_threshold: float | None = Field(
        default=0.008, gt=0, description="KL divergence that an adaptive learning rate aims at."
    )
    min_lr: float = Field(default=1e-6, gt=0, le=1, description="Lowest learning rate that adaptive may choose.")
    max_lr: float = Field(default=1e-2, gt=0, le=1, description="Highest learning rate that adaptive may choose.")

    gamma: float = Field(default=0.99, ge=0, le=1, description="Discount per step.")
    gae_lambda: float = Field(
        default=0.95,
        ge=0,
        le=1,
        validation_alias=AliasChoices("gae_lambda", "tau"),
        description="Lambda of generalised advantage estimation.",
    )
    horizon: int = Field(
        default=16,
        ge=1,
        le=100_000,
        validation_alias=AliasChoices("horizon", "horizon_length"),
        description="Steps of each environment per rollout [steps].",
    )
    bootstrap: Annotated[Literal["off", "previous", "terminal"], BeforeValidator(_bootstrap)] = Field(
        default="previous",
        validation_alias=AliasChoices("bootstrap", "value_bootstrap"),
        description="Value added where an episode was cut off by time: of the state before the last step (rl_games' "
        "way), of the terminal state, or none.",
    )

    clip_policy: bool = Field(
        default=True,
        validation_alias=AliasChoices("clip_policy", "ppo"),
        description="PPO's clipped objective; false is the plain policy gradient.",
    )
    smooth_clip: bool = Field(
        default=False,
        validation_alias=AliasChoices("smooth_clip", "use_smooth_clamp"),
        description="Clip probability ratios by a smooth function.",
    )
    critic_coef: float = Field(default=2.0, ge=0, description="Weight of half the value loss.")
    entropy_coef: float = Field(default=0.0, ge=0, description="Weight of the entropy bonus.")
    entropy_schedule: Annotated[Literal["constant", "linear"], BeforeValidator(_entropy_schedule)] = Field(
        default="constant",
        validation_alias=AliasChoices("entropy_schedule", "schedule_entropy"),
        description="entropy_coef over time; linear goes to 1e-4 together with a linear learning rate.",
    )
    bounds_loss: Annotated[Literal["soft_limit", "squared"], BeforeValidator(_bounds_loss)] = Field(
        default="soft_limit",
        validation_alias=AliasChoices("bounds_loss", "bound_loss_type"),
        description="Penalty on action means: beyond 1.1 only (soft_limit), or their squares.",
    )
    bounds_loss_coef: float = Field(default=1e-4, ge=0, description="Weight of that penalty; 0 switches it off.")

    normalize_value: bool = Field(default=True, description="Normalise value targets by running mean and variance.")
    normalize_advantage: bool = Field(default=True, description="Normalise advantages over each rollout.")
    normalizer_updates: Literal["once", "every"] = Field(
        default="once",
        description="Update the observations' mean and variance once per rollout, or in every mini-epoch.",
    )
    freeze_value_normalizer: bool = Field(
        default=False,
        validation_alias=AliasChoices("freeze_value_normalizer", "freeze_critic"),
        description="Stop updating the value targets' mean and variance.",
    )

    reward_scale: float = Field(
        default=1.0, gt=0, description="Factor on rewards for learning; reported returns are unscaled."
    )
    reward_shift: float = Field(default=0.0, description="Added to rewards before they are scaled.")
    reward_clip: tuple[float | None, float | None] | None = Field(
        default=None, description="Lowest and highest scaled reward, either may be null; null for no limits."
    )
    reward_log: bool = Field(default=False, description="Learn from the logarithm of the scaled reward.")

    clip_actions: bool = Field(
        default=True, description="Clamp sampled actions to [-1, 1]; false hands them on as they are."
    )
    seq_length: int = Field(
        default=4, ge=1, description="Steps per piece that a recurrent network learns from [steps]."
    )
    zero_rnn_on_done: bool = Field(default=True, description="Clear a recurrent network's state where an episode ends.")
    capture: bool = Field(
        default=True, description="Record rollout and update as CUDA graphs, which saves launching kernels; CUDA only."
    )
    compile: bool | None = Field(
        default=None,
        description="Compile the networks and losses with torch.compile; null does as sim.compile does for the task.",
    )
    mixed_precision: bool | None = Field(
        default=None,
        description="Compute the network in bfloat16 while training; null does so in runs of 3 million steps and more "
        "on a CPU that computes in it (avx512_bf16, amx_bf16), with layers of 256 units and more. rl-games-ppo does so "
        "on CUDA only.",
    )
    epochs_between_resets: int = Field(
        default=0, ge=0, description="Reset all environments every so many epochs; 0 for never."
    )
    diagnostics: bool = Field(
        default=False,
        validation_alias=AliasChoices("diagnostics", "use_diagnostics"),
        description="Also report clipped fractions and explained variance; slows the update.",
    )
    central_value: CentralValueConfig | None = Field(
        default=None,
        validation_alias=AliasChoices("central_value", "central_value_config"),
        description="A value network of its own over the critic group's observations; null for none.",
    )

    @model_validator(mode="after")
    def _goes_together(self) -> "PpoConfig":
        if self.lr_schedule == "adaptive":
            if self.kl_threshold is None:
                raise ValueError("lr_schedule=adaptive needs kl_threshold, e.g. 0.008")
            if not self.min_lr <= self.lr <= self.max_lr:
                limits = f"min_lr {self.min_lr:g} to max_lr {self.max_lr:g}"
                raise ValueError(f"lr is {self.lr:g}; lr_schedule=adaptive keeps it from {limits}")
        if self.entropy_schedule == "linear" and self.lr_schedule != "linear":
            raise ValueError("entropy_schedule=linear needs lr_schedule=linear")
        low, high = self.reward_clip or (None, None)
        if low is not None and high is not None and low >= high:
            raise ValueError(f"reward_clip is [{low:g}, {high:g}]; its first number must be below its second")
        return self

    def check(self, config: RunConfig) -> None:
        """Refuse minibatches and sequences that don't divide a rollout, and schedules without an end."""
        self._check_update(self, config, path=config.agent_section, recurrent=config.network.rnn is not None)
        if self.lr_schedule == "linear" and config.run.max_epochs is None and config.run.max_frames is None:
            raise ConfigError(
                "ppo.lr_schedule is linear, which needs an end: set run.max_epochs, e.g. 500, or run.max_frames."
            )
        critic = self.central_value
        if critic is not None:
            self._check_update(critic, config, path="ppo.central_value", recurrent=critic.network.rnn is not None)
            if critic.lr_schedule == "linear" and config.run.max_epochs is None:
                raise ConfigError(
                    "ppo.central_value.lr_schedule is linear, which needs an end in epochs: "
                    "set run.max_epochs, e.g. 500."
                )

    def _check_update(self, update: UpdateConfig, config: RunConfig, *, path: str, recurrent: bool) -> None:
        minibatch = update.minibatch(num_envs=config.sim.num_envs, horizon=self.horizon, path=path)
        if recurrent and self.horizon % self.seq_length:
            raise ConfigError(
                f"ppo.seq_length is {self.seq_length}; with a recurrent network it must divide ppo.horizon "
                f"{self.horizon}, e.g. {_nearest_divisor(self.horizon, self.seq_length)}."
            )
        if recurrent and minibatch % self.seq_length:
            raise ConfigError(
                f"ppo.seq_length is {self.seq_length}; with a recurrent network it must divide the minibatches "
                f"of {path}, which hold {minibatch} samples."
            )


def _nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of `number` next to `wanted`, the smaller of two equally near ones."""
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return min({*small, *(number // d for d in small)}, key=lambda d: (abs(d - wanted), d))
