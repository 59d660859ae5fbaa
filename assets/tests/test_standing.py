"""How the models stand, fall and touch: each on a plane, with MuJoCo's own position control where a pose is held."""

import math
import re
from collections.abc import Mapping

import mujoco
import numpy as np
import pytest

import igx_assets

Gains = Mapping[str, tuple[float, float]]
"""Stiffness [N·m/rad] and damping [N·m·s/rad] by a regular expression of joints."""

NO_SELF_COLLISIONS = ("ant", "anymal_c", "anymal_c_minimal", "go2")
FOOT_BODIES = {
    "ant": ("front_left_foot", "front_right_foot", "left_back_foot", "right_back_foot"),
    "anymal_c": ("LF_SHANK", "RF_SHANK", "LH_SHANK", "RH_SHANK"),
    "anymal_c_minimal": ("LF_SHANK", "RF_SHANK", "LH_SHANK", "RH_SHANK"),
    "g1": ("left_ankle_roll_link", "right_ankle_roll_link"),
    "go2": ("FL_calf", "FR_calf", "RL_calf", "RR_calf"),
    "humanoid": ("right_foot", "left_foot"),
    "humanoid_amp": ("right_foot", "left_foot"),
}
FOOT_SITES = {
    "anymal_c": ("LF_FOOT", "RF_FOOT", "LH_FOOT", "RH_FOOT"),
    "anymal_c_minimal": ("LF_FOOT", "RF_FOOT", "LH_FOOT", "RH_FOOT"),
    "g1": ("left_foot", "right_foot"),
    "go2": ("FL_foot", "FR_foot", "RL_foot", "RR_foot"),
}
G1_GAINS: Gains = {
    ".*(hip_pitch|hip_yaw)_joint|waist_yaw_joint": (40.2, 2.56),
    ".*(hip_roll|knee)_joint": (99.1, 6.31),
    ".*(ankle_pitch|ankle_roll|waist_pitch|waist_roll)_joint": (28.5, 1.81),
    ".*(shoulder_pitch|shoulder_roll|shoulder_yaw|elbow|wrist_roll)_joint": (14.3, 0.907),
    ".*(wrist_pitch|wrist_yaw)_joint": (16.8, 1.07),
}


@pytest.fixture(params=FOOT_BODIES)
def name(request: pytest.FixtureRequest) -> str:
    """Name of a legged model; a test that asks for it runs on each."""
    return request.param


def on_ground(name: str, *, gains: Gains | None = None, timestep: float = 0.005) -> mujoco.MjModel:
    """The model on a plane called ground; with `gains`, each joint is held at its control."""
    spec = mujoco.MjSpec.from_file(str(igx_assets.path(name)))
    spec.worldbody.add_geom(name="ground", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1])
    spec.option.timestep = timestep
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    if gains:
        hold(spec, gains)
    return spec.compile()


def hold(spec: mujoco.MjSpec, gains: Gains) -> None:
    for joint in spec.joints[1:]:
        stiffness, damping = next(pair for pattern, pair in gains.items() if re.fullmatch(pattern, joint.name))
        actuator = spec.add_actuator(target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        actuator.set_to_position(stiffness, damping)


def standing(model: mujoco.MjModel, *, height: float | None = None) -> mujoco.MjData:
    """The pose "stand", its root moved to `height` [m]; actuators hold it."""
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key("stand").id)
    if height is not None:
        data.qpos[2] = height
    data.ctrl[:] = data.qpos[7:][: model.nu]
    mujoco.mj_forward(model, data)
    return data


def lowest_point(model: mujoco.MjModel, data: mujoco.MjData) -> float:
    """Height of the lowest point of what collides [m]."""
    box, capsule = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE
    kind, size = model.geom_type, model.geom_size
    radius = np.where(kind == box, 0, size[:, 0])
    along = np.abs(data.geom_xmat[:, 6:])  # the upward share of each axis of a shape
    reach = np.where(kind == box, (along * size).sum(1), 0) + np.where(kind == capsule, along[:, 2] * size[:, 1], 0)
    solid = (model.geom_conaffinity != 0) & (kind != mujoco.mjtGeom.mjGEOM_PLANE)
    return float((data.geom_xpos[:, 2] - radius - reach)[solid].min())


def touching(model: mujoco.MjModel, data: mujoco.MjData) -> set[tuple[str, str]]:
    """Pairs of bodies that touch, each in the model's order."""
    pairs = [sorted(int(model.geom_bodyid[geom]) for geom in (c.geom1, c.geom2)) for c in data.contact]
    return {(model.body(first).name, model.body(second).name) for first, second in pairs}


def uprightness(data: mujoco.MjData) -> float:
    """Cosine of the root's tilt."""
    return float(data.xmat[1, 8])


# Standing.


def test_the_pose_stand_has_the_feet_on_the_ground_and_nothing_in_it(name: str) -> None:
    model = on_ground(name)
    assert lowest_point(model, standing(model)) == pytest.approx(0, abs=1e-3)


def test_the_pose_stand_is_within_the_limits(name: str) -> None:
    model = on_ground(name)
    limited = model.jnt_limited.astype(bool) & (model.jnt_type != mujoco.mjtJoint.mjJNT_BALL)
    pos = standing(model).qpos[model.jnt_qposadr[limited]]
    assert np.all(pos >= model.jnt_range[limited, 0] - 1e-6)
    assert np.all(pos <= model.jnt_range[limited, 1] + 1e-6)


@pytest.mark.parametrize(
    ("name", "gains", "height"),
    [
        ("anymal_c", {".*": (85.0, 2.0)}, 0.49),
        ("anymal_c_minimal", {".*": (80.0, 2.0)}, 0.49),
        ("go2", {".*": (25.0, 0.5)}, 0.28),
        ("go2", {".*": (30.0, 1.0)}, 0.285),
        ("g1", {".*": (200.0, 5.0)}, 0.75),
    ],
)
def test_a_held_robot_stands_on_its_feet_for_a_second(name: str, gains: Gains, height: float) -> None:
    model = on_ground(name, gains=gains)
    data = standing(model)
    mujoco.mj_step(model, data, nstep=200)
    assert data.qpos[2] == pytest.approx(height, abs=0.015)
    assert uprightness(data) > 0.998
    assert touching(model, data) == {("world", foot) for foot in FOOT_BODIES[name]}


@pytest.mark.parametrize(
    ("name", "gains", "start", "height"),
    [
        ("anymal_c", {".*": (85.0, 2.0)}, 0.62, 0.5),
        ("anymal_c_minimal", {".*": (80.0, 2.0)}, 0.62, 0.5),
        ("go2", {".*": (25.0, 0.5)}, 0.4, 0.28),
    ],
)
def test_a_held_quadruped_lands_on_its_feet(name: str, gains: Gains, start: float, height: float) -> None:
    model = on_ground(name, gains=gains)
    data = standing(model, height=start)
    for _ in range(200):
        mujoco.mj_step(model, data)
        assert touching(model, data) <= {("world", foot) for foot in FOOT_BODIES[name]}
    assert data.qpos[2] == pytest.approx(height, abs=0.02)
    assert uprightness(data) > 0.998


def test_the_g1_leans_but_has_not_fallen_after_a_second_at_its_published_gains() -> None:
    model = on_ground("g1", gains=G1_GAINS)
    data = standing(model)
    mujoco.mj_step(model, data, nstep=200)
    assert data.qpos[2] > 0.67
    assert uprightness(data) > 0.95
    assert touching(model, data) == {("world", foot) for foot in FOOT_BODIES["g1"]}


def test_the_ant_lands_on_its_feet_and_stays_up() -> None:
    model = on_ground("ant", timestep=0.002)
    data = standing(model, height=0.44)
    mujoco.mj_step(model, data, nstep=1000)
    assert data.qpos[2] == pytest.approx(0.363, abs=0.03)
    assert np.abs(data.qvel).max() < 0.05


def test_the_humanoid_falls_without_control_and_comes_to_rest() -> None:
    model = on_ground("humanoid")
    data = standing(model, height=1.34)
    mujoco.mj_step(model, data, nstep=1000)
    assert 0.05 < data.qpos[2] < 0.3
    assert np.abs(data.qvel).max() < 1.0
    assert lowest_point(model, data) > -0.01


def test_the_humanoid_stays_finite_under_the_largest_torques() -> None:
    model = on_ground("humanoid", timestep=0.0166 / 2)
    data = standing(model, height=1.34)
    random = np.random.default_rng(0)
    fastest = 0.0
    for step in range(600):
        if step % 4 == 0:
            data.qfrc_applied[6:] = random.choice([-1, 1], model.nv - 6) * model.jnt_actfrcrange[1:, 1]
        mujoco.mj_step(model, data)
        fastest = max(fastest, float(np.abs(data.qvel).max()))
    assert np.isfinite(data.qpos).all()
    assert 1.0 < fastest < 150.0
    assert data.warning.number.sum() == 0


# Published distances.


@pytest.mark.parametrize("name", ["anymal_c", "anymal_c_minimal"])
def test_the_anymals_feet_are_where_they_are_published(name: str) -> None:
    model = on_ground(name)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    feet = [data.site(foot).xpos - data.body("base").xpos for foot in FOOT_SITES[name]]
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    expected = np.column_stack([signs * [0.44775, 0.30116], np.full(4, -0.62297)])
    np.testing.assert_allclose(feet, expected, atol=1e-9)


@pytest.mark.parametrize("name", ["anymal_c", "anymal_c_minimal"])
def test_the_anymal_starts_7_7_cm_above_the_ground(name: str) -> None:
    model = on_ground(name)
    height = float(model.body("base").pos[2])
    assert height == 0.62
    assert lowest_point(model, standing(model, height=height)) == pytest.approx(0.077, abs=5e-4)


def test_the_humanoid_starts_with_straight_legs_5_4_cm_above_the_ground() -> None:
    model = on_ground("humanoid")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert data.body("torso").xpos[2] == 1.34
    assert lowest_point(model, data) == pytest.approx(0.0545, abs=5e-4)


def test_the_amp_humanoid_starts_8_6_mm_above_the_ground() -> None:
    model = on_ground("humanoid_amp")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert data.body("pelvis").xpos[2] == 0.89
    assert lowest_point(model, data) == pytest.approx(0.008584, abs=1e-6)
    assert not touching(model, data)


def test_the_g1_starts_on_straight_legs() -> None:
    model = on_ground("g1")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert data.body("pelvis").xpos[2] == 0.793
    assert lowest_point(model, data) == pytest.approx(0.0011, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "above"), [("anymal_c", 0.0075), ("anymal_c_minimal", 0.0075), ("go2", 0.022), ("g1", 0.0)]
)
def test_each_foot_has_a_site_above_its_bottom_on_the_body_that_touches(name: str, above: float) -> None:
    model = on_ground(name)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)  # zero pose: the feet are level and the lowest
    for site, body in zip(FOOT_SITES[name], FOOT_BODIES[name], strict=True):
        assert model.body(model.site(site).bodyid[0]).name == body
        assert data.site(site).xpos[2] - lowest_point(model, data) == pytest.approx(above, abs=1e-5)


# What touches what.


@pytest.mark.parametrize("name", NO_SELF_COLLISIONS)
def test_a_quadrupeds_parts_touch_the_ground_but_not_each_other(name: str) -> None:
    touched = touched_in_random_poses(name, height=0.1)
    assert touched
    assert {first for first, _ in touched} == {"world"}


def touched_in_random_poses(name: str, *, height: float) -> set[tuple[str, str]]:
    """What touches in any of some poses all over the joints' ranges, the root at `height` [m]."""
    model = on_ground(name)
    data = standing(model, height=height)
    random = np.random.default_rng(0)
    lower, upper = np.where(model.jnt_limited[1:, None], model.jnt_range[1:], [-math.pi, math.pi]).T
    touched: set[tuple[str, str]] = set()
    for _ in range(300):
        data.qpos[7:] = random.uniform(lower, upper)
        mujoco.mj_forward(model, data)
        touched |= touching(model, data)
    return touched


def test_of_the_g1_only_a_lower_leg_touches_the_other_one() -> None:
    left, right = ({f"{side}_knee_link", f"{side}_ankle_roll_link"} for side in ("left", "right"))
    touched = touched_in_random_poses("g1", height=3.0)
    assert ("left_knee_link", "right_knee_link") in touched
    assert touched <= {(first, second) for first in left for second in right}


def test_the_humanoids_limbs_collide_but_not_in_its_default_pose() -> None:
    model = on_ground("humanoid")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert not touching(model, data)
    touched = touched_in_random_poses("humanoid", height=3.0)
    assert {("right_thigh", "left_thigh"), ("right_shin", "left_shin"), ("head", "right_hand")} <= touched


def test_the_humanoid_has_friction_with_the_ground_but_not_with_itself() -> None:
    model = on_ground("humanoid")
    own = model.geom_bodyid != 0
    np.testing.assert_array_equal(model.geom_condim[own], 1)
    np.testing.assert_allclose(model.geom_friction[own], np.tile([1, 0.05, 0.05], (own.sum(), 1)))
    data = standing(model)
    assert {contact.dim for contact in data.contact} == {3}


def test_the_ants_contacts_have_the_published_friction() -> None:
    model = on_ground("ant")
    own = model.geom_bodyid != 0
    np.testing.assert_allclose(model.geom_friction[own], np.tile([1.5, 0.1, 0.1], (own.sum(), 1)))
    np.testing.assert_allclose(model.geom_margin[own], 0.01)
    np.testing.assert_array_equal(model.geom_condim[own], 3)
