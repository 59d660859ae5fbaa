"""ANYmal is IsaacGymEnvs': observations, reward, ends and starts, by its formulas; and it learns to follow commands."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import igx
from igx.testing import StaticTask, check_task, short_training, static
from igx_tasks_locomotion.anymal import Anymal

DEFAULT = [0.03, 0.4, -0.8, -0.03, 0.4, -0.8, 0.03, -0.4, 0.8, -0.03, -0.4, 0.8]  # LF, RF, LH, RH
STANDING: dict[str, Any] = {"joint_pos": DEFAULT, "joint_vel": [0.0] * 12}
SIM = {"physics_dt": 0.01, "decimation": 2}
COLUMNS = {
    "lin_vel": 3,
    "ang_vel": 3,
    "gravity": 3,
    "commanded": 3,
    "joint_pos": 12,
    "joint_vel": 12,
    "last_action": 12,
}


def anymal(num_envs: int = 1, settings: dict[str, Any] | None = None, **state: Any) -> StaticTask[Anymal]:
    return static(Anymal, num_envs=num_envs, settings=settings, sim=SIM, **{**STANDING, **state})


def shown(placed: StaticTask[Anymal], name: str) -> list[float]:
    """The columns of one observation term."""
    start = sum(list(COLUMNS.values())[: list(COLUMNS).index(name)])
    return placed.obs["policy"][0, start : start + COLUMNS[name]].tolist()


def test_the_policy_sees_forty_eight_columns_in_the_reference_s_order() -> None:
    placed = anymal()
    assert placed.env.program.layout == {"policy": COLUMNS}
    assert placed.task.step_dt == pytest.approx(0.02)
    assert placed.task.config.episode_steps == 2500
    assert [name[:6] for name in placed.task.robot.joint_names[::3]] == ["LF_HAA", "RF_HAA", "LH_HAA", "RH_HAA"]
    assert placed.task.robot.default_joint_pos.tolist() == pytest.approx(DEFAULT)


def test_columns_have_the_reference_s_scales() -> None:
    joints = [angle + 0.1 for angle in DEFAULT]
    placed = anymal(
        root_lin_vel_w=[1.0, 2.0, -0.5], root_ang_vel_b=[0.4, 0.8, 1.2], joint_pos=joints, joint_vel=[2.0] * 12
    )
    assert shown(placed, "lin_vel") == [2.0, 4.0, -1.0]
    assert shown(placed, "ang_vel") == pytest.approx([0.1, 0.2, 0.3])
    assert shown(placed, "gravity") == [0.0, 0.0, -1.0]
    assert shown(placed, "joint_pos") == pytest.approx([0.1] * 12, abs=1e-6)
    assert shown(placed, "joint_vel") == pytest.approx([0.1] * 12)
    command = placed.task.velocity()[0].tolist()
    assert shown(placed, "commanded") == pytest.approx([2.0 * command[0], 2.0 * command[1], 0.25 * command[2]])


def test_gravity_is_seen_in_the_robot_s_frame() -> None:
    pitched = [math.cos(0.25), 0.0, math.sin(0.25), 0.0]  # nose down by 0.5 rad
    assert shown(anymal(root_quat=pitched), "gravity") == pytest.approx([math.sin(0.5), 0.0, -math.cos(0.5)], abs=1e-6)


def test_observations_are_clipped_at_five() -> None:
    assert shown(anymal(root_lin_vel_w=[9.0, -9.0, 0.0]), "lin_vel") == [5.0, -5.0, 0.0]


def test_the_reward_follows_the_formula_and_is_never_negative() -> None:
    placed = anymal(num_envs=2, root_lin_vel_w=[[0.5, -0.2, 0.0], [0.0, 0.0, 0.0]], root_ang_vel_b=[0.0, 0.0, 0.3])
    command = placed.task.velocity().clone()
    step = placed.step()
    velocity = torch.tensor([[0.5, -0.2, 0.3], [0.0, 0.0, 0.3]])
    error = (command - velocity).square()
    expected = 0.02 * (torch.exp(-error[:, :2].sum(-1) / 0.25) + 0.5 * torch.exp(-error[:, 2] / 0.25))
    assert torch.allclose(step.reward, expected)
    costly = anymal(settings={"rewards": {"effort": -1.0, "lin_vel_tracked": -1.0, "yaw_rate_tracked": 0.0}})
    assert costly.step().reward.tolist() == [0.0]


def test_an_action_of_one_moves_a_target_by_half_a_radian_from_its_default() -> None:
    placed = anymal()
    placed.step(torch.linspace(-1.0, 1.0, 12))
    control = placed.env.simulator.field("ctrl")[0]
    assert torch.allclose(control, torch.tensor(DEFAULT) + 0.5 * torch.linspace(-1.0, 1.0, 12))
    model = placed.env.simulator.model
    assert model.actuator_gainprm[:, 0].tolist() == [85.0] * 12
    assert model.actuator_biasprm[:, 2].tolist() == [-2.0] * 12


def test_commands_and_starts_are_spread_over_the_reference_s_ranges() -> None:
    placed = anymal(num_envs=4096)
    placed.env.reset()
    command, robot = placed.task.velocity(), placed.task.robot
    for column, reach in enumerate((2.0, 1.0, 1.0)):
        assert -reach <= float(command[:, column].min()) < -0.98 * reach
        assert 0.98 * reach < float(command[:, column].max()) < reach
    factor = robot.joint_pos / torch.tensor(DEFAULT)
    assert 0.5 <= float(factor.min()) < 0.51
    assert 1.49 < float(factor.max()) <= 1.5
    assert 0.099 < float(robot.joint_vel.abs().max()) <= 0.1
    assert robot.root_pos[:, 2].unique().tolist() == [pytest.approx(0.62)]


def test_a_command_holds_for_the_episode() -> None:
    placed = anymal(num_envs=2, settings={"episode_steps": 5})
    commands = [placed.step() and placed.task.velocity().clone() for _ in range(5)]
    assert all(torch.equal(command, commands[0]) for command in commands[:4])
    assert not (commands[4] == commands[0]).any()


def test_the_episode_ends_when_the_base_or_a_thigh_touches_the_ground() -> None:
    env = igx.make("anymal", num_envs=3, device="cpu", overrides=["run.seed=1"])
    robot = env.task.live("robot")
    env.reset()
    still = torch.zeros(3, 12)
    for _ in range(30):
        env.step(still)
    assert not env.terminated.any()  # the default pose stands
    upside_down = torch.tensor([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    env.task.mask.copy_(torch.tensor([True, True, False]))
    lying = robot.root_pos.clone()
    lying[0, 2], lying[1, 2] = 0.2, 0.12
    folded = robot.joint_pos.clone()
    folded[1] = torch.tensor([0.0, 1.4, -2.6, 0.0, 1.4, -2.6, 0.0, -1.4, 2.6, 0.0, -1.4, 2.6])
    robot.set_root(pos=lying, quat=upside_down)
    robot.set_joints(pos=folded)
    env.simulator.commit(env.task.mask)
    ended = torch.zeros(3, dtype=torch.bool)
    for _ in range(15):
        ended |= env.step(still)[2]
    assert ended.tolist() == [True, True, False]


def test_it_keeps_the_rules_of_a_task() -> None:
    check_task("anymal")


def test_a_short_training_follows_commands_better_than_an_untrained_policy_does(tmp_path: Path) -> None:
    quick = ["network.units=[128,64]", "ppo.lr=1e-3", "task.episode_steps=300"]
    returns = short_training("anymal", runs_dir=tmp_path, max_epochs=50, overrides=quick)
    assert returns.trained > 2.5 * returns.untrained  # 5.2 and 5.3 times with seeds 1 and 2
