"""The humanoid is IsaacGymEnvs': columns, reward, ends, starts and control; and it learns to stay up longer."""

import math
from pathlib import Path
from typing import Any

import mujoco
import pytest
import torch

import igx
from igx.config.compose import compose
from igx.plugins import load_plugins
from igx.testing import StaticTask, check_task, short_training, static
from igx_tasks_locomotion.humanoid import Humanoid

COLUMNS = {
    "height": 1,
    "lin_vel": 3,
    "ang_vel": 3,
    "yaw_roll": 2,
    "target_angle": 1,
    "upright": 1,
    "heading": 1,
    "joint_pos": 21,
    "joint_vel": 21,
    "joint_effort": 21,
    "foot_wrench": 12,
    "last_action": 21,
}
LEG = {"hip_x": 45.0, "hip_z": 45.0, "hip_y": 135.0, "knee": 90.0, "ankle_y": 22.5, "ankle_x": 22.5}
ARM = {"shoulder1": 67.5, "shoulder2": 67.5, "elbow": 45.0}
GEARS = {
    **{f"abdomen_{axis}": 67.5 for axis in "zyx"},
    **{f"{side}_{joint}": gear for side in ("right", "left") for joint, gear in LEG.items()},
    **{f"{side}_{joint}": gear for side in ("right", "left") for joint, gear in ARM.items()},
}
JOINTS = list(GEARS)


def humanoid(num_envs: int = 1, **state: Any) -> StaticTask[Humanoid]:
    """Humanoids that stand still where `state` says nothing else; at the real step duration."""
    sim = {"physics_dt": 0.0083, "decimation": 2}
    standing: dict[str, Any] = {"root_pos": [0.0, 0.0, 1.3], "joint_pos": [0.0] * 21, "joint_vel": [0.0] * 21}
    return static(Humanoid, num_envs=num_envs, sim=sim, **{**standing, **state})


def shown(placed: StaticTask[Humanoid], name: str) -> list[float]:
    """The columns of one observation term."""
    start = sum(list(COLUMNS.values())[: list(COLUMNS).index(name)])
    return placed.obs["policy"][0, start : start + COLUMNS[name]].tolist()


def turned(axis: int, angle: float) -> list[float]:
    """The quaternion of a turn about the axis x, y or z (1, 2, 3)."""
    quat = [math.cos(angle / 2), 0.0, 0.0, 0.0]
    quat[axis] = math.sin(angle / 2)
    return quat


def with_joint(name: str, value: float) -> list[float]:
    return [value if joint == name else 0.0 for joint in JOINTS]


# Observations.


def test_the_policy_sees_108_columns_in_the_reference_s_order() -> None:
    placed = humanoid()
    assert placed.env.program.layout == {"policy": COLUMNS}
    assert placed.obs["policy"].shape == (1, 108)
    assert list(placed.task.robot.joint_names) == JOINTS
    assert placed.task.robot.wrench_body_names == ("right_foot", "left_foot")


def test_a_standing_humanoid_looks_like_this() -> None:
    placed = humanoid()
    assert shown(placed, "height") == pytest.approx([1.3])
    for name in ("lin_vel", "ang_vel", "yaw_roll", "target_angle", "joint_vel", "joint_effort", "foot_wrench"):
        assert shown(placed, name) == [0.0] * COLUMNS[name], name
    assert shown(placed, "upright") == shown(placed, "heading") == [1.0]
    assert shown(placed, "joint_pos")[:3] == pytest.approx([0.0, 45 / 105, 0.0], abs=1e-6)


def test_velocities_are_in_the_frame_of_the_torso_and_turning_is_scaled() -> None:
    placed = humanoid(root_quat=turned(3, math.pi / 2), root_lin_vel_w=[1.0, 2.0, 3.0], root_ang_vel_b=[4.0, 5.0, 6.0])
    assert shown(placed, "lin_vel") == pytest.approx([2.0, -1.0, 3.0], abs=1e-6)
    assert shown(placed, "ang_vel") == [1.0, 1.25, 1.5]


@pytest.mark.parametrize("yaw", [0.5, 2.0, -0.5, -2.0])
def test_yaw_and_the_target_s_angle_are_wrapped_to_half_a_turn_to_either_side(yaw: float) -> None:
    placed = humanoid(root_quat=turned(3, yaw))
    assert shown(placed, "yaw_roll") == pytest.approx([yaw, 0.0], abs=1e-5)
    assert shown(placed, "target_angle") == pytest.approx([-yaw], abs=1e-5)
    assert shown(placed, "heading") == pytest.approx([math.cos(yaw)], abs=1e-6)


def test_the_target_s_angle_is_wrapped_where_it_goes_beyond() -> None:
    behind = static(Humanoid, settings={"target": [-1000.0, 1.0]}, root_quat=turned(3, -1.0))
    assert shown(behind, "target_angle") == pytest.approx([1.0 - math.pi], abs=2e-3)


def test_a_roll_to_the_right_is_positive() -> None:
    placed = humanoid(root_quat=turned(1, 0.5))
    assert shown(placed, "yaw_roll") == pytest.approx([0.0, 0.5], abs=1e-5)
    assert shown(placed, "upright") == pytest.approx([math.cos(0.5)], abs=1e-6)


def test_joints_are_scaled_by_their_limits_and_velocities_by_a_tenth() -> None:
    placed = humanoid(
        joint_pos=with_joint("right_knee", math.radians(-160)), joint_vel=[float(i) for i in range(-10, 11)]
    )
    assert shown(placed, "joint_pos")[JOINTS.index("right_knee")] == pytest.approx(-1.0, abs=1e-6)
    assert shown(placed, "joint_vel") == pytest.approx([i / 10 for i in range(-10, 11)])


# Rewards.


def paid(placed: StaticTask[Humanoid], action: list[float] | None = None) -> dict[str, float]:
    """What each reward term is worth in a step, and their sum."""
    reward = placed.step(action).reward.item()
    names = list(placed.task.chosen["reward"])
    return {**dict(zip(names, placed.env.program.weighted_terms[0].tolist(), strict=True)), "sum": reward}


def test_standing_still_and_facing_the_target_is_worth_2_6() -> None:
    expected = {
        "alive": 2.0,
        "progress": 0.0,
        "standing": 0.1,
        "on_course": 0.5,
        "action_cost": 0.0,
        "energy": 0.0,
        "at_limit": 0.0,
        "sum": 2.6,
    }
    assert paid(humanoid()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("yaw", "expected"), [(0.6, 0.5), (0.7, math.cos(0.7) / 1.6), (2.0, math.cos(2.0) / 1.6)])
def test_facing_the_target_pays_in_full_up_to_0_8(yaw: float, expected: float) -> None:
    assert paid(humanoid(root_quat=turned(3, yaw)))["on_course"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("roll", "expected"), [(math.acos(0.94), 0.1), (math.acos(0.92), 0.0)])
def test_being_level_pays_above_0_93(roll: float, expected: float) -> None:
    assert paid(humanoid(root_quat=turned(1, roll)))["standing"] == pytest.approx(expected)


def test_progress_is_the_speed_towards_the_target() -> None:
    placed = humanoid()
    placed.place(root_pos=[0.05, 0.0, 1.3])
    assert paid(placed)["progress"] == pytest.approx(0.05 / 0.0166, abs=0.005)  # float32 at a distance of 1000 m
    assert paid(placed)["progress"] == pytest.approx(0.0, abs=0.005)


def test_actions_cost_their_squares_and_their_power_by_the_strength_of_the_joint() -> None:
    vel = [10.0 if joint in ("right_hip_y", "left_elbow") else 0.0 for joint in JOINTS]
    action = [0.5 if joint in ("right_hip_y", "left_elbow", "abdomen_x") else 0.0 for joint in JOINTS]
    costs = paid(humanoid(joint_vel=vel), action)
    assert costs["action_cost"] == pytest.approx(-0.01 * 3 * 0.25)
    assert costs["energy"] == pytest.approx(-0.05 * (0.5 * 1.0 * 135 / 135 + 0.5 * 1.0 * 45 / 135))


@pytest.mark.parametrize(
    ("joint", "way", "expected"),
    [("right_hip_y", 1.0, 1.0), ("right_hip_y", -0.99, 0.5), ("left_elbow", -1.0, 1 / 3), ("left_elbow", 0.97, 0.0)],
)
def test_joints_near_either_limit_cost_by_their_strength(joint: str, way: float, expected: float) -> None:
    robot = humanoid().task.robot
    index = robot.joint_index(joint)
    lower, upper = robot.joint_lower[index].item(), robot.joint_upper[index].item()
    pos = with_joint(joint, 0.5 * (lower + upper) + 0.5 * way * (upper - lower))
    assert paid(humanoid(joint_pos=pos))["at_limit"] == pytest.approx(-0.25 * expected, abs=1e-4)


def test_falling_replaces_the_reward_of_that_step() -> None:
    step = humanoid(num_envs=2, root_pos=[[0.0, 0.0, 1.3], [0.0, 0.0, 0.7]]).step()
    assert step.reward.tolist() == [pytest.approx(2.6), -1.0]
    assert step.terminated.tolist() == [False, True]


# Ends and starts.


@pytest.mark.parametrize(("height", "fallen"), [(0.7999, True), (0.8001, False)])
def test_a_humanoid_has_fallen_below_0_8(height: float, *, fallen: bool) -> None:
    assert humanoid(root_pos=[0.0, 0.0, height]).step().terminated.tolist() == [fallen]


def test_an_episode_has_a_thousand_steps() -> None:
    placed = humanoid()
    placed.task.episode_step.fill_(998)
    assert placed.step().truncated.tolist() == [False]
    assert placed.step().truncated.tolist() == [True]


def test_an_episode_starts_upright_with_joints_a_little_off() -> None:
    robot = static(Humanoid, num_envs=5_000).task.robot
    assert robot.root_pos.unique(dim=0).tolist() == [pytest.approx([0.0, 0.0, 1.34])]
    assert robot.root_quat.unique(dim=0).tolist() == [[1.0, 0.0, 0.0, 0.0]]
    assert not robot.root_lin_vel_w.any()
    expected = robot.joint_upper.clamp(max=0.2)  # the knees' upper limit is 2 degrees
    assert robot.joint_pos.amax(0).tolist() == pytest.approx(expected.tolist(), abs=1e-3)
    assert robot.joint_pos.amin(0).tolist() == pytest.approx([-0.2] * 21, abs=1e-3)
    assert robot.joint_vel.amax(0).tolist() == pytest.approx([0.1] * 21, abs=1e-3)
    assert robot.joint_vel.amin(0).tolist() == pytest.approx([-0.1] * 21, abs=1e-3)


# Actions.


def test_a_full_action_is_the_gear_of_the_joint() -> None:
    placed = humanoid()
    placed.step([1.0, -1.0] + [2.0] * 19)
    gears = list(GEARS.values())
    assert list(placed.task.effort.joint_names) == JOINTS
    assert placed.task.effort.control[0].tolist() == [gears[0], -gears[1], *gears[2:]]


# Simulated.


def test_efforts_are_seen_and_a_step_is_mujoco_s() -> None:
    converged = ["sim.solver_iterations=100", "sim.ls_iterations=50"]
    env = igx.make("humanoid", num_envs=2, device="cpu", seed=0, overrides=converged)
    model = env.simulator.model
    data = mujoco.MjData(model)
    generator = torch.Generator().manual_seed(0)
    env.reset()
    for _ in range(20):
        qpos, qvel = (env.simulator.field(name)[0].double().numpy().copy() for name in ("qpos", "qvel"))
        action = torch.rand(2, 21, generator=generator) - 0.5
        obs, *_ = env.step(action)
        data.qpos[:], data.qvel[:] = qpos, qvel
        data.ctrl[:] = (action[0] * torch.tensor(list(GEARS.values()))).double().numpy()
        mujoco.mj_step(model, data, nstep=2)
        assert env.simulator.field("qpos")[0].tolist() == pytest.approx(data.qpos.tolist(), abs=1e-3)
        assert obs["policy"][0, 54:75].tolist() == pytest.approx((data.qfrc_actuator[6:] * 0.01).tolist(), abs=1e-5)


def test_standing_feet_carry_the_weight() -> None:
    env = igx.make("humanoid", num_envs=1, device="cpu", seed=0)
    robot = env.task.live("robot")
    env.task.mask.fill_(value=True)
    robot.set_joints(pos=torch.zeros(21), vel=torch.zeros(21))
    env.simulator.commit(torch.ones(1, dtype=torch.bool))
    carried = []
    for _ in range(30):  # it lands, and has not yet begun to topple
        env.step(torch.zeros(1, 21))
        carried.append(100.0 * env.obs["policy"][0, [77, 83]].sum().item())
    weight = 40.844 * 9.81
    assert sum(carried[15:]) / 15 == pytest.approx(weight, rel=0.35)
    assert env.episode_metrics()["episodes"] == 0.0


def test_random_steps_stay_stable() -> None:
    env = igx.make("humanoid", num_envs=64, device="cpu", seed=0)
    assert env.step_dt == pytest.approx(0.0166)
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        obs, reward, *_ = env.step(torch.rand(64, 21, generator=generator) * 2.0 - 1.0)
        assert obs["policy"].isfinite().all()
        assert reward.isfinite().all()
    metrics = env.episode_metrics()
    assert metrics["unstable"] == 0.0
    assert metrics["episodes"] > 64


def test_it_keeps_the_rules_of_a_step() -> None:
    check_task("humanoid", num_envs=8)


# Training.


@pytest.mark.parametrize(("cuda_available", "num_envs", "minibatch"), [(False, 512, 4096), (True, 4096, 32768)])
def test_training_settings_are_the_reference_s(num_envs: int, minibatch: int, *, cuda_available: bool) -> None:
    config: Any = compose(plugins=load_plugins(), task="humanoid", cuda_available=cuda_available).config
    assert config.sim.num_envs == num_envs
    assert (config.network.units, config.network.activation, config.network.separate) == ((400, 200, 100), "elu", False)
    ppo = config.ppo
    assert (ppo.horizon, ppo.mini_epochs, ppo.reward_scale, ppo.critic_coef) == (32, 5, 0.01, 4.0)
    assert ppo.minibatch(num_envs=num_envs, horizon=32) == minibatch
    assert (ppo.lr, ppo.lr_schedule, ppo.kl_threshold, ppo.schedule_type) == (5e-4, "adaptive", 0.008, "per_minibatch")
    assert (ppo.gamma, ppo.gae_lambda, ppo.clip, ppo.clip_value) == (0.99, 0.95, 0.2, True)
    assert (ppo.entropy_coef, ppo.bounds_loss_coef, ppo.grad_norm, ppo.bootstrap) == (0.0, 1e-4, 1.0, "previous")
    assert (ppo.normalize_input, ppo.normalize_value, ppo.normalize_advantage) == (True, True, True)
    assert config.run.max_epochs == 1000


def test_a_short_training_keeps_it_up_for_longer_than_an_untrained_policy_does(tmp_path: Path) -> None:
    returns = short_training("humanoid", runs_dir=tmp_path, max_epochs=12, num_envs=128)
    assert returns.trained > 1.3 * returns.untrained  # 1.8 and 1.7 times with seeds 1 and 2


def test_it_is_trained_by_sac_as_the_ant_is_for_longer() -> None:
    def settings(task: str, *, cuda_available: bool) -> Any:
        return compose(plugins=load_plugins(), task=task, cuda_available=cuda_available).config

    for cuda_available in (False, True):
        ours, ants = (
            settings("humanoid-sac", cuda_available=cuda_available),
            settings("ant-sac", cuda_available=cuda_available),
        )
        assert ours.run.agent == "sac"
        assert ours.run.max_epochs == 2.5 * ants.run.max_epochs
        assert (ours.sac, ours.sim) == (ants.sac, ants.sim)
    bare = compose(
        plugins=load_plugins(), task="humanoid-sac", overrides=["run.presets=[]"], cuda_available=False
    ).config
    assert (bare.run.max_epochs, bare.sim.num_envs, bare.network.units) == (50_000, 64, (512, 256))
    assert settings("humanoid-sac", cuda_available=False).network.units == (256, 256)
