"""Ingenuity is IsaacGymEnvs': columns, targets, reward, ends, starts and control; and it flies, and learns to."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import igx
from igx.config.compose import compose
from igx.plugins import load_plugins
from igx.testing import StaticTask, check_task, short_training, static
from igx_tasks_locomotion.ingenuity import Ingenuity

COS_45 = math.sqrt(0.5)
MASS, MARS = 1.500117, 3.721


def ingenuity(num_envs: int = 1, **state: Any) -> StaticTask[Ingenuity]:
    """Helicopters 1 m above the middle where `state` says nothing else, and their first target is there, too."""
    where: dict[str, Any] = {"root_pos": [0.0, 0.0, 1.0], **state}
    placed = static(Ingenuity, num_envs=num_envs, **where)
    placed.task.targets[:, 0] = torch.tensor([0.0, 0.0, 1.0])
    placed.place()
    placed.env.program.observe(torch.ones(num_envs, dtype=torch.bool))
    return placed


# Observations and targets.


def test_the_policy_sees_13_columns_in_the_reference_s_order() -> None:
    placed = ingenuity()
    assert placed.env.program.layout == {"policy": {"to_target": 3, "quat": 4, "lin_vel": 3, "ang_vel": 3}}
    assert placed.env.num_actions == 6


def test_what_is_seen_is_in_the_world_s_axes_and_scaled() -> None:
    placed = ingenuity(
        root_pos=[0.3, -0.6, 1.9],
        root_quat=[COS_45, COS_45, 0.0, 0.0],  # on its side, so that its y axis points up
        root_lin_vel_w=[1.0, 2.0, 30.0],
        root_ang_vel_b=[0.0, math.pi, 0.0],
    )
    seen = placed.obs["policy"][0].tolist()
    assert seen[:3] == pytest.approx([-0.1, 0.2, -0.3])
    assert seen[3:7] == pytest.approx([COS_45, COS_45, 0.0, 0.0])
    assert seen[7:10] == pytest.approx([0.5, 1.0, 5.0])
    assert seen[10:] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)


def test_the_target_is_somewhere_else_every_five_hundred_steps() -> None:
    placed = ingenuity()
    task, step = placed.task, placed.task.episode_step
    for count, number in ((0, 0), (1, 0), (500, 0), (501, 1), (1000, 1), (1001, 2), (1501, 3), (2000, 3)):
        step.fill_(count)
        assert torch.equal(task.target(), task.targets[:, number]), count


def test_targets_are_drawn_from_a_flat_box_anew_for_each_episode() -> None:
    placed = static(Ingenuity, num_envs=5_000)
    targets = placed.task.targets
    assert targets.shape == (5_000, 4, 3)
    assert targets.amin((0, 1)).tolist() == pytest.approx([-5.0, -5.0, 1.0], abs=5e-3)
    assert targets.amax((0, 1)).tolist() == pytest.approx([5.0, 5.0, 2.0], abs=5e-3)
    assert targets.mean((0, 1)).tolist() == pytest.approx([0.0, 0.0, 1.5], abs=0.1)
    before = targets.clone()
    placed.env.reset()
    assert not torch.isclose(targets, before).all(-1).any()


# Rewards.


@pytest.mark.parametrize(
    ("state", "near", "level", "steady"),
    [
        ({}, 1.0, 5.0, 1.0),
        ({"root_pos": [0.0, 2.0, 1.0]}, 0.2, 1.0, 0.2),
        ({"root_quat": [COS_45, 0.0, COS_45, 0.0]}, 1.0, 2.5, 1.0),
        ({"root_quat": [0.0, 1.0, 0.0, 0.0]}, 1.0, 1.0, 1.0),
        ({"root_ang_vel_b": [9.0, 9.0, -2.0]}, 1.0, 5.0, 0.2),
    ],
)
def test_being_near_pays_and_more_so_level_and_steady(
    state: dict[str, Any], near: float, level: float, steady: float
) -> None:
    placed = ingenuity(**state)
    reward = placed.step().reward.item()
    assert placed.env.program.weighted_terms[0].tolist() == pytest.approx([near, level, steady])
    assert reward == pytest.approx(near + level + steady)


# Ends.


@pytest.mark.parametrize(
    ("pos", "ends"),
    [
        ((7.99, 0.0, 1.0), False),
        ((8.01, 0.0, 1.0), True),
        ((0.0, 0.0, 0.501), False),
        ((0.0, 0.0, 0.499), True),
    ],
)
def test_an_episode_ends_eight_metres_away_or_near_the_ground(pos: tuple[float, ...], *, ends: bool) -> None:
    assert ingenuity(root_pos=pos).step().terminated.tolist() == [ends]


def test_an_episode_has_two_thousand_steps() -> None:
    placed = ingenuity()
    placed.task.targets[:] = torch.tensor([0.0, 0.0, 1.0])
    placed.task.episode_step.fill_(1998)
    assert placed.step().truncated.tolist() == [False]
    assert placed.step().truncated.tolist() == [True]


# Starts.


def test_an_episode_starts_around_the_middle_at_rest_and_level() -> None:
    robot = static(Ingenuity, num_envs=10_000).task.robot
    assert robot.root_pos.amin(0).tolist() == pytest.approx([-1.5, -1.5, 0.8], abs=2e-3)
    assert robot.root_pos.amax(0).tolist() == pytest.approx([1.5, 1.5, 2.5], abs=2e-3)
    assert robot.root_quat.unique(dim=0).tolist() == [[1.0, 0.0, 0.0, 0.0]]
    assert not robot.root_lin_vel_w.any()
    assert not robot.root_ang_vel_b.any()


# Actions.


def test_each_rotor_leans_and_pushes_as_told() -> None:
    placed = ingenuity()
    placed.step([0.1, -0.1, 1.0, 1.0, -1.0, -0.5])
    expected = [2.0, -2.0, 20.0, -2.0, 2.0, -10.0]
    assert placed.task.rotors.control[0].tolist() == pytest.approx(expected)
    placed.step([0.0] * 6)
    assert not placed.task.rotors.control.any()


# Simulated.


def flying(num_envs: int = 1) -> igx.VecEnv:
    """Environments of the preset, helicopters level and at rest at 1 m."""
    env = igx.make("ingenuity", num_envs=num_envs, device="cpu", seed=0)
    env.task.mask.copy_(everywhere := torch.ones(num_envs, dtype=torch.bool))
    env.task.live("robot").set_root(pos=torch.tensor([0.0, 0.0, 1.0]))
    env.simulator.commit(everywhere)
    return env


def test_on_mars_it_takes_its_weight_there_to_hover_and_it_falls_slowly() -> None:
    env = flying(2)
    action = torch.zeros(2, 6)
    action[0, [2, 5]] = MASS * MARS / 2 / 20.0
    for _ in range(50):
        env.step(action)
    robot = env.task.live("robot")
    assert robot.root_pos[0].tolist() == pytest.approx([0.0, 0.0, 1.0], abs=1e-3)
    assert robot.root_lin_vel_w[1, 2].item() == pytest.approx(-MARS * 0.5, rel=1e-3)


def test_leaning_thrusts_push_it_sideways() -> None:
    env = flying()
    thrust = MASS * MARS / 2 / 20.0
    env.step(torch.tensor([[0.1, 0.0, thrust, 0.1, 0.0, thrust]]))
    robot = env.task.live("robot")
    assert robot.root_ang_vel_b[0, 1].item() == pytest.approx(0.0, abs=0.01)  # one rotor as far below the middle
    middle = robot.root_lin_vel_w[0]
    assert middle[0].item() == pytest.approx(0.1 * MARS * 0.01, rel=0.05)


def test_random_steps_stay_stable() -> None:
    env = igx.make("ingenuity", num_envs=64, device="cpu", seed=0)
    assert env.step_dt == pytest.approx(0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        obs, reward, *_ = env.step(torch.rand(64, 6, generator=generator) * 2.0 - 1.0)
        assert obs["policy"].isfinite().all()
        assert (reward >= 0.0).all()
        assert (reward <= 7.0).all()
    metrics = env.episode_metrics()
    assert metrics["unstable"] == 0.0
    assert metrics["episodes"] > 64


def test_it_keeps_the_rules_of_a_step() -> None:
    check_task("ingenuity")


# Training.


@pytest.mark.parametrize(("cuda_available", "num_envs", "minibatch"), [(False, 512, 2048), (True, 4096, 16384)])
def test_training_settings_are_the_reference_s(num_envs: int, minibatch: int, *, cuda_available: bool) -> None:
    config: Any = compose(plugins=load_plugins(), task="ingenuity", cuda_available=cuda_available).config
    assert config.sim.num_envs == num_envs
    assert config.sim.gravity == (0.0, 0.0, -MARS)
    assert (config.network.units, config.network.activation, config.network.separate) == ((256, 256, 128), "elu", False)
    ppo = config.ppo
    assert (ppo.horizon, ppo.mini_epochs, ppo.reward_scale, ppo.critic_coef) == (16, 8, 0.01, 2.0)
    assert ppo.minibatch(num_envs=num_envs, horizon=16) == minibatch
    assert (ppo.lr, ppo.lr_schedule, ppo.kl_threshold, ppo.schedule_type) == (1e-3, "adaptive", 0.016, "per_minibatch")
    assert (ppo.gamma, ppo.gae_lambda, ppo.clip, ppo.clip_value) == (0.99, 0.95, 0.2, True)
    assert (ppo.entropy_coef, ppo.bounds_loss_coef, ppo.grad_norm, ppo.bootstrap) == (0.0, 1e-4, 1.0, "off")
    assert (ppo.normalize_input, ppo.normalize_value, ppo.normalize_advantage) == (True, True, True)


def test_a_short_training_keeps_it_flying_for_longer_than_an_untrained_policy_does(tmp_path: Path) -> None:
    returns = short_training("ingenuity", runs_dir=tmp_path, max_epochs=25, overrides=["ppo.mini_epochs=5"])
    assert returns.trained > 1.5 * returns.untrained  # 2.5 and 2.3 times with seeds 1 and 2
