"""What stands in an environment: declared once, live in each."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from scenes import ARM, World, alive, assert_close, scene_of

from igx import Articulation, GroundPlane, JointEffort, RigidBody, Sensor, Static
from igx.errors import IgxError, ModelError, TaskError
from igx.sim.declared import Declared
from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.simulator import Stage

ROW = torch.arange(4.0)[:, None]
MASK = torch.tensor([True, False, True, False])

HINGED = '<body name="{name}"><joint name="turn" axis="0 0 1"/><geom size="0.1"/></body>'


ModelWriter = Callable[..., str]


@pytest.fixture
def model_file(tmp_path: Path) -> ModelWriter:
    """Writes a model with the given elements in its world, and names it."""

    def write(world: str, *, before: str = "", after: str = "") -> str:
        file = tmp_path / "model.xml"
        file.write_text(f'<mujoco model="model">{before}<worldbody>{world}</worldbody>{after}</mujoco>')
        return str(file)

    return write


def ant() -> World:
    return alive(ground=GroundPlane(), robot=Articulation("ant", spawn_height=0.44))


def fall(world: World, *, seconds: float = 1.0) -> None:
    for _ in range(round(seconds / world.simulator.step_dt)):
        world.simulator.step(Stage.VELOCITY)


# Articulation: where it is.


def test_the_names_of_a_robots_parts_are_the_models() -> None:
    robot = ant()["robot"]
    assert robot.num_joints == 8
    assert robot.joint_names[:3] == ("hip_1", "ankle_1", "hip_2")
    assert robot.body_names[:3] == ("torso", "front_left_leg", "front_left_foot")
    assert robot.joint_index("ankle_1") == 1
    assert robot.body_index("front_left_foot") == 2
    assert robot.has_free_root


@pytest.mark.parametrize("what", ["joint", "body"])
def test_an_unknown_part_is_refused_with_the_nearest(what: str) -> None:
    robot = ant()["robot"]
    nearest = {"joint": "ankle_1", "body": "torso"}[what]
    with pytest.raises(TaskError, match=f"'robot' has no {what} '{nearest}x'. Did you mean '{nearest}'"):
        getattr(robot, f"{what}_index")(f"{nearest}x")


def test_a_robot_starts_where_it_is_told_to() -> None:
    places = {
        "as_the_model": Articulation("ant"),
        "higher": Articulation("ant", spawn_height=0.9),
        "aside": Articulation("ant", spawn_pos=(1.0, 2.0, 3.0)),
        "both": Articulation("ant", spawn_pos=(4.0, 5.0, 6.0), spawn_height=0.7),
    }
    world = World(scene_of(**places), MujocoCpu)
    starts = {name: world[name].root_pos[0] for name in places}
    assert_close(starts["as_the_model"], [0.0, 0.0, 0.44])
    assert_close(starts["higher"], [0.0, 0.0, 0.9])
    assert_close(starts["aside"], [1.0, 2.0, 3.0])
    assert_close(starts["both"], [4.0, 5.0, 0.7])


def test_a_fixed_robot_stands_where_it_is_told_to() -> None:
    world = alive(arm=Articulation(str(ARM), spawn_pos=(1.0, 2.0, 3.0)))
    assert not world["arm"].has_free_root
    assert_close(world["arm"].root_pos, [[1.0, 2.0, 3.0]] * 4)
    assert_close(world["arm"].root_quat, [[1.0, 0.0, 0.0, 0.0]] * 4)


def test_joints_start_at_their_defaults_and_otherwise_at_zero_within_their_limits() -> None:
    world = alive(robot=Articulation("ant", default_joint_pos={"hip_.*": 0.1, "hip_2": -0.2, "ankle_1": 9.0}))
    robot = world["robot"]
    degrees = torch.tensor([0.1, torch.pi * 100 / 180, -0.2, -torch.pi * 30 / 180, 0.1, -torch.pi * 30 / 180])
    assert_close(robot.default_joint_pos[:6], degrees)
    assert_close(robot.joint_pos, robot.default_joint_pos.expand(4, -1))


def test_limits_are_the_models_and_infinite_where_it_has_none() -> None:
    robot = alive(robot=Articulation("cartpole"))["robot"]
    assert torch.isfinite(robot.joint_lower).tolist() == [True, False]
    assert robot.joint_upper[1] == torch.inf
    assert robot.joint_lower[1] == -torch.inf


def test_several_robots_of_one_model_keep_apart() -> None:
    world = alive(one=Articulation("cartpole"), two=Articulation("cartpole", spawn_pos=(0.0, 3.0, 2.0)))
    world["two"].set_joints(pos=torch.tensor([0.5, 0.2]))
    world.settle()
    assert not world["one"].joint_pos.any()
    assert_close(world["two"].joint_pos, [[0.5, 0.2]] * 4)
    assert_close(world["two"].mass_matrix(), world["one"].mass_matrix(), atol=0.2)


# Articulation: how it moves.


def test_a_roots_velocities_name_their_frames() -> None:
    world = ant()
    robot = world["robot"]
    quarter = torch.tensor([0.5**0.5, 0.0, 0.0, 0.5**0.5])  # the robot looks along the world's y
    robot.set_root(quat=quarter, lin_vel_w=torch.tensor([1.0, 2.0, 3.0]), ang_vel_b=torch.tensor([0.1, 0.2, 0.3]))
    world.settle()
    assert_close(robot.root_lin_vel_w, [[1.0, 2.0, 3.0]] * 4)
    assert_close(robot.root_lin_vel_b, [[2.0, -1.0, 3.0]] * 4)
    assert_close(robot.root_ang_vel_b, [[0.1, 0.2, 0.3]] * 4)
    assert_close(robot.root_ang_vel_w, [[-0.2, 0.1, 0.3]] * 4)
    assert_close(robot.body_lin_vel_w[:, 0], robot.root_lin_vel_w)
    assert_close(robot.body_ang_vel_w[:, 0], robot.root_ang_vel_w)


def test_writing_joints_moves_them_within_their_limits() -> None:
    robot = ant()["robot"]
    robot.set_joints(pos=torch.full((8,), 10.0), vel=0.1 * ROW.expand(4, 8))
    assert_close(robot.joint_pos, robot.joint_upper.expand(4, -1))
    assert_close(robot.joint_vel, 0.1 * ROW.expand(4, 8))


def test_writing_reaches_only_the_environments_that_are_reset() -> None:
    world = ant()
    robot = world["robot"]
    robot.mask = MASK
    before = {name: world.simulator.field(name).clone() for name in ("qpos", "qvel")}
    robot.set_joints(pos=robot.default_joint_pos + 0.1, vel=torch.ones(8))
    robot.set_root(
        pos=torch.tensor([1.0, 1.0, 1.0]),
        quat=torch.tensor([0.0, 1.0, 0.0, 0.0]),
        lin_vel_w=torch.ones(4, 3),
        ang_vel_b=torch.ones(4, 3),
    )
    for name, value in before.items():
        assert torch.equal(world.simulator.field(name)[~MASK], value[~MASK])
        assert (world.simulator.field(name)[MASK, :7] != value[MASK, :7]).any(dim=1).all()
    assert_close(robot.root_pos[MASK], [[1.0, 1.0, 1.0]] * 2)
    assert_close(robot.root_quat[MASK], [[0.0, 1.0, 0.0, 0.0]] * 2)


def test_a_fixed_root_has_no_velocity_and_can_not_be_set() -> None:
    arm = alive(arm=Articulation(str(ARM)))["arm"]
    with pytest.raises(TaskError, match="The root of 'arm' is fixed to the world; it has no velocity"):
        arm.root_lin_vel_w  # noqa: B018
    with pytest.raises(TaskError, match="The root of 'arm' is fixed to the world; it can't be set"):
        arm.set_root(pos=torch.zeros(3))


def test_a_wrench_nobody_asked_for_is_refused_with_what_to_declare() -> None:
    with pytest.raises(TaskError, match=r"'robot' senses no wrench; say which bodies do: wrench_bodies="):
        ant()["robot"].wrench  # noqa: B018


# Articulation: what models it takes.


@pytest.mark.parametrize(("world", "count"), [("", 0), (HINGED.format(name="a") + '<body name="b"/>', 2)])
def test_a_model_has_one_body_at_its_top(model_file: ModelWriter, world: str, count: int) -> None:
    with pytest.raises(ModelError, match=f"of 'robot' has {count} bodies at its top; it must have one"):
        alive(robot=Articulation(model_file(world)))


def test_parts_without_a_name_get_one(model_file: ModelWriter) -> None:
    joint = '<joint axis="0 0 1"/><geom size="0.1"/>'
    file = model_file(f"<body><freejoint/><geom size='0.1'/><body>{joint}<body>{joint}</body></body></body>")
    robot = Articulation(file)
    world = alive(robot=robot, effort=JointEffort(robot), feel=Sensor(robot, "joint_pos", on=".*"))
    assert world["robot"].body_names == ("body_0", "body_1", "body_2")
    assert world["robot"].joint_names == world["effort"].joint_names == ("joint_1", "joint_2")
    assert world["robot"].has_free_root


def test_a_model_may_have_a_sensor_and_a_keyframe_of_its_own(model_file: ModelWriter) -> None:
    file = model_file(
        HINGED.format(name="root"),
        after='<sensor><jointpos name="root" joint="turn"/></sensor><keyframe><key qpos="1"/></keyframe>',
    )
    world = alive(robot=Articulation(file, wrench_bodies="root"))
    assert not world["robot"].joint_pos.any()
    assert world["robot"].wrench.shape == (4, 6)


def test_bodies_that_feel_are_given_by_a_pattern() -> None:
    robot = alive(robot=Articulation("ant", wrench_bodies="left_.*_foot|torso"))["robot"]
    assert robot.wrench_body_names == ("torso", "left_back_foot")
    assert robot.wrench.shape == (4, 12)


@pytest.mark.parametrize(
    ("robot", "complaint"),
    [
        (Articulation("ant", wrench_bodies="foot"), "No body of 'robot' matches 'foot'"),
        (Articulation("ant", wrench_bodies="("), r"'\(' is no regular expression for a body of 'robot'"),
        (
            Articulation("ant", default_joint_pos={"hipp_1": 0.0}),
            "No joint of 'robot' matches 'hipp_1'. Did you mean 'hip_1'",
        ),
        (Articulation("antt"), "Did you mean 'ant'"),
    ],
)
def test_what_a_robot_does_not_have_is_refused(robot: Articulation, complaint: str) -> None:
    with pytest.raises(IgxError, match=complaint):
        alive(robot=robot)


# RigidBody.


@pytest.mark.parametrize(
    ("shape", "size", "rests_at"),
    [
        ("box", (0.1, 0.2, 0.3), 0.3),
        ("sphere", (0.2,), 0.2),
        ("cylinder", (0.2, 0.1), 0.1),
        ("capsule", (0.1, 0.2), 0.3),
    ],
)
def test_a_shape_falls_and_rests_on_the_ground(shape: str, size: tuple[float, ...], rests_at: float) -> None:
    body = RigidBody(shape=shape, size=size, mass=3.0, spawn_pos=(1.0, 2.0, rests_at + 0.05))  # pyright: ignore[reportArgumentType]
    world = alive(ground=GroundPlane(), body=body)
    assert_close(world["body"].pos, [[1.0, 2.0, rests_at + 0.05]] * 4)
    assert world.simulator.model.body_mass.sum() == pytest.approx(3.0)
    fall(world)
    assert_close(world["body"].pos[:, 2], [rests_at] * 4, atol=5e-3)


def test_a_body_is_written_where_it_is_reset() -> None:
    body = alive(body=RigidBody(shape="sphere", size=(0.1,)))["body"]
    body.mask = MASK
    body.set_state(
        pos=ROW.expand(4, 3),
        quat=torch.tensor([0.0, 0.0, 1.0, 0.0]),
        lin_vel_w=torch.tensor([1.0, 2.0, 3.0]),
        ang_vel_b=torch.tensor([4.0, 5.0, 6.0]),
    )
    assert_close(body.pos, ROW.expand(4, 3) * MASK[:, None])
    assert_close(body.quat[:, 2], MASK)
    assert_close(body.lin_vel_w, torch.tensor([1.0, 2.0, 3.0]) * MASK[:, None])
    assert_close(body.ang_vel_b, torch.tensor([4.0, 5.0, 6.0]) * MASK[:, None])


@pytest.mark.parametrize("joint", ["", "<freejoint/>", '<joint type="free"/>'])
def test_a_body_from_a_file_moves_freely_whether_the_file_says_so_or_not(model_file: ModelWriter, joint: str) -> None:
    file = model_file(f'<body pos="0 0 9">{joint}<geom size="0.1"/></body>')
    world = alive(ground=GroundPlane(), body=RigidBody(file, spawn_pos=(0.5, 0.0, 0.12)))
    assert_close(world["body"].pos, [[0.5, 0.0, 0.12]] * 4)
    fall(world, seconds=0.5)
    assert_close(world["body"].pos[:, 2], [0.1] * 4, atol=5e-3)


def test_a_body_on_a_hinge_is_no_rigid_body(model_file: ModelWriter) -> None:
    with pytest.raises(ModelError, match="The body of 'body' doesn't move freely"):
        alive(body=RigidBody(model_file(HINGED.format(name="door"))))


# Static and GroundPlane.


def test_a_static_stands_still_and_carries_what_falls_on_it() -> None:
    world = alive(
        table=Static(shape="box", size=(0.5, 0.5, 0.1), pos=(1.0, 0.0, 0.4)),
        ball=RigidBody(shape="box", size=(0.1, 0.1, 0.1), spawn_pos=(1.0, 0.0, 0.65)),
    )
    assert_close(world["table"].pos, [1.0, 0.0, 0.4])
    assert_close(world["table"].quat, [1.0, 0.0, 0.0, 0.0])
    fall(world)
    assert_close(world["ball"].pos[:, 2], [0.6] * 4, atol=5e-3)


def test_a_static_may_come_from_a_file(model_file: ModelWriter) -> None:
    file = model_file('<body pos="0 0 1" quat="0 1 0 0"><geom size="0.1"/></body>')
    world = alive(lamp=Static(file, pos=(0.0, 1.0, 2.0)))
    assert_close(world["lamp"].pos, [0.0, 1.0, 2.0])
    assert_close(world["lamp"].quat, [0.0, 1.0, 0.0, 0.0])
    assert world.simulator.model.nv == 0


def test_a_static_with_joints_is_refused(model_file: ModelWriter) -> None:
    with pytest.raises(ModelError, match="of 'door' has the joint 'turn'; a Static never moves"):
        alive(door=Static(model_file(HINGED.format(name="leaf"))))


@pytest.mark.parametrize("kind", [RigidBody, Static])
def test_a_body_is_either_a_model_or_a_shape(kind: type[RigidBody | Static]) -> None:
    with pytest.raises(TaskError, match=f"{kind.__name__} takes either a model or a shape"):
        kind()
    with pytest.raises(TaskError, match=f"{kind.__name__} takes either a model or a shape"):
        kind("ant", shape="box", size=(1.0, 1.0, 1.0))


def test_the_ground_brakes_as_its_friction_says() -> None:
    def slide(friction: float) -> float:
        body = RigidBody(shape="box", size=(0.3, 0.3, 0.05), friction=0.01, spawn_pos=(0.0, 0.0, 0.05))
        world = alive(ground=GroundPlane(friction=friction), body=body)
        world["body"].set_state(lin_vel_w=torch.tensor([2.0, 0.0, 0.0]))
        world.settle()
        fall(world, seconds=0.2)
        return 2.0 - float(world["body"].lin_vel_w[0, 0])

    assert slide(0.2) == pytest.approx(0.2 * 9.81 * 0.2, rel=0.1)
    assert slide(0.6) == pytest.approx(0.6 * 9.81 * 0.2, rel=0.1)


def test_a_declaration_on_a_class_is_itself() -> None:
    class Scene:
        robot = Articulation("ant")

    assert isinstance(Scene.robot, Declared)
    assert Scene.robot.name == "robot"
    assert Scene.robot.prefix == "robot/"


@pytest.mark.parametrize("shape", [(4, 7), (3, 8), (7,), (1, 4, 8)])
def test_joints_are_not_set_from_another_width(shape: tuple[int, ...], yard: World) -> None:
    for quantity in ("pos", "vel"):
        with pytest.raises(TaskError) as caught:
            yard["robot"].set_joints(**{quantity: torch.zeros(shape)})
        assert str(caught.value) == (
            "What is written must have the shape [num_envs, num_joints], here [4, 8], or be one row of that, "
            f"not {list(shape)}."
        )


def test_poses_are_not_set_from_another_width(yard: World) -> None:
    with pytest.raises(TaskError, match=r"must have the shape \[num_envs, 4\], here \[4, 4\].* not \[3\]"):
        yard["robot"].set_root(quat=torch.zeros(3))
    with pytest.raises(TaskError, match=r"must have the shape \[num_envs, 3\], here \[4, 3\].* not \[4, 2\]"):
        yard["box"].set_state(pos=torch.zeros(4, 2))
