"""PPO's settings: the names of rl_games, what divides what, and what doesn't go together."""

from typing import Any

import pytest
from hop import Compose
from pydantic import BaseModel

from igx.config.sections import NetworkConfig, RunSettings, SimConfig
from igx.errors import ConfigError
from igx.rl.ppo_config import CentralValueConfig, PpoConfig

RL_GAMES = {
    "learning_rate": ("lr", 1e-3, 1e-3),
    "e_clip": ("clip", 0.1, 0.1),
    "tau": ("gae_lambda", 0.9, 0.9),
    "horizon_length": ("horizon", 24, 24),
    "value_bootstrap": ("bootstrap", True, "previous"),
    "bootstrap": ("bootstrap", False, "off"),
    "ppo": ("clip_policy", False, False),
    "use_smooth_clamp": ("smooth_clip", True, True),
    "schedule_entropy": ("entropy_schedule", False, "constant"),
    "bound_loss_type": ("bounds_loss", "regularisation", "squared"),
    "bounds_loss": ("bounds_loss", "bound", "soft_limit"),
    "freeze_critic": ("freeze_value_normalizer", True, True),
    "use_diagnostics": ("diagnostics", True, True),
    "lr_schedule": ("lr_schedule", None, "constant"),
    "schedule_type": ("schedule_type", "standard", "per_mini_epoch"),
    "kl_threshold": ("kl_threshold", 0.01, 0.01),
}


@pytest.mark.parametrize("given", RL_GAMES)
def test_names_and_values_of_rl_games_are_understood(given: str) -> None:
    name, value, meant = RL_GAMES[given]
    config = PpoConfig.model_validate({given: value})
    assert getattr(config, name) == meant
    assert config.model_dump()[name] == meant


def test_the_legacy_schedule_adjusts_after_each_minibatch() -> None:
    assert PpoConfig.model_validate({"schedule_type": "legacy"}).schedule_type == "per_minibatch"


def test_the_central_value_network_understands_rl_games_too() -> None:
    config = PpoConfig.model_validate({"central_value_config": {"learning_rate": 1e-3, "use_experimental_cv": False}})
    assert config.central_value is not None
    assert (config.central_value.lr, config.central_value.train_policy_value) == (1e-3, False)


@pytest.mark.parametrize("model", [PpoConfig, CentralValueConfig, SimConfig, NetworkConfig, RunSettings])
def test_every_setting_is_described(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith((".", "].")), name


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, 512),
        ({"num_minibatches": 4}, 256),
        ({"minibatch_size": 128}, 128),
        ({"minibatch_size_per_env": 4}, 256),
    ],
)
def test_the_size_of_a_minibatch_can_be_given_in_three_ways(settings: dict[str, int], size: int) -> None:
    assert PpoConfig.model_validate(settings).minibatch(num_envs=64, horizon=16) == size


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("ppo.minibatch_size=100",),
            (
                "ppo.minibatch_size is 100; minibatches of 100 must divide the 256 samples of a rollout "
                "(horizon 16 x sim.num_envs 16), e.g. 128."
            ),
        ),
        (
            ("ppo.num_minibatches=3",),
            (
                "ppo.num_minibatches is 3; it must divide the 256 samples of a rollout "
                "(horizon 16 x sim.num_envs 16), e.g. 2."
            ),
        ),
        (
            ("ppo.minibatch_size_per_env=5",),
            (
                "ppo.minibatch_size_per_env is 5; minibatches of 80 must divide the 256 samples of a rollout "
                "(horizon 16 x sim.num_envs 16), e.g. 4."
            ),
        ),
        (
            ("ppo.central_value.minibatch_size=100",),
            (
                "ppo.central_value.minibatch_size is 100; minibatches of 100 must divide the 256 samples of a rollout "
                "(horizon 16 x sim.num_envs 16), e.g. 128."
            ),
        ),
        (
            ("network.rnn={}", "ppo.seq_length=5"),
            "ppo.seq_length is 5; with a recurrent network it must divide ppo.horizon 16, e.g. 4.",
        ),
        (
            ("network.rnn={}", "ppo.seq_length=8", "ppo.minibatch_size=4"),
            (
                "ppo.seq_length is 8; with a recurrent network it must divide the minibatches of ppo, "
                "which hold 4 samples."
            ),
        ),
        (
            ("ppo.central_value={network: {rnn: {}}, minibatch_size: 2}",),
            (
                "ppo.seq_length is 4; with a recurrent network it must divide the minibatches of ppo.central_value, "
                "which hold 2 samples."
            ),
        ),
        (
            ("ppo.lr_schedule=linear", "run.max_epochs=null"),
            "ppo.lr_schedule is linear, which needs an end: set run.max_epochs, e.g. 500, or run.max_frames.",
        ),
        (
            ("ppo.central_value.lr_schedule=linear", "run.max_epochs=null", "run.max_frames=1000"),
            "ppo.central_value.lr_schedule is linear, which needs an end in epochs: set run.max_epochs, e.g. 500.",
        ),
        (("ppo.kl_threshold=null",), "ppo: lr_schedule=adaptive needs kl_threshold, e.g. 0.008."),
        (
            ("ppo.lr=0.1",),
            "ppo: lr is 0.1; lr_schedule=adaptive keeps it from min_lr 1e-06 to max_lr 0.01.",
        ),
        (("ppo.entropy_schedule=linear",), "ppo: entropy_schedule=linear needs lr_schedule=linear."),
        (("ppo.reward_clip=[2, 1]",), "ppo: reward_clip is [2, 1]; its first number must be below its second."),
    ],
)
def test_what_does_not_go_together_is_refused(composed: Compose, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        composed(*overrides)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "overrides",
    [
        ("ppo.seq_length=5",),  # read with a recurrent network only
        ("ppo.lr_schedule=constant", "ppo.kl_threshold=null", "ppo.lr=0.5"),
        ("ppo.lr_schedule=linear", "ppo.entropy_schedule=linear"),
        ("ppo.lr_schedule=linear", "run.max_epochs=null", "run.max_frames=1000"),
        ("ppo.reward_clip=[null, 1]",),
        ("network.rnn={}", "ppo.seq_length=16"),
    ],
)
def test_what_goes_together_is_taken(composed: Compose, overrides: tuple[str, ...]) -> None:
    composed(*overrides)


@pytest.mark.parametrize("name", PpoConfig.advice)
def test_advice_is_about_names_that_are_no_settings(name: str) -> None:
    aliases: set[Any] = {
        alias for f in PpoConfig.model_fields.values() for alias in getattr(f.validation_alias, "choices", ())
    }
    assert name not in PpoConfig.model_fields.keys() | aliases
