"""A ball joint counts as three: rotation vectors are read, written, limited and driven to."""

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from scenes import ENGINES, World, alive, scene_of
from torch import Tensor

from igx import Articulation, JointEffort, JointPosition
from igx.errors import TaskError
from igx.math import angle_between, quat_from_rotation_vector

ARM = """
<mujoco model="arm">
  <worldbody>
    <body name="base" pos="0 0 2">
      <geom size="0.05" contype="0" conaffinity="0"/>
      <body name="upper">
        <joint name="shoulder" type="ball" range="0 170" armature="0.02"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.3" size="0.04" mass="1.5" contype="0" conaffinity="0"/>
        <body name="lower" pos="0 0 -0.3">
          <joint name="elbow" axis="0 1 0" range="-160 0" armature="0.015"/>
          <geom type="capsule" fromto="0 0 0 0.1 0 -0.25" size="0.03" mass="1" contype="0" conaffinity="0"/>
          <body name="hand" pos="0.1 0 -0.25">
            <joint name="wrist" type="ball" armature="0.01"/>
            <geom type="box" size="0.05 0.03 0.08" mass="0.5" contype="0" conaffinity="0"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""
NAMES = ("shoulder_x", "shoulder_y", "shoulder_z", "elbow", "wrist_x", "wrist_y", "wrist_z")


@pytest.fixture
def model_file(tmp_path: Path) -> str:
    file = tmp_path / "arm.xml"
    file.write_text(ARM)
    return str(file)


def test_a_ball_joint_has_three_coordinates(model_file: str) -> None:
    arm = alive(arm=Articulation(model_file))["arm"]
    assert arm.joint_names == NAMES
    assert arm.num_joints == arm.joint_vel.shape[1] == 7
    assert arm.joint_upper.tolist() == pytest.approx([math.radians(170)] * 3 + [0.0] + [math.inf] * 3)
    assert arm.joint_lower.tolist() == pytest.approx([-math.radians(170)] * 3 + [-math.radians(160)] + [-math.inf] * 3)


def test_its_position_is_the_rotation_vector_of_what_the_engine_has(model_file: str) -> None:
    world = alive(arm=Articulation(model_file))
    arm = world["arm"]
    pos = torch.tensor([0.3, -1.2, 0.5, -0.7, 1.0, 2.0, -0.4])
    arm.set_joints(pos=pos)
    assert arm.joint_pos[0].tolist() == pytest.approx(pos.tolist(), abs=1e-5)
    qpos = world.simulator.field("qpos")[0]
    expected = [*turn([0.3, -1.2, 0.5]), -0.7, *turn([1.0, 2.0, -0.4])]
    assert qpos.tolist() == pytest.approx(expected, abs=1e-6)


def turn(vector: list[float]) -> list[float]:
    """MuJoCo's quaternion of a rotation vector."""
    angle, quat = math.hypot(*vector), np.zeros(4)
    mujoco.mju_axisAngle2Quat(quat, np.divide(vector, angle), angle)
    return quat.tolist()


def test_writing_beyond_its_limit_shortens_the_rotation_and_keeps_the_axis(model_file: str) -> None:
    arm = alive(arm=Articulation(model_file))["arm"]
    arm.set_joints(pos=torch.tensor([3.0, -3.0, 1.5, 1.0, 0.0, 0.0, 0.0]))
    longest = math.radians(170)
    assert arm.joint_pos[0].tolist() == pytest.approx(
        [longest * x / 4.5 for x in (3.0, -3.0, 1.5)] + [0.0] * 4, abs=1e-5
    )


def test_defaults_are_rotation_vectors_too(model_file: str) -> None:
    world = alive(arm=Articulation(model_file, default_joint_pos={"shoulder_x": 0.4, "wrist_.": 0.2, "elbow": -1.0}))
    assert world["arm"].joint_pos[0].tolist() == pytest.approx([0.4, 0.0, 0.0, -1.0, 0.2, 0.2, 0.2], abs=1e-6)


def test_an_effort_acts_about_one_axis_of_the_body(model_file: str) -> None:
    arm = Articulation(model_file)
    world = World(scene_of(arm=arm, effort=JointEffort(arm, joints="wrist_y|elbow", scale=2.0)), ENGINES["mujoco-cpu"])
    assert world["effort"].joint_names == ("elbow", "wrist_y")
    world["effort"].apply(torch.tensor([[0.0, 0.5]]).expand(world.simulator.num_envs, -1))
    world.simulator.step()
    assert world["arm"].joint_effort[0].tolist() == pytest.approx([0.0] * 5 + [1.0, 0.0])


def test_a_ball_joint_is_held_as_a_whole(model_file: str) -> None:
    arm = Articulation(model_file)
    hold = JointPosition(arm, joints="shoulder_x", stiffness=200.0, damping=20.0)
    with pytest.raises(
        TaskError, match="holds 'shoulder_x' of a ball joint; it must hold shoulder_x, shoulder_y, shoul"
    ):
        alive(arm=arm, hold=hold)


def test_position_control_turns_ball_joints_to_their_targets_from_anywhere(model_file: str, engine: str) -> None:
    arm = Articulation(model_file)
    hold = JointPosition(arm, stiffness=200.0, damping=20.0)
    world = World(scene_of(arm=arm, hold=hold), ENGINES[engine], physics_dt=0.0083, decimation=4, gravity=(0, 0, 0))
    num_envs = world.simulator.num_envs
    draw = torch.Generator().manual_seed(0)
    largest = torch.tensor([0.9] * 3 + [1.5] + [3.0] * 3)  # the straight way of the shoulder's turns is within limits
    start, target = (largest * (torch.rand(num_envs, 7, generator=draw) * 2.0 - 1.0) for _ in range(2))
    start[:, 3], target[:, 3] = -start[:, 3].abs(), -target[:, 3].abs()
    world["arm"].set_joints(pos=start)
    world.settle()
    for _ in range(60):
        world["hold"].apply(target)
        world.simulator.step()
    for columns in (slice(0, 3), slice(4, 7)):
        assert turn_between(world["arm"].joint_pos[:, columns], target[:, columns]).max() < 0.01
    assert (world["arm"].joint_pos[:, 3] - target[:, 3]).abs().max() < 0.01


def turn_between(vectors: Tensor, others: Tensor) -> Tensor:
    return angle_between(quat_from_rotation_vector(vectors), quat_from_rotation_vector(others))
