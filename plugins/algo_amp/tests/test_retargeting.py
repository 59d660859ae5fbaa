"""Somebody's joints make a motion of the humanoid: its own make the same, and shipped walks stand on the ground."""

import struct
from pathlib import Path

import numpy as np
import pytest
from bodies import FEET, joints_beyond_limits, soles, touching_frames

from igx_algo_amp import cmu, quaternions
from igx_algo_amp.humanoid import BODY_NAMES, OFFSETS, PARENTS
from igx_algo_amp.motion_formats import read_motion, shipped
from igx_algo_amp.motions import Floats, Motion, MotionError
from igx_algo_amp.retargeting import SIDES, retarget, retarget_motion

JOINTS = {
    "shoulder": "upper_arm",
    "elbow": "lower_arm",
    "wrist": "hand",
    "hip": "thigh",
    "knee": "shin",
    "ankle": "foot",
}
WALKS = sorted(name for name in shipped() if name.startswith("walk-cmu"))


def joints_of(motion: Motion) -> dict[str, Floats]:
    """Where the landmarks of the humanoid are."""
    positions, rotations = motion.poses()

    def on(body: str, *offset: float) -> Floats:
        place = BODY_NAMES.index(body)
        return positions[:, place] + quaternions.rotate(rotations[:, place], np.array(offset, dtype=np.float64))

    points = {"spine": on("torso", 0, 0, 0), "neck": on("head", 0, 0, 0), "head": on("head", 0, 0, 0.175)}
    for side in SIDES:
        points |= {f"{side}_{joint}": on(f"{side}_{body}", 0, 0, 0) for joint, body in JOINTS.items()}
        points[f"{side}_toe"] = on(f"{side}_foot", 0.13, 0, -0.04)
    return points


def standing() -> Motion:
    rotations = np.zeros((2, len(BODY_NAMES), 4))
    rotations[..., 0] = 1.0
    root_pos = np.array([[0.0, 0.0, 0.8814]] * 2)
    return Motion(
        name="standing",
        fps=60.0,
        body_names=BODY_NAMES,
        parents=PARENTS,
        offsets=OFFSETS,
        root_pos=root_pos,
        rotations=rotations,
    )


REST = {joint: place[0] for joint, place in joints_of(standing()).items()}


def again(points: dict[str, Floats], *, fps: float = 60.0) -> Motion:
    return retarget(points, rest=REST, fps=fps, name="again", source="", licence="")


@pytest.mark.parametrize("name", ["walk", "walk-cmu-16-47"])
def test_the_humanoid_s_own_joints_make_its_own_motion(name: str) -> None:
    motion = read_motion(name)
    made = again(joints_of(motion))
    frames = slice(0, made.num_frames)
    differences = quaternions.angle_between(made.rotations, motion.rotations[frames])
    assert differences[:, [BODY_NAMES.index(body) for body in ("pelvis", "torso")]].max() < 0.02
    assert differences[:, BODY_NAMES.index("head")].max() < 0.1  # which way it looks, nobody said
    _, theirs = motion.poses()
    _, ours = made.poses()
    turned = quaternions.angle_between(ours, theirs[frames])
    assert np.median(turned) < 0.03
    assert np.percentile(turned, 95) < 0.2
    height = made.root_pos[:, 2] - motion.root_pos[frames, 2]
    assert np.abs(height).max() < 0.02


def test_who_is_larger_and_goes_elsewhere_makes_the_same_motion() -> None:
    points = joints_of(read_motion("walk"))
    turn = quaternions.about("z", np.array(2.0))
    away = np.array([5.0, -2.0, 0.0])
    elsewhere = {joint: quaternions.rotate(turn, 1.3 * place) + away for joint, place in points.items()}
    here, there = again(points), again(elsewhere)
    assert quaternions.angle_between(here.rotations, there.rotations).max() < 1e-5
    np.testing.assert_allclose(here.root_pos, there.root_pos, atol=1e-6)


def test_other_frame_rates_become_60() -> None:
    points = joints_of(read_motion("walk-cmu-16-47"))
    half = again({joint: place[::2] for joint, place in points.items()}, fps=30.0)
    full = again(points)
    assert half.fps == 60.0
    assert half.num_frames == pytest.approx(full.num_frames, abs=2)
    frames = slice(0, min(half.num_frames, full.num_frames))
    assert np.median(quaternions.angle_between(half.rotations[frames], full.rotations[frames])) < 0.02


BODY_AT = {
    "spine": "torso",
    "neck": "head",
    "head": "crown",
    **{f"{side}_{joint}": f"{side}_{body}" for side in SIDES for joint, body in JOINTS.items()},
    **{f"{side}_toe": f"{side}_toe" for side in SIDES},
}


def lying(motion: Motion) -> Motion:
    """The same with its y axis up, as most files have it, and with bodies for crown and toes."""
    names = (*BODY_NAMES, "crown", "right_toe", "left_toe")
    parents = (*PARENTS, *(BODY_NAMES.index(body) for body in ("head", "right_foot", "left_foot")))
    offsets = np.concatenate([OFFSETS, [[0.0, 0.0, 0.175], [0.13, 0.0, -0.04], [0.13, 0.0, -0.04]]])
    ends = np.zeros((motion.num_frames, 3, 4))
    ends[..., 0] = 1.0
    upright = quaternions.about("x", np.array(0.5 * np.pi))
    rotations = quaternions.multiply(np.concatenate([motion.rotations, ends], axis=1), upright)
    rotations[:, 1:] = quaternions.multiply(quaternions.conjugate(upright), rotations[:, 1:])
    return Motion(
        name="lying",
        fps=motion.fps,
        body_names=names,
        parents=parents,
        offsets=quaternions.rotate(quaternions.conjugate(upright), offsets),
        root_pos=motion.root_pos,
        rotations=rotations,
    )


def test_another_tree_of_bodies_makes_the_motion_that_its_joints_make() -> None:
    motion = read_motion("walk")
    by_bodies, by_joints = retarget_motion(lying(motion), BODY_AT), again(joints_of(motion))
    assert quaternions.angle_between(by_bodies.rotations, by_joints.rotations).max() < 1e-5
    np.testing.assert_allclose(by_bodies.root_pos, by_joints.root_pos, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"left_knee": None}, "Nothing says which body of 'lying' is at the landmark 'left_knee'"),
        ({"left_nee": "left_shin"}, "There is no landmark 'left_nee'.* 'left_knee'"),
        ({"left_knee": "left_shinn"}, "left_knee: 'lying' has no body 'left_shinn'.* 'left_shin'"),
    ],
)
def test_landmarks_that_are_none_are_refused_by_name(changed: dict[str, str | None], complaint: str) -> None:
    bodies = {landmark: body for landmark, body in (BODY_AT | changed).items() if body is not None}
    with pytest.raises(MotionError, match=complaint):
        retarget_motion(lying(read_motion("walk")), bodies)


# What is shipped.


def test_the_walks_of_cmu_are_there_with_their_notice() -> None:
    assert WALKS == ["walk-cmu-16-22", "walk-cmu-16-47", "walk-cmu-69-02", "walk-cmu-69-31"]
    for name in WALKS:
        motion = read_motion(name)
        assert "CMU motion capture" in motion.source
        assert "see NOTICE" in motion.licence
    assert "CMU Graphics Lab" in (Path(__file__).parents[1] / "NOTICE").read_text()


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_stands_on_the_ground(name: str) -> None:
    motion = read_motion(name)
    for foot in FEET:
        corners = soles(motion, foot)
        assert corners[..., 2].min() > -0.01
        touches = corners[..., 2] < 0.005
        together = touches[1:] & touches[:-1]
        speeds = 60.0 * np.linalg.norm(np.diff(corners[..., :2], axis=0), axis=-1)[together]
        assert touches.any(-1).mean() > 0.4
        assert speeds.mean() < 0.06


@pytest.mark.parametrize(("name", "speed"), list(zip(WALKS, (1.38, 1.10, 0.75, 0.70), strict=True)))
def test_a_walk_is_one_that_the_body_can_make(name: str, speed: float) -> None:
    motion = read_motion(name)
    assert np.linalg.norm(motion.travel[:2]) / motion.duration == pytest.approx(speed, abs=0.01)
    assert joints_beyond_limits(motion) == []
    assert touching_frames(motion) == []
    steps = quaternions.angle_between(motion.rotations[1:], motion.rotations[:-1])
    assert steps.max() < 0.25


# The file that they come from.


def clip_file(file: Path, *, cut: int = 0) -> Path:
    def text(value: str) -> bytes:
        return struct.pack("<I", len(value)) + value.encode()

    data = b"EPMOCAP1" + struct.pack("<I", 1) + text("CMU_001_01") + struct.pack("<Id", 2, 0.03) + struct.pack("<I", 2)
    data += text("position") + struct.pack("<I6f", 3, *range(6)) + text("joints") + struct.pack("<I2f", 1, 7.0, 8.0)
    file.write_bytes(data[: len(data) - cut])
    return file


def test_a_file_of_clips_is_read(tmp_path: Path) -> None:
    [(name, clip)] = cmu.read_clips(clip_file(tmp_path / "clips.bin")).items()
    assert (name, clip.frame_s) == ("CMU_001_01", 0.03)
    assert clip.fields["position"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert clip.fields["joints"].tolist() == [[7], [8]]


def test_a_file_of_clips_that_is_cut_or_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="ends too early"):
        cmu.read_clips(clip_file(tmp_path / "clips.bin", cut=3))
    (tmp_path / "clips.bin").write_bytes(b"something else")
    with pytest.raises(MotionError, match="must begin with EPMOCAP1"):
        cmu.read_clips(tmp_path / "clips.bin")
