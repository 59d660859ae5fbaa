"""The settings of AMP: those of PPO, what style is worth, and how the discriminator learns."""

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import AliasChoices, Field, PositiveInt, model_validator

from igx.config.sections import Activation
from igx.rl.ppo_config import PpoConfig


class AmpConfig(PpoConfig):
    """PPO's settings and those of the discriminator, whose defaults are IsaacGymEnvs'; its names are aliases."""

    advice: ClassVar[Mapping[str, str]] = {
        **PpoConfig.advice,
        "motion": "what is shown is the task's to say: task.motion",
        "disc_coef": "the discriminator has an optimiser of its own, to which a factor on its loss means nothing",
        "disc_loss_coef": "the discriminator has an optimiser of its own, to which a factor on its loss means nothing",
    }

    task_reward_weight: float = Field(
        default=0.0,
        ge=0,
        validation_alias=AliasChoices("task_reward_weight", "task_reward_w"),
        description="Weight of the task's reward.",
    )
    style_reward_weight: float = Field(
        default=1.0,
        ge=0,
        validation_alias=AliasChoices("style_reward_weight", "disc_reward_w"),
        description="Weight of the style reward: of moving so that the discriminator takes it for a demonstration.",
    )
    style_reward_scale: float = Field(
        default=2.0,
        gt=0,
        validation_alias=AliasChoices("style_reward_scale", "disc_reward_scale"),
        description="Factor on the style reward -ln(1 - D), which is at most 9.2.",
    )
    learn_sigma: bool = Field(
        default=False, description="Learn the actions' deviation; false leaves it at network.log_std_init."
    )
    log_std_min: float = Field(
        default=-5.5, ge=-20, le=5, description="Least log-deviation of an action that learn_sigma may come to."
    )

    disc_units: tuple[PositiveInt, ...] = Field(
        default=(1024, 512), min_length=1, description="Widths of the discriminator's hidden layers."
    )
    disc_activation: Activation = Field(default="relu", description="Activation of its hidden layers.")
    disc_grad_penalty: float = Field(
        default=5.0, ge=0, description="Weight of its squared gradient at demonstrations; what matters most of all."
    )
    disc_logit_reg: float = Field(default=0.05, ge=0, description="Weight of the squared weights of its last layer.")
    disc_weight_decay: float = Field(default=1e-4, ge=0, description="Weight of all its squared weights.")
    disc_batch_size: PositiveInt = Field(
        default=4096,
        validation_alias=AliasChoices("disc_batch_size", "amp_minibatch_size"),
        description="Motions of the policy, of the replay buffer and of demonstrations in each of its gradient steps.",
    )
    normalize_amp_input: bool = Field(default=True, description="Normalise what it sees by running mean and variance.")
    demo_buffer_size: PositiveInt = Field(
        default=200_000,
        validation_alias=AliasChoices("demo_buffer_size", "amp_obs_demo_buffer_size"),
        description="Demonstrations that are kept to draw from.",
    )
    demos_per_epoch: PositiveInt = Field(
        default=512,
        validation_alias=AliasChoices("demos_per_epoch", "amp_batch_size"),
        description="Fresh demonstrations that take the place of the oldest in every epoch.",
    )
    replay_buffer_size: PositiveInt = Field(
        default=1_000_000,
        validation_alias=AliasChoices("replay_buffer_size", "amp_replay_buffer_size"),
        description="The policy's motions that are kept to draw from.",
    )
    replay_keep_share: float = Field(
        default=0.01,
        gt=0,
        le=1,
        validation_alias=AliasChoices("replay_keep_share", "amp_replay_keep_prob"),
        description="Share of a rollout that is kept once the replay buffer is full.",
    )

    @model_validator(mode="after")
    def _some_reward(self) -> Self:
        if not self.task_reward_weight and not self.style_reward_weight:
            raise ValueError("task_reward_weight and style_reward_weight are both 0; nothing would be paid for")
        if self.demos_per_epoch > self.demo_buffer_size:
            raise ValueError(
                f"demos_per_epoch is {self.demos_per_epoch}; demo_buffer_size has room for {self.demo_buffer_size}"
            )
        return self
