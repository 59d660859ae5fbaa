"""Ball balance is IsaacGymEnvs', but for what its docstring names: columns, reward, ends, throws and training."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import igx
from igx.config.compose import compose
from igx.plugins import load_plugins
from igx.sim.simulator import Stage
from igx.tasks.ball_balance import BallBalance
from igx.testing import StaticTask, check_task, short_training, static

DT = {"physics_dt": 0.005, "decimation": 2}
RESTING: dict[str, Any] = {"pos": [0.0, 0.0, 0.7], "lin_vel_w": [0.0, 0.0, 0.0]}
COLUMNS = {"knee_pos": 3, "knee_vel": 3, "ball_pos": 3, "ball_vel": 3, "sensor_force": 3, "sensor_torque": 9}
KNEES = ("lower_leg_joint0", "lower_leg_joint1", "lower_leg_joint2")


def placed(num_envs: int = 1, **ball: Any) -> StaticTask[BallBalance]:
    """Trays at rest, and the ball resting at the target where `ball` says nothing else."""
    return static(BallBalance, num_envs=num_envs, sim=DT, ball={**RESTING, **ball})


# Observations.


def test_the_policy_sees_24_columns_in_the_reference_s_order() -> None:
    assert placed().env.program.layout == {"policy": COLUMNS}
    assert placed().obs["policy"].shape == (1, 24)


def test_knees_and_ball_are_seen_unscaled() -> None:
    tray = static(
        BallBalance,
        sim=DT,
        robot={"joint_pos": [0.1, 0.2, 0.3, 0.4, 0.5, -0.6], "joint_vel": [1.0, 2.0, 3.0, 4.0, -4.5, -4.9]},
        ball={"pos": [0.1, -0.2, 1.3], "lin_vel_w": [1.0, -2.0, 3.0]},
    )
    seen = tray.obs["policy"][0, :12].tolist()
    assert seen == pytest.approx([0.2, 0.4, -0.6, 2.0, 4.0, -4.9, 0.1, -0.2, 1.3, 1.0, -2.0, 3.0])


def test_the_sensors_show_the_push_of_the_ball_and_its_torque_about_each_of_them_component_by_component() -> None:
    tray = placed()
    push, where = torch.tensor([4.0, -2.0, -30.0]), torch.tensor([0.3, 0.1, 0.01])  # in the tray's frame
    sensed = tray.env.simulator.field("sensordata").view(1, 3, 3)  # force, torque about the point, the point
    body = tray.task.robot.root_id
    sensed[0, 0], sensed[0, 1] = push, torch.zeros(3)
    sensed[0, 2] = where + tray.env.simulator.substep_field("xpos", [body])[0, 0]
    shown = tray.step().obs["policy"][0, 12:]
    angles = [2 * math.pi / 3 * sensor for sensor in range(3)]
    sensors = torch.tensor([[0.4 * math.cos(angle), 0.4 * math.sin(angle), 0.0] for angle in angles])
    torques = torch.linalg.cross(where - sensors, push.expand(3, 3))
    assert shown[:3].tolist() == pytest.approx([4.0 / 20.0] * 3)
    for component in range(3):
        first = 3 + 3 * component
        assert shown[first : first + 3].tolist() == pytest.approx((torques[:, component] / 20.0).tolist(), abs=1e-5)


def test_observations_are_clipped_at_five_and_rewards_are_not() -> None:
    tray = placed(lin_vel_w=[0.0, 0.0, -9.0])
    step = tray.step()
    assert step.obs["policy"][0, 11].item() == -5.0
    assert step.reward.item() == pytest.approx(1.0 / 10.0)


# Rewards.


@pytest.mark.parametrize(
    ("pos", "vel", "expected"),
    [
        ((0.0, 0.0, 0.7), (0.0, 0.0, 0.0), 1.0),
        ((0.3, 0.4, 0.7), (0.0, 0.0, 0.0), 1.0 / 1.5),
        ((0.0, 0.0, 1.7), (0.0, 0.0, 0.0), 1.0 / 2.0),
        ((0.0, 0.0, 0.7), (0.0, 2.0, 0.0), 1.0 / 3.0),
        ((0.3, 0.4, 0.7), (0.0, 3.0, -4.0), 1.0 / 1.5 / 6.0),
    ],
)
def test_the_reward_falls_with_distance_and_speed(
    pos: tuple[float, ...], vel: tuple[float, ...], expected: float
) -> None:
    assert placed(pos=pos, lin_vel_w=vel).step().reward.item() == pytest.approx(expected)


# Ends.


@pytest.mark.parametrize(("height", "dropped"), [(0.1499, True), (0.1501, False)])
def test_an_episode_fails_when_the_ball_is_below_15_centimetres(height: float, *, dropped: bool) -> None:
    assert placed(pos=[0.9, 0.0, height]).step().terminated.tolist() == [dropped]


def test_an_episode_has_five_hundred_steps() -> None:
    tray = placed()
    tray.task.episode_step.fill_(498)
    assert tray.step().truncated.tolist() == [False]
    assert tray.step().truncated.tolist() == [True]


# Starts.


def test_the_ball_is_thrown_down_from_above_the_tray_towards_its_middle() -> None:
    task = static(BallBalance, num_envs=20_000, sim=DT).task
    pos, vel = task.ball.pos, task.ball.lin_vel_w
    distance = pos[:, :2].norm(dim=1)
    assert (distance.min().item(), distance.max().item()) == (
        pytest.approx(0.001, abs=1e-3),
        pytest.approx(0.5, abs=1e-3),
    )
    assert distance.mean().item() == pytest.approx(0.2505, abs=0.005)  # the distance is uniform, not the area
    assert torch.atan2(pos[:, 1], pos[:, 0]).mean().item() == pytest.approx(0.0, abs=0.05)
    assert (pos[:, 2].min().item(), pos[:, 2].max().item()) == (
        pytest.approx(1.0, abs=1e-3),
        pytest.approx(2.0, abs=1e-3),
    )
    assert (vel[:, 2] == -5.0).all()
    inward = -(vel[:, :2] * pos[:, :2]).sum(1) / distance
    torch.testing.assert_close(vel[:, :2].norm(dim=1), inward, atol=1e-4, rtol=1e-4)  # straight to the middle
    hurry = inward / ((distance - 0.001) / 0.499).clamp(min=1e-6)
    assert hurry[distance > 0.1].min().item() == pytest.approx(0.0, abs=0.01)
    assert hurry[distance > 0.1].max().item() == pytest.approx(5.0, abs=0.01)
    assert not task.ball.ang_vel_b.any()
    assert not task.robot.joint_pos.any()
    assert task.robot.root_pos.unique(dim=0).tolist() == [pytest.approx([0.0, 0.0, 0.559117])]


# Actions.


def test_an_action_moves_the_knees_targets_by_up_to_a_fifth_of_a_radian_within_their_limits() -> None:
    tray = placed()
    assert tray.task.knees.joint_names == KNEES
    for step in range(1, 12):
        tray.step([1.0, -0.5, -2.0])
        expected = [min(0.2 * step, math.radians(90)), -0.1 * step, max(-0.2 * step, -math.radians(70))]
        assert tray.task.knees.control[0].tolist() == pytest.approx(expected)
    tray.env.reset()
    assert not tray.task.knees.control.any()


# Simulated.


def hold_still(*, num_envs: int, steps: int) -> igx.VecEnv:
    """Environments of the preset in which the ball was put down softly in the middle, after some steps."""
    env = igx.make("ball-balance", num_envs=num_envs, device="cpu", seed=0)
    env.task.mask.copy_(everywhere := torch.ones(num_envs, dtype=torch.bool))
    ball = env.task.live("ball")
    ball.set_state(pos=torch.tensor([0.0, 0.0, 0.67]), lin_vel_w=torch.zeros(3))
    env.simulator.commit(everywhere)
    for _ in range(steps):
        env.step(torch.zeros(num_envs, 3))
    return env


def test_a_tray_that_nobody_moves_carries_a_ball_in_its_middle() -> None:
    env = hold_still(num_envs=2, steps=80)
    assert env.step_dt == pytest.approx(0.01)
    ball, robot = env.task.live("ball"), env.task.live("robot")
    assert ball.pos[:, 2].tolist() == pytest.approx([0.669 - 0.012] * 2, abs=0.012)  # the knees give way a little
    assert ball.lin_vel_w.abs().max() < 0.02
    assert robot.joint_vel.abs().max() < 0.02
    shown = env.obs["policy"][0, 12:]
    weight = 0.837758 * 9.81
    assert robot.wrench[0, :3].tolist() == pytest.approx([0.0, 0.0, -weight], rel=0.02, abs=0.05)
    assert shown[:3].abs().max() < 0.01
    about_x = [0.0, 0.4 * math.sin(2 * math.pi / 3) * weight / 20, 0.4 * math.sin(4 * math.pi / 3) * weight / 20]
    assert shown[3:6].tolist() == pytest.approx(about_x, abs=0.01)  # the ball weighs down what is across the sensor


def test_random_steps_stay_stable_and_the_feet_in_their_places() -> None:
    env = igx.make("ball-balance", num_envs=64, device="cpu", seed=0)
    xpos, xmat = env.simulator.field("xpos"), env.simulator.field("xmat")
    legs = [env.simulator.model.body(f"robot/lower_leg{leg}").id for leg in range(3)]
    places = torch.tensor(env.simulator.model.eq_data[:, 3:6]).float()
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        obs, reward, *_ = env.step(torch.rand(64, 3, generator=generator) * 2.0 - 1.0)
        assert obs["policy"].isfinite().all()
        assert reward.isfinite().all()
    env.simulator.derive(Stage.POSITION)
    feet = xpos[:, legs] + 0.18 * xmat[:, legs].unflatten(2, (3, 3))[..., 2]
    assert (feet - places).norm(dim=-1).max() < 0.03
    metrics = env.episode_metrics()
    assert metrics["unstable"] == 0.0
    assert metrics["episodes"] > 64


def test_it_keeps_the_rules_of_a_step() -> None:
    check_task("ball-balance")


# Training.


@pytest.mark.parametrize(("cuda_available", "num_envs"), [(False, 512), (True, 4096)])
def test_training_settings_are_the_reference_s(num_envs: int, *, cuda_available: bool) -> None:
    config: Any = compose(plugins=load_plugins(), task="ball-balance", cuda_available=cuda_available).config
    assert config.sim.num_envs == num_envs
    assert config.sim.physics_dt * config.sim.decimation == pytest.approx(0.01)
    assert config.network.units == (128, 64, 32)
    assert (config.network.activation, config.network.separate) == ("elu", False)
    ppo = config.ppo
    assert (ppo.horizon, ppo.mini_epochs, ppo.reward_scale, ppo.critic_coef) == (16, 8, 0.1, 4.0)
    assert ppo.minibatch(num_envs=num_envs, horizon=16) == (8192 if cuda_available else 4096)
    assert (ppo.lr, ppo.lr_schedule, ppo.kl_threshold, ppo.schedule_type) == (3e-4, "adaptive", 0.008, "per_minibatch")
    assert (ppo.gamma, ppo.gae_lambda, ppo.clip, ppo.clip_value) == (0.99, 0.95, 0.2, True)
    assert (ppo.entropy_coef, ppo.bounds_loss_coef, ppo.grad_norm, ppo.bootstrap) == (0.0, 1e-4, 1.0, "off")
    assert (ppo.normalize_input, ppo.normalize_value, ppo.normalize_advantage) == (True, True, True)
    assert config.run.max_epochs == 250


def test_a_short_training_keeps_the_ball_longer_than_an_untrained_policy_does(tmp_path: Path) -> None:
    quick = ["ppo.lr=3e-3", "ppo.mini_epochs=4", "ppo.num_minibatches=4"]
    returns = short_training("ball-balance", runs_dir=tmp_path, max_epochs=30, overrides=quick)
    assert returns.trained > 2.0 * returns.untrained  # 7.9 and 5.8 times with seeds 1 and 2
