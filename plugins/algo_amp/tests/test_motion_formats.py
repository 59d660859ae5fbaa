"""Clips of IsaacGymEnvs and DeepMimic and BVH files: what they mean, and what is refused by line or key."""

import json
import math
import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from igx_algo_amp import humanoid
from igx_algo_amp.motion_formats import read_bvh, read_deepmimic, read_isaac, read_motion
from igx_algo_amp.motion_sets import read_motions
from igx_algo_amp.motions import MotionError

FRAMES = 5


# IsaacGymEnvs.


def entry(array: Any) -> dict[str, Any]:
    values = np.asarray(array)
    return {"arr": values, "context": {"dtype": str(values.dtype)}}


def random_turns() -> Rotation:
    return Rotation.from_rotvec(np.random.default_rng(0).normal(size=(FRAMES * 15, 3)))


def isaac_clip(**changed: Any) -> OrderedDict[str, Any]:
    """A clip as IsaacGymEnvs writes it, of random turns; None leaves a key out."""
    rotations = random_turns().as_quat().reshape(FRAMES, 15, 4)
    tree = {
        "node_names": list(humanoid.BODY_NAMES),
        "parent_indices": entry(np.array(humanoid.PARENTS)),
        "local_translation": entry(humanoid.OFFSETS.astype(np.float32)),
    }
    clip: dict[str, Any] = {
        "rotation": entry(rotations.astype(np.float32)),
        "root_translation": entry(np.arange(3 * FRAMES, dtype=np.float32).reshape(FRAMES, 3)),
        "global_velocity": entry(np.zeros((FRAMES, 15, 3), np.float32)),
        "global_angular_velocity": entry(np.zeros((FRAMES, 15, 3), np.float32)),
        "skeleton_tree": OrderedDict(tree),
        "is_local": True,
        "fps": 60,
        "__name__": "SkeletonMotion",
    }
    return OrderedDict((key, value) for key, value in (clip | changed).items() if value is not None)


def saved(file: Path, content: Any) -> Path:
    np.save(file, np.array(content, dtype=object), allow_pickle=True)
    return file


def test_a_clip_of_isaac_gym_envs_keeps_its_turns_in_our_order(tmp_path: Path) -> None:
    motion = read_motion(saved(tmp_path / "clip.npy", isaac_clip()))
    assert (motion.name, motion.fps, motion.loop) == ("clip", 60.0, False)
    assert (motion.body_names, motion.parents) == (humanoid.BODY_NAMES, humanoid.PARENTS)
    expected = random_turns().as_quat(scalar_first=True).reshape(FRAMES, 15, 4)
    np.testing.assert_allclose(motion.rotations, expected, atol=1e-6)
    np.testing.assert_allclose(motion.root_pos[1], [3, 4, 5])


def test_a_clip_from_before_numpy_2_is_read(tmp_path: Path) -> None:
    file, content = tmp_path / "clip.npy", np.array(isaac_clip(), dtype=object)
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(content))
        stream.write(pickle.dumps(content, protocol=2).replace(b"numpy._core.", b"numpy.core."))
    assert b"numpy.core.multiarray" in file.read_bytes()
    assert read_isaac(file).num_frames == FRAMES


@pytest.mark.parametrize("key", ["rotation", "root_translation", "skeleton_tree", "fps"])
def test_a_clip_without_a_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(MotionError, match=f"lacks the key '{key}'"):
        read_isaac(saved(tmp_path / "clip.npy", isaac_clip(**{key: None})))


def test_a_clip_of_the_wrong_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="rotations has the shape"):
        read_isaac(saved(tmp_path / "clip.npy", isaac_clip(root_translation=entry(np.zeros((2, 3))))))


class _Attack:
    """What a hostile file does when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["IGX_TEST_ATTACK"],)


def test_a_file_that_would_run_something_is_refused_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGX_TEST_ATTACK", str(tmp_path / "attacked"))
    file = saved(tmp_path / "clip.npy", isaac_clip(fps=_Attack()))
    with pytest.raises(MotionError, match=r"it names posix\.mkdir, which is no data"):
        read_isaac(file)
    assert not (tmp_path / "attacked").exists()
    pickle.loads(file.read_bytes()[128:])  # the attack is one  # noqa: S301
    assert (tmp_path / "attacked").exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x93NUMPY\x01\x00"])
def test_a_broken_numpy_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "clip.npy"
    file.write_bytes(content)
    with pytest.raises(MotionError, match="is no clip of IsaacGymEnvs"):
        read_isaac(file)


def test_an_array_is_no_clip(tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", np.zeros(3))
    with pytest.raises(MotionError, match="it must hold one dictionary"):
        read_isaac(tmp_path / "clip.npy")


# DeepMimic. Its y axis points up, x forward and z to the right.


def deepmimic_row(*, pos: Any = (0.0, 0.9, 0.0), knee: float = 0.0, **turns: tuple[str, float]) -> list[float]:
    """A frame; `turns` are rotations about its axes by joint."""

    def quat(joint: str) -> list[float]:
        axis, angle = turns.get(joint, ("x", 0.0))
        return Rotation.from_euler(axis, angle).as_quat(scalar_first=True).tolist()

    right = [*quat("right_hip"), knee, *quat("right_ankle"), *quat("right_shoulder"), 0.3]
    left = [*quat("left_hip"), 0.0, *quat("left_ankle"), *quat("left_shoulder"), 0.0]
    return [1 / 30, *pos, *quat("root"), *quat("chest"), *quat("neck"), *right, *left]


def deepmimic_file(file: Path, *rows: list[float]) -> Path:
    file.write_text(json.dumps({"Loop": "none", "Frames": list(rows)}))
    return file


def test_a_deepmimic_clip_stands_up_and_turns_the_same_way(tmp_path: Path) -> None:
    row = deepmimic_row(pos=(1.0, 0.8, 0.2), knee=-0.7, root=("y", 0.5), left_hip=("z", 0.4), left_shoulder=("x", -0.6))
    motion = read_motion(deepmimic_file(tmp_path / "clip.txt", row, row))
    assert motion.fps == pytest.approx(30.0)
    assert motion.root_pos[0].tolist() == pytest.approx([1.0, -0.2, 0.8])
    vectors = dict(zip(motion.body_names, turned(motion.rotations[0]), strict=True))
    assert vectors["pelvis"] == pytest.approx([0.0, 0.0, 0.5])  # to the left about the vertical, as before
    assert vectors["left_thigh"] == pytest.approx([0.0, -0.4, 0.0])  # forward
    assert vectors["left_upper_arm"] == pytest.approx([-0.6, 0.0, 0.0])
    assert vectors["right_shin"] == pytest.approx([0.0, 0.7, 0.0])  # bent backwards, as our knees are
    assert vectors["right_lower_arm"] == pytest.approx([0.0, -0.3, 0.0])
    positions, _ = motion.poses()
    assert positions[0, motion.body_names.index("left_shin"), 2] > 0.8 - 0.42


def turned(rotations: Any) -> list[list[float]]:
    return Rotation.from_quat(rotations, scalar_first=True).as_rotvec().tolist()


def test_a_deepmimic_row_of_the_wrong_width_is_refused_by_its_number(tmp_path: Path) -> None:
    rows = [deepmimic_row(), deepmimic_row()[:-1]]
    with pytest.raises(MotionError, match="frame 1 must have 44 numbers"):
        read_deepmimic(deepmimic_file(tmp_path / "clip.txt", *rows))


def test_deepmimic_frames_of_unequal_duration_are_made_even(tmp_path: Path) -> None:
    rows = [deepmimic_row(pos=(x, 0.9, 0.0), root=("y", x)) for x in (0.0, 0.1, 0.2, 0.4, 0.5)]
    rows[2][0] *= 2
    motion = read_deepmimic(deepmimic_file(tmp_path / "clip.txt", *rows))
    assert motion.fps == pytest.approx(30.0)
    assert motion.root_pos[:, 0].tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert [turn[2] for turn in turned(motion.rotations[:, 0])] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_a_deepmimic_frame_without_a_duration_or_a_rotation_is_refused_by_its_number(tmp_path: Path) -> None:
    rows = [deepmimic_row() for _ in range(3)]
    rows[1][0] = 0.0
    with pytest.raises(MotionError, match="frame 1 lasts 0 s; its first number must be positive"):
        read_deepmimic(deepmimic_file(tmp_path / "clip.txt", *rows))
    rows[1][0], rows[2][8:12] = 1 / 30, [0.0] * 4
    with pytest.raises(MotionError, match="frame 2 has no quaternion for 'torso'"):
        read_deepmimic(deepmimic_file(tmp_path / "clip.txt", *rows))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [('{"Loop":\n "none",\n oops}', "is no JSON in line 3"), ('{"Loop": "none"}', "lacks the key 'Frames'")],
)
def test_a_text_that_is_no_clip_is_refused_by_line_or_key(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "clip.txt").write_text(text)
    with pytest.raises(MotionError, match=complaint):
        read_deepmimic(tmp_path / "clip.txt")


# BVH.

BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0.0 0.0 0.0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0.0 0.5 0.0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0.0 0.3 0.0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.025
0.0 1.0 0.0 0 0 0 0 0 0
0.0 1.0 0.3 0 0 90 0 30 0
"""


@pytest.fixture
def bvh_file(tmp_path: Path) -> Path:
    pytest.importorskip("pybvh")
    file = tmp_path / "clip.bvh"
    file.write_text(BVH)
    return file


def test_a_bvh_file_stands_up(bvh_file: Path) -> None:
    motion = read_motion(bvh_file)
    assert (motion.body_names, motion.parents, motion.fps) == (("Hips", "Spine"), (-1, 0), pytest.approx(40.0))
    positions, _ = motion.poses()
    assert positions[0].round(6).tolist() == [[0.0, 0.0, 1.0], [0.0, 0.0, 1.5]]
    assert positions[1].round(6).tolist() == [[0.0, -0.3, 1.0], [0.0, -0.3, 1.5]]
    assert turned(motion.rotations[1])[1] == pytest.approx([math.pi / 6, 0.0, 0.0])


def test_a_malformed_bvh_file_is_refused_by_its_line(bvh_file: Path) -> None:
    bvh_file.write_text(BVH.replace("OFFSET 0.0 0.5 0.0", "OFFSET 0.0 0.5"))
    with pytest.raises(MotionError, match=r"is no BVH file: .* at line 6 .*: OFFSET must have 3 values, got 2"):
        read_bvh(bvh_file)


def test_without_pybvh_the_extra_is_named(bvh_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybvh", None)
    with pytest.raises(MotionError, match=r"pip install 'igx-algo-amp\[bvh\]'"):
        read_bvh(bvh_file)


# Lists.


def test_a_list_has_motions_by_name_or_file_with_weights(tmp_path: Path) -> None:
    saved(tmp_path / "clip.npy", isaac_clip())
    (tmp_path / "list.yaml").write_text("motions: [{file: walk, weight: 2}, {file: clip.npy}]")
    motions, weights = read_motions(str(tmp_path / "list.yaml"))
    assert [motion.name for motion in motions] == ["walk", "clip"]
    assert weights == [2.0, 1.0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("motions: []", "must have a list under the key 'motions'"),
        ("motions: [walk]", r"motions\[0\] must read \{file: NAME, weight: NUMBER\}"),
        ("motions: [{file: walk}, {file: run, weight: -1}]", r"motions\[1\] has the weight -1"),
        ("motions: [", "can't be read"),
    ],
)
def test_a_malformed_list_is_refused_by_its_entry(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "list.yaml").write_text(text)
    with pytest.raises(MotionError, match=complaint):
        read_motions(str(tmp_path / "list.yaml"))
