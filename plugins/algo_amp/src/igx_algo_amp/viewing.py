"""Pictures of recorded motions: of the humanoid as it looks, of other trees of bodies as stick figures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from PIL import Image

from igx import Articulation, GroundPlane
from igx.config.sections import SimConfig
from igx.sim.declared import Declared
from igx.sim.scene import build_scene
from igx.video.camera import Camera, Picture
from igx.video.encode import write
from igx_algo_amp import quaternions
from igx_algo_amp.humanoid import BODY_NAMES
from igx_algo_amp.motions import Floats, Motion, MotionError

_FRAME_RATE = 25.0  # of videos [1/s]; one that a GIF can hold exactly, its unit of time being 10 ms


def save_strip(
    motion: Motion, file: Path, *, seconds: float, count: int, width: int, height: int, azimuth: float
) -> None:
    """Write pictures of a motion beside each other, evenly spaced over its first seconds.

    Raises:
        MotionError: the file has another ending than .png, or can't be written.
    """
    if file.suffix != ".png":
        raise MotionError(f"A motion is pictured in a file that ends in .png, .gif or .mp4, not in {file}.")
    times = np.linspace(0.0, seconds, count)
    pictures = [*_pictures(motion, times, width=width, height=height, azimuth=azimuth)]
    try:
        Image.fromarray(np.concatenate(pictures, axis=1)).save(file)
    except OSError as error:
        raise MotionError(f"The picture can't be written to {file}: {error.strerror or error}.") from error


def save_video(motion: Motion, file: Path, *, seconds: float, width: int, height: int, azimuth: float) -> None:
    """Write a GIF or an MP4, as its name ends, of a motion's first seconds; edges of an odd length lose a pixel.

    Raises:
        RunError: the file can't be written, or MP4 can't, here.
    """
    times = np.arange(0.0, seconds, 1.0 / _FRAME_RATE)
    pictures = _pictures(motion, times, width=width - width % 2, height=height - height % 2, azimuth=azimuth)
    write(pictures, file, frame_rate=_FRAME_RATE)


def _pictures(motion: Motion, times: Floats, *, width: int, height: int, azimuth: float) -> Iterator[Picture]:
    """A picture of the frame that is nearest to each time [s]; what loops goes on."""
    model = _scene(motion)
    camera = Camera(model, width=width, height=height, azimuth=azimuth, elevation=-8.0)
    places = np.round(times * motion.fps).astype(int)
    cycle = motion.num_frames - 1
    rounds = places // cycle if motion.loop else np.zeros_like(places)
    frames = np.clip(places - rounds * cycle, 0, cycle)
    try:
        for frame, turn in zip(frames, rounds, strict=True):
            yield camera.picture(camera.show(qpos_of(motion, frame, model, moved=turn * motion.travel)))
    finally:
        camera.close()


def qpos_of(motion: Motion, frame: int, model: mujoco.MjModel, *, moved: Floats | float = 0.0) -> Floats:
    """The state of a model, whose bodies are the motion's in their order after the world, in a frame of it."""
    qpos = np.array(model.qpos0)
    qpos[:7] = [*(motion.root_pos[frame] + moved), *motion.rotations[frame, 0]]
    for joint in range(1, model.njnt):
        address, turn = model.jnt_qposadr[joint], motion.rotations[frame, model.jnt_bodyid[joint] - 1]
        if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_BALL:
            qpos[address : address + 4] = turn
        else:
            qpos[address] = quaternions.to_vector(turn) @ model.jnt_axis[joint]
    return qpos


def _scene(motion: Motion) -> mujoco.MjModel:
    figure = Articulation("humanoid_amp") if motion.body_names == BODY_NAMES else _StickFigure(motion)
    parts: dict[str, Declared[Any]] = {"ground": GroundPlane(), "figure": figure}
    for name, part in parts.items():
        part.name = name
    return build_scene(parts.values(), sim=SimConfig())


class _StickFigure(Declared[None]):
    """The bodies of a motion, as lines from each to its parent."""

    def __init__(self, motion: Motion) -> None:
        self.motion = motion

    def add_to(self, spec: mujoco.MjSpec) -> None:
        motion = self.motion
        thickness = 0.03 * float(np.linalg.norm(motion.offsets[1:], axis=-1).max(initial=0.3))
        bodies: list[mujoco.MjsBody] = []
        for name, parent, offset in zip(motion.body_names, motion.parents, motion.offsets, strict=True):
            home = bodies[parent] if bodies else spec.worldbody
            body = home.add_body(name=f"figure/{name}", pos=offset, mass=1.0, inertia=[1.0, 1.0, 1.0])
            kind = mujoco.mjtJoint.mjJNT_BALL if bodies else mujoco.mjtJoint.mjJNT_FREE
            body.add_joint(name=f"figure/{name}", type=kind)
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[1.5 * thickness, 0.0, 0.0], rgba=[0.2, 0.27, 0.36, 1.0]
            )
            if bodies and np.linalg.norm(offset) > 1e-6:
                line = [0.0, 0.0, 0.0, *offset]
                size = [thickness, 0.0, 0.0]
                home.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=line, size=size, rgba=[0.93, 0.55, 0.22, 1.0])
            bodies.append(body)

    def bind(self, simulator: object) -> None:
        return None
