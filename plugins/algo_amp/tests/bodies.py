"""What tests of clips ask of the humanoid's body: where its soles are, and what of it touches."""

import mujoco
import numpy as np

import igx_assets
from igx_algo_amp import quaternions
from igx_algo_amp.motions import Floats, Motion
from igx_algo_amp.viewing import qpos_of

MODEL = mujoco.MjModel.from_xml_path(str(igx_assets.path("humanoid_amp")))
FEET = ("right_foot", "left_foot")


def soles(motion: Motion, foot: str) -> Floats:
    """Corners of a foot's sole in the world, shape `[frames, 4, 3]`."""
    geom = MODEL.geom(foot)
    low = [geom.pos + geom.size * [x, y, -1] for x in (-1, 1) for y in (-1, 1)]
    positions, rotations = motion.poses()
    body = motion.body_names.index(foot)
    corners = np.broadcast_to(np.stack(low), (motion.num_frames, 4, 3)).copy()
    return positions[:, body, None] + quaternions.rotate(np.repeat(rotations[:, body, None], 4, axis=1), corners)


def joints_beyond_limits(motion: Motion) -> list[str]:
    """Names of joints that are further than they can be, in any frame."""
    vectors = quaternions.to_vector(motion.rotations)
    beyond: list[str] = []
    for joint in range(1, MODEL.njnt):
        turn, (low, high) = vectors[:, MODEL.jnt_bodyid[joint] - 1], MODEL.jnt_range[joint]
        if MODEL.jnt_type[joint] == mujoco.mjtJoint.mjJNT_BALL:
            is_within = np.linalg.norm(turn, axis=-1).max() <= high
        else:
            is_within = np.abs(turn[:, [0, 2]]).max() < 1e-3 and low <= turn[:, 1].min() <= turn[:, 1].max() <= high
        beyond += [] if is_within else [MODEL.joint(joint).name]
    return beyond


def touching_frames(motion: Motion) -> list[int]:
    """Frames in which parts of the body touch each other."""
    data = mujoco.MjData(MODEL)
    frames: list[int] = []
    for frame in range(motion.num_frames):
        data.qpos[:] = qpos_of(motion, frame, MODEL)
        mujoco.mj_kinematics(MODEL, data)
        mujoco.mj_collision(MODEL, data)
        frames += [frame] * bool(data.ncon)
    return frames
