"""The sections that all runs share."""

import pytest
from pydantic import ValidationError

from igx.config.base import TaskConfig
from igx.config.run_config import run_config_type
from igx.config.sections import InitializerConfig, NetworkConfig, RunSettings, SimConfig
from igx.errors import ConfigError
from igx.rl.ppo_config import PpoConfig


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:15"])
def test_devices(device: str) -> None:
    assert SimConfig(device=device).device == device


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "cuda:0000", "cpu "])
def test_other_devices_are_refused(device: str) -> None:
    with pytest.raises(ValidationError, match="it must be auto, cpu, cuda or cuda:N"):
        SimConfig(device=device)


@pytest.mark.parametrize("name", ["ant", "ant_2026-01-01_00-00-00", "a=b, c", "größer"])
def test_names_of_runs(name: str) -> None:
    assert RunSettings(task="ant", agent="ppo", name=name).name == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "..\\b", "-x", "a\nb", "a\0"])
def test_a_name_that_is_no_folder_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="it must be the name of one folder"):
        RunSettings(task="ant", agent="ppo", name=name)


def test_a_bare_name_is_an_initializer() -> None:
    network = NetworkConfig.model_validate({"initializer": "orthogonal", "mu_init": {"name": "const", "val": 0}})
    assert (network.initializer.name, network.initializer.options) == ("orthogonal", {})
    assert (network.mu_init.name, network.mu_init.options) == ("const", {"val": 0.0})
    assert network.model_dump()["mu_init"] == {"name": "const", "val": 0.0}


def test_an_initializer_takes_its_own_options_only() -> None:
    assert InitializerConfig(name="random_uniform", a=-1, b=1).options == {"a": -1.0, "b": 1.0}
    with pytest.raises(ValidationError, match="initializer 'default' has no 'gain'; it takes no option"):
        InitializerConfig(gain=2)
    with pytest.raises(ValidationError, match="initializer 'const' needs val"):
        InitializerConfig(name="const")


@pytest.mark.parametrize("none", [None, "None", "none"])
def test_no_activation_can_be_said_as_rl_games_says_it(none: str | None) -> None:
    assert NetworkConfig.model_validate({"mu_activation": none}).mu_activation == "none"


def test_an_agents_section_cannot_be_called_like_something_else() -> None:
    for taken in ("sim", "agent", "check", "model_fields"):
        with pytest.raises(ConfigError, match=rf"^An agent's section can't be called '{taken}': that name is taken\.$"):
            run_config_type(TaskConfig, taken, PpoConfig)


def test_one_task_and_agent_have_one_type_of_settings() -> None:
    assert run_config_type(TaskConfig, "ppo", PpoConfig) is run_config_type(TaskConfig, "ppo", PpoConfig)
