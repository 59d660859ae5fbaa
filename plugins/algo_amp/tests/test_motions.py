"""Recorded motions: their file, what it refuses, and forward kinematics."""

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

import igx_assets
from igx_algo_amp import humanoid, quaternions
from igx_algo_amp.motion_formats import read_motion
from igx_algo_amp.motions import Motion, MotionError, load_motion, save_motion


def arm(**changed: Any) -> Motion:
    """Two bodies that turn about each other, in three frames."""
    turn = quaternions.about("x", np.array([[0.0, 0.1], [0.3, 0.2], [0.9, -0.4]]))
    fields: dict[str, Any] = {
        "name": "arm",
        "fps": 30.0,
        "body_names": ("upper", "lower"),
        "parents": (-1, 0),
        "offsets": np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -0.5]]),
        "root_pos": np.array([[0.0, 0.0, 1.0], [0.1, 0.0, 1.0], [0.2, 0.0, 1.1]]),
        "rotations": turn,
        "source": "made here",
        "licence": "Apache-2.0",
    }
    return Motion(**(fields | changed))


def test_a_motion_is_read_as_it_was_written(tmp_path: Path) -> None:
    motion, file = arm(), tmp_path / "arm.npz"
    save_motion(motion, file)
    again = load_motion(file)
    for key in Motion.KEYS:
        ours, theirs = getattr(motion, key), getattr(again, key)
        if isinstance(ours, np.ndarray):
            np.testing.assert_allclose(theirs, ours, atol=1e-6)
        else:
            assert theirs == ours, key
    assert again.duration == pytest.approx(2 / 30)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"fps": 0.0}, "fps is 0; it must be positive"),
        ({"parents": (-1, 1)}, "parents must be -1 for the first body"),
        ({"body_names": ("arm", "arm")}, "body_names must name each body differently"),
        ({"offsets": np.zeros((3, 3))}, r"offsets has the shape \[3, 3\], not \[2, 3\]"),
        ({"rotations": np.zeros((3, 2, 3))}, r"rotations has the shape \[3, 2, 3\], not \[3, 2, 4\]"),
        ({"rotations": np.ones((3, 2, 4))}, "rotations has no unit quaternion for 'upper' in frame 0"),
        ({"root_pos": np.full((3, 3), np.nan)}, r"root_pos is not finite at \[0, 0\]"),
        ({"root_pos": np.zeros((1, 3))}, "root_pos has 1 frames; a motion has at least 2"),
        ({"loop": True}, "loop is set, but the last pose is 0.90 rad from the first one"),
    ],
)
def test_what_is_malformed_is_refused_by_its_key(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MotionError, match=f"Motion 'arm': {complaint}"):
        arm(**changed)


def rewritten(file: Path, **changed: Any) -> Path:
    """The file of a motion with other values of some keys; None leaves one out."""
    save_motion(arm(), file)
    with np.load(file) as archive:
        arrays = dict(archive) | changed
    np.savez(file, allow_pickle=True, **{key: value for key, value in arrays.items() if value is not None})
    return file


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"format": "something"}, "its key 'format' is not 'igx-motion'"),
        ({"version": 2}, "is of version 2 of the format; this igx reads 1"),
        ({"root_pos": None}, "lacks the key 'root_pos'"),
        ({"fps": "fast"}, "key 'fps' holds <U4"),
        ({"name": np.array({"a": 1}, dtype=object)}, "must be a NumPy archive without pickled objects"),
    ],
)
def test_a_file_that_is_no_motion_is_refused_by_its_key(
    tmp_path: Path, changed: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(MotionError, match=complaint):
        load_motion(rewritten(tmp_path / "arm.npz", **changed))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "arm.npz"
    file.write_bytes(b"nothing")
    with pytest.raises(MotionError, match="must be a NumPy archive"):
        load_motion(file)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(MotionError, match=r"No motion is called 'wlak'.* 'walk'"):
        read_motion("wlak")


def test_the_humanoid_s_tree_is_that_of_its_model() -> None:
    model = mujoco.MjModel.from_xml_path(str(igx_assets.path("humanoid_amp")))
    bodies = [model.body(i) for i in range(1, model.nbody)]
    assert tuple(body.name for body in bodies) == humanoid.BODY_NAMES
    assert tuple(int(body.parentid[0]) - 1 for body in bodies) == humanoid.PARENTS
    np.testing.assert_allclose([body.pos for body in bodies[1:]], humanoid.OFFSETS[1:])


def test_forward_kinematics_is_mujoco_s() -> None:
    motion = read_motion("run")
    model = mujoco.MjModel.from_xml_path(str(igx_assets.path("humanoid_amp")))
    data = mujoco.MjData(model)
    positions, rotations = motion.poses()
    for frame in (0, 17, 42):
        data.qpos[:7] = [*motion.root_pos[frame], *motion.rotations[frame, 0]]
        for joint in range(1, model.njnt):
            address, quat = model.jnt_qposadr[joint], motion.rotations[frame, model.jnt_bodyid[joint] - 1]
            if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_BALL:
                data.qpos[address : address + 4] = quat
            else:
                data.qpos[address] = quaternions.to_vector(quat)[1]
        mujoco.mj_kinematics(model, data)
        np.testing.assert_allclose(positions[frame], data.xpos[1:], atol=1e-6)
        between = quaternions.angle_between(rotations[frame], np.array(data.xquat[1:]))
        assert between.max() < 1e-6
