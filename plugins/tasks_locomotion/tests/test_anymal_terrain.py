"""ANYmal on rough ground is IsaacGymEnvs', as it was meant: observations, reward, ends, starts and levels."""

import math
from typing import Any

import pytest
import torch

import igx
from igx.testing import StaticTask, check_task, static
from igx_tasks_locomotion.anymal_terrain import AnymalTerrain

DEFAULT = [0.03, 0.4, -0.8, -0.03, 0.4, -0.8, 0.03, -0.4, 0.8, -0.03, -0.4, 0.8]  # LF, RF, LH, RH
STANDING: dict[str, Any] = {"joint_pos": DEFAULT, "joint_vel": [0.0] * 12, "root_quat": [1.0, 0.0, 0.0, 0.0]}
SIM = {"physics_dt": 0.005, "decimation": 4}
NOISY = ("lin_vel", "ang_vel", "gravity", "joint_pos", "joint_vel", "heights")
COLUMNS = {
    "lin_vel": 3,
    "ang_vel": 3,
    "gravity": 3,
    "commanded": 3,
    "joint_pos": 12,
    "joint_vel": 12,
    "heights": 140,
    "last_action": 12,
}
FEW_CELLS = {"levels": 4, "types": 4, "around": 0}


def anymal(num_envs: int = 1, **state: Any) -> StaticTask[AnymalTerrain]:
    """Robots that stand where `state` says nothing else, on few cells, without noise."""
    settings = {"terrain": FEW_CELLS, "observations": {name: {"noise": None} for name in NOISY}}
    return static(AnymalTerrain, num_envs=num_envs, settings=settings, sim=SIM, **{**STANDING, **state})


def shown(placed: StaticTask[AnymalTerrain], name: str) -> list[float]:
    """The columns of one observation term."""
    start = sum(list(COLUMNS.values())[: list(COLUMNS).index(name)])
    return placed.obs["policy"][0, start : start + COLUMNS[name]].tolist()


def test_the_policy_sees_188_columns_in_the_reference_s_order_and_scales() -> None:
    joints = [angle + 0.1 for angle in DEFAULT]
    placed = anymal(root_lin_vel_w=[1.0, 2.0, -0.5], root_ang_vel_b=[0.4, 0.8, 1.2], joint_pos=joints)
    assert placed.env.program.layout == {"policy": COLUMNS}
    assert shown(placed, "lin_vel") == [2.0, 4.0, -1.0]
    assert shown(placed, "ang_vel") == pytest.approx([0.1, 0.2, 0.3])
    assert shown(placed, "gravity") == [0.0, 0.0, -1.0]
    assert shown(placed, "joint_pos") == pytest.approx(joints)  # not less their defaults
    forward, left, rate = placed.task.wanted()[0].tolist()
    assert shown(placed, "commanded") == pytest.approx([2.0 * forward, 2.0 * left, 0.25 * rate])
    assert placed.task.config.episode_steps * placed.task.step_dt == pytest.approx(20.0)


def test_heights_are_those_of_the_ground_below_a_base_half_a_metre_up() -> None:
    placed = anymal(num_envs=4)
    ground = placed.task.ground
    assert ground.type_names[1] == "stairs_down"
    placed.place(root_pos=(ground.origin + torch.tensor([0.0, 0.0, 0.62])).tolist())
    placed.env.program.observe(torch.ones(4, dtype=torch.bool))
    heights = placed.obs["policy"][1, 36:176].unflatten(0, (14, 10))
    assert heights[4:10].flatten().tolist() == pytest.approx([5.0 * 0.12] * 60, abs=1e-3)  # the platform is level
    placed.place(root_pos=(ground.origin + torch.tensor([2.0, 0.0, 0.62])).tolist())
    placed.env.program.observe(torch.ones(4, dtype=torch.bool))
    heights = placed.obs["policy"][1, 36:176].unflatten(0, (14, 10))
    assert float(heights[-1].max()) < float(heights[0].min()) - 0.2  # stairs lead up from the middle


def test_commands_turn_to_a_heading_and_slow_ones_are_to_stand() -> None:
    placed = anymal(num_envs=4096)
    placed.env.reset()
    told = placed.task.velocity()
    stands = (told == 0.0).all(-1)
    assert float(stands.float().mean()) == pytest.approx(math.pi * 0.25**2 / 4.0, abs=0.02)
    assert float(told[~stands, :2].norm(dim=-1).min()) > 0.25
    assert (placed.task.wanted()[stands] == 0.0).all()
    assert float(placed.task.wanted()[:, 2].abs().max()) == pytest.approx(1.0)


def test_the_reward_follows_the_formula() -> None:
    moving = {"root_lin_vel_w": [0.5, -0.2, 0.1], "root_ang_vel_b": [0.2, 0.1, 0.3]}
    placed = anymal(num_envs=2, joint_vel=[0.1] * 12, **moving)
    wanted = placed.task.wanted().clone()
    action = torch.full((12,), 0.5)
    step = placed.step(action)
    error = (wanted - torch.tensor([0.5, -0.2, 0.3])).square()
    tracked = torch.exp(-error[:, :2].sum(-1) / 0.25) + 0.5 * torch.exp(-error[:, 2] / 0.25)
    costs = 4.0 * 0.1**2 + 0.05 * (0.2**2 + 0.1**2) + 5e-4 * 12 * 0.1**2 + 0.01 * 12 * 0.5**2
    assert torch.allclose(step.reward, (0.02 * (tracked - costs)).clamp(min=0.0), atol=1e-6)


def test_feet_that_land_are_paid_by_their_time_in_the_air() -> None:
    placed = anymal(num_envs=2)
    task = placed.task
    task.velocity().copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    task.landed_after.copy_(torch.tensor([[0.7, 0.0, 0.4, 0.0], [0.7, 0.0, 0.4, 0.0]]))
    task.forget()
    assert task.term("reward", "stepping")().tolist() == pytest.approx([0.1, 0.0])


def test_steps_are_counted_while_a_robot_falls_and_lands() -> None:
    env = igx.make("anymal-terrain", num_envs=4, device="cpu", overrides=["task.intervals.push=false", *_few_cells()])
    task = env.task
    assert isinstance(task, AnymalTerrain)
    env.reset()
    landed = torch.zeros(4, 4)
    for _ in range(15):
        env.step(torch.zeros(4, 12))
        landed = torch.maximum(landed, task.landed_after)
    assert float(landed.min()) > 0.06  # it starts some centimetres up
    assert float(landed.max()) < 0.3
    assert float(task.air_time.median()) == 0.0


def test_robots_that_come_far_climb_and_those_that_do_not_come_as_far_as_told_descend() -> None:
    env = igx.make("anymal-terrain", num_envs=8, device="cpu", overrides=_few_cells())
    task = env.task
    assert isinstance(task, AnymalTerrain)
    env.reset()
    task.ground.level.fill_(1)
    task.velocity().copy_(torch.tensor([0.5, 0.0, 0.0]).expand(8, -1))  # 10 m in an episode
    away = torch.tensor([4.5, 4.5, 3.0, 3.0, 1.0, 1.0, 0.0, 0.0])
    pos = task.ground.origin.clone()
    pos[:, 0] += away
    pos[:, 2] += 0.5
    task.mask.fill_(1)
    task.robot.set_root(pos=pos)
    env.simulator.commit(task.mask)
    task.episode_step.fill_(task.config.episode_steps - 1)
    env.step(torch.zeros(8, 12))
    assert (env.terminated | env.truncated).all()
    assert task.ground.level.tolist() == [2, 2, 1, 1, 0, 0, 0, 0]


def test_it_keeps_the_rules_of_a_task() -> None:
    check_task("anymal-terrain")


def _few_cells() -> list[str]:
    return [f"task.terrain.{name}={value}" for name, value in FEW_CELLS.items()]
