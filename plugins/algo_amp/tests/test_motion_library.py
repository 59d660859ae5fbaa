"""States between frames, before the first and after the last one, and how motions are drawn."""

import dataclasses
import math
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

import igx_assets
from igx.math import quat_from_rotation_vector
from igx_algo_amp import humanoid, quaternions
from igx_algo_amp.motion_formats import read_motion
from igx_algo_amp.motion_library import MotionLibrary, MotionState, Skeleton, slerp
from igx_algo_amp.motions import Motion, MotionError

MODEL = mujoco.MjModel.from_xml_path(str(igx_assets.path("humanoid_amp")))
SKELETON = Skeleton.of_model(MODEL)


def library(*motions: Motion, **options: Any) -> MotionLibrary:
    return MotionLibrary(motions, skeleton=SKELETON, key_bodies=humanoid.KEY_BODIES, **options)


def at(motion: Motion, *times: float) -> MotionState:
    return library(motion).state(torch.zeros(len(times), dtype=torch.long), torch.tensor(times))


def random_motion(seed: int = 0, frames: int = 12, fps: float = 30.0) -> Motion:
    """Smooth nonsense of every joint; elbows and knees turn about y alone."""
    draw = np.random.default_rng(seed)
    phases = draw.uniform(0, 2 * math.pi, (len(humanoid.BODY_NAMES), 3))
    vectors = 1.2 * np.sin(np.linspace(0, 3, frames)[:, None, None] + phases)
    for body, name in enumerate(humanoid.BODY_NAMES):
        if name.endswith(("shin", "lower_arm")):
            vectors[:, body, [0, 2]] = 0.0
        if name.endswith("hand"):
            vectors[:, body] = 0.0
    return Motion(
        name="nonsense",
        fps=fps,
        body_names=humanoid.BODY_NAMES,
        parents=humanoid.PARENTS,
        offsets=humanoid.OFFSETS,
        root_pos=np.cumsum(draw.normal(0, 0.02, (frames, 3)), axis=0),
        rotations=quaternions.from_vector(vectors),
    )


def scipy_slerp(first: torch.Tensor, second: torch.Tensor, share: float) -> np.ndarray:
    both = Rotation.from_quat(torch.stack([first, second]).numpy(), scalar_first=True)
    return Slerp([0, 1], both)(share).as_quat(scalar_first=True)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_slerp_is_scipy_s(share: float) -> None:
    quats = torch.nn.functional.normalize(torch.randn(2, 200, 4, generator=torch.Generator().manual_seed(0)), dim=-1)
    quats = quats.double()
    ours = slerp(quats[0], quats[1], torch.full((200, 1), share, dtype=torch.float64))
    for first, second, found in zip(*quats, ours, strict=True):
        expected = scipy_slerp(first, second, share)
        assert abs(float(np.dot(expected, found.numpy()))) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-4, 1e-2])
def test_slerp_between_rotations_that_hardly_differ_is_exact(angle: float) -> None:
    first, second = quat_from_rotation_vector(torch.tensor([[0.5, 0.0, 0.0], [0.5 + angle, 0.0, 0.0]])).split(1)
    ours = slerp(first, second, torch.tensor([[0.3]]))
    assert torch.allclose(ours, quat_from_rotation_vector(torch.tensor([[0.5 + 0.3 * angle, 0.0, 0.0]])), atol=1e-6)


def test_between_frames_joints_turn_as_scipy_turns_them() -> None:
    motion = random_motion()
    time = 4.3 / motion.fps
    state = at(motion, time)
    times = np.arange(motion.num_frames) / motion.fps
    column = 0
    for body, axis in SKELETON.columns:
        turns = Rotation.from_quat(motion.rotations[:, body], scalar_first=True)
        vector = Slerp(times, turns)(time).as_rotvec()
        assert state.joint_pos[0, column].item() == pytest.approx(vector[1 if axis is None else axis], abs=1e-5)
        column += 1
    assert column == 28


def test_on_a_frame_a_state_is_that_frame_s() -> None:
    motion = random_motion()
    positions, _ = motion.poses()
    state = at(motion, 7 / motion.fps)
    np.testing.assert_allclose(state.root_pos[0], motion.root_pos[7], atol=1e-5)
    keys = [humanoid.BODY_NAMES.index(name) for name in humanoid.KEY_BODIES]
    np.testing.assert_allclose(state.key_pos[0], positions[7, keys], atol=1e-5)
    assert abs(float(np.dot(state.root_quat[0].numpy(), motion.rotations[7, 0]))) == pytest.approx(1.0, abs=1e-6)


def test_after_its_end_a_motion_stays_in_its_last_frame() -> None:
    motion = random_motion()
    end, late = at(motion, motion.duration), at(motion, motion.duration + 5.0)
    for now, then in zip(late, end, strict=True):
        torch.testing.assert_close(now, then, atol=2e-5, rtol=0)


def test_before_its_beginning_a_motion_goes_on_backwards() -> None:
    motion = random_motion()
    state = at(motion, -0.5 / motion.fps)
    expected = motion.root_pos[0] - 0.5 * (motion.root_pos[1] - motion.root_pos[0])
    np.testing.assert_allclose(state.root_pos[0], expected, atol=1e-5)
    first, second = (Rotation.from_quat(motion.rotations[i, 0], scalar_first=True) for i in (0, 1))
    turn = (second * first.inv()).as_rotvec()
    quat = (Rotation.from_rotvec(-0.5 * turn) * first).as_quat(scalar_first=True)
    assert abs(float(np.dot(state.root_quat[0].numpy(), quat))) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("rounds", [-2.0, -1.0, 1.0, 3.0])
def test_a_motion_that_loops_goes_on_further_on(rounds: float) -> None:
    motion = read_motion("walk")
    here, there = at(motion, 0.3), at(motion, 0.3 + rounds * motion.duration)
    moved = torch.tensor(rounds * motion.travel, dtype=torch.float32)
    torch.testing.assert_close(there.root_pos, here.root_pos + moved, atol=1e-4, rtol=0)
    torch.testing.assert_close(there.key_pos, here.key_pos + moved, atol=1e-4, rtol=0)
    torch.testing.assert_close(there.joint_pos, here.joint_pos, atol=1e-4, rtol=0)


def test_joint_velocities_lead_from_frame_to_frame_in_the_body_s_frame() -> None:
    motion = random_motion()
    vel = at(motion, 3.5 / motion.fps).joint_vel[0].numpy()
    for column, (body, axis) in enumerate(SKELETON.columns):
        now, then = (Rotation.from_quat(motion.rotations[i, body], scalar_first=True) for i in (3, 4))
        expected = (now.inv() * then).as_rotvec() * motion.fps
        assert vel[column] == pytest.approx(expected[1 if axis is None else axis], abs=1e-4)


def test_root_velocities_are_smoothed_differences() -> None:
    motion = random_motion(frames=40)
    state = at(motion, 20 / motion.fps + 1e-4)
    rates = np.gradient(motion.root_pos, axis=0) * motion.fps
    np.testing.assert_allclose(
        state.root_lin_vel_w[0], gaussian_filter1d(rates, 2, axis=0, mode="nearest")[20], atol=1e-5
    )
    turns = Rotation.from_quat(motion.rotations[:, 0], scalar_first=True)
    rates = np.concatenate([(turns[1:] * turns[:-1].inv()).as_rotvec() * motion.fps, np.zeros((1, 3))])
    np.testing.assert_allclose(
        state.root_ang_vel_w[0], gaussian_filter1d(rates, 2, axis=0, mode="nearest")[20], atol=1e-5
    )


def test_velocities_of_a_loop_know_no_seam() -> None:
    motion = read_motion("run")
    mean = library(motion).state(torch.zeros(420, dtype=torch.long), torch.arange(420) * motion.duration / 420)
    assert mean.root_lin_vel_w[:, 0].mean().item() == pytest.approx(3.2, abs=1e-3)
    around = at(motion, 0.0, motion.duration - 1e-3)
    assert (around.joint_vel[0] - around.joint_vel[1]).abs().max() < 3.0
    assert (around.root_lin_vel_w[0] - around.root_lin_vel_w[1]).abs().max() < 0.1


def test_motions_are_drawn_by_weight_and_times_evenly() -> None:
    motions = [random_motion(seed, frames) for seed, frames in ((0, 12), (1, 30), (2, 5))]
    drawn = library(*motions, weights=[1.0, 3.0, 0.0])
    index, time = drawn.sample(20_000, generator=torch.Generator().manual_seed(0))
    assert torch.bincount(index, minlength=3).tolist() == [
        pytest.approx(5000, abs=300),
        pytest.approx(15000, abs=300),
        0,
    ]
    assert time[index == 1].mean().item() == pytest.approx(0.5 * motions[1].duration, rel=0.02)
    assert time[index == 1].max() <= motions[1].duration


def test_a_motion_of_weight_0_is_never_drawn() -> None:
    drawn = library(random_motion(), random_motion(1), random_motion(2), weights=[0.1, 0.6, 0.0])
    index, _ = drawn.pick(torch.tensor([[0.0, 0.5], [1.0 - 2**-24, 0.5]]))
    assert index.tolist() == [0, 1]


def test_states_of_several_motions_are_each_its_own() -> None:
    motions = [random_motion(seed, frames) for seed, frames in ((0, 12), (1, 30))]
    together = library(*motions).state(torch.tensor([1, 0]), torch.tensor([0.8, 0.2]))
    for row, (motion, time) in enumerate(((motions[1], 0.8), (motions[0], 0.2))):
        for ours, alone in zip(together, at(motion, time), strict=True):
            torch.testing.assert_close(ours[row], alone[0])


def test_a_motion_of_another_robot_is_refused() -> None:
    motion = random_motion()
    other = dataclasses.replace(motion, body_names=("hips", *motion.body_names[1:]))
    with pytest.raises(MotionError, match="The bodies of motion 'nonsense' are not the robot's: it has no 'pelvis'"):
        library(other)


@pytest.mark.parametrize("weights", [[0.0], [-1.0], [1.0, 1.0]])
def test_weights_that_make_no_sense_are_refused(weights: list[float]) -> None:
    with pytest.raises(MotionError, match="takes motions with weights"):
        library(random_motion(), weights=weights)
