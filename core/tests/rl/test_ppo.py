"""What our PPO does otherwise than rl_games'."""

from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from point_mass import point_mass_config
from torch import Tensor
from waiting import no_waiting_for_the_device

from igx.rl.agents import PpoAgent
from igx.rl.metrics import Scalars
from igx.rl.ppo import Ppo
from igx.rl.rl_games import AlgoObserver, create_algo

RECURRENT: dict[str, Any] = {"network": {"rnn": {"units": 8}}}
CENTRAL = {
    "task": {"critic": True},
    "ppo": {"central_value": {"lr_schedule": "linear", "network": {"rnn": {"units": 8}}}},
}


def build(folder: Path, **settings: dict[str, Any]) -> Ppo:
    """Our PPO on a fresh point mass whose episodes end within the rollouts."""
    merged = {**settings, "task": {"episode_steps": 11, **settings.get("task", {})}}
    config = point_mass_config(settings=merged)
    observer, writer = AlgoObserver(), Scalars()
    return create_algo(PpoAgent(), config, point_mass.make(config), folder=folder, observer=observer, writer=writer)


def train(folder: Path, **settings: dict[str, Any]) -> Ppo:
    algo = build(folder, **settings)
    algo.train()
    return algo


def begin(algo: Ppo) -> Ppo:
    """Make ready for a rollout without training."""
    algo.init_tensors()
    algo.obs = algo.env_reset()
    return algo


def weights(algo: Ppo) -> dict[str, Tensor]:
    central = algo.central_value_net.state_dict() if algo.has_central_value else {}
    return algo.model.state_dict() | {f"central/{name}": value for name, value in central.items()}


@pytest.mark.parametrize("settings", [{}, RECURRENT, CENTRAL], ids=["mlp", "lstm", "central value"])
def test_a_restored_agent_goes_on_as_if_it_had_never_stopped(settings: dict[str, Any], tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", **settings, run={"max_epochs": 6})
    half = build(tmp_path / "half", **settings, run={"max_epochs": 6})
    half.max_epochs = 3
    half.train()
    half.save(str(tmp_path / "half"))
    torch.manual_seed(99)
    again = build(tmp_path / "again", **settings, run={"max_epochs": 6, "seed": 5})
    again.restore(str(tmp_path / "half.pth"))
    again.train()
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(whole).items())
    assert (again.frame, again.last_lr, again.epoch_num) == (whole.frame, whole.last_lr, 6)
    assert again.game_rewards.get_mean() == whole.game_rewards.get_mean()


def test_without_the_environments_a_restored_agent_goes_on_with_new_episodes(tmp_path: Path) -> None:
    algo = train(tmp_path / "one", **RECURRENT)
    state = algo.get_full_state_weights()
    again = build(tmp_path / "two", **RECURRENT, run={"max_epochs": 4})
    again.set_full_state_weights({name: state[name] for name in state if name not in {"env_state", "igx_rollout"}})
    assert again.vec_env.env.pos.abs().sum() == 0
    again.train()
    assert (again.epoch_num, again.total_time > algo.total_time) == (4, True)


def test_the_best_return_survives_a_restart(tmp_path: Path) -> None:
    algo = train(tmp_path / "one")
    algo.last_mean_rewards = 123.5
    algo.save(str(tmp_path / "one"))
    again = build(tmp_path / "two", run={"max_epochs": 5})
    again.restore(str(tmp_path / "one.pth"))
    best, epochs = again.train()
    assert (best, epochs) == (123.5, 5)


def test_the_optimisers_settings_stay_those_of_the_config(tmp_path: Path) -> None:
    train(tmp_path / "one").save(str(tmp_path / "one"))
    again = build(tmp_path / "two", ppo={"weight_decay": 0.25})
    again.restore(str(tmp_path / "one.pth"))
    assert again.optimizer.param_groups[0]["weight_decay"] == 0.25
    assert again.optimizer.param_groups[0]["lr"] is again.lr


def test_statistics_of_observations_are_taken_once_per_rollout(tmp_path: Path) -> None:
    once = train(tmp_path / "once", run={"max_epochs": 1}, ppo={"normalizer_updates": "once"})
    every = train(tmp_path / "every", run={"max_epochs": 1}, ppo={"normalizer_updates": "every"})
    samples, mini_epochs = 16 * 8, 2
    assert once.model.running_mean_std.count == 1 + samples
    assert every.model.running_mean_std.count == 1 + mini_epochs * samples


def test_normalisers_keep_their_addresses(tmp_path: Path) -> None:
    algo = build(tmp_path)
    before = [buffer.data_ptr() for buffer in algo.model.buffers()]
    algo.train()
    assert [buffer.data_ptr() for buffer in algo.model.buffers()] == before


@pytest.mark.parametrize("critic", [False, True], ids=["shared value", "central value"])
def test_a_cut_off_episode_is_continued_by_the_value_of_its_true_last_observation(
    tmp_path: Path, *, critic: bool
) -> None:
    ppo: dict[str, Any] = {"bootstrap": "terminal", "central_value": {} if critic else None, "gamma": 0.5}
    task = {"terminal": True, "critic": critic, "episode_steps": 8}
    algo = begin(build(tmp_path, ppo=ppo, task=task))
    env = algo.vec_env.env
    algo.set_eval()
    algo.play_steps()
    assert env.truncated.any()
    seen = env.last_obs["terminal"]
    value = algo.get_values({"obs": seen, "states": seen})
    paid = env.reward + 0.5 * value[:, 0] * env.truncated
    assert torch.equal(algo.experience_buffer.tensor_dict["rewards"][-1, :, 0], paid)


@pytest.mark.parametrize("schedule", ["per_minibatch", "per_mini_epoch"])
@pytest.mark.parametrize("settings", [{}, {"task": {"critic": True}}], ids=["mlp", "central value"])
def test_an_epoch_waits_for_the_device_only_at_its_end(settings: dict[str, Any], schedule: str, tmp_path: Path) -> None:
    ppo = {"schedule_type": schedule, "central_value": {} if settings else None}
    algo = begin(build(tmp_path, **settings, ppo=ppo))
    algo.train_epoch()
    with no_waiting_for_the_device():
        algo.train_epoch()


def test_a_recurrent_rollout_does_not_wait_for_the_device(tmp_path: Path) -> None:
    algo = begin(build(tmp_path, **RECURRENT))
    with no_waiting_for_the_device():
        algo.play_steps()


def test_an_adaptive_learning_rate_stays_within_its_limits(tmp_path: Path) -> None:
    cautious = train(tmp_path / "low", ppo={"lr": 2e-3, "kl_threshold": 1e-9, "min_lr": 1.5e-3}, run={"max_epochs": 4})
    bold = train(tmp_path / "high", ppo={"lr": 1e-5, "kl_threshold": 1.0, "max_lr": 2e-5}, run={"max_epochs": 4})
    assert cautious.last_lr == pytest.approx(1.5e-3)
    assert bold.last_lr == pytest.approx(2e-5)


def test_a_linear_learning_rate_falls_with_frames_where_there_is_no_last_epoch(tmp_path: Path) -> None:
    run = {"max_epochs": None, "max_frames": 16 * 8 * 10}
    algo = train(tmp_path, ppo={"lr": 1e-3, "lr_schedule": "linear"}, run=run)
    assert algo.epoch_num == 10
    assert algo.last_lr == pytest.approx(1e-3 / 10, rel=0.02)


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_a_learning_rate_that_is_set_stays_set(schedule: str, tmp_path: Path) -> None:
    algo = build(tmp_path, ppo={"lr": 1e-3, "lr_schedule": schedule}, run={"max_epochs": 2})
    algo.set_param("learning_rate", 1e-4)
    assert algo.get_param("learning_rate") == 1e-4
    algo.train()
    left = {"constant": 1e-4, "linear": 1e-6}
    assert algo.last_lr == pytest.approx(left[schedule])


def test_a_deviation_that_depends_on_the_state_starts_at_its_setting(tmp_path: Path) -> None:
    algo = begin(build(tmp_path, network={"fixed_sigma": False, "log_std_init": -1.0}))
    algo.set_eval()
    sigma = algo.get_action_values(algo.obs)["sigmas"]
    assert torch.allclose(sigma, torch.full_like(sigma, -1.0).exp())


def test_returns_and_lengths_are_those_of_the_environment(tmp_path: Path) -> None:
    algo = begin(build(tmp_path, ppo={"horizon": 11, "num_minibatches": 1, "reward_scale": 0.1}))
    algo.play_steps()
    returns, shaped, lengths, count = algo.episodes.drain().tolist()
    told = algo.vec_env.env.episode_metrics()
    assert count == told["episodes"] > 0
    assert (returns / count, lengths / count) == pytest.approx((told["return"], told["length"]))
    assert shaped != pytest.approx(returns)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own compiler uses it
def test_compiled_training_is_the_same_training(tmp_path: Path) -> None:
    class Changing(AlgoObserver):
        def after_print_stats(self, frame: int, epoch_num: int, total_time: float) -> None:
            if epoch_num == 5:  # torch checks what it has compiled in the first three only
                algo.set_param("critic_coef", 20.0)

    reached: list[dict[str, Tensor]] = []
    for is_compiled in (False, True):
        algo = build(tmp_path / str(is_compiled), run={"max_epochs": 9}, ppo={"compile": is_compiled})
        algo.algo_observer = Changing()
        algo.train()
        reached.append(weights(algo))
    eager, compiled = reached
    for name, value in eager.items():
        torch.testing.assert_close(compiled[name], value, rtol=1e-4, atol=1e-6)


def test_mixed_precision_computes_the_update_in_bfloat16(tmp_path: Path) -> None:
    exact = train(tmp_path / "exact", run={"max_epochs": 2})
    mixed = train(tmp_path / "mixed", run={"max_epochs": 2}, ppo={"mixed_precision": True})
    apart = [(weights(mixed)[name] - value).abs().max() for name, value in weights(exact).items()]
    assert 0.0 < max(apart) < 0.05
    assert all(value.dtype != torch.bfloat16 for value in weights(mixed).values())
