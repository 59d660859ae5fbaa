"""The quadcopter is IsaacGymEnvs': columns, reward, ends, starts and control; and it flies, and learns to."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import igx
from igx.config.compose import compose
from igx.plugins import load_plugins
from igx.testing import StaticTask, check_task, short_training, static
from igx_tasks_locomotion.quadcopter import Quadcopter

HOVERING: dict[str, Any] = {"root_pos": [0.0, 0.0, 1.0], "joint_pos": [0.0] * 8}
COLUMNS = {"to_target": 3, "quat": 4, "lin_vel": 3, "ang_vel": 3, "tilts": 8}
COS_45 = math.sqrt(0.5)


def quadcopter(num_envs: int = 1, **state: Any) -> StaticTask[Quadcopter]:
    """Quadcopters that hover at the target where `state` says nothing else; at the real step duration."""
    sim = {"physics_dt": 0.005, "decimation": 2}
    return static(Quadcopter, num_envs=num_envs, sim=sim, **{**HOVERING, **state})


# Observations.


def test_the_policy_sees_21_columns_in_the_reference_s_order() -> None:
    placed = quadcopter()
    assert placed.env.program.layout == {"policy": COLUMNS}
    assert placed.env.num_actions == 12


def test_what_is_seen_is_in_the_world_s_axes_and_scaled() -> None:
    placed = quadcopter(
        root_pos=[0.3, -0.6, 1.9],
        root_quat=[COS_45, COS_45, 0.0, 0.0],  # on its side, so that its y axis points up
        root_lin_vel_w=[1.0, 2.0, 3.0],
        root_ang_vel_b=[0.0, math.pi, 0.0],
        joint_pos=[0.01, 0.02, 0.03, 0.04, -0.01, -0.02, -0.03, -0.04],
    )
    seen = placed.obs["policy"][0].tolist()
    assert seen[:3] == pytest.approx([-0.1, 0.2, -0.3])
    assert seen[3:7] == pytest.approx([COS_45, COS_45, 0.0, 0.0])
    assert seen[7:10] == pytest.approx([0.5, 1.0, 1.5])
    assert seen[10:13] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)
    assert seen[13:] == pytest.approx([0.01, 0.02, 0.03, 0.04, -0.01, -0.02, -0.03, -0.04])


def test_observations_are_clipped_at_five() -> None:
    assert quadcopter(root_lin_vel_w=[20.0, 0.0, -20.0]).obs["policy"][0, 7:10].tolist() == [5.0, 0.0, -5.0]


# Rewards.


@pytest.mark.parametrize(
    ("state", "near", "level", "steady"),
    [
        ({}, 1.0, 1.0, 1.0),
        ({"root_pos": [0.0, 2.0, 1.0]}, 0.2, 0.2, 0.2),
        ({"root_quat": [COS_45, 0.0, COS_45, 0.0]}, 1.0, 0.5, 1.0),
        ({"root_quat": [0.0, 1.0, 0.0, 0.0]}, 1.0, 0.2, 1.0),
        ({"root_quat": [COS_45, 0.0, 0.0, COS_45]}, 1.0, 1.0, 1.0),
        ({"root_ang_vel_b": [9.0, 9.0, -2.0]}, 1.0, 1.0, 0.2),
        ({"root_pos": [1.0, 0.0, 1.0], "root_ang_vel_b": [0.0, 0.0, 1.0]}, 0.5, 0.5, 0.25),
    ],
)
def test_being_near_pays_and_more_so_level_and_steady(
    state: dict[str, Any], near: float, level: float, steady: float
) -> None:
    placed = quadcopter(**state)
    reward = placed.step().reward.item()
    assert list(placed.task.chosen["reward"]) == ["near", "level", "steady"]
    assert placed.env.program.weighted_terms[0].tolist() == pytest.approx([near, level, steady])
    assert reward == pytest.approx(near + level + steady)


# Ends.


@pytest.mark.parametrize(
    ("pos", "ends"),
    [
        ((2.99, 0.0, 1.0), False),
        ((3.01, 0.0, 1.0), True),
        ((0.0, 0.0, 3.99), False),
        ((0.0, 0.0, 4.01), True),
        ((0.0, 0.0, 0.301), False),
        ((0.0, 0.0, 0.299), True),
    ],
)
def test_an_episode_ends_three_metres_away_or_near_the_ground(pos: tuple[float, ...], *, ends: bool) -> None:
    assert quadcopter(root_pos=pos).step().terminated.tolist() == [ends]


def test_an_episode_has_five_hundred_steps() -> None:
    placed = quadcopter()
    placed.task.episode_step.fill_(498)
    assert placed.step().truncated.tolist() == [False]
    assert placed.step().truncated.tolist() == [True]


# Starts.


def test_an_episode_starts_around_the_target_at_rest_with_tilted_rotors_and_targets_where_they_are() -> None:
    task = static(Quadcopter, num_envs=10_000).task
    robot = task.robot
    assert robot.root_pos.amin(0).tolist() == pytest.approx([-1.5, -1.5, 0.8], abs=2e-3)
    assert robot.root_pos.amax(0).tolist() == pytest.approx([1.5, 1.5, 2.5], abs=2e-3)
    assert robot.root_pos.mean(0).tolist() == pytest.approx([0.0, 0.0, 1.65], abs=0.03)
    assert robot.root_quat.unique(dim=0).tolist() == [[1.0, 0.0, 0.0, 0.0]]
    assert not robot.root_lin_vel_w.any()
    assert not robot.root_ang_vel_b.any()
    assert not robot.joint_vel.any()
    assert robot.joint_pos.amin(0).tolist() == pytest.approx([-0.2] * 8, abs=1e-3)
    assert robot.joint_pos.amax(0).tolist() == pytest.approx([0.2] * 8, abs=1e-3)
    assert torch.equal(task.tilt.control, robot.joint_pos)
    assert not task.thrust.thrust.any()


# Actions.


def test_eight_actions_move_the_tilts_and_four_change_the_thrusts() -> None:
    placed = quadcopter()
    task, begun = placed.task, placed.task.tilt.control.clone()
    assert task.tilt.action_names == task.robot.joint_names
    assert task.thrust.action_names == tuple(f"rotor{i}/z" for i in range(4))
    placed.step([1.0, -1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 1.0, -1.0, 2.0])
    rate = 0.01 * 8 * math.pi
    moved = (begun + torch.tensor([rate, -rate, rate / 2, 0, 0, 0, 0, 0])).clamp(-math.radians(30), math.radians(30))
    torch.testing.assert_close(task.tilt.control, moved)
    assert task.thrust.thrust[0].tolist() == pytest.approx([0.5, 2.0, 0.0, 2.0])
    placed.step([0.0] * 8 + [0.25, -0.5, 0.1, 0.0])
    torch.testing.assert_close(task.tilt.control, moved)
    assert task.thrust.thrust[0].tolist() == pytest.approx([1.0, 1.0, 0.2, 2.0])


# Simulated.


def flying(num_envs: int = 1) -> igx.VecEnv:
    """Environments of the preset, quadcopters level at the target with their rotors upright."""
    env = igx.make("quadcopter", num_envs=num_envs, device="cpu", seed=0)
    robot = env.task.live("robot")
    env.task.mask.copy_(everywhere := torch.ones(num_envs, dtype=torch.bool))
    robot.set_root(pos=torch.tensor([0.0, 0.0, 1.0]))
    robot.set_joints(pos=torch.zeros(8))
    env.task.begin_actuators()
    env.simulator.commit(everywhere)
    return env


def test_four_thrusts_of_a_quarter_of_the_weight_keep_it_where_it_is() -> None:
    env = flying()
    hover = 0.2515369 * 9.81 / 4
    env.step(torch.tensor([[0.0] * 8 + [hover / 2.0] * 4]))
    for _ in range(100):
        env.step(torch.zeros(1, 12))
    robot = env.task.live("robot")
    assert robot.root_pos[0].tolist() == pytest.approx([0.0, 0.0, 1.0], abs=0.01)
    assert robot.root_lin_vel_w.norm() < 0.02


def test_rotors_go_where_their_targets_are_within_three_steps_and_push_sideways_there() -> None:
    env = flying(2)
    robot = env.task.live("robot")
    pitched = torch.zeros(2, 12)
    pitched[:, 8:] = 0.3
    pitched[0, :8] = torch.tensor([1.0, 0, 0, 0, -1.0, 0, 0, 0])  # rotor 0 outwards, rotor 2 across from it inwards
    env.step(pitched)
    for _ in range(2):
        env.step(torch.zeros(2, 12))
    step = 0.01 * 8 * math.pi
    assert robot.joint_pos[0].tolist() == pytest.approx([step, 0, 0, 0, -step, 0, 0, 0], abs=0.02)
    forward = robot.root_lin_vel_w @ torch.tensor([COS_45, COS_45, 0.0])
    assert forward[0] > 0.005
    assert forward[1].abs() < 1e-6


def test_random_steps_stay_stable() -> None:
    env = igx.make("quadcopter", num_envs=64, device="cpu", seed=0)
    assert env.step_dt == pytest.approx(0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        obs, reward, *_ = env.step(torch.rand(64, 12, generator=generator) * 2.0 - 1.0)
        assert obs["policy"].isfinite().all()
        assert (reward >= 0.0).all()
        assert (reward <= 3.0).all()
    metrics = env.episode_metrics()
    assert metrics["unstable"] == 0.0
    assert metrics["episodes"] > 64


def test_it_keeps_the_rules_of_a_step() -> None:
    check_task("quadcopter")


# Training.


@pytest.mark.parametrize(("cuda_available", "num_envs", "minibatch"), [(False, 1024, 2048), (True, 8192, 16384)])
def test_training_settings_are_the_reference_s(num_envs: int, minibatch: int, *, cuda_available: bool) -> None:
    config: Any = compose(plugins=load_plugins(), task="quadcopter", cuda_available=cuda_available).config
    assert config.sim.num_envs == num_envs
    assert (config.network.units, config.network.activation, config.network.separate) == ((256, 256, 128), "elu", False)
    ppo = config.ppo
    assert (ppo.horizon, ppo.mini_epochs, ppo.reward_scale, ppo.critic_coef) == (8, 8, 0.1, 2.0)
    assert ppo.minibatch(num_envs=num_envs, horizon=8) == minibatch
    assert (ppo.lr, ppo.lr_schedule, ppo.kl_threshold, ppo.schedule_type) == (1e-3, "adaptive", 0.016, "per_minibatch")
    assert (ppo.gamma, ppo.gae_lambda, ppo.clip, ppo.clip_value) == (0.99, 0.95, 0.2, True)
    assert (ppo.entropy_coef, ppo.bounds_loss_coef, ppo.grad_norm, ppo.bootstrap) == (0.0, 1e-4, 1.0, "off")
    assert (ppo.normalize_input, ppo.normalize_value, ppo.normalize_advantage) == (True, True, True)


def test_a_short_training_keeps_it_in_the_air_for_longer_than_an_untrained_policy_does(tmp_path: Path) -> None:
    quick = ["ppo.kl_threshold=0.05", "ppo.lr=3e-3", "ppo.horizon=16", "ppo.mini_epochs=4", "network.units=[64,64]"]
    returns = short_training("quadcopter", runs_dir=tmp_path, max_epochs=36, overrides=quick)
    assert returns.trained > 1.5 * returns.untrained  # 3.6 and 2.5 times with seeds 1 and 2
