"""Walks of the CMU motion capture database for the AMP humanoid: how this package's `walk-cmu-…` clips are made.

The data are those that the package envpool-assets carries: clips that dm_control fitted to its CMU humanoid, and that
humanoid as MJCF. ``pip install envpool-assets && python -m igx_algo_amp.cmu`` writes the clips anew.

A file of clips is little-endian: the text ``EPMOCAP1``; how many clips; of each its name, how many frames, their
duration as a double, how many fields; of each its name, its width, and floats, frame by frame. Counts are unsigned
numbers of 32 bits, names a count and so many bytes.
"""

import importlib.util
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from igx_algo_amp import quaternions
from igx_algo_amp.motion_formats import CLIPS
from igx_algo_amp.motions import Floats, Motion, MotionError, save_motion
from igx_algo_amp.retargeting import SIDES, retarget

SHIPPED = ("CMU_016_22", "CMU_016_47", "CMU_069_02", "CMU_069_31")
"""Two walks straight on, a slow one, and one around a corner."""

LICENCE = "CMU Graphics Lab Motion Capture Database: free to use, copy, modify and redistribute; see NOTICE"

_SIZE = 1.2  # of the skeleton in the clips, of that in the MJCF
_TRUNK = {"spine": "upperback", "neck": "lowerneck", "head": "head"}
_LIMBS = {
    "shoulder": "humerus",
    "elbow": "radius",
    "wrist": "wrist",
    "hip": "femur",
    "knee": "tibia",
    "ankle": "foot",
    "toe": "toes",
}
_BODIES = _TRUNK | {f"{side}_{joint}": f"{side[0]}{body}" for side in SIDES for joint, body in _LIMBS.items()}
_STANDING = quaternions.multiply(  # what stands upright along y and looks along z stands along z and looks along x
    quaternions.about("z", np.array(np.pi / 2)), quaternions.about("x", np.array(np.pi / 2))
)


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip of the file: quantities by name, shape `[frames, width]` each, and how long a frame lasts [s]."""

    frame_s: float
    fields: Mapping[str, Floats]


def read_clips(file: Path) -> dict[str, Clip]:
    """The clips of a file, by name.

    Raises:
        MotionError: it is no such file, or ends too early.
    """
    data, place = file.read_bytes(), 8
    if not data.startswith(b"EPMOCAP1"):
        raise MotionError(f"{file} has no clips: it must begin with EPMOCAP1.")

    def take(kind: str) -> tuple[int | float | bytes, ...]:
        nonlocal place
        place += struct.calcsize(kind)
        return struct.unpack_from(kind, data, place - struct.calcsize(kind))

    def count() -> int:
        return int(take("<I")[0])

    def name() -> str:
        return bytes(take(f"<{count()}s")[0]).decode()  # pyright: ignore[reportArgumentType]  # of this kind, bytes

    try:
        clips: dict[str, Clip] = {}
        for _ in range(count()):
            clip, frames, frame_s = name(), count(), float(take("<d")[0])
            fields: dict[str, Floats] = {}
            for _ in range(count()):
                field, width = name(), count()
                fields[field] = np.array(take(f"<{frames * width}f"), dtype=np.float64).reshape(frames, width)
            clips[clip] = Clip(frame_s, fields)
    except struct.error as error:
        raise MotionError(f"{file} ends too early, after {len(data)} bytes.") from error
    return clips


def landmarks(model: mujoco.MjModel, *, pos: Floats, quat: Floats, joints: Floats) -> dict[str, Floats]:
    """Where the joints of dm_control's humanoid are, for retargeting, shape `[frames, 3]` each.

    Args:
        model: the humanoid, in the size of the clips.
        pos, quat: of its root in the world, whose z axis points up, shape `[frames, 3]` and `[frames, 4]`.
        joints: positions of its joints in the model's order, shape `[frames, 56]`.
    """
    data, root = mujoco.MjData(model), model.body("root").id
    places: dict[str, list[Floats]] = {joint: [] for joint in _BODIES}
    for angles in joints:
        data.qpos[:] = angles
        mujoco.mj_kinematics(model, data)
        for joint, body in _BODIES.items():
            places[joint].append(data.body(body).xpos - data.xpos[root])
    return {joint: pos + quaternions.rotate(quat, np.stack(place)) for joint, place in places.items()}


def make_motion(name: str, clip: Clip, model: mujoco.MjModel) -> Motion:
    """A clip as a motion of the AMP humanoid."""
    still = landmarks(model, pos=np.zeros((1, 3)), quat=_STANDING[None], joints=np.zeros((1, model.nq)))
    fields = clip.fields
    moving = landmarks(model, pos=fields["position"], quat=fields["quaternion"], joints=fields["joints"])
    subject, take = name.removeprefix("CMU_").split("_")
    return retarget(
        moving,
        rest={joint: place[0] for joint, place in still.items()},
        fps=1.0 / clip.frame_s,
        name=f"walk-cmu-{int(subject)}-{int(take):02}",
        source=f"CMU motion capture {subject}_{take}, fitted by dm_control, retargeted by igx_algo_amp",
        licence=LICENCE,
    )


def main() -> None:
    """Write the clips of this package anew."""
    package = importlib.util.find_spec("envpool_assets")
    if package is None or not package.submodule_search_locations:
        raise MotionError("The data are not there: pip install envpool-assets.")
    folder = Path(package.submodule_search_locations[0]) / "mujoco" / "locomotion" / "assets_dm_control"
    humanoid = folder / "locomotion" / "walkers" / "assets" / "humanoid_CMU_V2020.xml"
    model = mujoco.MjModel.from_xml_path(str(humanoid))
    model.body_pos *= _SIZE
    clips = read_clips(folder / "mocap_2020.bin")
    for name in SHIPPED:
        motion = make_motion(name, clips[name], model)
        save_motion(motion, CLIPS / f"{motion.name}.npz")


if __name__ == "__main__":
    main()
