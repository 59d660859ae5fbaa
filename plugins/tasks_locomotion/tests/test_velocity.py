"""Walking at a commanded velocity: what is told, seen, paid and done to each robot."""

import math
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import yaml

import igx
from igx.testing import StaticTask, check_task, short_training, static
from igx_tasks_locomotion.velocity import Velocity

ROBOTS = ("go2", "anymal", "g1")
SIM = {"physics_dt": 0.005, "decimation": 4}
QUIET = {name: {"noise": None} for name in ("lin_vel", "ang_vel", "gravity", "joint_pos", "joint_vel")}


def preset(robot: str) -> dict[str, Any]:
    """The `task` section of a robot's preset."""
    text = (files("igx_tasks_locomotion") / "presets" / f"velocity_{robot}.yaml").read_text()
    return yaml.safe_load(text)["task"]


def velocity(
    num_envs: int = 1, robot: str = "go2", settings: dict[str, Any] | None = None, **state: Any
) -> StaticTask[Velocity]:
    """Robots in their default pose, facing along x, where `state` says nothing else, without noise."""
    given = {**preset(robot), "observations": QUIET, "resets": {"scatter_joints": False}, **(settings or {})}
    state = {"root_quat": [1.0, 0.0, 0.0, 0.0], **state}
    return static(Velocity, num_envs=num_envs, settings=given, sim=SIM, **state)


def command(placed: StaticTask[Velocity], *values: list[float]) -> None:
    """Command these velocities and turns."""
    placed.task.velocity().copy_(torch.tensor(values))
    placed.task.forget()


def paid(placed: StaticTask[Velocity], name: str) -> torch.Tensor:
    """What a reward term is worth now, without its weight."""
    return placed.task.term("reward", name)()


# What is told.


def test_commands_are_drawn_within_their_ranges_and_a_share_of_them_is_to_stand() -> None:
    placed = velocity(
        4096, settings={"commands": {"velocity": {"standing": 0.25, "slowest": 0.2, "lin_vel_x": [-1.0, 2.0]}}}
    )
    told = placed.task.velocity()
    stands = (told == 0.0).all(-1)
    slow = 0.04 * math.pi / 6.0  # share of the ranges' area that is slower than 0.2 m/s
    assert float(stands.float().mean()) == pytest.approx(0.25 + 0.75 * slow, abs=0.03)
    assert float(told[~stands, :2].norm(dim=-1).min()) > 0.2
    assert (float(told[:, 0].min()) < -0.98, float(told[:, 0].max()) > 1.97) == (True, True)


def test_a_heading_becomes_a_yaw_rate_that_takes_it() -> None:
    turned = [math.cos(0.5), 0.0, 0.0, math.sin(0.5)]  # facing 1 rad to the left
    placed = velocity(4, root_quat=turned)
    command(placed, [0.5, 0.0, 1.0], [0.5, 0.0, 1.8], [0.5, 0.0, -3.0], [0.0, 0.0, 0.0])
    assert placed.task.wanted()[:, 2].tolist() == pytest.approx(
        [0.0, 0.4, 1.0, 0.0], abs=1e-5
    )  # -4 rad is 2.28 the other way
    rates = velocity(1, settings={"heading_gain": None}, root_quat=turned)
    command(rates, [0.5, 0.1, 0.7])
    assert rates.task.wanted()[0].tolist() == pytest.approx([0.5, 0.1, 0.7])


# What is seen.


@pytest.mark.parametrize(("robot", "joints"), [("go2", 12), ("anymal", 12), ("g1", 29)])
def test_every_robot_sees_the_same_things(robot: str, joints: int) -> None:
    layout = velocity(robot=robot).env.program.layout["policy"]
    assert layout == {
        "lin_vel": 3,
        "ang_vel": 3,
        "gravity": 3,
        "commanded": 3,
        "joint_pos": joints,
        "joint_vel": joints,
        "last_action": joints,
    }


def test_the_default_pose_is_where_a_robot_stands_at_rest() -> None:
    placed = velocity()
    assert placed.obs["policy"][0, 12:24].tolist() == pytest.approx([0.0] * 12, abs=1e-6)
    names = placed.task.robot.joint_names
    pose = dict(zip(names, placed.task.robot.default_joint_pos.tolist(), strict=True))
    assert pose["FL_thigh_joint"] == pytest.approx(0.8)
    assert pose["RR_thigh_joint"] == pytest.approx(1.0)


# What is paid.


def test_tracking_is_paid_by_how_near_the_velocities_are() -> None:
    placed = velocity(
        2, settings={"heading_gain": None}, root_lin_vel_w=[0.6, 0.3, 0.0], root_ang_vel_b=[0.0, 0.0, 0.5]
    )
    command(placed, [0.6, 0.3, 0.5], [0.1, 0.3, 0.0])
    assert paid(placed, "lin_vel_tracked").tolist() == pytest.approx([1.0, math.exp(-1.0)])
    assert paid(placed, "yaw_rate_tracked").tolist() == pytest.approx([1.0, math.exp(-1.0)])
    assert placed.task.lin_vel_error().tolist() == pytest.approx([0.0, 0.5])


def test_uprightness_and_pose_are_worth_most_in_the_default_pose() -> None:
    tilted = [math.cos(0.15), math.sin(0.15), 0.0, 0.0]
    placed = velocity(2, root_quat=[[1.0, 0.0, 0.0, 0.0], tilted])
    assert paid(placed, "upright").tolist() == pytest.approx([1.0, math.exp(-((math.sin(0.3) / 0.45) ** 2))])
    placed.place(joint_pos=placed.task.robot.default_joint_pos + 0.1)
    hips = (0.1 / 0.2) ** 2
    others = (0.1 / 0.5) ** 2
    assert paid(placed, "pose")[0].item() == pytest.approx(math.exp(-(4 * hips + 8 * others) / 12), abs=1e-5)


def test_steps_are_paid_only_to_those_that_are_to_move() -> None:
    placed = velocity(3)
    command(placed, [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    placed.task.air_time.copy_(torch.tensor([[0.2, 0.0, 0.0, 0.2], [0.2, 0.0, 0.0, 0.2], [0.7, 0.02, 0.3, 0.0]]))
    assert paid(placed, "stepping").tolist() == pytest.approx([0.5, 0.0, 0.25])


def test_joints_near_their_limits_cost_and_joints_without_limits_do_not() -> None:
    placed = velocity()
    robot = placed.task.robot
    pos = robot.default_joint_pos.clone()
    hip = robot.joint_index("FL_hip_joint")
    pos[hip] = 0.95 * robot.joint_upper[hip]
    placed.place(joint_pos=pos)
    assert paid(placed, "beyond_limits")[0].item() == pytest.approx(0.05, abs=1e-5)
    assert paid(velocity(robot="anymal"), "beyond_limits").tolist() == [0.0]


# What is done.


def test_a_robot_that_tilts_too_far_begins_anew() -> None:
    def rolled(angle: float) -> list[float]:
        return [math.cos(angle / 2), math.sin(angle / 2), 0.0, 0.0]

    placed = velocity(2, root_quat=[rolled(math.radians(65)), rolled(math.radians(75))])
    assert placed.step().terminated.tolist() == [False, True]


@pytest.mark.parametrize("robot", ROBOTS)
def test_robots_stand_on_their_feet_where_they_begin(robot: str) -> None:
    env = igx.make(f"velocity-flat-{robot}", num_envs=16, device="cpu", overrides=["task.intervals.push=false"])
    task = cast("Velocity", env.task)
    env.reset()
    weight = float(env.simulator.model.body_subtreemass[task.robot.root_id]) * 9.81
    carried: list[float] = []
    for _ in range(25):
        env.step(torch.zeros(16, env.num_actions))
        carried.append(float(task.foot_force().unflatten(1, (-1, 3))[..., 2].sum(-1).mean()) / weight)
        assert not env.terminated.any()
    assert sum(carried[10:]) / 15 == pytest.approx(1.0, abs=0.2)
    assert float(task.sole_heights().abs().median()) < 0.03  # some sites are within the foot


def test_pushes_move_robots_now_and_then() -> None:
    env = igx.make("velocity-flat-go2", num_envs=32, device="cpu", overrides=["task.intervals.push.every_s=0.1"])
    env.reset()
    speeds = [
        env.step(torch.zeros(32, 12)) and env.task.live("robot").root_lin_vel_w[:, :2].norm(dim=-1).mean()
        for _ in range(6)
    ]
    assert float(speeds[4]) > float(speeds[3]) + 0.1


def test_friction_differs_between_environments_and_is_the_ground_s_too() -> None:
    env = igx.make("velocity-flat-go2", num_envs=64, device="cpu")
    sliding = env.simulator.model_field("geom_friction")[:, :, 0]
    assert bool((sliding == sliding[:, :1]).all())
    assert 0.4 <= float(sliding.min()) < 0.5
    assert 1.1 < float(sliding.max()) <= 1.2


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("kind", ["flat", "rough"])
def test_it_keeps_the_rules_of_a_task(kind: str, robot: str) -> None:
    check_task(f"velocity-{kind}-{robot}")


def test_on_rough_ground_robots_see_heights_start_on_their_cells_and_climb() -> None:
    env = igx.make("velocity-rough-go2", num_envs=40, device="cpu", overrides=["task.terrain.levels=4"])
    task = cast("Velocity", env.task)
    env.reset()
    assert env.observation_widths == {"policy": 48 + 140}
    above = task.robot.root_pos[:, 2] - task.ground.height_at(task.robot.root_pos[:, None, :2])[:, 0]
    assert above.median().item() == pytest.approx(0.33, abs=0.01)
    assert above.min().item() > 0.32  # above the highest point near the start
    far = task.robot.root_pos + torch.tensor([5.0, 0.0, 2.0])
    task.mask.copy_(torch.arange(40) < 20)
    task.robot.set_root(pos=far, quat=torch.tensor([0.0, 1.0, 0.0, 0.0]))  # upside down, which ends the episode
    env.simulator.commit(task.mask)
    env.step(torch.zeros(40, 12))
    assert env.terminated.tolist() == [True] * 20 + [False] * 20
    assert task.ground.level.tolist() == [1] * 20 + [0] * 20


def test_another_robot_is_a_few_settings() -> None:
    ant = {
        "model": "ant",
        "spawn_height": 0.44,
        "default_joint_pos": {"ankle_[14]": 0.9, "ankle_[23]": -0.9},
        "stiffness": 20.0,
        "damping": 1.0,
        "action_scale": 0.5,
        "trunk": "torso",
        "feet": ".*_foot",
        "soles": ".*_sole",
    }
    with pytest.raises(igx.IgxError, match=r"No site of 'robot' matches '\.\*_sole'"):
        static(Velocity, settings={"robot": ant}, sim=SIM)


def test_a_short_training_follows_commands_better_than_an_untrained_policy_does(tmp_path: Path) -> None:
    quick = ["network.units=[128,64]", "ppo.lr=2e-3", "task.episode_steps=300"]
    returns = short_training("velocity-flat-go2", runs_dir=tmp_path, max_epochs=80, num_envs=128, overrides=quick)
    assert returns.trained > 1.25 * returns.untrained  # 1.6 and 1.5 times with seeds 1 and 2
