"""What MuJoCo makes of each model, against the published figures of the robot (SI units, body frames at zero pose)."""

import math
from dataclasses import dataclass

import mujoco
import numpy as np
import pytest

import igx_assets

Vec3 = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Body:
    """One row of a table of bodies."""

    name: str
    parent: str
    offset: Vec3
    mass: float
    com: Vec3
    inertia: tuple[float, float, float, float, float, float]  # xx, yy, zz, xy, xz, yz about the centre of mass


@dataclass(frozen=True, kw_only=True)
class Joint:
    """One row of a table of joints; `axis` as a multiple of the unit axis."""

    name: str
    body: str
    axis: Vec3
    range: tuple[float, float] | None
    damping: float
    armature: float
    effort: float


def load(name: str) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(igx_assets.path(name)))


def ant_leg(side: str, index: int, x: int, y: int) -> tuple[Body, Body, Joint, Joint]:
    """One of the ant's legs, reaching towards the signs `x` and `y`; opposite legs bend about the same axis."""
    xy = -x * y
    upper = Body(
        name=f"{side}_leg",
        parent="torso",
        offset=(0.2 * x, 0.2 * y, 0),
        mass=0.0391578,
        com=(0.1 * x, 0.1 * y, 0),
        inertia=(0.0003432, 0.0003432, 0.00056797, 0.00022476 * xy, 0, 0),
    )
    lower = Body(
        name=f"{side}_foot",
        parent=f"{side}_leg",
        offset=(0.2 * x, 0.2 * y, 0),
        mass=0.0675922,
        com=(0.2 * x, 0.2 * y, 0),
        inertia=(0.0014421, 0.0014421, 0.0026748, 0.0012327 * xy, 0, 0),
    )
    degrees = (30, 100) if index in (1, 4) else (-100, -30)
    hip = Joint(
        name=f"hip_{index}",
        body=upper.name,
        axis=(0, 0, 1),
        range=(-math.radians(40), math.radians(40)),
        damping=0.1,
        armature=0.01,
        effort=15,
    )
    ankle = Joint(
        name=f"ankle_{index}",
        body=lower.name,
        axis=(xy, 1, 0),
        range=(math.radians(degrees[0]), math.radians(degrees[1])),
        damping=0.1,
        armature=0.01,
        effort=15,
    )
    return upper, lower, hip, ankle


ANT_LEGS = [
    ant_leg("front_left", 1, 1, 1),
    ant_leg("front_right", 2, -1, 1),
    ant_leg("left_back", 3, -1, -1),
    ant_leg("right_back", 4, 1, -1),
]
ANT_TORSO = Body(
    name="torso",
    parent="world",
    offset=(0, 0, 0.44),
    mass=0.48388,
    com=(0, 0, 0),
    inertia=(0.01112, 0.01112, 0.013586, 0, 0, 0),
)
CART = Body(
    name="cart",
    parent="slider",
    offset=(0, 0, 0),
    mass=1,
    com=(0, 0, 0),
    inertia=(0.0085417, 0.0066667, 0.0085417, 0, 0, 0),
)
POLE = Body(
    name="pole",
    parent="cart",
    offset=(0.12, 0, 0),
    mass=1,
    com=(0, 0, 0.47),
    inertia=(0.0836333, 0.0834667, 0.0004333, 0, 0, 0),
)
BODIES = {
    "ant": [ANT_TORSO, *(body for leg in ANT_LEGS for body in leg[:2])],
    "cartpole": [CART, POLE],
}
JOINTS = {
    "ant": [joint for leg in ANT_LEGS for joint in leg[2:]],
    "cartpole": [
        Joint(name="slider_to_cart", body="cart", axis=(0, 1, 0), range=(-4, 4), damping=0, armature=0, effort=1000),
        Joint(name="cart_to_pole", body="pole", axis=(1, 0, 0), range=None, damping=0, armature=0, effort=1000),
    ],
}
TOTAL_MASS = {"ant": 0.91088, "cartpole": 2.0}


def test_every_model_has_a_table() -> None:
    built = {"balance_bot", "quadcopter", "ingenuity"}  # in test_built_models.py
    assert set(igx_assets.names()) - built == set(BODIES) == set(JOINTS) == set(TOTAL_MASS)


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
    np.testing.assert_allclose(compiled.quat, [1, 0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(compiled.ipos, body.com, atol=1e-6)
    np.testing.assert_allclose(compiled.mass, body.mass, rtol=1e-5)
    np.testing.assert_allclose(inertia_in_body_axes(compiled), as_matrix(body.inertia), atol=2e-6, rtol=1e-4)


def inertia_in_body_axes(body: "mujoco._structs._MjModelBodyViews") -> np.ndarray:
    axes = np.zeros(9)
    mujoco.mju_quat2Mat(axes, body.iquat)
    axes = axes.reshape(3, 3)
    return axes @ np.diag(body.inertia) @ axes.T


def as_matrix(inertia: tuple[float, float, float, float, float, float]) -> np.ndarray:
    xx, yy, zz, xy, xz, yz = inertia
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


@pytest.mark.parametrize(("name", "joint"), [(name, joint) for name in JOINTS for joint in JOINTS[name]])
def test_joint(name: str, joint: Joint) -> None:
    model = load(name)
    compiled = model.joint(joint.name)
    assert model.body(compiled.bodyid[0]).name == joint.body
    np.testing.assert_allclose(compiled.axis, np.divide(joint.axis, np.linalg.norm(joint.axis)), atol=1e-9)
    np.testing.assert_allclose(compiled.pos, 0, atol=1e-9)
    assert bool(compiled.limited[0]) == (joint.range is not None)
    if joint.range is not None:
        np.testing.assert_allclose(compiled.range, joint.range, atol=1e-6)
    np.testing.assert_allclose(compiled.damping, joint.damping)
    np.testing.assert_allclose(compiled.armature, joint.armature)
    np.testing.assert_allclose(compiled.stiffness, 0)
    np.testing.assert_allclose(model.jnt_actfrcrange[compiled.id], [-joint.effort, joint.effort])


@pytest.mark.parametrize("name", JOINTS)
def test_joints_stand_in_the_published_order(name: str) -> None:
    model = load(name)
    moved = [model.joint(i) for i in range(model.njnt) if model.jnt_type[i] != mujoco.mjtJoint.mjJNT_FREE]
    assert [joint.name for joint in moved] == [joint.name for joint in JOINTS[name]]


@pytest.mark.parametrize("name", BODIES)
def test_a_model_holds_a_robot_and_nothing_else(name: str) -> None:
    model = load(name)
    assert (model.nu, model.nsensor, model.nlight, model.ncam, model.nmesh) == (0, 0, 0, 0, 0)
    assert mujoco.mjtGeom.mjGEOM_PLANE not in model.geom_type


def test_the_ant_has_a_free_root_and_the_cartpole_stands_on_a_rail_at_2_m() -> None:
    assert load("ant").joint(0).type == mujoco.mjtJoint.mjJNT_FREE
    np.testing.assert_allclose(load("cartpole").body("slider").pos, [0, 0, 2])
    assert load("cartpole").nv == 2


def test_the_ants_feet_are_0_363_m_below_its_torso_when_the_ankles_are_at_30_degrees() -> None:
    model = load("ant")
    data = mujoco.MjData(model)
    for index, ankle in enumerate((30, -30, -30, 30), start=1):
        data.joint(f"ankle_{index}").qpos = math.radians(ankle)
    mujoco.mj_forward(model, data)
    assert lowest_point(model, data) - data.body("torso").xpos[2] == pytest.approx(-0.363, abs=5e-4)


def lowest_point(model: mujoco.MjModel, data: mujoco.MjData) -> float:
    """Height of the lowest end of a capsule or sphere [m]."""
    radius, half_length = model.geom_size[:, 0], model.geom_size[:, 1]
    half_length = np.where(model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE, half_length, 0)
    tilt = np.abs(data.geom_xmat[:, 8])
    return float((data.geom_xpos[:, 2] - half_length * tilt - radius).min())


def test_the_ant_touches_the_ground_but_not_itself() -> None:
    spec = mujoco.MjSpec.from_file(str(igx_assets.path("ant")))
    ground = spec.worldbody.add_geom(name="ground", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1])
    model = spec.compile()
    data = mujoco.MjData(model)
    for index, ankle in enumerate((100, -100, -100, 100), start=1):
        data.joint(f"hip_{index}").qpos = math.radians(40 * (-1) ** index)
        data.joint(f"ankle_{index}").qpos = math.radians(ankle)
    data.joint("root").qpos[2] = 0.4
    mujoco.mj_forward(model, data)
    touched = {model.geom(geom).name for contact in data.contact for geom in (contact.geom1, contact.geom2)}
    feet = {"front_left_foot", "front_right_foot", "left_back_foot", "right_back_foot"}
    assert touched == feet | {ground.name}
    assert all(ground.name in (model.geom(c.geom1).name, model.geom(c.geom2).name) for c in data.contact)


def test_the_ants_contacts_have_the_published_friction() -> None:
    model = load("ant")
    np.testing.assert_allclose(model.geom_friction, np.tile([1.5, 0.1, 0.1], (model.ngeom, 1)))
    np.testing.assert_allclose(model.geom_margin, 0.01)
    np.testing.assert_array_equal(model.geom_condim, 3)


def test_the_ant_lands_on_its_feet_and_stays_up() -> None:
    spec = mujoco.MjSpec.from_file(str(igx_assets.path("ant")))
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1])
    model = spec.compile()
    data = mujoco.MjData(model)
    for index, ankle in enumerate((30, -30, -30, 30), start=1):
        data.joint(f"ankle_{index}").qpos = math.radians(ankle)
    mujoco.mj_step(model, data, nstep=round(2 / model.opt.timestep))
    assert data.joint("root").qpos[2] == pytest.approx(0.363, abs=0.03)
    assert np.abs(data.qvel).max() < 0.05


def test_the_cartpoles_pole_swings_through_the_whole_circle_like_a_solid_box() -> None:
    model = load("cartpole")
    data = mujoco.MjData(model)
    data.joint("cart_to_pole").qpos = math.pi - 0.01
    model.dof_armature[:] = [1e12, 0]  # so heavy a cart that the pole swings about a fixed point
    period = 2 * math.pi * math.sqrt((0.0836333 + 0.47**2) / (9.81 * 0.47))
    model.opt.timestep = period / 1000
    mujoco.mj_step(model, data, nstep=500)
    assert data.joint("cart_to_pole").qpos[0] == pytest.approx(math.pi + 0.01, abs=2e-4)
