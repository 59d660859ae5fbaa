"""The AMP humanoid is IsaacGymEnvs': what is seen, how it is driven, where it starts and when it ends."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import igx
from igx.cli.app import run
from igx.errors import TaskError
from igx.math import quat_from_rotation_vector, rotate
from igx.testing import StaticTask, check_task, static
from igx_algo_amp.humanoid_amp import HumanoidAmp

COLUMNS = {
    "height": 1,
    "orientation": 6,
    "lin_vel": 3,
    "ang_vel": 3,
    "joint_rotations": 52,
    "joint_vel": 28,
    "key_positions": 12,
}
STEP = {"physics_dt": 0.0083, "decimation": 4}


def humanoid(num_envs: int = 1, settings: dict[str, Any] | None = None, **state: Any) -> StaticTask[HumanoidAmp]:
    return static(HumanoidAmp, num_envs=num_envs, sim=STEP, settings=settings, **state)


def standing(**state: Any) -> StaticTask[HumanoidAmp]:
    rest: dict[str, Any] = {
        "root_pos": [0.0, 0.0, 0.89],
        "root_quat": [1.0, 0.0, 0.0, 0.0],
        "root_lin_vel_w": [0.0] * 3,
        "root_ang_vel_b": [0.0] * 3,
        "joint_pos": [0.0] * 28,
        "joint_vel": [0.0] * 28,
    }
    return humanoid(**(rest | state))


def shown(placed: StaticTask[HumanoidAmp], name: str) -> list[float]:
    """The columns of one observation term."""
    start = sum(list(COLUMNS.values())[: list(COLUMNS).index(name)])
    return placed.obs["policy"][0, start : start + COLUMNS[name]].tolist()


def joints(**angles: float) -> list[float]:
    names = humanoid().task.robot.joint_names
    return [angles.get(name, 0.0) for name in names]


def turned(axis: int, angle: float) -> list[float]:
    vector = torch.zeros(3)
    vector[axis] = angle
    return quat_from_rotation_vector(vector).tolist()


# What is seen.


def test_105_columns_of_the_policy_and_210_of_the_discriminator() -> None:
    layout = humanoid().env.program.layout
    assert layout == {"policy": COLUMNS, "amp": {"states": 210}, "terminal": {"last_state": 105}}


def test_a_standing_humanoid_looks_like_this() -> None:
    placed = standing()
    assert shown(placed, "height") == pytest.approx([0.89])
    assert shown(placed, "orientation") == pytest.approx([1.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    ball = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    expected = [*ball * 2, *ball, 0.0, *ball, 0.0, *ball, 0.0, *ball, *ball, 0.0, *ball]
    assert shown(placed, "joint_rotations") == pytest.approx(expected, abs=1e-6)
    hand = [-0.02405, 0.18311, 0.236151 + 0.2435 - 0.274788 - 0.258947]
    foot = [0.0, 0.084887, -0.421546 - 0.40987]
    keys = [hand[0], -hand[1], hand[2], *hand, foot[0], -foot[1], foot[2], *foot]
    assert shown(placed, "key_positions") == pytest.approx(keys, abs=1e-5)


def test_directions_are_turned_back_by_the_heading_but_the_orientation_is_not() -> None:
    quat = turned(2, 0.5 * math.pi)
    placed = standing(root_quat=quat, root_lin_vel_w=[1.0, 2.0, 3.0], root_ang_vel_b=[0.0, 0.0, 2.0])
    assert shown(placed, "orientation") == pytest.approx([0.0, 1.0, 0.0, 0.0, 0.0, 1.0], abs=1e-6)
    assert shown(placed, "lin_vel") == pytest.approx([2.0, -1.0, 3.0], abs=1e-6)
    assert shown(placed, "ang_vel") == pytest.approx([0.0, 0.0, 2.0], abs=1e-6)
    assert shown(placed, "key_positions") == pytest.approx(shown(standing(), "key_positions"), abs=1e-5)


def test_joints_are_seen_where_the_layout_has_them() -> None:
    placed = standing(joint_pos=joints(right_elbow=-0.3, left_knee=0.6, right_hip_y=-0.5))
    seen = shown(placed, "joint_rotations")
    assert seen[18] == pytest.approx(-0.3)
    assert seen[45] == pytest.approx(0.6)
    assert seen[26:32] == pytest.approx(
        [math.cos(0.5), 0.0, math.sin(0.5), -math.sin(0.5), 0.0, math.cos(0.5)], abs=1e-6
    )


def test_the_discriminator_sees_the_newer_state_first_and_both_of_the_running_episode() -> None:
    placed = humanoid(num_envs=3)
    first = placed.obs["policy"]
    placed.place(root_pos=[[0.0, 0.0, height] for height in (0.8, 0.9, 1.0)])
    step = placed.step()
    newer, older = step.last_obs["amp"].split(105, dim=-1)
    assert newer[:, 0].tolist() == pytest.approx([0.8, 0.9, 1.0])
    torch.testing.assert_close(older, first)
    torch.testing.assert_close(newer, step.last_obs["terminal"])


def test_before_a_reset_the_last_state_is_seen_and_after_it_the_first() -> None:
    placed = humanoid()
    placed.task.episode_step.fill_(299)
    placed.place(root_pos=[0.0, 0.0, 1.5])
    step = placed.step()
    assert step.truncated.item()
    assert step.last_obs["terminal"][0, 0].item() == step.last_obs["amp"][0, 0].item() == pytest.approx(1.5)
    assert step.obs["policy"][0, 0] < 1.0
    following = placed.step()
    torch.testing.assert_close(following.last_obs["amp"][:, 105:], step.obs["policy"])


# Demonstrations.


@pytest.mark.parametrize("motion", ["walk", "run"])
def test_a_simulated_robot_placed_in_a_motion_is_seen_as_the_motion_is(motion: str) -> None:
    placed = humanoid(num_envs=32, settings={"motion": motion})
    task = placed.task
    index, time = task.library.sample(32, generator=torch.Generator().manual_seed(1))
    state = task.library.state(index, time)
    placed.place(
        root_pos=state.root_pos,
        root_quat=state.root_quat,
        root_lin_vel_w=state.root_lin_vel_w,
        joint_pos=state.joint_pos,
        joint_vel=state.joint_vel,
    )
    seen, recorded = task.features(), task._features(state)
    differences = (seen - recorded).abs().amax(0)
    assert differences[:10].max() < 1e-4
    assert differences[13:93].max() < 1e-4
    assert differences[93:].max() < 2e-3  # positions of hands and feet are blended, those of joints turned


def test_demonstrations_are_states_a_step_apart_and_come_from_the_task_s_own_numbers() -> None:
    task = humanoid(settings={"motion": "run"}).task
    drawn = task.demonstrate(500)
    assert drawn.shape == (500, 210)
    newer, older = drawn.split(105, dim=-1)
    assert newer[:, 7].mean().item() == pytest.approx(3.2, abs=0.05)
    climbed = (newer[:, 0] - older[:, 0]) / 0.0332
    assert (climbed - newer[:, 9]).abs().max() < 0.25
    assert torch.equal(humanoid(settings={"motion": "run"}).task.demonstrate(500), drawn)


# How it is driven.


def test_an_action_of_one_is_half_a_turn_or_seven_tenths_of_a_hinge_s_range() -> None:
    placed = humanoid()
    position = placed.task.position
    offset, scale = (
        dict(zip(position.joint_names, values.tolist(), strict=True)) for values in (position._offset, position._scale)
    )
    for name in position.joint_names:
        hinge = name.endswith(("elbow", "knee"))
        assert math.degrees(scale[name]) == pytest.approx(112.0 if hinge else 180.0)
        expected = {"elbow": -80.0, "knee": 80.0}.get(name.split("_")[1], 0.0)
        assert math.degrees(offset[name]) == pytest.approx(expected)


def test_gains_are_the_published_ones() -> None:
    placed = humanoid()
    model = placed.task.simulator.model
    published = {"abdomen": 600, "neck": 50, "shoulder": 200, "elbow": 150, "hip": 300, "knee": 300, "ankle": 200}
    for actuator in placed.task.position.ids:
        name = model.actuator(actuator).name
        gain = next(gain for joint, gain in published.items() if joint in name)
        assert model.actuator_gainprm[actuator, 0] == gain
        assert model.actuator_biasprm[actuator, 2] == pytest.approx(-0.1 * gain)


def test_a_humanoid_told_a_pose_takes_it() -> None:
    gravity = ["sim.gravity=[0,0,0]", "task.early_termination=false", "task.state_init=default"]
    env = igx.make("humanoid-amp", num_envs=2, device="cpu", seed=0, overrides=gravity)
    robot: Any = env.task.live("robot")
    target = torch.tensor(joints(abdomen_y=0.4, right_shoulder_x=-1.2, left_hip_x=0.5, left_hip_y=-0.9, right_knee=1.0))
    position: Any = env.task.live("position")
    action = ((target - position._offset) / position._scale).expand(2, -1)
    for _ in range(60):
        env.step(action)
    assert (robot.joint_pos - target).abs().max() < 0.02


# Where episodes start.


def starts(mode: str, num_envs: int = 400, **settings: Any) -> HumanoidAmp:
    return humanoid(num_envs=num_envs, settings={"state_init": mode, **settings}).task


def test_default_starts_stand_with_the_arms_stretched_out() -> None:
    task = starts("default", num_envs=2)
    assert task.robot.root_pos[0].tolist() == pytest.approx([0.0, 0.0, 0.89])
    assert not task.robot.root_lin_vel_w.any()
    assert not task.robot.joint_vel.any()
    hands = task.state().key_pos[0, :2]
    assert hands[0].tolist() == pytest.approx([-0.02405, -0.18311 - 0.533735, 0.89 + 0.479651], abs=1e-4)
    assert hands[1].tolist() == pytest.approx([-0.02405, 0.18311 + 0.533735, 0.89 + 0.479651], abs=1e-4)


def test_start_is_the_motion_s_first_frame() -> None:
    task = starts("start", num_envs=2)
    first = task.library.state(torch.zeros(2, dtype=torch.long), torch.zeros(2))
    for ours, recorded in zip(task.state(), first, strict=True):
        torch.testing.assert_close(ours, recorded, atol=1e-4, rtol=0)


def test_random_starts_are_all_over_the_motion() -> None:
    task = starts("random")
    progress = task.robot.root_pos[:, 0] / 1.44
    assert progress.std().item() == pytest.approx(1 / math.sqrt(12), rel=0.1)
    assert (task.robot.root_lin_vel_w[:, 0] - 1.35).abs().max() < 0.1
    spin = rotate(task.robot.root_quat, task.robot.root_ang_vel_b)
    assert spin[:, 2].std() > 0.1


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_hybrid_starts_are_either(probability: float) -> None:
    task = starts("hybrid", hybrid_prob=probability)
    in_motion = (task.robot.root_lin_vel_w[:, 0] > 0.5).float().mean().item()
    assert in_motion == pytest.approx(probability, abs=0.08)


# When they end.


def fallen(height: float, step: int = 5, contact: Any = None, **settings: Any) -> bool:
    """Whether an episode ends with the pelvis at a height and a force on some bodies [N]."""
    placed = humanoid(settings=settings)
    placed.place(root_pos=[0.0, 0.0, height])
    placed.task.episode_step.fill_(step)
    forces = torch.zeros(1, 15, 3)
    for body, force in (contact or {}).items():
        forces[0, placed.task.robot.body_index(body)] = torch.tensor(force)
    sensed: Tensor = placed.env.simulator.field("sensordata")
    sensed.copy_(forces.flatten(1))
    placed.task.forget()
    return bool(placed.task.fallen().item())


UP = (0.0, 0.0, 50.0)


def test_a_body_that_touches_the_ground_ends_the_episode_unless_it_is_a_foot() -> None:
    assert fallen(0.85, contact={"right_hand": UP})
    assert fallen(0.85, contact={"head": (0.2, 0.0, 0.0)})
    assert not fallen(0.85, contact={"right_foot": UP, "left_foot": UP})
    assert not fallen(0.85, contact={"right_hand": UP}, contact_bodies=["right_hand"])
    assert not fallen(0.85, contact={"right_hand": UP}, early_termination=False)


def test_touching_counts_only_low_down_and_from_the_second_step_on() -> None:
    assert not fallen(2.0, contact={"right_hand": UP})
    assert not fallen(0.85, step=1, contact={"right_hand": UP})
    assert fallen(0.85, step=2, contact={"right_hand": UP})


def test_an_unknown_contact_body_is_answered_with_the_nearest() -> None:
    with pytest.raises(TaskError, match=r"task.contact_bodies: the robot has no body 'right_hnd'.* 'right_hand'"):
        humanoid(settings={"contact_bodies": ["right_hnd"]})


def test_a_humanoid_that_lets_itself_fall_ends() -> None:
    env = igx.make("humanoid-amp", num_envs=16, device="cpu", seed=0)
    assert env.step_dt == pytest.approx(0.0332)
    for _ in range(60):
        env.step(torch.zeros(16, 28))
    metrics = env.episode_metrics()
    assert metrics["episodes"] >= 16
    assert metrics["unstable"] == 0.0
    assert 3 < metrics["length"] < 60
    assert metrics["return"] == pytest.approx(metrics["length"])


def test_random_steps_stay_stable() -> None:
    env = igx.make("humanoid-amp", num_envs=32, device="cpu", seed=0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        env.step(torch.rand(32, 28, generator=generator) * 2.0 - 1.0)
        assert env.last_obs["amp"].isfinite().all()
    assert env.episode_metrics()["unstable"] == 0.0


def test_it_keeps_the_rules_of_a_step() -> None:
    check_task("humanoid-amp", num_envs=8)


def test_its_exported_policy_says_how_ball_joints_are_driven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ("--num-envs", "8", "amp.num_minibatches=1", "amp.disc_batch_size=16", "amp.demo_buffer_size=512")
    where = ("--device", "cpu", "--runs-dir", str(tmp_path), "--name", "a", "--max-epochs", "1")
    assert run(["train", "humanoid-amp", *small, *where, "network.units=[16]", "run.track=[]"]) == 0
    capsys.readouterr()
    assert run(["export", str(tmp_path / "a"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["errors"]["policy.onnx"] < 1e-5
    drives = {driven["joint"]: driven for driven in told["policy"]["actuators"][0]["drives"]}
    hip, knee = drives["left_hip_y"], drives["left_knee"]
    assert (hip["ball"], hip["axis"], hip["unit"], hip["default_position"]) == ("left_hip", [0, 1, 0], "rad", 0.0)
    assert "ball" not in knee
    assert knee["default_position"] == pytest.approx(np.deg2rad(80.0))
