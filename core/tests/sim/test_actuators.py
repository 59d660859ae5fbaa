"""Actions become efforts, positions and velocities of joints."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scenes import ENGINES, World, alive, scene_of

from igx import (
    Articulation,
    JointEffort,
    JointPosition,
    JointVelocity,
    Task,
    Thrust,
    observation,
    on_reset,
    setting,
    terms,
)
from igx.errors import TaskError
from igx.sim.declared import Declared
from igx.sim.simulator import Stage
from igx.testing import static

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


DRONE = """
<mujoco model="drone">
  <worldbody>
    <body name="frame">
      <freejoint/>
      <geom size="0.1" mass="0.5"/>
      <body name="left" pos="0 0.2 0">
        <geom size="0.05" mass="0.25"/>
      </body>
      <body name="right" pos="0 -0.2 0">
        <geom size="0.05" mass="0.25"/>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


@pytest.fixture
def drone(tmp_path: Path) -> Articulation:
    (tmp_path / "drone.xml").write_text(DRONE)
    return Articulation(str(tmp_path / "drone.xml"))


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


# Gains by joint.


def test_gains_may_differ_between_joints(pendulum: Articulation) -> None:
    control = JointPosition(pendulum, joints="swing|stretch", stiffness={".*": 70.0, "sw.*": 30.0}, damping={".*": 2.0})
    model = alive(robot=pendulum, control=control).simulator.model
    assert model.actuator_gainprm[:, 0].tolist() == [30.0, 70.0]
    assert model.actuator_biasprm[:, 1:3].tolist() == [[-30.0, -2.0], [-70.0, -2.0]]


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("swung", r"No joint \(JointPosition 'control': stiffness\) matches 'swung'"),
        ("(", "'\\(' is no regular expression"),
    ],
)
def test_a_pattern_of_gains_that_matches_nothing_is_refused(
    pattern: str, complaint: str, pendulum: Articulation
) -> None:
    control = JointPosition(pendulum, joints="swing", stiffness={".*": 3.0, pattern: 30.0}, damping=1.0)
    with pytest.raises(TaskError, match=complaint):
        alive(robot=pendulum, control=control)


@pytest.mark.parametrize("limits", [2.0, (1.0,)])
def test_limits_of_a_thrust_are_two_numbers(limits: Any, drone: Articulation) -> None:
    with pytest.raises(TaskError, match="it must be two numbers, or None"):
        Thrust(drone, bodies="left", limits=limits)


def test_scales_may_be_told_by_joints(pendulum: Articulation) -> None:
    world = weightless(pendulum, effort=JointEffort(pendulum, scale={".*": 2.0, "swing": 5.0}))
    world["effort"].apply(torch.ones(4, 3))
    assert world["effort"].control[0].tolist() == [5.0, 2.0, 2.0]


def test_a_joint_that_no_gain_is_for_is_refused(pendulum: Articulation) -> None:
    control = JointPosition(pendulum, joints="swing|stretch", stiffness={"swing": 30.0}, damping=1.0)
    with pytest.raises(TaskError, match=r"JointPosition 'control': stiffness says nothing of the joint 'stretch'\."):
        alive(robot=pendulum, control=control)


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


def moved(robot: Articulation, **options: Any) -> World:
    """The pendulum's first two joints under targets that actions move, 0.1 s a step."""
    hold = JointPosition(
        robot, joints="swing|stretch", stiffness=500.0, damping=50.0, scale=(2.0, 1.0), integrated=True
    )
    return alive(robot=robot, hold=hold, settings={"physics_dt": 0.01, "decimation": 10}, **options)


def test_an_integrated_target_moves_by_the_scale_times_the_action_each_second_within_the_joints_limits(
    pendulum: Articulation,
) -> None:
    hold = moved(pendulum)["hold"]
    action = torch.tensor([[1.0, 1.0], [-1.0, 0.5], [0.0, 0.0], [0.5, -1.0]])
    limit = math.radians(170)
    for step in range(1, 20):
        hold.apply(action)
        expected = action * torch.tensor([2.0, 1.0]) * 0.1 * step
        expected = torch.stack([expected[:, 0].clamp(-limit, limit), expected[:, 1].clamp(0.0, 0.3)], dim=1)
        torch.testing.assert_close(hold.control, expected)


def test_an_integrated_target_of_a_joint_without_limits_goes_on(pendulum: Articulation) -> None:
    hold = JointPosition(pendulum, joints="spin", stiffness=1.0, damping=1.0, integrated=True)
    live = alive(robot=pendulum, hold=hold)["hold"]
    for _ in range(1000):
        live.apply(torch.ones(4, 1))
    torch.testing.assert_close(live.control, torch.full((4, 1), 1000 / 60), rtol=1e-4, atol=0.0)


def test_an_integrated_target_begins_where_the_joint_is_in_the_environments_that_begin(pendulum: Articulation) -> None:
    world = moved(pendulum)
    hold, mask = world["hold"], torch.tensor([True, False, False, True])
    hold.apply(torch.full((4, 2), 0.5))
    world["robot"].set_joints(pos=torch.tensor([0.3, 0.2, 0.1]))
    hold.mask = mask
    hold.begin()
    assert hold.control.tolist() == [pytest.approx([0.3, 0.2] if row else [0.1, 0.05]) for row in mask]


class Reaching(Task):
    """An ant whose joints are held where actions move their targets; each episode begins in another pose."""

    robot = Articulation("ant")
    hold = JointPosition(robot, stiffness=5.0, damping=0.5, scale=1.0, integrated=True)
    joint_pos = observation(terms.joint_pos)

    @on_reset
    def scatter(self) -> None:
        """Start anywhere."""
        self.robot.set_joints(pos=self.robot.default_joint_pos + self.uniform(-0.3, 0.3, 8))


def test_in_a_task_targets_begin_at_the_written_positions_and_are_restored() -> None:
    placed = static(Reaching, num_envs=5, settings={"episode_steps": 3})
    hold, robot = placed.task.hold, placed.task.robot
    assert torch.equal(hold.control, robot.joint_pos)
    first = hold.control.clone()
    placed.step([0.5] * 8)
    torch.testing.assert_close(hold.control, (first + 0.5 / 60).clamp(robot.joint_lower, robot.joint_upper))
    placed.step([0.5] * 8)
    assert placed.step([0.5] * 8).truncated.all()
    assert torch.equal(hold.control, robot.joint_pos)
    assert not torch.equal(hold.control, first)
    saved, begun = placed.env.state_dict(), hold.control.clone()
    placed.step([1.0] * 8)
    placed.env.load_state_dict(saved)
    assert torch.equal(hold.control, begun)


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


# Thrust.


def test_a_thrust_pushes_along_the_bodys_own_axis_however_it_is_turned(drone: Articulation) -> None:
    world = weightless(drone, thrust=Thrust(drone, bodies="left|right", scale=3.0))
    roll = torch.tensor([0.0, 0.5, -1.0, math.pi])
    quat = torch.stack([(roll / 2).cos(), (roll / 2).sin(), 0 * roll, 0 * roll], dim=1)
    world["robot"].set_root(quat=quat)
    world.settle()
    world["thrust"].apply(torch.full((4, 2), 0.5))
    world.simulator.step()
    speed = 2 * 1.5 / 1.0 * world.simulator.step_dt  # two forces of 1.5 N on 1 kg
    expected = speed * torch.stack([0 * roll, -roll.sin(), roll.cos()], dim=1)
    torch.testing.assert_close(world["robot"].root_lin_vel_w, expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(world["thrust"].thrust, torch.full((4, 2), 1.5))
    assert world["thrust"].action_names == ("left/z", "right/z")


def test_unequal_thrusts_turn_the_robot(drone: Articulation) -> None:
    world = weightless(drone, thrust=Thrust(drone, bodies="left|right"))
    world["thrust"].apply(torch.tensor([1.0, -1.0]).expand(4, 2))
    world.simulator.step()
    about_x = world["robot"].root_ang_vel_b
    assert (about_x[:, 0] > 0.1).all()  # up on the left, down on the right
    assert about_x[:, 1:].abs().max() < 1e-9
    assert world["robot"].root_lin_vel_w.abs().max() < 1e-9


def test_a_swivelling_thrust_leans_by_a_share_of_itself(drone: Articulation) -> None:
    world = weightless(drone, thrust=Thrust(drone, bodies="left", scale=4.0, swivel=0.2))
    actions = torch.tensor([[0.1, -0.1, 1.0], [1.0, -1.0, 0.5], [0.2, 0.1, -1.0], [1.0, 1.0, 0.0]])
    world["thrust"].apply(actions)
    assert world["thrust"].action_names == ("left/x", "left/y", "left/z")
    expected = [[0.4, -0.4, 4.0], [0.4, -0.4, 2.0], [-0.8, -0.4, -4.0], [0.0, 0.0, 0.0]]
    assert world["thrust"].control.tolist() == [pytest.approx(force) for force in expected]
    world.simulator.step()
    pushed = world["robot"].root_lin_vel_w[:, 2] + 0.2 * world["robot"].root_ang_vel_b[:, 0]  # where it is pushed
    assert (pushed * torch.tensor([1.0, 1.0, -1.0, 1.0]) >= 0.0).all()


def test_an_integrated_thrust_changes_at_a_rate_within_limits_and_begins_at_nothing(drone: Articulation) -> None:
    thrust = Thrust(drone, bodies="left|right", scale=12.0, limits=(0.0, 0.5), integrated=True)
    world = alive(robot=drone, thrust=thrust, settings={"physics_dt": 1 / 120, "decimation": 2})
    live = world["thrust"]
    assert not live.thrust.any()
    for expected in ([0.2, 0.0], [0.4, 0.0], [0.5, 0.0]):
        live.apply(torch.tensor([1.0, -1.0]).expand(4, 2))
        assert live.thrust[0].tolist() == pytest.approx(expected)
    live.apply(torch.tensor([-1.0, 0.5]).expand(4, 2))
    assert live.thrust[0].tolist() == pytest.approx([0.3, 0.1])
    mask = torch.tensor([True, False, True, False])
    world.restart(mask)
    live.begin()
    assert not live.thrust[mask].any()
    assert live.thrust[~mask].all()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"bodies": "lift"}, r"No body of 'robot' matches 'lift'\. Did you mean 'left'\?"),
        ({"bodies": 3}, "Thrust: bodies is 3; it must be a regular expression"),
        ({"scale": [1.0]}, r"Thrust: scale is \[1.0\]; it must be a number"),
        ({"limits": "2"}, "Thrust: limits is '2'; it must be two numbers, or None"),
        ({"limits": (2.0, 1.0)}, r"'thrust' has the limits \(2.0, 1.0\); the first must not be above the second"),
        ({"swivel": "x"}, "Thrust: swivel is 'x'; it must be a number or None"),
        ({"robot": "robot"}, "Thrust: robot is 'robot'; it must be an Articulation"),
    ],
)
def test_a_wrong_thrust_is_refused(arguments: dict[str, Any], complaint: str, drone: Articulation) -> None:
    told: dict[str, Any] = {"robot": drone, "bodies": "left", **arguments}
    with pytest.raises(TaskError, match=complaint):
        alive(robot=drone, thrust=Thrust(**told))


# The model's own.


def test_a_models_own_actuators_are_left_out_with_what_knows_them(pendulum: Articulation) -> None:
    world = weightless(pendulum, effort=JointEffort(pendulum, joints="swing"))
    model = world.simulator.model
    assert [model.actuator(i).name for i in range(model.nu)] == ["effort:swing"]
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
        (
            JointEffort,
            {"scale": "2"},
            "scale is '2'; it must be a number, a list of one for each joint, or numbers by joints",
        ),
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
