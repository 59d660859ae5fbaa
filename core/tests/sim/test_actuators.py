"""Actions become efforts, positions and velocities of joints."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scenes import ENGINES, World, alive, scene_of

from igx import Articulation, JointEffort, JointPosition, JointVelocity, setting
from igx.errors import TaskError
from igx.sim.declared import Declared
from igx.sim.simulator import Stage

PENDULUM = """
<mujoco model="pendulum">
  <worldbody>
    <body name="base" pos="0 0 1">
      <geom size="0.05"/>
      <body name="rod">
        <joint name="swing" axis="0 1 0" damping="0.05" range="-170 170"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.5" size="0.02" mass="1" contype="0" conaffinity="0"/>
        <body name="weight" pos="0 0 -0.5">
          <joint name="stretch" type="slide" axis="0 0 -1" range="0 0.3"/>
          <joint name="spin" axis="0 0 1"/>
          <geom type="box" size="0.05 0.05 0.05" mass="0.5" contype="0" conaffinity="0"/>
        </body>
      </body>
    </body>
  </worldbody>
  <tendon>
    <fixed name="swing"><joint joint="spin" coef="1"/></fixed>
  </tendon>
  <actuator>
    <motor name="own_swing" joint="swing" gear="100"/>
    <position name="own_stretch" joint="stretch" kp="1000"/>
    <motor name="own_tendon" tendon="swing"/>
  </actuator>
  <sensor>
    <actuatorfrc actuator="own_swing"/>
    <jointpos joint="swing"/>
  </sensor>
  <keyframe>
    <key name="home" qpos="0.1 0.2 0.3" ctrl="1 2 3"/>
  </keyframe>
</mujoco>
"""

WHEEL = """
<mujoco model="wheel">
  <worldbody>
    <body name="wheel">
      <joint name="turn" axis="0 0 1" actuatorfrcrange="-2.5 2.5"/>
      <inertial pos="0 0 0" mass="1" diaginertia="0.05 0.05 0.05"/>
    </body>
  </worldbody>
</mujoco>
"""


@pytest.fixture
def pendulum(tmp_path: Path) -> Articulation:
    (tmp_path / "pendulum.xml").write_text(PENDULUM)
    return Articulation(str(tmp_path / "pendulum.xml"))


def settle(world: World, *, seconds: float) -> None:
    for _ in range(round(seconds / world.simulator.step_dt)):
        world.simulator.step()


def weightless(robot: Articulation, settings: dict[str, Any] | None = None, **parts: Declared[Any]) -> World:
    world = alive(robot=robot, settings=settings, varied=("opt.gravity",), **parts)
    world.simulator.model_field("opt.gravity").zero_()
    world.simulator.commit_model()
    return world


# Effort.


def test_an_effort_is_the_scale_times_the_action(pendulum: Articulation) -> None:
    world = weightless(pendulum, effort=JointEffort(pendulum, scale=3.0))
    action = torch.tensor([[1.0, -0.5, 0.0], [0.0, 0.0, 0.0], [0.2, 0.2, 0.2], [-1.0, 1.0, 1.0]])
    world["effort"].apply(action)
    world.simulator.step()
    torch.testing.assert_close(world["robot"].joint_effort, 3.0 * action)
    torch.testing.assert_close(world["effort"].control, 3.0 * action)


def test_an_effort_accelerates_as_newton_says(pendulum: Articulation) -> None:
    world = weightless(pendulum, effort=JointEffort(pendulum, joints="stretch", scale=2.0))
    world["effort"].apply(torch.ones(4, 1))
    world.simulator.step()
    torch.testing.assert_close(
        world["robot"].joint_vel[:, 1], torch.full((4,), 2.0 / 0.5 * world.simulator.step_dt), rtol=1e-3, atol=1e-6
    )


def test_each_joint_has_a_scale_of_its_own(pendulum: Articulation) -> None:
    world = weightless(pendulum, effort=JointEffort(pendulum, scale=(1.0, 2.0, 3.0)))
    world["effort"].apply(torch.ones(4, 3))
    world.simulator.step()
    assert world["robot"].joint_effort[0].tolist() == [1.0, 2.0, 3.0]


def test_joints_are_driven_in_the_models_order_whatever_the_pattern(pendulum: Articulation) -> None:
    effort = alive(robot=pendulum, effort=JointEffort(pendulum, joints="spin|swing"))["effort"]
    assert effort.joint_names == ("swing", "spin")
    assert effort.num_actions == 2


def test_several_actuators_drive_parts_of_a_robot(pendulum: Articulation) -> None:
    world = weightless(
        pendulum,
        settings={"physics_dt": 0.005},
        push=JointEffort(pendulum, joints="swing", scale=0.2),
        reach=JointPosition(pendulum, joints="stretch", stiffness=200.0, damping=20.0, scale=0.1),
        turn=JointVelocity(pendulum, joints="spin", damping=0.1, scale=2.0),
    )
    world["reach"].apply(torch.ones(4, 1))
    world["turn"].apply(torch.ones(4, 1))
    settle(world, seconds=3.0)
    assert world["robot"].joint_pos[0, 1].item() == pytest.approx(0.1, abs=1e-3)
    assert world["robot"].joint_vel[0, 2].item() == pytest.approx(2.0, abs=1e-2)


# Position.


def test_a_position_target_is_reached(pendulum: Articulation) -> None:
    hold = JointPosition(pendulum, joints="swing|stretch", stiffness=500.0, damping=50.0, scale=(0.5, 0.1))
    world = weightless(pendulum, hold=hold)
    target = torch.tensor([[1.0, 0.5], [-1.0, 1.0], [0.0, 0.2], [2.0, 0.0]])
    world["hold"].apply(target)
    settle(world, seconds=3.0)
    torch.testing.assert_close(world["robot"].joint_pos[:, :2], target * torch.tensor([0.5, 0.1]), atol=2e-3, rtol=0.0)


def test_a_position_controller_sags_under_a_weight_by_the_weight_over_the_stiffness(pendulum: Articulation) -> None:
    hold = JointPosition(pendulum, joints="stretch", stiffness=200.0, damping=20.0)
    world = alive(robot=pendulum, hold=hold)
    world["hold"].apply(torch.full((4, 1), 0.1))
    settle(world, seconds=3.0)
    expected = 0.1 + 0.5 * 9.81 / 200.0
    assert world["robot"].joint_pos[0, 1].item() == pytest.approx(expected, abs=1e-3)


def test_targets_add_to_the_default_positions_unless_told_otherwise(pendulum: Articulation) -> None:
    pendulum.default_joint_pos = {"swing": 0.4, "stretch": 0.2}
    for relative, expected in ((True, [0.5, 0.3, 0.1]), (False, [0.1, 0.1, 0.1])):
        hold = JointPosition(pendulum, stiffness=1.0, damping=1.0, scale=0.1, relative=relative)
        live = alive(robot=pendulum, hold=hold)["hold"]
        live.apply(torch.ones(4, 3))
        torch.testing.assert_close(live.control[0], torch.tensor(expected))


def test_stiff_gains_stay_stable_with_the_implicit_integrator(pendulum: Articulation) -> None:
    hold = JointPosition(pendulum, joints="swing|spin", stiffness=1e5, damping=2e3)
    world = alive(robot=pendulum, hold=hold, settings={"physics_dt": 1 / 60})
    world["hold"].apply(torch.tensor([[0.5, 1.0], [-0.5, 2.0], [1.0, -1.0], [0.0, 0.0]]))
    settle(world, seconds=2.0)
    torch.testing.assert_close(world["robot"].joint_pos[:, [0, 2]], world["hold"].control, atol=1e-2, rtol=0.0)
    assert not world.simulator.unstable().any()


def test_an_effort_limit_holds(pendulum: Articulation) -> None:
    hold = JointPosition(pendulum, joints="swing", stiffness=1000.0, damping=1.0, effort_limit=2.5)
    world = weightless(pendulum, hold=hold)
    world["hold"].apply(torch.tensor([[1.0], [-1.0], [0.0], [0.001]]))
    world.simulator.step()
    efforts = world["robot"].joint_effort[:, 0]
    assert efforts[:3].tolist() == [2.5, -2.5, 0.0]
    assert 0.0 < efforts[3] < 1.5


# Velocity.


def test_a_velocity_target_is_reached(pendulum: Articulation) -> None:
    world = weightless(pendulum, turn=JointVelocity(pendulum, joints="spin", damping=0.5, scale=4.0))
    world["turn"].apply(torch.tensor([[1.0], [-0.5], [0.0], [0.25]]))
    settle(world, seconds=1.0)
    torch.testing.assert_close(world["robot"].joint_vel[:, 2], torch.tensor([4.0, -2.0, 0.0, 1.0]), atol=1e-2, rtol=0.0)


def test_a_velocity_controllers_effort_is_limited_too(pendulum: Articulation) -> None:
    world = weightless(pendulum, turn=JointVelocity(pendulum, joints="spin", damping=10.0, effort_limit=0.01))
    world["turn"].apply(torch.ones(4, 1))
    world.simulator.step()
    torch.testing.assert_close(world["robot"].joint_effort[:, 2], torch.full((4,), 0.01))


# The model's own.


def test_a_models_own_actuators_are_left_out_with_what_knows_them(pendulum: Articulation) -> None:
    world = weightless(pendulum, effort=JointEffort(pendulum, joints="swing"))
    model = world.simulator.model
    assert [model.actuator(i).name for i in range(model.nu)] == ["effort:robot/swing"]
    assert model.nsensor == 1  # the one that measured a motor went with it
    world["effort"].apply(torch.ones(4, 1))
    world.simulator.step(Stage.VELOCITY)
    assert world["robot"].joint_effort[0].tolist() == [1.0, 0.0, 0.0]


def test_that_they_are_left_out_is_said_once(pendulum: Articulation, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="igx")
    for _ in range(2):
        alive(robot=pendulum, effort=JointEffort(pendulum))
    assert [record.message for record in caplog.records] == [
        f"robot ({pendulum.model}): the 3 actuators of its model are left out; what drives it is declared by the task"
    ]


def test_the_joints_own_limit_applies_where_none_is_given() -> None:
    robot = Articulation("ant")
    world = alive(robot=robot, effort=JointEffort(robot, scale=100.0))
    world["effort"].apply(torch.ones(4, 8))
    world.simulator.step()
    assert (world["robot"].joint_effort == 15.0).all()


def test_at_the_joints_own_limit_a_position_controller_pushes_with_all_of_it(engine: str, tmp_path: Path) -> None:
    """The damping, which the integrator treats implicitly, must not slow down what the limit holds back anyway."""
    (tmp_path / "wheel.xml").write_text(WHEEL)
    wheel = Articulation(str(tmp_path / "wheel.xml"))
    parts = scene_of(robot=wheel, hold=JointPosition(wheel, stiffness=1000.0, damping=20.0))
    world = World(parts, ENGINES[engine], physics_dt=0.01, decimation=1)
    world["hold"].apply(torch.tensor([[1.0], [-1.0], [0.0], [0.5]]))
    world.simulator.step()
    limited = torch.tensor([[1.0], [-1.0], [0.0], [1.0]])
    torch.testing.assert_close(world["robot"].joint_effort, 2.5 * limited)
    torch.testing.assert_close(world["robot"].joint_vel, 2.5 / 0.05 * 0.01 * limited)


# Wrong declarations.


def test_each_of_several_patterns_has_to_match(pendulum: Articulation) -> None:
    driven = alive(robot=pendulum, effort=JointEffort(pendulum, joints=["spin", "s.*g"]))["effort"]
    assert driven.joint_names == ("swing", "spin")
    with pytest.raises(TaskError, match=r"No joint of 'robot' matches 'swng'\. Did you mean 'swing'\?"):
        alive(robot=pendulum, effort=JointEffort(pendulum, joints=["spin", "swng"]))


@pytest.mark.parametrize(
    ("actuator", "arguments", "complaint"),
    [
        (JointEffort, {"robot": "robot"}, "JointEffort: robot is 'robot'; it must be an Articulation that is declared"),
        (JointEffort, {"scale": "2"}, "scale is '2'; it must be a number, or a list of one for each joint"),
        (JointEffort, {"scale": [1.0, "2"]}, r"scale is \[1.0, '2'\]; it must be a number"),
        (JointEffort, {"joints": 3}, "joints is 3; it must be a regular expression, or a list of such"),
        (JointPosition, {"stiffness": "1", "damping": 1.0}, "JointPosition: stiffness is '1'; it must be a number"),
        (JointPosition, {"stiffness": [1.0], "damping": 1.0}, r"stiffness is \[1.0\]; it must be a number"),
        (JointVelocity, {"damping": None}, "JointVelocity: damping is None; it must be a number"),
        (JointVelocity, {"damping": 1.0, "effort_limit": "2"}, "effort_limit is '2'; it must be a number or None"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(
    actuator: type[Any], arguments: dict[str, Any], complaint: str, pendulum: Articulation
) -> None:
    with pytest.raises(TaskError, match=complaint):
        actuator(**{"robot": pendulum, **arguments})


def test_what_the_config_says_may_stand_for_any_of_them(pendulum: Articulation) -> None:
    hold = JointPosition(
        pendulum,
        joints=setting("joints"),
        scale=(setting("scale"), 2.0),
        stiffness=setting("gain"),
        damping=setting("gain"),
        effort_limit=setting("limit"),
    )
    config = SimpleNamespace(joints=["swing", "spin"], scale=3.0, gain=4.0, limit=None)
    resolved = hold.resolved(config)
    assert (resolved.joints, resolved.scale, resolved.stiffness) == (["swing", "spin"], (3.0, 2.0), 4.0)


def test_a_pattern_that_matches_no_joint_is_refused_with_the_nearest(pendulum: Articulation) -> None:
    with pytest.raises(TaskError, match=r"No joint of 'robot' matches 'swng'\. Did you mean 'swing'\?"):
        alive(robot=pendulum, effort=JointEffort(pendulum, joints="swng"))


def test_a_wrong_number_of_scales_is_refused(pendulum: Articulation) -> None:
    with pytest.raises(TaskError, match="'effort' has 2 scales for 3 joints"):
        alive(robot=pendulum, effort=JointEffort(pendulum, scale=(1.0, 2.0)))
