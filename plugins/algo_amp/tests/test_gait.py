"""The walk and the run of this package: their generator makes them, and they are motions that a body could make."""

import numpy as np
import pytest
from bodies import FEET, joints_beyond_limits, soles, touching_frames

from igx_algo_amp import quaternions
from igx_algo_amp.gait import RUN, WALK, Gait, make_motion
from igx_algo_amp.motion_formats import read_motion, shipped
from igx_algo_amp.motions import Floats, Motion


@pytest.fixture(params=["walk", "run"])
def motion(request: pytest.FixtureRequest) -> Motion:
    return read_motion(request.param)


@pytest.mark.parametrize("gait", [WALK, RUN])
def test_what_is_shipped_is_what_the_generator_makes(gait: Gait) -> None:
    shipped, made = read_motion(gait.name), make_motion(gait)
    np.testing.assert_allclose(shipped.root_pos, made.root_pos, atol=1e-6)
    np.testing.assert_allclose(shipped.rotations, made.rotations, atol=1e-6)
    assert shipped.licence == "Apache-2.0"


def test_every_shipped_motion_says_where_it_comes_from() -> None:
    assert {"walk", "run"} <= set(shipped())
    for name in shipped():
        assert read_motion(name).source
        assert read_motion(name).licence


@pytest.mark.parametrize(("name", "speed", "height"), [("walk", 1.35, 0.82), ("run", 3.2, 0.8)])
def test_it_goes_straight_on_at_its_speed_and_height(name: str, speed: float, height: float) -> None:
    motion = read_motion(name)
    assert motion.travel.tolist() == pytest.approx([speed * motion.duration, 0.0, 0.0], abs=1e-6)
    assert motion.root_pos[:, 2].mean() == pytest.approx(height, abs=0.015)


def test_the_last_frame_is_the_first_one_again(motion: Motion) -> None:
    assert motion.loop
    assert quaternions.angle_between(motion.rotations[0], motion.rotations[-1]).max() < 1e-3
    steps = quaternions.angle_between(motion.rotations[1:], motion.rotations[:-1])
    assert steps.max() < 0.3  # 18 rad/s, of the knee of a runner


@pytest.mark.parametrize("foot", FEET)
def test_feet_do_not_go_into_the_ground(motion: Motion, foot: str) -> None:
    assert soles(motion, foot)[..., 2].min() > -0.001


@pytest.mark.parametrize("foot", FEET)
def test_a_foot_that_carries_does_not_slip(motion: Motion, foot: str) -> None:
    corners = soles(motion, foot)
    touches = corners[..., 2] < 0.002
    steps = np.linalg.norm(np.diff(corners[..., :2], axis=0), axis=-1)
    slip = (steps * (touches[1:] & touches[:-1])).sum(0)  # of each corner, over a whole stance
    assert touches.any(-1).sum() > 0.3 * motion.num_frames
    assert slip.max() < 0.01


def test_a_walker_always_touches_the_ground_and_a_runner_flies() -> None:
    airborne = {name: carried(read_motion(name)) for name in ("walk", "run")}
    assert (airborne["walk"] >= 1).all()
    assert (airborne["walk"] == 2).mean() == pytest.approx(0.24, abs=0.06)
    assert (airborne["run"] == 0).mean() == pytest.approx(0.32, abs=0.1)
    assert (airborne["run"] <= 1).all()


def carried(motion: Motion) -> Floats:
    """How many feet are within 1 mm of the ground, in each frame."""
    return np.sum([soles(motion, foot)[..., 2].min(-1) < 0.001 for foot in FEET], axis=0)


def test_joints_are_within_their_limits(motion: Motion) -> None:
    assert joints_beyond_limits(motion) == []


def test_sides_do_the_same_half_a_stride_apart(motion: Motion) -> None:
    half = (motion.num_frames - 1) // 2
    vectors = quaternions.to_vector(motion.rotations)[:-1]
    mirror = np.array([-1.0, 1.0, -1.0])
    for part in ("upper_arm", "lower_arm", "thigh", "shin", "foot"):
        right, left = (vectors[:, motion.body_names.index(f"{side}_{part}")] for side in ("right", "left"))
        np.testing.assert_allclose(np.roll(left, half, axis=0), right * mirror, atol=1e-3)


def test_parts_of_the_body_do_not_touch_each_other(motion: Motion) -> None:
    assert touching_frames(motion) == []
