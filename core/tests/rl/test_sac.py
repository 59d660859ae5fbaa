"""What our SAC does, by itself and otherwise than rl_games'."""

import math
from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from point_mass import point_mass_config
from runs import Silent, run
from torch import Tensor
from waiting import no_waiting_for_the_device

from igx.env import memory
from igx.errors import CheckpointError, ConfigError, RunFailure, SimulatorError
from igx.plugins import load_plugins
from igx.rl import checkpoints
from igx.rl.agents import SacAgent
from igx.rl.metrics import Metrics, Scalars
from igx.rl.origin import KEY
from igx.rl.playing import play
from igx.rl.policy import load_policy
from igx.rl.rl_games import AlgoObserver, create_algo
from igx.rl.sac import Sac
from igx.rl.trial import train_on_trial


def build(folder: Path, **settings: dict[str, Any]) -> Sac:
    """Our SAC on a fresh point mass whose episodes end within the epochs."""
    merged = {**settings, "task": {"episode_steps": 11, **settings.get("task", {})}}
    config = point_mass_config(agent="sac", settings=merged)
    observer, writer = AlgoObserver(), Scalars()
    return create_algo(SacAgent(), config, point_mass.make(config), folder=folder, observer=observer, writer=writer)


def train(folder: Path, **settings: dict[str, Any]) -> Sac:
    algo = build(folder, **settings)
    algo.train()
    return algo


def begin(algo: Sac) -> Sac:
    """Make ready for a step without training."""
    algo.init_tensors()
    algo.obs = algo.env_reset()
    return algo


def reached(algo: Sac) -> dict[str, Tensor]:
    """Everything that training changes, on the host."""
    learned = {**algo.model.state_dict(), "log_alpha": algo.log_alpha.detach(), "rows": algo.replay.rows}
    return {**learned, "count": algo.replay.count, "next": algo.replay.next}


# Learning.


def test_a_trained_policy_is_far_better_than_an_untrained_one(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "sac": {
            "actor_lr": 3e-3,
            "critic_lr": 3e-3,
            "alpha_lr": 1e-2,
            "init_alpha": 0.1,
            "gamma": 0.95,
            "tau": 0.02,
            "batch_size": 128,
            "buffer_size": 20_000,
            "horizon": 30,
        },
        "network": {"units": [32, 32], "activation": "relu"},
    }
    result = run(tmp_path, agent="sac", **settings, run={"name": "a", "max_epochs": 28, "save_every": 1})
    untrained, trained = (play_with(settings, path) for path in (result.folder.epoch(1), result.folder.best))
    assert trained > untrained + 8.0
    assert trained > 16.0


def play_with(settings: dict[str, Any], checkpoint: Path) -> float:
    """Mean return of the policy in `checkpoint`, over 64 episodes of 30 steps at 1 at most."""
    config = point_mass_config(agent="sac", settings={**settings, "sim": {"num_envs": 64}, "run": {"seed": 1}})
    env = point_mass.make(config)
    return sum(play(env, load_policy(checkpoint, config, env), episodes=64).returns) / 64


def reference_losses(algo: Sac, batch: dict[str, Tensor], noise: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """SAC's losses written out in full precision: of the critics, the policy and the weight of entropy."""
    networks, alpha = algo.model.sac_network.double(), algo.log_alpha.detach().double().exp()

    def draw(obs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, raw = networks.actor.trunk(obs).chunk(2, dim=-1)
        log_std = -5.0 + 3.5 * (raw.tanh() + 1.0)
        action = (mean + log_std.exp() * noise).tanh()
        gaussian = -0.5 * noise**2 - log_std - 0.5 * math.log(2.0 * math.pi)
        return action, (gaussian - torch.log(1.0 - action**2)).sum(-1, keepdim=True)

    def value(critic: Any, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([obs, action], dim=-1)
        return critic.Q1(both), critic.Q2(both)

    next_action, log_prob = draw(batch["next_obs"], noise[0])
    next_value = torch.minimum(*value(networks.critic_target, batch["next_obs"], next_action)) - alpha * log_prob
    wanted = batch["reward"] + algo.gamma * batch["goes_on"] * next_value
    errors = [(value - wanted).square().mean() for value in value(networks.critic, batch["obs"], batch["action"])]
    action, log_prob = draw(batch["obs"], noise[1])
    policy = (alpha * log_prob - torch.minimum(*value(networks.critic, batch["obs"], action))).mean()
    return (errors[0] + errors[1]) / 2, policy, (alpha * (-log_prob - algo.target_entropy)).mean()


def test_losses_are_those_of_a_plain_computation_in_full_precision(tmp_path: Path) -> None:
    algo = train(tmp_path, sac={"init_alpha": 0.3, "target_entropy_coef": 0.5})
    batch = algo.replay.sample(200)
    algo.set_train()
    torch.manual_seed(1)
    critic = algo.critic_loss(batch)
    policy, log_prob = algo.policy_loss(batch["obs"])
    alpha = algo.alpha_loss(log_prob)
    torch.manual_seed(1)
    noise = [torch.randn(200, 2).double() for _ in range(2)]
    with torch.no_grad():
        plain = reference_losses(algo, {name: column.double() for name, column in batch.items()}, noise)
    for ours, reference in zip((critic, policy, alpha), plain, strict=True):
        torch.testing.assert_close(ours.detach().double(), reference, rtol=1e-5, atol=1e-6)


def test_alpha_rises_while_the_policy_is_less_random_than_it_should_be(tmp_path: Path) -> None:
    calm = train(tmp_path / "calm", sac={"target_entropy_coef": -5.0}, run={"max_epochs": 6})
    wild = train(tmp_path / "wild", sac={"target_entropy_coef": 5.0}, run={"max_epochs": 6})
    assert calm.alpha > 1.05
    assert wild.alpha < 0.95


def test_target_critics_follow_the_critics_a_little_in_each_update(tmp_path: Path) -> None:
    algo = begin(build(tmp_path, sac={"tau": 0.25, "updates_per_step": 1}))
    algo.play_step(explores=True)
    before = [target.clone() for target in algo._targets]
    algo.learn()
    for target, old, critic in zip(algo._targets, before, algo._critic, strict=True):
        torch.testing.assert_close(target, old + 0.25 * (critic - old))


def test_the_policy_learns_in_every_so_manieth_update_of_the_critics_across_steps(tmp_path: Path) -> None:
    algo = begin(build(tmp_path, sac={"updates_per_step": 2, "policy_frequency": 3}))
    algo.play_step(explores=True)
    for steps, updates in ((1, 0), (2, 1), (3, 2), (4, 2), (5, 3)):
        algo.learn()
        assert algo.update_counter == 2 * steps
        taken = algo.actor_optimizer.state[algo._actor[0]].get("step", 0)
        assert taken == updates
        assert algo.critic_optimizer.state[algo._critic[0]]["step"] == 2 * steps


def test_mixed_precision_computes_the_update_in_bfloat16(tmp_path: Path) -> None:
    exact, mixed = train(tmp_path / "exact"), train(tmp_path / "mixed", sac={"mixed_precision": True})
    apart = [(mixed.model.state_dict()[name] - value).abs().max() for name, value in exact.model.state_dict().items()]
    assert 0.0 < max(apart) < 0.05
    assert all(value.dtype != torch.bfloat16 for value in mixed.model.state_dict().values())


# Collecting.


@pytest.mark.parametrize("bootstrap", ["off", "previous", "terminal", "auto"])
@pytest.mark.parametrize("shows_terminal", [True, False], ids=["terminal shown", "not shown"])
def test_a_cut_off_episode_goes_on_from_what_the_settings_say(
    bootstrap: str, tmp_path: Path, *, shows_terminal: bool
) -> None:
    if bootstrap == "terminal" and not shows_terminal:
        with pytest.raises(
            ConfigError, match=r"sac\.bootstrap is terminal, which needs .* say sac\.bootstrap=previous"
        ):
            build(tmp_path, sac={"bootstrap": bootstrap})
        return
    algo = begin(build(tmp_path, sac={"bootstrap": bootstrap}, task={"terminal": shows_terminal, "episode_steps": 3}))
    env = algo.vec_env.env
    for _ in range(3):
        algo.play_step(explores=True)
    assert env.truncated.all()
    stored = dict(
        zip(algo.replay.widths, algo.replay.rows[32:48].split([*algo.replay.widths.values()], -1), strict=True)
    )
    assert stored["goes_on"].unique().tolist() == [0.0 if bootstrap == "off" else 1.0]
    if bootstrap == "terminal" or (bootstrap == "auto" and shows_terminal):
        assert torch.equal(stored["next_obs"], env.last_obs["terminal"])
    elif bootstrap != "off":
        assert torch.equal(stored["next_obs"], stored["obs"])


def test_an_episode_that_ended_by_itself_does_not_go_on(tmp_path: Path) -> None:
    algo = begin(build(tmp_path, task={"episode_steps": 1000}))
    algo.vec_env.env.pos[:8] = 2 * point_mass.REACH
    algo.play_step(explores=True)
    assert algo.replay.rows[:16, -1].tolist() == [0.0] * 8 + [1.0] * 8


def test_the_warm_up_acts_at_random_and_learns_nothing(tmp_path: Path) -> None:
    algo = begin(build(tmp_path, sac={"warmup_epochs": 1}))
    before = {name: value.clone() for name, value in algo.model.sac_network.state_dict().items()}
    algo.train_epoch()
    for name, value in algo.model.sac_network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert algo.stored == algo.replay.count == 8 * 16
    actions = algo.replay.rows[:128, 4:6]
    assert actions.abs().max() <= 1.0
    assert actions.std() == pytest.approx(1.0 / math.sqrt(3.0), rel=0.1)
    algo.epoch_num = 1
    algo.train_epoch()
    assert algo.update_counter == 8


def test_a_warm_up_in_frames_ends_with_an_epoch(tmp_path: Path) -> None:
    assert build(tmp_path, sac={"warmup_epochs": None, "warmup_frames": 129}).num_warmup_steps == 2


def test_statistics_are_taken_of_each_observation_once(tmp_path: Path) -> None:
    algo = train(tmp_path, run={"max_epochs": 3})
    assert algo.model.running_mean_std.count == 1 + 3 * 8 * 16


@pytest.mark.parametrize("sac", [{}, {"normalizer_updates": "sampled", "policy_frequency": 2, "critic_grad_norm": 1.0}])
def test_an_epoch_waits_for_the_device_only_at_its_end(sac: dict[str, Any], tmp_path: Path) -> None:
    algo = begin(build(tmp_path, sac={"warmup_epochs": 0, **sac}))
    algo.train_epoch()
    with no_waiting_for_the_device():
        algo.train_epoch()


def test_what_recordings_look_at_keeps_its_address(tmp_path: Path) -> None:
    algo = begin(build(tmp_path, sac={"warmup_epochs": 0}))
    algo.train_epoch()
    kept = [*algo.model.parameters(), *algo.model.buffers(), algo.log_alpha, algo.actions, algo.seen, algo.obs["obs"]]
    before = [tensor.data_ptr() for tensor in kept]
    algo.train_epoch()
    assert [tensor.data_ptr() for tensor in kept] == before


# Runs.


@pytest.mark.parametrize("epochs", [1, 2, 5], ids=["in the warm-up", "as learning begins", "after the ring is full"])
def test_a_restored_agent_goes_on_as_if_it_had_never_stopped(epochs: int, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "sac": {"warmup_epochs": 2, "updates_per_step": 3, "policy_frequency": 2},
        "run": {"max_epochs": 7},
    }
    whole = train(tmp_path / "whole", **settings)
    half = build(tmp_path / "half", **settings)
    half.max_epochs = epochs
    half.train()
    half.save(str(tmp_path / "half"))
    torch.manual_seed(99)
    again = build(tmp_path / "again", **{**settings, "run": {"max_epochs": 7, "seed": 5}})
    again.restore(str(tmp_path / "half.pth"))
    again.train()
    expected = reached(whole)
    assert [name for name, value in reached(again).items() if not torch.equal(value, expected[name])] == []
    assert (again.frame, again.epoch_num, again.update_counter) == (whole.frame, 7, whole.update_counter)
    assert again.game_rewards.get_mean() == whole.game_rewards.get_mean()
    assert again.total_time > half.total_time


def test_without_its_replay_buffer_a_restored_agent_collects_before_it_learns(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"sac": {"save_replay_buffer": False, "warmup_epochs": 2}}
    algo = train(tmp_path / "one", **settings, run={"max_epochs": 3})
    assert "replay" not in algo.get_full_state_weights()["igx_rollout"]
    again = build(tmp_path / "two", **settings, run={"max_epochs": 5})
    again.set_full_state_weights(algo.get_full_state_weights())
    again.train()
    assert again.update_counter == algo.update_counter + 1


def test_the_best_return_and_the_weight_of_entropy_survive_a_restart(tmp_path: Path) -> None:
    algo = train(tmp_path / "one")
    algo.last_mean_rewards = 123.5
    algo.save(str(tmp_path / "one"))
    again = build(tmp_path / "two", run={"max_epochs": 3})
    again.restore(str(tmp_path / "one.pth"))
    best, epochs = again.train()
    assert (best, epochs) == (123.5, 3)
    assert again.alpha == algo.alpha != 1.0


def test_the_same_seed_trains_the_same_policy_zero_included(tmp_path: Path) -> None:
    first, second, other = (train(tmp_path / name, run={"seed": seed}) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert all(torch.equal(value, reached(second)[name]) for name, value in reached(first).items())
    assert not torch.equal(first._actor[0], other._actor[0])


@pytest.mark.parametrize("limit", [{"max_epochs": 2}, {"max_epochs": None, "max_frames": 256}])
def test_a_run_ends_whether_or_not_an_episode_has(limit: dict[str, Any], tmp_path: Path) -> None:
    display = Silent()
    result = run(tmp_path, agent="sac", display=display, task={"episode_steps": 1000}, run={"name": "a", **limit})
    assert (result.outcome, result.epochs, result.frames) == ("finished", 2, 256)
    assert result.folder.last.exists()


def test_every_epoch_tells_its_numbers(tmp_path: Path) -> None:
    display = Silent()
    run(tmp_path, agent="sac", display=display, run={"name": "a", "max_epochs": 5})
    first, last = display.epochs[0], display.epochs[-1]
    always = {"epoch", "frames", "time", "steps_per_s", "rollout_steps_per_s", "env_s", "inference_s", "update_s"}
    assert always <= set(first)
    assert first["update_s"] == 0.0
    learned = {"loss/actor", "loss/critic", "loss/alpha", "alpha", "entropy"}
    assert learned & set(first) == set()
    assert always | learned | {"return", "length", "reward/near"} <= set(last)
    assert last["steps_per_s"] == pytest.approx(
        128 / (last["env_s"] + last["inference_s"] + last["update_s"]), rel=0.01
    )


def test_the_replay_buffer_is_kept_for_going_on_and_not_with_the_best_policy(tmp_path: Path) -> None:
    result = run(tmp_path, agent="sac", run={"name": "a", "max_epochs": 6})
    last, best = checkpoints.load(result.folder.last), checkpoints.load(result.folder.best)
    assert last["igx_rollout"]["replay"]["rows"].shape[0] == 500
    assert {"igx_rollout", "env_state"} & set(best) == set()
    assert {"actor", "critic", "critic_target", "running_mean_std", "actor_optimizer"} <= set(best)


def test_a_new_run_starts_from_networks_and_weight_of_entropy(tmp_path: Path) -> None:
    first = run(tmp_path, agent="sac", run={"name": "a", "max_epochs": 4})
    start = checkpoints.load(first.folder.last)
    second = run(tmp_path, agent="sac", run={"name": "b", "max_epochs": 1, "checkpoint": str(first.folder.last)})
    went_on = checkpoints.load(second.folder.last)  # the one epoch is the warm-up's
    assert went_on["epoch"] == 1
    assert went_on["igx"]["log_alpha"] == start["igx"]["log_alpha"] != 0.0
    assert all(torch.equal(value, start["actor"][name]) for name, value in went_on["actor"].items())


@pytest.mark.parametrize(("saved", "loaded", "lacks"), [("ppo", "sac", "policy of SAC"), ("sac", "ppo", "policy")])
def test_a_checkpoint_of_another_algorithm_is_refused(saved: str, loaded: str, lacks: str, tmp_path: Path) -> None:
    last = run(tmp_path, agent=saved, run={"name": "a", "max_epochs": 1}).folder.last
    with pytest.raises(CheckpointError, match=rf"last\.pth was trained by an agent with settings '{saved}', not"):
        run(tmp_path, agent=loaded, run={"name": "b", "checkpoint": last})
    state = checkpoints.load(last)
    checkpoints.save(last, {name: value for name, value in state.items() if name != KEY})  # as rl_games writes it
    with pytest.raises(CheckpointError, match=rf"last\.pth holds no {lacks}; it has"):
        run(tmp_path, agent=loaded, run={"name": "b", "checkpoint": str(last)})


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    last = run(tmp_path, agent="sac", run={"name": "a", "max_epochs": 1}).folder.last
    with pytest.raises(
        CheckpointError, match=r"is of another network: trunk\.0\.weight is \[16, 4\] there and \[8, 4\]"
    ):
        run(tmp_path, agent="sac", network={"units": [8, 8]}, run={"name": "b", "checkpoint": str(last)})


def test_a_replay_buffer_that_memory_cannot_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda _device: 2**20)
    message = (
        r"sac\.buffer_size is 900000: .* takes about 0\.0 GiB, and cpu has 0\.0 GiB free; try sac\.buffer_size=\d+\."
    )
    with pytest.raises(SimulatorError, match=message):
        run(tmp_path, agent="sac", sac={"buffer_size": 900_000}, run={"name": "a"})
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_diverges_names_a_learning_rate(tmp_path: Path) -> None:
    message = (
        r"Training diverged in epoch \d: .* is nan; the last good checkpoint is .*last\.pth\. "
        r"A lower sac\.critic_lr may help\."
    )
    with pytest.raises(RunFailure, match=message):
        run(tmp_path, agent="sac", task={"breaks_in_step": 12}, run={"name": "a", "save_best_after": 100})


def test_training_on_trial_learns_from_the_first_epoch_on() -> None:
    config = point_mass_config(agent="sac", settings={"sac": {"warmup_epochs": 1000}})
    told: list[Metrics] = []

    def goes_on(metrics: Metrics, _frames: int) -> bool:
        told.append(metrics)
        return len(told) < 2

    train_on_trial(config, point_mass.make(config), plugins=load_plugins(), goes_on=goes_on)
    assert all(metrics["update_s"] > 0 and "loss/critic" in metrics for metrics in told)
