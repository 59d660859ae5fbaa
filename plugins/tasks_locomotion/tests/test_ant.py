"""The ant is IsaacGymEnvs': observations, reward, ends and starts on hand-written states, and its training settings."""

import math
from typing import Any

import pytest
import torch

import igx
from igx.config.compose import compose
from igx.plugins import load_plugins
from igx.testing import StaticTask, static
from igx_tasks_locomotion.ant import Ant

HIP, ANKLE_LOW, ANKLE_HIGH = math.radians(40), math.radians(30), math.radians(100)
DEFAULT = [0.0, ANKLE_LOW, 0.0, -ANKLE_LOW, 0.0, -ANKLE_LOW, 0.0, ANKLE_LOW]
IN_RANGE = [0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0]  # no joint near a limit
STANDING: dict[str, Any] = {"root_pos": [0.0, 0.0, 0.5], "joint_pos": IN_RANGE, "joint_vel": [0.0] * 8}
COLUMNS = {
    "height": 1,
    "lin_vel": 3,
    "ang_vel": 3,
    "yaw_roll": 2,
    "target_angle": 1,
    "upright": 1,
    "heading": 1,
    "joint_pos": 8,
    "joint_vel": 8,
    "foot_wrench": 24,
    "last_action": 8,
}


def ant(num_envs: int = 1, settings: dict[str, Any] | None = None, **state: Any) -> StaticTask[Ant]:
    """Ants that stand, in range of all joints, where `state` says nothing else; at the real step duration."""
    sim = {"physics_dt": 0.0083, "decimation": 2}
    return static(Ant, num_envs=num_envs, settings=settings, sim=sim, **{**STANDING, **state})


def shown(placed: StaticTask[Ant], name: str, *, row: int = 0) -> list[float]:
    """The columns of one observation term."""
    start = sum(list(COLUMNS.values())[: list(COLUMNS).index(name)])
    return placed.obs["policy"][row, start : start + COLUMNS[name]].tolist()


def turned(axis: int, angle: float) -> list[float]:
    """The quaternion of a turn about the axis x, y or z (1, 2, 3)."""
    quat = [math.cos(angle / 2), 0.0, 0.0, 0.0]
    quat[axis] = math.sin(angle / 2)
    return quat


# Observations.


def test_the_policy_sees_sixty_columns_in_the_reference_s_order() -> None:
    placed = ant()
    assert placed.env.program.layout == {"policy": COLUMNS}
    assert placed.obs["policy"].shape == (1, 60)
    assert placed.env.observation_space.shape == (60,)
    assert placed.env.num_actions == 8


def test_a_standing_ant_looks_like_this() -> None:
    placed = ant()
    ankle = (2 * 1.0 - ANKLE_LOW - ANKLE_HIGH) / (ANKLE_HIGH - ANKLE_LOW)
    assert shown(placed, "height") == [0.5]
    for name in ("lin_vel", "ang_vel", "yaw_roll", "target_angle", "joint_vel", "foot_wrench", "last_action"):
        assert shown(placed, name) == [0.0] * COLUMNS[name], name
    assert shown(placed, "upright") == shown(placed, "heading") == [1.0]
    assert shown(placed, "joint_pos") == pytest.approx([0.0, ankle, 0.0, -ankle, 0.0, -ankle, 0.0, ankle])


def test_velocities_are_in_the_frame_of_the_torso() -> None:
    placed = ant(root_quat=turned(3, math.pi / 2), root_lin_vel_w=[1.0, 2.0, 3.0], root_ang_vel_b=[4.0, 5.0, 6.0])
    assert shown(placed, "lin_vel") == pytest.approx([2.0, -1.0, 3.0], abs=1e-6)
    assert shown(placed, "ang_vel") == [4.0, 5.0, 6.0]


@pytest.mark.parametrize("yaw", [0.5, 2.0, -0.5, -2.0])
def test_yaw_goes_once_round_and_the_target_angle_is_measured_from_it(yaw: float) -> None:
    placed = ant(root_quat=turned(3, yaw))
    full = yaw % (2 * math.pi)
    assert shown(placed, "yaw_roll") == pytest.approx([full, 0.0], abs=1e-5)
    assert shown(placed, "target_angle") == pytest.approx([-full], abs=1e-5)
    assert shown(placed, "heading") == pytest.approx([math.cos(yaw)], abs=1e-6)
    assert shown(placed, "upright") == pytest.approx([1.0])


def test_roll_comes_second_and_tilts_the_ant() -> None:
    placed = ant(root_quat=turned(1, -0.5))
    assert shown(placed, "yaw_roll") == pytest.approx([0.0, 2 * math.pi - 0.5], abs=1e-5)
    assert shown(placed, "upright") == pytest.approx([math.cos(0.5)], abs=1e-6)
    assert shown(placed, "heading") == pytest.approx([1.0])


def test_pitch_takes_the_heading_off_the_target() -> None:
    placed = ant(root_quat=turned(2, 0.5))
    assert shown(placed, "upright") == pytest.approx([math.cos(0.5)], abs=1e-6)
    assert shown(placed, "heading") == pytest.approx([math.cos(0.5)], abs=1e-6)


def test_another_target_turns_heading_and_angle() -> None:
    placed = ant(settings={"target": [0.0, 500.0]})
    assert shown(placed, "heading") == pytest.approx([0.0], abs=1e-6)
    assert shown(placed, "target_angle") == pytest.approx([math.pi / 2])


def test_joints_are_scaled_by_their_limits_and_velocities_by_a_fifth() -> None:
    pos = [-HIP, ANKLE_LOW, HIP, -ANKLE_LOW, HIP / 2, -ANKLE_HIGH, 0.0, ANKLE_HIGH]
    placed = ant(joint_pos=pos, joint_vel=[1.0, 2.0, 3.0, 4.0, -5.0, -6.0, -7.0, -8.0])
    assert shown(placed, "joint_pos") == pytest.approx([-1.0, -1.0, 1.0, 1.0, 0.5, -1.0, 0.0, 1.0], abs=1e-6)
    assert shown(placed, "joint_vel") == pytest.approx([0.2, 0.4, 0.6, 0.8, -1.0, -1.2, -1.4, -1.6])
    assert placed.task.robot.joint_names == tuple(f"{kind}_{leg}" for leg in (1, 2, 3, 4) for kind in ("hip", "ankle"))


def test_the_feet_are_sensed_in_the_reference_s_order_at_a_tenth() -> None:
    placed = ant()
    assert placed.task.robot.wrench_body_names == tuple(
        f"{leg}_foot" for leg in ("front_left", "front_right", "left_back", "right_back")
    )
    sensed = placed.env.simulator.field("sensordata").view(1, 4, 3, 3)  # foot, then force, torque and point
    sensed[0, 2, 0] = torch.tensor([0.0, 0.0, 30.0])
    robot = placed.task.robot
    feet = [robot.root_id + robot.body_index(name) for name in robot.wrench_body_names]
    sensed[0, 2, 2] = placed.env.simulator.substep_field("xpos", feet)[0, 2]
    step = placed.step()
    wrench = step.obs["policy"][0, 28:52].view(4, 6)
    assert wrench[2, :3].norm().item() == pytest.approx(3.0)
    assert wrench[2, 3:].abs().max().item() == pytest.approx(0.0, abs=1e-6)
    assert wrench[[0, 1, 3]].abs().max().item() == 0.0


def test_the_action_just_applied_is_seen_as_it_was_clipped() -> None:
    placed = ant()
    placed.step([0.5, -0.5, 2.0, -2.0, 0.0, 0.0, 0.0, 1.0])
    assert shown(placed, "last_action") == [0.5, -0.5, 1.0, -1.0, 0.0, 0.0, 0.0, 1.0]


def test_observations_are_not_clipped() -> None:
    assert shown(ant(joint_vel=[100.0] * 8), "joint_vel") == pytest.approx([20.0] * 8)


# Rewards.


def paid(placed: StaticTask[Ant], action: list[float] | None = None) -> dict[str, float]:
    """What each reward term of one ant is worth in a step, and their sum."""
    reward = placed.step(action).reward.item()
    names = list(placed.task.chosen["reward"])
    return {**dict(zip(names, placed.env.program.weighted_terms[0].tolist(), strict=True)), "sum": reward}


def test_standing_still_and_facing_the_target_is_worth_1_1() -> None:
    assert paid(ant()) == pytest.approx(
        {
            "alive": 0.5,
            "action_cost": 0.0,
            "energy": 0.0,
            "at_limit": 0.0,
            "progress": 0.0,
            "standing": 0.1,
            "on_course": 0.5,
            "sum": 1.1,
        }
    )


@pytest.mark.parametrize(
    ("yaw", "expected"), [(0.0, 0.5), (0.6, 0.5), (0.7, math.cos(0.7) / 1.6), (2.0, math.cos(2.0) / 1.6)]
)
def test_facing_the_target_pays_in_full_up_to_0_8(yaw: float, expected: float) -> None:
    assert paid(ant(root_quat=turned(3, yaw)))["on_course"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("roll", "expected"), [(0.0, 0.1), (math.acos(0.94), 0.1), (math.acos(0.92), 0.0), (3.0, 0.0)])
def test_being_level_pays_above_0_93(roll: float, expected: float) -> None:
    assert paid(ant(root_quat=turned(1, roll)))["standing"] == pytest.approx(expected)


def test_actions_cost_their_squares_and_their_power() -> None:
    placed = ant(joint_vel=[5.0, -10.0, 0.0, 0.0, 0.0, 0.0, 0.0, 20.0])
    costs = paid(placed, [1.0, 0.5, -0.5, 0.0, 0.0, 0.0, 0.0, -1.0])
    assert costs["action_cost"] == pytest.approx(-0.005 * (1.0 + 0.25 + 0.25 + 1.0))
    assert costs["energy"] == pytest.approx(-0.05 * (1.0 * 5.0 + 0.5 * 10.0 + 1.0 * 20.0) * 0.2)
    assert costs["sum"] == pytest.approx(1.1 + costs["action_cost"] + costs["energy"])


def test_joints_at_their_upper_limit_cost_a_tenth_each() -> None:
    pos = [HIP, ANKLE_HIGH, -HIP, -ANKLE_LOW, 0.98 * HIP, -ANKLE_HIGH, 0.0, ANKLE_LOW]
    assert paid(ant(joint_pos=pos))["at_limit"] == pytest.approx(-0.3)


def test_progress_is_the_speed_towards_the_target() -> None:
    placed = ant(root_pos=[1.0, 0.0, 0.5])
    placed.place(root_pos=[1.05, 0.0, 0.5])
    assert paid(placed)["progress"] == pytest.approx(0.05 / 0.0166, abs=0.005)  # float32 at a distance of 1000 m
    assert paid(placed)["progress"] == pytest.approx(0.0, abs=0.005)
    placed.place(root_pos=[1.05, 0.0, 0.7])
    assert paid(placed)["progress"] == pytest.approx(0.0, abs=0.005)
    placed.place(root_pos=[0.95, 0.0, 0.7])
    assert paid(placed)["progress"] == pytest.approx(-0.1 / 0.0166, abs=0.005)


def test_an_episode_does_not_begin_with_progress_from_where_the_last_one_ended() -> None:
    placed = ant(num_envs=2, root_pos=[[500.0, 0.0, 0.5], [500.0, 0.0, 0.5]])
    placed.place(root_pos=[[500.0, 0.0, 0.5], [500.0, 0.0, 0.2]])
    placed.step()
    assert placed.step().reward[1].item() < 1.2
    placed.env.reset()
    assert placed.step().reward.max().item() < 1.2


def test_falling_replaces_the_reward_of_that_step() -> None:
    step = ant(num_envs=2, root_pos=[[0.0, 0.0, 0.6], [0.0, 0.0, 0.2]]).step([1.0] * 8)
    assert step.reward.tolist() == [pytest.approx(1.1, abs=0.1), -2.0]
    assert step.terminated.tolist() == [False, True]


# Ends.


@pytest.mark.parametrize(("height", "fallen"), [(0.3099, True), (0.3101, False), (0.0, True), (5.0, False)])
def test_an_ant_has_fallen_below_0_31(height: float, *, fallen: bool) -> None:
    assert ant(root_pos=[0.0, 0.0, height]).step().terminated.tolist() == [fallen]


def test_an_episode_has_a_thousand_steps() -> None:
    placed = ant()
    assert placed.task.config.episode_steps == 1000
    placed.task.episode_step.fill_(998)
    assert placed.step().truncated.tolist() == [False]
    assert placed.step().truncated.tolist() == [True]


def test_height_and_cost_of_falling_are_settings() -> None:
    placed = ant(settings={"fall_height": 0.6, "death_cost": -5.0})
    assert placed.step().reward.tolist() == [-5.0]


# Starts.


def test_an_episode_starts_in_the_default_pose_a_little_off() -> None:
    robot = static(Ant, num_envs=10_000).task.robot
    assert robot.default_joint_pos.tolist() == pytest.approx(DEFAULT)
    assert robot.root_pos.unique(dim=0).tolist() == [pytest.approx([0.0, 0.0, 0.44])]
    assert robot.root_quat.unique(dim=0).tolist() == [[1.0, 0.0, 0.0, 0.0]]
    assert robot.root_lin_vel_w.abs().max() == 0.0
    assert robot.root_ang_vel_b.abs().max() == 0.0
    off = robot.joint_pos - robot.default_joint_pos
    hips, ankles = off[:, 0::2], off[:, 1::2] * torch.tensor([1.0, -1.0, -1.0, 1.0])
    assert hips.amax(0).tolist() == pytest.approx([0.2] * 4, rel=0.01)
    assert hips.amin(0).tolist() == pytest.approx([-0.2] * 4, rel=0.01)
    assert ankles.amax(0).tolist() == pytest.approx([0.2] * 4, rel=0.01)
    assert ankles.amin(0).tolist() == pytest.approx([0.0] * 4, abs=1e-6)  # the default is at the limit
    assert (ankles < 1e-6).float().mean(0).tolist() == pytest.approx([0.5] * 4, abs=0.03)
    assert robot.joint_vel.amax(0).tolist() == pytest.approx([0.1] * 8, rel=0.01)
    assert robot.joint_vel.amin(0).tolist() == pytest.approx([-0.1] * 8, rel=0.01)
    assert robot.joint_vel.mean().item() == pytest.approx(0.0, abs=0.002)


# Actions.


def test_a_full_action_is_fifteen_newton_metres_on_each_joint_in_their_order() -> None:
    placed = ant()
    placed.step([1.0, -1.0, 0.5, 2.0, -2.0, 0.0, 0.25, -0.5])
    assert placed.task.effort.action_names == placed.task.robot.joint_names
    assert placed.task.effort.control.tolist() == [[15.0, -15.0, 7.5, 15.0, -15.0, 0.0, 3.75, -7.5]]


# Presets.


@pytest.mark.parametrize(("cuda_available", "num_envs"), [(False, 512), (True, 4096)])
def test_training_settings_are_the_reference_s(num_envs: int, *, cuda_available: bool) -> None:
    config: Any = compose(plugins=load_plugins(), task="ant", cuda_available=cuda_available).config
    assert config.sim.num_envs == num_envs
    assert config.sim.physics_dt * config.sim.decimation == pytest.approx(0.0166)
    assert (config.network.units, config.network.activation, config.network.separate) == ((256, 128, 64), "elu", False)
    ppo = config.ppo
    assert (ppo.horizon, ppo.mini_epochs, ppo.reward_scale, ppo.critic_coef) == (16, 4, 0.01, 2.0)
    assert ppo.minibatch(num_envs=num_envs, horizon=16) == 16 * num_envs / 2
    assert (ppo.lr, ppo.lr_schedule, ppo.kl_threshold, ppo.schedule_type) == (3e-4, "adaptive", 0.008, "per_minibatch")
    assert (ppo.gamma, ppo.gae_lambda, ppo.clip, ppo.clip_value) == (0.99, 0.95, 0.2, True)
    assert (ppo.entropy_coef, ppo.bounds_loss_coef, ppo.grad_norm, ppo.bootstrap) == (0.0, 1e-4, None, "previous")
    assert (ppo.normalize_input, ppo.normalize_value, ppo.normalize_advantage) == (True, True, True)
    assert config.run.max_epochs == 500


def test_training_settings_of_sac_are_the_reference_s() -> None:
    config: Any = compose(
        plugins=load_plugins(), task="ant-sac", overrides=["run.presets=[]"], cuda_available=False
    ).config
    assert (config.run.agent, config.run.max_epochs, config.sim.num_envs) == ("sac", 20_000, 64)
    assert config.sim.physics_dt * config.sim.decimation == pytest.approx(0.0166)
    assert (config.network.units, config.network.activation) == ((512, 256), "relu")
    sac = config.sac
    assert (sac.actor_lr, sac.critic_lr, sac.alpha_lr, sac.init_alpha) == (5e-4, 5e-4, 5e-3, 1.0)
    assert (sac.learnable_alpha, sac.target_entropy_coef, sac.log_std_bounds) == (True, 1.0, (-5.0, 2.0))
    assert (sac.gamma, sac.tau, sac.batch_size, sac.buffer_size, sac.reward_scale) == (
        0.99,
        0.005,
        4096,
        1_000_000,
        1.0,
    )
    assert (sac.horizon, sac.warmup_epochs, sac.updates_per_step, sac.policy_frequency) == (8, 10, 1, 1)
    assert (sac.normalize_input, sac.critic_grad_norm) == (True, None)


@pytest.mark.parametrize("cuda_available", [False, True], ids=["cpu", "gpu"])
def test_presets_of_sac_are_sound(*, cuda_available: bool) -> None:
    config: Any = compose(plugins=load_plugins(), task="ant-sac", cuda_available=cuda_available).config
    assert config.run.presets == (("gpu",) if cuda_available else ("cpu",))
    assert config.sac.buffer_size >= 100 * config.sim.num_envs, "a second and more of every environment"


def test_the_environments_of_the_preset_step_at_60_hertz() -> None:
    env = igx.make("ant", num_envs=1, device="cpu")
    assert env.step_dt == pytest.approx(0.0166)
    assert env.simulator.physics_dt == pytest.approx(0.0083)
