"""Terms about rough ground against heights and levels that are known."""

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor

from igx import (
    Articulation,
    JointEffort,
    Task,
    TaskConfig,
    Terrain,
    TerrainConfig,
    command,
    metric,
    observation,
    on_reset,
    setting,
    terms,
)
from igx.config.sections import RunSettings, SimConfig
from igx.env.check import check_env
from igx.env.make import build
from igx.env.vec_env import VecEnv
from igx.errors import TaskError
from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.mujoco_gpu import MujocoGpu
from igx.sim.simulator import Simulator
from igx.sim.terrain import TerrainState
from igx.terms.terrain import climb_by_distance
from igx.testing import StaticTask, static

COS_45 = math.sqrt(0.5)


class WalkConfig(TaskConfig):
    episode_steps: int = 600
    terrain: TerrainConfig = TerrainConfig()


class Walk(Task):
    config: WalkConfig
    ground = Terrain(setting("terrain"))
    robot = Articulation("ant", spawn_height=0.6)
    effort = JointEffort(robot, scale=15.0)

    told = command(lambda task: task.uniform(-1.0, 1.0, 2))
    turn = command(lambda task: task.uniform(-1.0, 1.0, 1))
    height = observation(terms.root_height)
    scan = observation(terms.height_scan, scale=5.0)
    level = metric(terms.terrain_level)
    start = on_reset(terms.start_on_terrain)


def one_type(kind: str, **more: Any) -> dict[str, Any]:
    """Settings of a terrain that has one type of cell."""
    others = dict.fromkeys(type(TerrainConfig().proportions).model_fields, 0.0)
    return {"terrain": {"types": 1, "around": 0, "proportions": others | {kind: 1.0}, **more}}


def walk(num_envs: int = 1, kind: str = "stairs_up", **more: Any) -> StaticTask[Walk]:
    terrain = one_type(kind, **{"levels": 4, **more})
    sim = {"physics_dt": 1 / 60, "decimation": 2}  # 600 steps are 20 s
    return static(Walk, num_envs=num_envs, settings=terrain, sim=sim)


def ground_of(walk: StaticTask[Walk]) -> TerrainState:
    return walk.task.ground


def close(value: Tensor, expected: Any) -> bool:
    return torch.allclose(value, torch.tensor(expected, dtype=torch.float32), atol=1e-4)


# What is seen.


def test_a_scan_shows_how_far_the_ground_lies_below() -> None:
    # a basin with the slope 0.2, of which 0.5 m is 0.1 m: from 1.5 m to 4 m from the middle
    placed = walk(kind="slope_down", levels=1, slope=(0.2, 0.2))
    placed.place(root_pos=[0.025, 0.025, 0.3])
    scan = terms.height_scan(placed.task, x=(-2.0, 0.0, 2.0), y=(0.0, 3.0), below=0.5)
    # at (2.0, 0) the ground is at -0.4, at (0, 3) at -0.2, in the middle at -0.5
    near = torch.tensor([[0.3 - 0.5 + d for d in (0.4, 0.2, 0.5, 0.2, 0.4, 0.2)]])
    assert torch.allclose(scan, near, atol=0.01)


def test_a_scan_turns_with_the_yaw_alone() -> None:
    placed = walk(kind="slope_down", levels=1, slope=(0.2, 0.2))
    placed.place(root_pos=[1.0, 0.0, 0.0])
    straight = terms.height_scan(placed.task, x=(2.5,), y=(0.0,))
    quarter_left = [COS_45, 0.0, 0.0, COS_45]
    placed.place(root_quat=quarter_left)
    left = terms.height_scan(placed.task, x=(2.5,), y=(0.0,))
    assert abs(float(straight) - (-0.5 + 0.1)) < 0.01  # 3.5 m out
    assert abs(float(left) - (-0.5 + 0.3)) < 0.01  # 2.5 m to the side
    rolled = [math.cos(0.3), math.sin(0.3), 0.0, 0.0]
    placed.place(root_quat=rolled)
    assert close(terms.height_scan(placed.task, x=(2.5,), y=(0.0,)), straight.tolist())


def test_a_scan_has_the_points_of_the_reference_and_is_clipped() -> None:
    placed = walk(2)
    placed.place(root_pos=[[0.0, 0.0, 9.0], [0.0, 0.0, -9.0]])
    assert terms.height_scan(placed.task).shape == (2, 140)
    assert terms.height_scan(placed.task, clip=0.7)[:, 0].tolist() == pytest.approx([0.7, -0.7])


def test_heights_above_the_ground_are_those_above_what_lies_below() -> None:
    placed = walk(2, kind="pit", levels=1, pit_depth=(0.5, 0.5))
    placed.place(root_pos=[[0.0, 0.0, 0.3], [3.0, 0.0, 0.3]])
    assert close(terms.root_height_above_ground(placed.task), [0.8, 0.3])
    assert terms.root_near_ground(placed.task, height=0.4).tolist() == [False, True]


def test_off_the_terrain_is_beyond_its_cells() -> None:
    placed = walk(3, around=1)
    placed.place(root_pos=[[0.0, 0.0, 1.0], [11.5, -3.0, 1.0], [2.0, -12.5, 1.0]])
    assert terms.off_terrain(placed.task).tolist() == [False, False, True]
    assert terms.off_terrain(placed.task, margin=1.0).tolist() == [False, True, True]


def test_the_level_is_that_of_the_ground() -> None:
    placed = walk(3)
    ground_of(placed).level.copy_(torch.tensor([2, 0, 1]))
    assert terms.terrain_level(placed.task).tolist() == [2.0, 0.0, 1.0]


# Where robots start.


def test_robots_start_above_the_middle_of_their_cell() -> None:
    started = walk(64, kind="pit", levels=2, initial_level=1, pit_depth=(0.5, 0.5))
    pos = started.task.robot.root_pos
    assert close(pos[:, 2], [0.1] * 64)
    assert 0.3 < float(pos[:, :2].abs().max()) <= 0.5
    assert float(pos[:, :2].std()) > 0.2


# How they move between levels.


def climb(walked: list[float], *, level: int = 1, mask: list[bool] | None = None, **params: Any) -> list[int]:
    """Levels after episodes that ended `walked` metres away, from `level` of 0 to 3."""
    placed = walk(len(walked))
    ground_of(placed).level.fill_(level)
    placed.place(root_pos=[[metres, 0.0, 1.0] for metres in walked])
    placed.task.mask.copy_(torch.tensor(mask or [True] * len(walked)))
    commanded = params.pop("command", None)
    if commanded is not None:
        placed.task.told().copy_(torch.tensor(commanded))
        params["command"] = "told"
    climb_by_distance(placed.task, **params)
    return ground_of(placed).level.tolist()


def test_who_came_far_climbs_and_who_came_nowhere_descends() -> None:
    assert climb([4.1, 3.9, 1.1, 0.9]) == [2, 1, 1, 0]


def test_only_environments_whose_episode_ends_change_their_level() -> None:
    assert climb([4.1, 4.1, 0.0, 0.0], mask=[True, False, True, False]) == [2, 1, 0, 1]


def test_each_is_measured_against_its_own_command() -> None:
    # 20 s at 0.5 m/s are 10 m, of which a quarter is 2.5 m; at 0.1 m/s it is 0.5 m; told to stand, 0 m are enough
    commanded = [[0.3, 0.4], [0.0, -0.1], [0.3, 0.4], [0.0, 0.0]]
    assert climb([2.0, 2.0, 3.0, 0.0], command=commanded) == [0, 1, 1, 1]


def test_who_climbs_does_not_descend() -> None:
    assert climb([4.1], command=[[2.0, 0.0]]) == [2]


def test_the_ground_stays_until_the_next_episode_begins() -> None:
    placed = static(Walk, settings=one_type("stairs_up", initial_level=0))
    ground = ground_of(placed)
    height = ground.height_at(torch.zeros(1, 1, 2)).clone()
    ground.set_level(torch.tensor([9]))
    assert torch.equal(ground.height_at(torch.zeros(1, 1, 2)), height)
    ground.begin_episodes()
    assert float(ground.height_at(torch.zeros(1, 1, 2))) > float(height) + 0.5


def test_the_lowest_level_is_kept() -> None:
    assert climb([0.0], level=0) == [0]


def test_who_is_through_with_the_last_level_goes_on_at_a_random_one() -> None:
    levels = climb([4.1] * 400, level=3)
    share = [levels.count(level) / 400 for level in range(4)]
    assert all(abs(part - 0.25) < 0.1 for part in share), share


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("tolt", "Walk has no command 'tolt'. Did you mean 'told'?"),
        ("turn", "Command 'turn' of Walk is 1 wide, and no velocity."),
    ],
)
def test_a_command_that_is_none_or_no_velocity_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(TaskError, match=re.escape(complaint)):
        climb_by_distance(walk().task, command=name)


def test_terms_about_rough_ground_need_some() -> None:
    class Flat(Task):
        robot = Articulation("ant")
        effort = JointEffort(robot)
        height = observation(terms.root_height)

    with pytest.raises(TaskError, match=r"'ground' of Flat is no Terrain; declare it: ground = Terrain\(\.\.\.\)"):
        terms.height_scan(static(Flat).task)


# In a running task.


def simulated(num_envs: int, *, engine: type[Simulator] = MujocoCpu, **terrain: Any) -> VecEnv:
    settings = Walk.settings().model_validate({"episode_steps": 30, **terrain})
    sim = SimConfig.model_validate({"device": "cpu", "num_envs": num_envs, "threads": 1, "trace_envs": 0})
    config = type("Config", (), {"task": settings, "sim": sim, "run": RunSettings(task="walk", agent="none", seed=0)})
    return build(Walk, config, simulator_class=engine)


def test_the_ground_of_a_new_level_is_there_when_the_next_episode_begins() -> None:
    env = simulated(2, **one_type("slope_up", levels=2, slope=(0.0, 0.8)))
    robot, ground = env.task.live("robot"), env.task.live("ground")
    env.task.mask.copy_(torch.tensor([True, False]))
    ground.set_level(torch.tensor([1, 1]))
    env.program.restart(torch.tensor([True, False]))
    assert close(ground.origin[:, 2], [1.0, 0.0])
    assert close(robot.root_pos[:, 2], [1.6, 0.6])
    for _ in range(20):
        env.step(torch.zeros(2, 8))
    assert (terms.root_height_above_ground(env.task) > 0.1).all()
    assert float(robot.root_pos[0, 2] - robot.root_pos[1, 2]) > 0.9


ON_GROUND: dict[str, Any] = {"terrain": {"types": 4, "levels": 2, "around": 0, "initial_level": 1}}


def test_a_task_on_rough_ground_keeps_the_rules_of_a_step() -> None:
    results = check_env(lambda: simulated(8, **ON_GROUND))
    assert [f"{result.name}: {result.detail}" for result in results if result.ok is False] == []


def test_a_step_on_rough_ground_takes_no_decision_on_the_host_on_the_other_engine_either() -> None:
    first = next(iter(check_env(lambda: simulated(8, engine=MujocoGpu, **ON_GROUND))))
    assert first.ok, first.detail


def test_the_ground_is_part_of_the_state_that_is_saved() -> None:
    settings = one_type("slope_up", levels=2, initial_level=1, slope=(0.0, 0.8))
    env, actions = simulated(6, **settings), torch.zeros(6, 8)
    env.step(actions)
    ground, saved = env.task.live("ground"), env.state_dict()
    before = ground.level.clone()
    expected = [env.step(actions)[0]["policy"].clone() for _ in range(3)][-1]
    env.task.mask.fill_(value=True)
    ground.set_level(1 - ground.level)
    env.reset()
    assert torch.equal(ground.level, 1 - before)
    env.load_state_dict(saved)
    assert torch.equal(ground.level, before)
    assert torch.equal([env.step(actions)[0]["policy"].clone() for _ in range(3)][-1], expected)


def test_a_level_set_by_an_override_is_the_terrains() -> None:
    assert ground_of(walk(levels=3)).num_levels == 3
