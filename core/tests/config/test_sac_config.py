"""SAC's settings: the names of rl_games, what must hold what, and which networks SAC doesn't have."""

from typing import Any

import pytest
from hop import Compose
from pydantic import ValidationError

from igx.errors import ConfigError
from igx.rl.sac_config import SacConfig

RL_GAMES = {
    "critic_tau": ("tau", 0.01, 0.01),
    "replay_buffer_size": ("buffer_size", 5000, 5000),
    "num_steps_per_episode": ("horizon", 4, 4),
    "num_updates_per_step": ("updates_per_step", 2, 2),
    "num_warmup_steps": ("warmup_epochs", 3, 3),
    "num_warmup_frames": ("warmup_frames", 100, 100),
    "learnable_temperature": ("learnable_alpha", False, False),
    "critic_grad_clip": ("critic_grad_norm", 5.0, 5.0),
    "critic_grad_norm": ("critic_grad_norm", 0, None),
    "value_bootstrap": ("bootstrap", True, "auto"),
    "bootstrap": ("bootstrap", False, "off"),
}


@pytest.mark.parametrize("given", RL_GAMES)
def test_names_and_values_of_rl_games_are_understood(given: str) -> None:
    name, value, meant = RL_GAMES[given]
    config = SacConfig.model_validate({given: value})
    assert getattr(config, name) == meant
    assert config.model_dump()[name] == meant


def test_every_setting_is_described() -> None:
    for name, field in SacConfig.model_fields.items():
        assert field.description, name
        assert field.description.endswith((".", "].")), name


def test_a_warm_up_is_given_in_epochs_or_frames() -> None:
    assert SacConfig().num_warmup_epochs(num_envs=64) == 10
    assert SacConfig.model_validate({"warmup_epochs": 3}).num_warmup_epochs(num_envs=64) == 3
    frames = SacConfig.model_validate({"warmup_frames": 1025})
    assert frames.warmup_epochs is None
    assert frames.num_warmup_epochs(num_envs=64) == 3
    assert SacConfig.model_validate(frames.model_dump()) == frames


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warmup_epochs": 1, "warmup_frames": 1}, "warmup_epochs and warmup_frames exclude each other"),
        ({"warmup_epochs": None}, "one of warmup_epochs, warmup_frames must be given; 0 epochs is no warm-up"),
        ({"log_std_bounds": [2, -5]}, r"log_std_bounds is \[2, -5\]; it must rise, within -20 and 5, e\.g\. \[-5, 2\]"),
        ({"log_std_bounds": [-30, 2]}, r"log_std_bounds is \[-30, 2\]; it must rise"),
        (
            {"policy_frequency": 9, "horizon": 4, "updates_per_step": 2},
            r"policy_frequency is 9; an epoch has 8 updates \(horizon x updates_per_step\)",
        ),
        ({"tau": 0.0}, "greater than 0"),
        ({"init_alpha": 0.0}, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SacConfig.model_validate(settings)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("sac.buffer_size=100", "sac.batch_size=256"),
            "sac.buffer_size is 100; it must hold a batch (sac.batch_size), which is 256 transitions.",
        ),
        (
            ("sac.buffer_size=100", "sac.batch_size=10", "sim.num_envs=128"),
            "sac.buffer_size is 100; it must hold a step of all environments (sim.num_envs), which is 128 transitions.",
        ),
        (("network.units=[]",), "network.units is empty; SAC's networks need a layer, e.g. [256, 256]."),
        (
            ("network.rnn.units=8",),
            "network.rnn is given, and SAC's networks have no such choice; leave it out, or say --agent ppo.",
        ),
        (
            ("network.distribution=tanh",),
            "network.distribution is given, and SAC's networks have no such choice; leave it out, or say --agent ppo.",
        ),
    ],
)
def test_sections_that_do_not_go_together_are_refused(
    overrides: tuple[str, ...], message: str, composed: Compose
) -> None:
    with pytest.raises(ConfigError) as caught:
        composed("run.agent=sac", *overrides)
    assert str(caught.value) == message


def test_one_way_of_saying_the_warm_up_takes_back_the_other(composed: Compose) -> None:
    sac = composed("run.agent=sac", "sac.warmup_epochs=5", "sac.warmup_frames=4000").config.agent
    assert isinstance(sac, SacConfig)
    assert (sac.warmup_epochs, sac.warmup_frames) == (None, 4000)


def test_a_learning_rate_without_a_name_is_explained(composed: Compose) -> None:
    with pytest.raises(ConfigError, match=r"sac\.actor_lr, sac\.critic_lr and sac\.alpha_lr"):
        composed("run.agent=sac", "sac.lr=1e-3")
