"""rl_games gets the parameters that the settings mean, and keeps its prints and habits to itself."""

import logging
from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from point_mass import point_mass_config

from igx.errors import ConfigError
from igx.rl import rl_games
from igx.rl.agents import PpoAgent, StockPpoAgent
from igx.rl.metrics import Scalars
from igx.rl.rl_games import AlgoObserver, RlGamesEnv, create_algo


def params(**settings: dict[str, Any]) -> dict[str, Any]:
    config = point_mass_config(settings=settings)
    return rl_games.params(config, point_mass.make(config), algo="igx_ppo")


def test_what_rl_games_gets_wrong_when_it_is_left_out_is_always_said() -> None:
    config = params()["config"]
    assert config["torch_compile"] is False
    assert config["value_bootstrap"] is True
    assert config["bounds_loss_coef"] == 1e-4
    assert config["device"] == config["device_name"] == "cpu"
    assert config["multi_gpu"] is False


def test_settings_reach_rl_games_under_its_names() -> None:
    ppo = {
        "lr": 2e-3,
        "gae_lambda": 0.9,
        "horizon": 4,
        "clip": 0.3,
        "grad_norm": None,
        "schedule_type": "per_mini_epoch",
    }
    config = params(ppo=ppo)["config"]
    assert (config["learning_rate"], config["tau"], config["horizon_length"]) == (2e-3, 0.9, 4)
    assert (config["e_clip"], config["truncate_grads"], config["schedule_type"]) == (0.3, False, "standard")
    assert config["minibatch_size"] == 16 * 4 // 2


def test_no_limit_is_minus_one_to_rl_games() -> None:
    config = params(run={"max_epochs": None, "max_frames": None})["config"]
    assert (config["max_epochs"], config["max_frames"]) == (-1, -1)


def test_a_network_is_said_in_rl_games_words() -> None:
    network = params(
        network={
            "units": [32, 8],
            "activation": "none",
            "initializer": {"name": "glorot_uniform", "gain": 0.5},
            "log_std_init": -1.0,
            "rnn": {"type": "gru", "units": 12},
        }
    )["network"]
    assert network["mlp"]["units"] == [32, 8]
    assert network["mlp"]["activation"] == "None"
    assert network["mlp"]["initializer"] == {"name": "glorot_uniform_initializer", "gain": 0.5}
    assert network["space"]["continuous"]["sigma_init"] == {"name": "const_initializer", "val": -1.0}
    assert (network["rnn"]["name"], network["rnn"]["units"]) == ("gru", 12)


def test_a_central_value_without_its_observations_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"ppo\.central_value needs observations of group 'critic'"):
        params(ppo={"central_value": {}})


def test_a_terminal_bootstrap_without_its_observations_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"ppo\.bootstrap is terminal, which needs observations of group 'terminal'"):
        params(ppo={"bootstrap": "terminal"})


def test_a_terminal_group_must_be_what_the_value_sees() -> None:
    with pytest.raises(ConfigError, match="group 'terminal' is 5 wide and the value network sees group 'policy'"):
        params(ppo={"bootstrap": "terminal"}, task={"terminal": True, "critic": True})


def test_rl_games_own_ppo_refuses_a_terminal_bootstrap() -> None:
    config = point_mass_config(settings={"ppo": {"bootstrap": "terminal"}, "task": {"terminal": True}})
    with pytest.raises(ConfigError, match="rl_games' PPO cannot do; say --agent ppo"):
        StockPpoAgent().params(config, point_mass.make(config))


def test_rl_games_sees_terminated_and_truncated_as_one_and_truncated_as_time_outs() -> None:
    config = point_mass_config(settings={"task": {"episode_steps": 2, "critic": True}})
    points = point_mass.make(config)
    env = RlGamesEnv(points)
    assert set(env.reset()) == {"obs", "states"}
    env.step(torch.zeros(16, 2))
    points.pos[0] = 10.0
    obs, _, dones, infos = env.step(torch.zeros(16, 2))
    assert dones.all()
    assert infos["time_outs"].tolist() == [False] + [True] * 15
    assert obs["states"].shape == (16, 5)


def test_building_prints_nothing_and_logs_what_rl_games_says(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    config = point_mass_config()
    with caplog.at_level(logging.DEBUG, logger="igx.rl_games"):
        for agent in (PpoAgent(), StockPpoAgent()):
            env = point_mass.make(config)
            algo = create_algo(agent, config, env, folder=tmp_path, observer=AlgoObserver(), writer=Scalars())
            algo.train()
    assert capfd.readouterr() == ("", "")
    assert any("seed" in record.message for record in caplog.records)


def test_building_writes_no_event_file_of_its_own(tmp_path: Path) -> None:
    config = point_mass_config()
    create_algo(
        PpoAgent(),
        config,
        point_mass.make(config),
        folder=tmp_path / "run",
        observer=AlgoObserver(),
        writer=Scalars(),
    )
    assert [path for path in (tmp_path / "run").rglob("*") if path.is_file()] == []


def test_tensors_print_as_torch_prints_them() -> None:
    assert "1.2346e-05" in repr(torch.tensor([1.23456e-5, 1.0]))
