"""Cartpole is the classic: its observations, reward, ends, starts, physics and training are IsaacGymEnvs'."""

import math
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

import igx
from igx.config.compose import compose
from igx.plugins import load_plugins
from igx.tasks.cartpole import Cartpole
from igx.testing import StaticTask, short_training, static


def cartpole(rows: list[tuple[float, float, float, float]], **options: Any) -> StaticTask[Cartpole]:
    """Carts by position, velocity, pole angle and pole velocity."""
    pos, vel = [[row[0], row[2]] for row in rows], [[row[1], row[3]] for row in rows]
    return static(Cartpole, num_envs=len(rows), joint_pos=pos, joint_vel=vel, **options)


# Observations.


def test_observations_are_position_and_velocity_of_cart_then_pole_unscaled() -> None:
    placed = cartpole([(0.5, -1.5, 0.25, 2.5)])
    assert placed.env.program.layout == {"policy": {"cart_pos": 1, "cart_vel": 1, "pole_angle": 1, "pole_vel": 1}}
    assert placed.obs["policy"].tolist() == [[0.5, -1.5, 0.25, 2.5]]


def test_observations_are_clipped_at_five_and_rewards_are_not() -> None:
    placed = cartpole([(0.0, 20.0, 0.0, -30.0)])
    step = placed.step()
    assert step.obs["policy"].tolist() == [[0.0, 5.0, 0.0, -5.0]]
    assert step.reward.tolist() == [pytest.approx(1.0 - 0.01 * 20.0 - 0.005 * 30.0)]


# Rewards.


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ((0.0, 0.0, 0.0, 0.0), 1.0),
        ((2.0, 0.0, 0.0, 0.0), 1.0),
        ((0.0, 0.0, 0.5, 0.0), 1.0 - 0.25),
        ((0.0, 0.0, -0.5, 0.0), 1.0 - 0.25),
        ((0.0, -2.0, 0.0, 0.0), 1.0 - 0.02),
        ((0.0, 0.0, 0.0, -4.0), 1.0 - 0.02),
        ((1.0, 3.0, 0.3, 2.0), 1.0 - 0.09 - 0.03 - 0.01),
    ],
)
def test_the_reward_falls_with_tilt_and_speeds(state: tuple[float, float, float, float], expected: float) -> None:
    assert cartpole([state]).step().reward.tolist() == [pytest.approx(expected)]


def test_each_term_is_weighted_as_documented() -> None:
    placed = cartpole([(1.0, 3.0, 0.3, 2.0)])
    placed.step()
    assert list(placed.task.chosen["reward"]) == ["alive", "tilt", "cart_speed", "pole_speed"]
    assert placed.env.program.weighted_terms.tolist() == [pytest.approx([1.0, -0.09, -0.03, -0.01])]


# Ends.


@pytest.mark.parametrize(
    ("cart", "pole", "ends"),
    [
        (2.999, 0.0, False),
        (3.001, 0.0, True),
        (-2.999, 0.0, False),
        (-3.001, 0.0, True),
        (0.0, 1.570, False),
        (0.0, 1.571, True),
        (0.0, -1.570, False),
        (0.0, -1.571, True),
    ],
)
def test_an_episode_fails_beyond_three_metres_or_a_right_angle(cart: float, pole: float, *, ends: bool) -> None:
    step = cartpole([(cart, 0.0, pole, 0.0)]).step()
    assert step.terminated.tolist() == [ends]
    assert (step.reward.item() == -2.0) == ends


def test_an_episode_has_at_most_five_hundred_steps() -> None:
    placed = static(Cartpole, joint_pos=[0.0, 0.0], joint_vel=[0.0, 0.0])
    ends = [bool(placed.step().truncated) for _ in range(500)]
    assert ends == [False] * 499 + [True]
    metrics = placed.env.episode_metrics()
    assert (metrics["return"], metrics["length"]) == (500.0, 500.0)


def test_limits_and_costs_are_settings() -> None:
    settings = {"reach": 1.0, "fail_cost": -7.0, "max_effort": 10.0}
    placed = cartpole([(1.1, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)], settings=settings)
    step = placed.step([0.5])
    assert step.reward.tolist() == [-7.0, 1.0]
    assert placed.task.effort.control.tolist() == [[0.0], [5.0]]


def test_the_reach_can_be_all_of_the_rail() -> None:
    assert cartpole([(3.9, 0.0, 0.0, 0.0)], settings={"reach": 4.0}).step().terminated.tolist() == [False]


# Starts.


def test_an_episode_starts_within_a_tenth_and_a_quarter() -> None:
    robot = static(Cartpole, num_envs=10_000).task.robot
    for values, half_width in ((robot.joint_pos, 0.1), (robot.joint_vel, 0.25)):
        assert values.abs().max() <= half_width
        assert values.amax(0).tolist() == pytest.approx([half_width, half_width], rel=0.01)
        assert values.amin(0).tolist() == pytest.approx([-half_width, -half_width], rel=0.01)
        assert values.mean(0).tolist() == pytest.approx([0.0, 0.0], abs=0.05 * half_width)
        assert values.std(0).tolist() == pytest.approx([half_width / 3**0.5] * 2, rel=0.05)
        assert abs(float(torch.corrcoef(values.T)[0, 1])) < 0.05


# Actions and physics.


def test_a_full_action_pushes_the_cart_alone_with_four_hundred_newtons() -> None:
    placed = static(Cartpole, num_envs=3)
    placed.step([[1.0], [-0.5], [3.0]])
    assert placed.task.effort.action_names == ("slider_to_cart",)
    assert placed.task.effort.control.tolist() == [[400.0], [-200.0], [400.0]]


def still_cartpole(**options: Any) -> igx.VecEnv:
    """Carts at rest on the real engine."""
    env = igx.make("cartpole", device="cpu", **options)
    for name in ("qpos", "qvel"):
        env.simulator.field(name).zero_()
    env.simulator.commit(torch.ones(env.num_envs, dtype=torch.bool))
    return env


def test_cart_and_pole_accelerate_as_the_equations_of_motion_say() -> None:
    env = still_cartpole(num_envs=2, overrides=["sim.physics_dt=1e-4", "sim.decimation=1"])
    env.step(torch.tensor([[0.01], [-0.02]]))
    # two bodies of 1 kg; the pole's middle is 0.47 m above its hinge; both equations in cart' and pole' (2 x 2)
    arm, inertia = 0.47, 0.0836333 + 0.47**2
    cart = 1.0 / (2.0 - arm**2 / inertia)
    pole = cart * arm / inertia  # about x: pushing along +y turns the top towards -y
    forces = torch.tensor([4.0, -8.0])
    speeds = env.simulator.field("qvel") / 1e-4
    assert speeds[:, 0].tolist() == pytest.approx((forces * cart).tolist(), rel=1e-4)
    assert speeds[:, 1].tolist() == pytest.approx((forces * pole).tolist(), rel=1e-4)


def test_an_untouched_pole_falls_over() -> None:
    env = still_cartpole(num_envs=1)
    env.simulator.field("qpos")[:, 1] = 0.05
    env.simulator.commit(torch.ones(1, dtype=torch.bool))
    steps = 0
    while not env.step(torch.zeros(1, 1))[2].item():
        steps += 1
    assert 40 < steps < 120  # 0.7 s to 2 s
    assert env.reward.item() == -2.0


def test_random_play_agrees_with_mujoco_step_by_step() -> None:
    env = igx.make("cartpole", num_envs=16, device="cpu", seed=3)
    model = env.simulator.model
    data = mujoco.MjData(model)
    generator = torch.Generator().manual_seed(0)
    ended = 0
    env.reset()
    for _ in range(300):
        state = torch.cat([env.simulator.field("qpos"), env.simulator.field("qvel")], dim=1).double().numpy()
        action = torch.rand(16, 1, generator=generator) * 0.2 - 0.1
        obs, reward, terminated, truncated, _ = env.step(action)
        for i in range(16):
            data.qpos[:], data.qvel[:], data.ctrl[:] = state[i, :2], state[i, 2:], 400.0 * float(action[i])
            mujoco.mj_step(model, data, nstep=2)
            (cart, pole), (cart_vel, pole_vel) = data.qpos, data.qvel
            fails = abs(cart) > 3.0 or abs(pole) > math.pi / 2
            expected = -2.0 if fails else 1.0 - pole**2 - 0.01 * abs(cart_vel) - 0.005 * abs(pole_vel)
            assert float(reward[i]) == pytest.approx(expected, abs=1e-4)
            assert bool(terminated[i]) == fails
            shown = obs["policy"][i].numpy()
            if fails or truncated[i]:
                ended += 1
                assert np.abs(shown[[0, 2]]).max() <= 0.1
                assert np.abs(shown[[1, 3]]).max() <= 0.25
            else:
                assert shown == pytest.approx(np.clip([cart, cart_vel, pole, pole_vel], -5, 5), abs=1e-4)
        assert obs["policy"].isfinite().all()
    assert ended > 50
    assert env.episode_metrics()["episodes"] == ended


# Presets.


@pytest.mark.parametrize(("cuda_available", "num_envs", "mini_epochs"), [(False, 512, 8), (True, 4096, 3)])
def test_training_settings_are_the_reference_s(num_envs: int, mini_epochs: int, *, cuda_available: bool) -> None:
    config: Any = compose(plugins=load_plugins(), task="cartpole", cuda_available=cuda_available).config
    assert config.sim.num_envs == num_envs
    assert config.sim.physics_dt * config.sim.decimation == pytest.approx(0.0166)
    assert config.task.episode_steps == 500
    assert (config.network.units, config.network.activation, config.network.separate) == ((32, 32), "elu", False)
    ppo = config.ppo
    assert (ppo.horizon, ppo.mini_epochs, ppo.reward_scale, ppo.critic_coef) == (16, mini_epochs, 0.1, 4.0)
    assert (ppo.lr, ppo.lr_schedule, ppo.kl_threshold, ppo.schedule_type) == (3e-4, "adaptive", 0.008, "per_minibatch")
    assert (ppo.gamma, ppo.gae_lambda, ppo.clip, ppo.clip_value) == (0.99, 0.95, 0.2, True)
    assert (ppo.entropy_coef, ppo.bounds_loss_coef, ppo.grad_norm, ppo.bootstrap) == (0.0, 1e-4, 1.0, "off")
    assert (ppo.normalize_input, ppo.normalize_value, ppo.normalize_advantage) == (True, True, True)
    assert config.run.max_epochs == 100


def test_a_short_training_balances_for_longer_than_an_untrained_policy_does(tmp_path: Path) -> None:
    returns = short_training("cartpole", runs_dir=tmp_path, max_epochs=30, num_envs=128)
    assert returns.trained > 100.0 + returns.untrained  # 212 and 485 more with seeds 1 and 2


def test_the_cpu_preset_has_the_reference_s_minibatch() -> None:
    config: Any = compose(plugins=load_plugins(), task="cartpole", cuda_available=False).config
    assert config.ppo.minibatch(num_envs=512, horizon=16) == 8192


def test_a_task_can_not_lose_its_failing_cost_to_a_gain() -> None:
    with pytest.raises(igx.IgxError, match=r"task\.fail_cost is 1\.0"):
        igx.make("cartpole", num_envs=1, device="cpu", overrides=["task.fail_cost=1.0"])


def test_an_observation_that_the_reward_needs_can_be_hidden_from_the_policy() -> None:
    env = igx.make("cartpole", num_envs=1, device="cpu", overrides=["task.observations.pole_angle=false"])
    assert env.observation_widths == {"policy": 3}
