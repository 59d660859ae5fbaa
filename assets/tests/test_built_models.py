"""What MuJoCo makes of the robots that the benchmark builds of cylinders, spheres and boxes, against its figures."""

import math
from dataclasses import dataclass

import mujoco
import numpy as np
import pytest

import igx_assets


@dataclass(frozen=True, kw_only=True)
class Body:
    """One row of a table of bodies; the inertia is that about the centre of mass, in the body's axes."""

    name: str
    parent: str
    mass: float
    inertia: tuple[float, float, float]


def leg(name: str, parent: str) -> Body:
    return Body(name=name, parent=parent, mass=0.485899, inertia=(0.0061126, 0.0061126, 9.584e-5))


def arm(name: str) -> Body:
    return Body(name=name, parent="chassis", mass=8.37758e-4, inertia=(3.35103e-8, 3.35103e-8, 3.35103e-8))


def rotor(name: str, parent: str) -> Body:
    return Body(name=name, parent=parent, mass=0.0502655, inertia=(2.05251e-5, 2.05251e-5, 4.02124e-5))


def disc(name: str) -> Body:
    return Body(name=name, parent="chassis", mass=0.706858, inertia=(3.98197e-3, 3.98197e-3, 7.95216e-3))


BODIES = {
    "balance_bot": [
        Body(name="tray", parent="world", mass=1.570796, inertia=(0.0982271, 0.0982271, 0.19635)),
        *(leg(f"upper_leg{i}", "tray") for i in range(3)),
        *(leg(f"lower_leg{i}", f"upper_leg{i}") for i in range(3)),
    ],
    "quadcopter": [
        Body(name="chassis", parent="world", mass=0.0471239, inertia=(1.21344e-4, 1.21344e-4, 2.35619e-4)),
        *(arm(f"rotor_arm{i}") for i in range(4)),
        *(rotor(f"rotor{i}", f"rotor_arm{i}") for i in range(4)),
    ],
    "ingenuity": [
        Body(name="chassis", parent="world", mass=0.0864, inertia=(2.0736e-4, 2.0736e-4, 2.0736e-4)),
        *(disc(f"rotor_physics_{i}") for i in range(2)),
    ],
}
TOTAL_MASS = {"balance_bot": 4.486194, "quadcopter": 0.251537, "ingenuity": 1.500117}


def load(name: str, *, ground: bool = False) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """A model in its default pose, everything computed from it."""
    spec = mujoco.MjSpec.from_file(str(igx_assets.path(name)))
    if ground:
        spec.worldbody.add_geom(name="ground", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1])
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def azimuth(degrees: float) -> np.ndarray:
    return np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.0])


@pytest.mark.parametrize("name", BODIES)
def test_bodies(name: str) -> None:
    model, _ = load(name)
    assert model.nbody == 1 + len(BODIES[name])
    assert model.body_mass.sum() == pytest.approx(TOTAL_MASS[name], rel=2e-6)
    for body in BODIES[name]:
        compiled = model.body(body.name)
        assert model.body(compiled.parentid[0]).name == body.parent
        assert compiled.mass[0] == pytest.approx(body.mass, rel=1e-5)
        assert compiled.inertia.tolist() == pytest.approx(body.inertia, rel=1e-4)
        assert compiled.iquat.tolist() == [1, 0, 0, 0]
        assert compiled.ipos.tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", BODIES)
def test_a_model_holds_a_robot_with_a_free_root_and_nothing_else(name: str) -> None:
    model, _ = load(name)
    assert (model.nu, model.nsensor, model.nlight, model.ncam, model.nmesh) == (0, 0, 0, 0, 0)
    assert model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE


def test_the_balance_bots_legs_hang_on_the_tray_and_stand_on_their_places() -> None:
    model, data = load("balance_bot")
    assert data.body("tray").xpos.tolist() == [0, 0, 0.559117]
    for number in range(3):
        outward = azimuth(120 * number)
        tangential = [-outward[1], outward[0], 0]
        for joint, radius, height, limits in (
            (f"upper_leg_joint{number}", 0.4, 0.529117, (-45, 45)),
            (f"lower_leg_joint{number}", 0.145442, 0.274559, (-70, 90)),
        ):
            np.testing.assert_allclose(data.joint(joint).xanchor, radius * outward + [0, 0, height], atol=2e-6)
            np.testing.assert_allclose(data.joint(joint).xaxis, tangential, atol=1e-6)
            np.testing.assert_allclose(model.joint(joint).range, np.radians(limits))
        np.testing.assert_allclose(foot(data, number), 0.4 * outward + [0, 0, 0.02], atol=2e-6)
    names = [model.joint(i).name for i in range(1, model.njnt)]
    assert names == [f"{part}_leg_joint{number}" for number in range(3) for part in ("upper", "lower")]


def foot(data: mujoco.MjData, number: int) -> np.ndarray:
    """Where the end of a leg is in the world [m]."""
    body = data.body(f"lower_leg{number}")
    return body.xpos + body.xmat.reshape(3, 3) @ [0, 0, 0.18]


def test_the_balance_bots_feet_stay_where_they_are_pinned_while_it_sinks() -> None:
    model, data = load("balance_bot")
    model.opt.timestep = 0.005
    for _ in range(40):  # nothing holds the knees
        mujoco.mj_step(model, data)
        mujoco.mj_kinematics(model, data)
        for number in range(3):
            np.testing.assert_allclose(foot(data, number), 0.4 * azimuth(120 * number) + [0, 0, 0.02], atol=5e-3)
    assert data.body("tray").xpos[2] < 0.5
    np.testing.assert_allclose(data.body("tray").xquat, [1, 0, 0, 0], atol=1e-6)


def test_of_the_balance_bot_the_tray_alone_collides() -> None:
    model, _ = load("balance_bot")
    assert [model.geom(i).name for i in range(model.ngeom) if model.geom_contype[i]] == ["tray"]


def test_the_quadcopters_rotors_hang_on_two_hinges_each() -> None:
    model, data = load("quadcopter")
    for number in range(4):
        outward = azimuth(45 + 90 * number)
        np.testing.assert_allclose(data.body(f"rotor_arm{number}").xpos, 0.1025 * outward + [0, 0, 1], atol=1e-9)
        np.testing.assert_allclose(data.body(f"rotor{number}").xpos, 0.145 * outward + [0, 0, 1], atol=1e-9)
        np.testing.assert_allclose(data.joint(f"rotor_pitch{number}").xaxis, [-outward[1], outward[0], 0], atol=1e-9)
        np.testing.assert_allclose(data.joint(f"rotor_roll{number}").xaxis, outward, atol=1e-9)
    np.testing.assert_allclose(model.jnt_range[1:], np.tile(np.radians([-30, 30]), (8, 1)))
    names = [model.joint(i).name for i in range(1, model.njnt)]
    assert names == [f"rotor_{kind}{number}" for number in range(4) for kind in ("pitch", "roll")]


def test_what_is_drawn_of_ingenuity_weighs_nothing_and_the_discs_are_where_the_mass_is() -> None:
    model, data = load("ingenuity")
    assert (model.nv, model.njnt) == (6, 1)
    np.testing.assert_allclose(data.body("rotor_physics_0").xpos, [0, 0, 1])
    np.testing.assert_allclose(data.body("rotor_physics_1").xpos, [0, 0, 1.025])
    heavy = {"chassis", "rotor_physics_0", "rotor_physics_1"}
    assert {model.geom(i).name for i in range(model.ngeom) if model.geom_conaffinity[i]} == heavy


@pytest.mark.parametrize(("name", "height"), [("quadcopter", 0.015), ("ingenuity", 0.06)])
def test_what_flies_lands_on_the_ground_and_does_not_touch_itself(name: str, height: float) -> None:
    model, data = load(name, ground=True)
    mujoco.mj_step(model, data, nstep=round(1.5 / model.opt.timestep))
    assert data.joint("root").qpos[2] == pytest.approx(height, abs=5e-3)
    assert data.ncon
    assert all(model.geom("ground").id in contact.geom for contact in data.contact)
