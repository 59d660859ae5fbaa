"""What MuJoCo makes of each model, against the published figures of the robot (SI units, body frames at zero pose)."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
import pytest

import igx_assets

Vector = tuple[float, ...]

FIGURES = Path(__file__).with_name("figures")


@dataclass(frozen=True, kw_only=True)
class Body:
    """One row of a table of bodies."""

    name: str
    parent: str
    offset: Vector
    quat: Vector  # w, x, y, z
    mass: float
    com: Vector
    inertia: Vector  # xx, yy, zz, xy, xz, yz about the centre of mass, in the body's axes


@dataclass(frozen=True, kw_only=True)
class Joint:
    """One row of a table of joints."""

    name: str
    body: str
    axis: Vector  # a multiple of the unit axis
    anchor: Vector
    range: Vector  # empty without limits
    stiffness: float
    damping: float
    armature: float
    effort: float


def read_bodies(name: str) -> list[Body]:
    return [
        Body(
            name=row["name"],
            parent=row["parent"],
            offset=vector(row["offset"]),
            quat=vector(row["quat"]),
            mass=float(row["mass"]),
            com=vector(row["com"]),
            inertia=vector(row["inertia"]),
        )
        for row in read_table(f"{name}_bodies.csv")
    ]


def read_joints(name: str) -> list[Joint]:
    return [
        Joint(
            name=row["name"],
            body=row["body"],
            axis=vector(row["axis"]),
            anchor=vector(row["anchor"]),
            range=vector(row["range"]),
            stiffness=float(row["stiffness"]),
            damping=float(row["damping"]),
            armature=float(row["armature"]),
            effort=float(row["effort"]),
        )
        for row in read_table(f"{name}_joints.csv")
    ]


def read_table(file: str) -> list[dict[str, str]]:
    with (FIGURES / file).open() as lines:
        return list(csv.DictReader(lines))


def vector(cell: str) -> Vector:
    return tuple(float(number) for number in cell.split())


def load(name: str) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(igx_assets.path(name)))


TOTAL_MASS = {
    "ant": 0.91088,
    "anymal_c": 52.13485,
    "anymal_c_minimal": 53.16426,
    "cartpole": 2.0,
    "g1": 33.341142,
    "go2": 15.206408,
    "humanoid": 40.844,
    "humanoid_amp": 48.8908,
}
BODIES = {name: read_bodies(name) for name in TOTAL_MASS}
JOINTS = {name: read_joints(name) for name in TOTAL_MASS if name != "humanoid_amp"}  # whose ball joints are below


def test_every_model_has_a_table() -> None:
    built = {"balance_bot", "quadcopter", "ingenuity"}  # in test_built_models.py
    assert set(igx_assets.names()) - built == set(TOTAL_MASS)


@pytest.mark.parametrize("name", TOTAL_MASS)
def test_total_mass(name: str) -> None:
    assert load(name).body_mass.sum() == pytest.approx(TOTAL_MASS[name], rel=1e-5)


@pytest.mark.parametrize(("name", "body"), [(name, body) for name in BODIES for body in BODIES[name]])
def test_body(name: str, body: Body) -> None:
    model = load(name)
    compiled = model.body(body.name)
    parent = model.body(compiled.parentid[0])
    assert parent.name == body.parent
    np.testing.assert_allclose(compiled.pos, body.offset, atol=1e-9)
    np.testing.assert_allclose(compiled.quat, body.quat, atol=1e-6)
    np.testing.assert_allclose(compiled.ipos, body.com, atol=1e-6)
    np.testing.assert_allclose(compiled.mass, body.mass, rtol=1e-5)
    np.testing.assert_allclose(inertia_in_body_axes(compiled), as_matrix(body.inertia), atol=2e-6, rtol=1e-4)


def inertia_in_body_axes(body: "mujoco._structs._MjModelBodyViews") -> np.ndarray:
    axes = np.zeros(9)
    mujoco.mju_quat2Mat(axes, body.iquat)
    axes = axes.reshape(3, 3)
    return axes @ np.diag(body.inertia) @ axes.T


def as_matrix(inertia: Vector) -> np.ndarray:
    xx, yy, zz, xy, xz, yz = inertia
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


@pytest.mark.parametrize(("name", "joint"), [(name, joint) for name in JOINTS for joint in JOINTS[name]])
def test_joint(name: str, joint: Joint) -> None:
    model = load(name)
    compiled = model.joint(joint.name)
    assert model.body(compiled.bodyid[0]).name == joint.body
    np.testing.assert_allclose(compiled.axis, np.divide(joint.axis, np.linalg.norm(joint.axis)), atol=1e-9)
    np.testing.assert_allclose(compiled.pos, joint.anchor, atol=1e-9)
    assert bool(compiled.limited[0]) == bool(joint.range)
    if joint.range:
        np.testing.assert_allclose(compiled.range, joint.range, atol=1e-6)
    np.testing.assert_allclose(compiled.damping, joint.damping)
    np.testing.assert_allclose(compiled.armature, joint.armature)
    np.testing.assert_allclose(compiled.stiffness, joint.stiffness)
    np.testing.assert_allclose(model.jnt_actfrcrange[compiled.id], [-joint.effort, joint.effort])


def test_the_amp_humanoids_hinges_about_x_y_and_z_of_one_body_are_a_ball_joint() -> None:
    model = load("humanoid_amp")
    published: dict[str, list[Joint]] = {}
    for joint in read_joints("humanoid_amp"):
        published.setdefault(joint.body, []).append(joint)
    joints = [model.joint(i) for i in range(1, model.njnt)]
    assert [model.body(joint.bodyid[0]).name for joint in joints] == list(published)
    for compiled, rows in zip(joints, published.values(), strict=True):
        names = [compiled.name] if len(rows) == 1 else [f"{compiled.name}_{axis}" for axis in "xyz"]
        assert [row.name for row in rows] == names
        assert [row.axis for row in rows] == ([(0, 1, 0)] if len(rows) == 1 else [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
        np.testing.assert_allclose(compiled.pos, rows[0].anchor)
        np.testing.assert_allclose(compiled.armature, rows[0].armature)
        assert not compiled.damping.any()
        assert not compiled.stiffness.any()
        largest = max(abs(end) for row in rows for end in row.range)
        expected = rows[0].range if len(rows) == 1 else (0, min(largest, math.radians(170)))
        assert compiled.type[0] == (mujoco.mjtJoint.mjJNT_HINGE if len(rows) == 1 else mujoco.mjtJoint.mjJNT_BALL)
        np.testing.assert_allclose(compiled.range, expected, atol=1e-6)


@pytest.mark.parametrize("name", JOINTS)
def test_joints_stand_in_the_published_order(name: str) -> None:
    model = load(name)
    moved = [model.joint(i) for i in range(model.njnt) if model.jnt_type[i] != mujoco.mjtJoint.mjJNT_FREE]
    assert [joint.name for joint in moved] == [joint.name for joint in JOINTS[name]]


@pytest.mark.parametrize("name", BODIES)
def test_the_tables_have_all_bodies_in_the_models_order(name: str) -> None:
    model = load(name)
    moved = [model.body(i).name for i in range(model.nbody) if model.body_weldid[i] != 0]
    assert moved == [body.name for body in BODIES[name]]


@pytest.mark.parametrize("name", BODIES)
def test_a_model_holds_a_robot_and_nothing_else(name: str) -> None:
    model = load(name)
    assert (model.nu, model.nsensor, model.nlight, model.ncam, model.nmesh) == (0, 0, 0, 0, 0)
    assert mujoco.mjtGeom.mjGEOM_PLANE not in model.geom_type


@pytest.mark.parametrize("name", sorted(BODIES.keys() - {"cartpole"}))
def test_a_legged_model_has_a_free_root(name: str) -> None:
    assert load(name).joint(0).type == mujoco.mjtJoint.mjJNT_FREE
    assert load(name).joint(0).name == "root"


def test_the_cartpole_stands_on_a_rail_at_2_m() -> None:
    np.testing.assert_allclose(load("cartpole").body("slider").pos, [0, 0, 2])
    assert load("cartpole").nv == 2


def test_the_cartpoles_pole_swings_through_the_whole_circle_like_a_solid_box() -> None:
    model = load("cartpole")
    data = mujoco.MjData(model)
    data.joint("cart_to_pole").qpos = math.pi - 0.01
    model.dof_armature[:] = [1e12, 0]  # so heavy a cart that the pole swings about a fixed point
    period = 2 * math.pi * math.sqrt((0.0836333 + 0.47**2) / (9.81 * 0.47))
    model.opt.timestep = period / 1000
    mujoco.mj_step(model, data, nstep=500)
    assert data.joint("cart_to_pole").qpos[0] == pytest.approx(math.pi + 0.01, abs=2e-4)
