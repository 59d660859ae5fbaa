"""Every shared term against values computed by hand."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from igx import Articulation, JointEffort, Task, Terrain, TerrainConfig, observation, terms
from igx.errors import TaskError
from igx.math import matrix_from_quat, rotate_inverse, yaw
from igx.plugins import load_plugins
from igx.terms.root_frame import in_root_frame, root_axes, root_yaw
from igx.testing import StaticTask, static

COS_45 = math.sqrt(0.5)
HIP, ANKLE_LOW, ANKLE_HIGH = math.radians(40), math.radians(30), math.radians(100)
DEFAULT = [0.0, ANKLE_LOW, 0.0, -ANKLE_LOW, 0.0, -ANKLE_LOW, 0.0, ANKLE_LOW]


class Robot(Task):
    robot = Articulation("ant", wrench_bodies=".*_foot")
    effort = JointEffort(robot)
    height = observation(terms.root_height)


class OnTerrain(Robot):
    ground = Terrain(TerrainConfig(levels=1, types=1))


def ant(num_envs: int = 1, **state: Any) -> StaticTask[Robot]:
    return static(Robot, num_envs=num_envs, **state)


def close(value: Tensor, expected: Any) -> bool:
    return torch.allclose(value, torch.tensor(expected, dtype=torch.float32), atol=1e-5)


# The root.


def test_root_height_is_above_the_ground() -> None:
    assert close(terms.root_height(ant(2, root_pos=[[1.0, 2.0, 0.6], [0.0, 0.0, 0.2]]).task), [0.6, 0.2])


def test_root_quat_is_w_first() -> None:
    assert terms.root_quat(ant(root_quat=[0.0, 0.6, 0.8, 0.0]).task).tolist() == [pytest.approx([0.0, 0.6, 0.8, 0.0])]


def test_root_velocities_are_in_the_frame_of_the_root() -> None:
    yawed = [COS_45, 0.0, 0.0, COS_45]  # facing along y
    task = ant(root_quat=yawed, root_lin_vel_w=[1.0, 2.0, 3.0], root_ang_vel_b=[4.0, 5.0, 6.0]).task
    assert close(terms.root_lin_vel_b(task), [[2.0, -1.0, 3.0]])
    assert close(terms.root_ang_vel_b(task), [[4.0, 5.0, 6.0]])


def test_root_velocities_can_be_seen_in_the_world() -> None:
    yawed = [COS_45, 0.0, 0.0, COS_45]
    task = ant(root_quat=yawed, root_lin_vel_w=[1.0, 2.0, 3.0], root_ang_vel_b=[4.0, 5.0, 6.0]).task
    assert close(terms.root_lin_vel_w(task), [[1.0, 2.0, 3.0]])
    assert close(terms.root_ang_vel_w(task), [[-5.0, 4.0, 6.0]])


def test_upright_is_the_cosine_of_the_tilt_whatever_the_yaw() -> None:
    quats = [
        [COS_45, 0.0, 0.0, COS_45],
        [math.cos(0.3), math.sin(0.3), 0.0, 0.0],
        [math.cos(0.3), 0.0, math.sin(0.3), 0],
    ]
    task = ant(4, root_quat=[*quats, [0.0, 1.0, 0.0, 0.0]]).task
    assert close(terms.root_upright(task), [1.0, math.cos(0.6), math.cos(0.6), -1.0])


def test_yaw_and_roll_are_between_zero_and_a_full_turn() -> None:
    def turned(axis: int, angle: float) -> list[float]:
        quat = [math.cos(angle / 2), 0.0, 0.0, 0.0]
        quat[axis] = math.sin(angle / 2)
        return quat

    quats = [turned(3, 0.5), turned(3, -0.5), turned(3, 3.0), turned(1, 0.25), turned(1, -0.25), turned(2, 0.7)]
    task = ant(6, root_quat=quats).task
    full = 2 * math.pi
    expected = [[0.5, 0.0], [full - 0.5, 0.0], [3.0, 0.0], [0.0, 0.25], [0.0, full - 0.25], [0.0, 0.0]]
    assert close(terms.root_yaw_roll(task), expected)


def test_the_axes_of_the_root_are_its_rotation_matrix() -> None:
    quats = torch.nn.functional.normalize(torch.randn(20, 4, generator=torch.Generator().manual_seed(1)), dim=1)
    task = ant(20, root_quat=quats.tolist()).task
    matrices = matrix_from_quat(quats)
    torch.testing.assert_close(root_axes(task), matrices.permute(1, 2, 0))
    torch.testing.assert_close(root_yaw(task), yaw(quats))
    vectors = torch.arange(60.0).view(20, 3)
    torch.testing.assert_close(in_root_frame(task, vectors), rotate_inverse(quats, vectors), atol=1e-4, rtol=1e-5)


def test_gravity_points_down_in_the_frame_of_the_root() -> None:
    upright, rolled, pitched, upside_down = (
        [1.0, 0.0, 0.0, 0.0],
        [COS_45, COS_45, 0.0, 0.0],
        [COS_45, 0.0, COS_45, 0.0],
        [0.0, 1.0, 0.0, 0.0],
    )
    task = ant(4, root_quat=[upright, rolled, pitched, upside_down]).task
    expected = [[0.0, 0.0, -1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert close(terms.projected_gravity(task), expected)


def test_the_root_is_below_a_height_only_strictly() -> None:
    task = ant(3, root_pos=[[0.0, 0.0, 0.49], [0.0, 0.0, 0.5], [0.0, 0.0, 0.51]]).task
    below = terms.root_below(task, height=0.5)
    assert below.dtype is torch.bool
    assert below.tolist() == [True, False, False]


def test_the_wrench_lists_force_and_torque_foot_by_foot() -> None:
    task = ant().task
    assert task.robot.wrench_body_names == ("front_left_foot", "front_right_foot", "left_back_foot", "right_back_foot")
    sensed = task.simulator.field("sensordata").view(1, 4, 3, 3)  # foot, then force, torque and point, in the world
    sensed[0, 1, 0] = torch.tensor([1.0, 2.0, 2.0])
    task.forget()
    wrench = terms.wrench(task).view(4, 2, 3)
    assert wrench[1, 0].norm().item() == pytest.approx(3.0)
    assert wrench[[0, 2, 3]].abs().max() == 0.0
    assert torch.equal(wrench.view(1, 24), task.robot.wrench)


# Joints.


def test_joint_pos_is_measured_from_the_defaults() -> None:
    pos = [0.1, 0.6, -0.1, -0.7, 0.0, -0.8, 0.2, 0.9]
    expected = [value - default for value, default in zip(pos, DEFAULT, strict=True)]
    assert close(terms.joint_pos(ant(joint_pos=pos).task), [expected])


def test_scaled_joint_positions_have_their_limits_at_minus_one_and_one() -> None:
    middle = (ANKLE_LOW + ANKLE_HIGH) / 2
    pos = [-HIP, ANKLE_LOW, HIP, -ANKLE_LOW, 0.0, -ANKLE_HIGH, HIP / 2, middle]
    assert close(terms.joint_pos_scaled(ant(joint_pos=pos).task), [[-1.0, -1.0, 1.0, 1.0, 0.0, -1.0, 0.5, 0.0]])


def test_joint_vel_is_as_it_is() -> None:
    vel = [1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0]
    assert terms.joint_vel(ant(joint_vel=vel).task).tolist() == [vel]


@pytest.mark.parametrize(("threshold", "expected"), [(0.99, 2.0), (0.4, 3.0), (1.0, 0.0), (-2.0, 8.0)])
def test_joints_at_their_upper_limit_are_counted(threshold: float, expected: float) -> None:
    pos = [0.999 * HIP, ANKLE_LOW, -HIP, -1.001 * ANKLE_LOW, HIP / 2, -ANKLE_HIGH, 0.0, ANKLE_LOW]
    task = ant(joint_pos=pos).task
    assert terms.joints_at_limit(task, threshold=threshold).tolist() == [expected]


# Actions.


ACTION = [0.5, -0.25, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0]


def test_the_last_action_is_the_one_just_applied() -> None:
    placed = ant()
    placed.step(ACTION)
    assert terms.last_action(placed.task).tolist() == [ACTION]


def test_action_l2_is_the_sum_of_squares() -> None:
    placed = ant()
    placed.step(ACTION)
    assert terms.action_l2(placed.task).tolist() == [0.25 + 0.0625 + 1.0 + 1.0]


def test_action_rate_is_the_sum_of_squared_changes() -> None:
    placed = ant()
    placed.step(ACTION)
    assert terms.action_rate_l2(placed.task).tolist() == [2.3125]
    placed.step([0.0, -0.25, 1.0, 0.0, 0.5, 0.0, 0.0, -1.0])
    assert terms.action_rate_l2(placed.task).tolist() == [0.25 + 0.25]


def test_action_power_is_the_sum_of_absolute_products() -> None:
    placed = ant(joint_vel=[2.0, 4.0, -0.5, 8.0, 1.0, 1.0, 1.0, 3.0])
    placed.step(ACTION)
    assert terms.action_power(placed.task).tolist() == [1.0 + 1.0 + 0.5 + 3.0]
    assert terms.action_power(placed.task, scale=0.5).tolist() == [2.75]


def test_action_power_is_refused_where_some_joints_have_no_action() -> None:
    class Cart(Task):
        robot = Articulation("cartpole")
        effort = JointEffort(robot, joints="slider_to_cart")
        pos = observation(terms.joint_pos)

    with pytest.raises(TaskError, match="action_power needs one action for each joint of 'robot': 2, not 1"):
        static(Cart, settings={"rewards": {"power": {"term": "action_power"}}})


# The episode.


def test_alive_is_one_in_every_step() -> None:
    assert terms.alive(ant(3).task).tolist() == [1.0, 1.0, 1.0]


# All of them.


def test_terms_look_at_the_robot_that_they_are_told() -> None:
    class Pair(Task):
        left = Articulation("ant", spawn_pos=(0.0, 0.0, 1.0))
        right = Articulation("ant", spawn_pos=(0.0, 3.0, 2.0))
        effort = JointEffort(left)
        high = observation(terms.root_height, robot="right")
        low = observation(terms.root_height, robot="left")

    placed = static(Pair, right={"root_pos": [0.0, 3.0, 5.0], "joint_vel": [1.0] * 8})
    assert placed.obs["policy"].tolist() == [[5.0, 1.0]]
    assert terms.joint_vel(placed.task, robot="right").tolist() == [[1.0] * 8]
    assert terms.joint_vel(placed.task, robot="left").tolist() == [[0.0] * 8]


def test_every_shared_term_is_registered_under_its_name() -> None:
    registered = {name: spec for name, provider, spec in load_plugins().terms.items() if provider == "igx"}
    assert set(registered) == set(terms.__all__)
    assert [name for name, spec in registered.items() if spec.load() is not getattr(terms, name)] == []


def test_every_registered_term_gives_one_row_for_each_environment() -> None:
    task = static(OnTerrain, num_envs=3).task
    changing = {"start", "reset", "interval", "curriculum"}  # they give nothing; see test_randomize
    for name, _, spec in load_plugins().terms.items():
        if changing.isdisjoint(spec.kinds):
            value = spec.load()(task, **({"height": 0.3} if name in {"root_below", "root_near_ground"} else {}))
            assert value.shape[0] == 3, name
            assert value.isfinite().all(), name
            if {"observation", "command"}.isdisjoint(spec.kinds):
                assert value.shape == (3,), name
