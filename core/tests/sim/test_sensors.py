"""Each kind of sensor, where one can say what it must read."""

from pathlib import Path

import mujoco
import pytest
import torch
from scenes import ARM, alive, assert_close

from igx import Articulation, GroundPlane, JointEffort, Sensor
from igx.errors import TaskError
from igx.sim.sensors import SensorKind
from igx.sim.simulator import Stage

# A scale on the ground: a block on a stiff slide, weighed by a site between it and the base.
SCALE = """
<mujoco model="scale">
  <worldbody>
    <body name="base">
      <geom type="box" size="0.2 0.2 0.05" mass="3"/>
      <joint name="drop" type="slide" axis="0 0 1"/>
      <site name="pad" type="box" size="0.3 0.3 0.1" pos="0 0 -0.05"/>
      <body name="block" pos="0.1 0 0.2">
        <geom type="box" size="0.05 0.05 0.05" mass="2" contype="0" conaffinity="0"/>
        <site name="cell" pos="-0.1 0 0" euler="90 0 0"/>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


@pytest.fixture
def scale(tmp_path: Path) -> Articulation:
    (tmp_path / "scale.xml").write_text(SCALE)
    return Articulation(str(tmp_path / "scale.xml"), spawn_pos=(0.0, 0.0, 0.05))


def weigh(scale: Articulation, kind: SensorKind, on: str) -> torch.Tensor:
    """Let the scale come to rest, and read."""
    world = alive(ground=GroundPlane(), robot=scale, sensor=Sensor(scale, kind, on=on), settings={"physics_dt": 0.002})
    for _ in range(400):
        world.simulator.step(Stage.NONE)
    return world["sensor"]()[0]


def test_contact_force_holds_the_weight_up(scale: Articulation) -> None:
    assert_close(weigh(scale, "contact_force", "base"), [0.0, 0.0, 5.0 * 9.81], atol=0.05)


def test_contacts_of_a_body_are_its_own_and_not_those_of_what_hangs_on_it() -> None:
    ant = Articulation("ant", spawn_height=0.44)
    world = alive(ground=GroundPlane(), robot=ant, feel=Sensor(ant, "contact_force", on="torso|.*_foot"))
    for _ in range(40):
        world.simulator.step()
    forces = world["feel"]().view(4, -1, 3)
    assert world["feel"].part_names[0] == "torso"
    assert not forces[:, 0].any()
    assert_close(forces[0].sum(0)[2], 9.81 * world.simulator.model.body_mass.sum(), rtol=0.2)


def test_site_force_is_what_the_parent_holds_the_body_with_in_the_sites_frame(scale: Articulation) -> None:
    assert_close(weigh(scale, "site_force", "cell"), [0.0, 2.0 * 9.81, 0.0], atol=0.05)  # the site's y points up


def test_site_torque_is_taken_about_the_site(scale: Articulation) -> None:
    assert_close(weigh(scale, "site_torque", "cell"), [0.0, 0.0, 0.1 * 2.0 * 9.81], atol=0.02)


def test_site_acceleration_shows_gravity_at_rest_as_an_accelerometer_does(scale: Articulation) -> None:
    assert_close(weigh(scale, "site_acceleration", "cell"), [0.0, 9.81, 0.0], atol=0.02)


def test_site_touch_is_the_normal_force_within_the_site(scale: Articulation) -> None:
    assert_close(weigh(scale, "site_touch", "pad"), [5.0 * 9.81], atol=0.05)


def test_site_position_and_velocity_are_the_site_s_in_the_world(scale: Articulation) -> None:
    world = alive(robot=scale, place=Sensor(scale, "site_pos", on="pad"), speed=Sensor(scale, "site_lin_vel", on="pad"))
    for _ in range(10):
        world.simulator.step(Stage.VELOCITY)
    robot = world["robot"]
    assert_close(world["place"]()[0], robot.body_pos[0, robot.body_index("base")] - torch.tensor([0.0, 0.0, 0.05]))
    assert_close(world["speed"]()[0], robot.body_lin_vel_w[0, robot.body_index("base")])
    assert float(world["speed"]()[0, 2]) < -0.5


@pytest.mark.parametrize(
    ("kind", "on", "expected"),
    [
        ("joint_pos", "slide", [0.15]),
        ("joint_vel", "shoulder|elbow", [0.5, -1.0]),
        ("body_ang_vel", "upper", [0.0, 0.5, 0.0]),
        ("body_lin_vel", "base", [0.0, 0.0, 0.0]),
        ("body_pos", "base|upper", [3.0, 0.0, 2.0, 3.0, 0.0, 2.0]),
        ("body_quat", "base", [1.0, 0.0, 0.0, 0.0]),
    ],
)
def test_motion_is_sensed(kind: SensorKind, on: str, expected: list[float]) -> None:
    arm = Articulation(str(ARM), spawn_pos=(3.0, 0.0, 2.0))
    world = alive(arm=arm, sensor=Sensor(arm, kind, on=on))
    world["arm"].set_joints(pos=torch.tensor([0.0, 0.15, 0.3]), vel=torch.tensor([0.5, 0.1, -1.0]))
    world.settle()
    assert_close(world["sensor"]()[2], expected, atol=1e-6)


def test_joint_effort_is_what_the_actuators_exert() -> None:
    robot = Articulation("cartpole")
    effort = JointEffort(robot, joints="slider_to_cart", scale=7.0)
    world = alive(robot=robot, effort=effort, sensor=Sensor(robot, "joint_effort", on=".*"))
    world["effort"].apply(torch.ones(4, 1))
    world.simulator.step()
    assert_close(world["sensor"](), [[7.0, 0.0]] * 4)


def test_a_gyroscope_turns_with_its_site() -> None:
    arm = Articulation(str(ARM))
    world = alive(arm=arm, gyro=Sensor(arm, "site_ang_vel", on="wrist"), turn=Sensor(arm, "body_ang_vel", on="lower"))
    world["arm"].set_joints(vel=torch.tensor([1.0, 0.0, 2.0]))
    world.settle()
    data = world.reference(0)
    mujoco.mj_forward(world.simulator.model, data)
    frame = data.site("arm/wrist").xmat.reshape(3, 3)
    assert_close(world["gyro"]()[0], frame.T @ world["turn"]()[0].double().numpy())


def test_readings_stand_one_after_the_other_in_the_models_order() -> None:
    arm = Articulation(str(ARM))
    sensor = alive(arm=arm, sensor=Sensor(arm, "body_pos", on="upper|base"))["sensor"]
    assert sensor.part_names == ("base", "upper")
    assert sensor().shape == (4, 6)


def test_the_joint_of_a_free_root_is_no_sensors_joint() -> None:
    ant = Articulation("ant")
    assert alive(robot=ant, sensor=Sensor(ant, "joint_pos", on=".*"))["sensor"]().shape == (4, 8)


def test_an_unknown_kind_is_refused_with_the_nearest() -> None:
    arm = Articulation(str(ARM))
    with pytest.raises(TaskError, match=r"No sensor is of the kind 'joint_position'\. Did you mean 'joint_pos'\?"):
        Sensor(arm, "joint_position", on=".*")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("kind", "on", "complaint"),
    [
        ("joint_pos", "elbo", r"No joint of 'arm' matches 'elbo'\. Did you mean 'elbow'\?"),
        ("contact_force", "hand", r"No body of 'arm' matches 'hand'\. Known: base, lower, upper\."),
        ("site_force", "wirst", r"No site of 'arm' matches 'wirst'\. Did you mean 'wrist'\?"),
        ("site_force", "[", r"'\[' is no regular expression for a site of 'arm'"),
    ],
)
def test_a_part_that_is_not_there_is_refused_by_its_kind(kind: SensorKind, on: str, complaint: str) -> None:
    arm = Articulation(str(ARM))
    with pytest.raises(TaskError, match=complaint):
        alive(arm=arm, sensor=Sensor(arm, kind, on=on))
