"""Recorded motions from files: igx's own, IsaacGymEnvs' clips, DeepMimic's and BVH."""

import io
import json
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from igx.errors import suggest
from igx_algo_amp import quaternions
from igx_algo_amp.humanoid import BODY_NAMES, OFFSETS, PARENTS
from igx_algo_amp.motion_library import slerp
from igx_algo_amp.motions import Floats, Motion, MotionError, load_motion

LIST_ENDINGS = (".yaml", ".yml")
"""Of files that list motions; see `igx_algo_amp.motion_sets`."""

CLIPS = Path(__file__).with_name("clips")
"""The motions that come with this package."""


def shipped() -> dict[str, Path]:
    """The motions that come with this package, by name."""
    return {file.stem: file for file in sorted(CLIPS.glob("*.npz"))}


def read_motion(name_or_path: str | Path) -> Motion:
    """A motion that comes with this package, by its name, or that of a file.

    The file's ending says what it is: `.npz` igx's own, `.npy` a clip of IsaacGymEnvs, `.txt` one of DeepMimic, `.bvh`.

    Raises:
        MotionError: there is no such motion, or it is malformed.
    """
    path, known = Path(name_or_path).expanduser(), shipped()
    if str(name_or_path) in known:
        return load_motion(known[str(name_or_path)])
    readers: dict[str, Callable[[Path], Motion]] = {
        ".npz": load_motion,
        ".npy": read_isaac,
        ".txt": read_deepmimic,
        ".bvh": read_bvh,
    }
    if path.suffix in LIST_ENDINGS and path.is_file():
        raise MotionError(f"{path} is a list of motions, for task.motion; here, name one of those in it.")
    if path.suffix not in readers:
        hint = suggest(str(name_or_path), known)
        endings = f"Files end in {', '.join(readers)}, lists for task.motion in {LIST_ENDINGS[0]}."
        raise MotionError(f"No motion is called {str(name_or_path)!r}.{hint} {endings}")
    if not path.is_file():
        raise MotionError(f"There is no motion at {path}.")
    return readers[path.suffix](path)


# IsaacGymEnvs.


def read_isaac(file: Path) -> Motion:
    """A clip of IsaacGymEnvs' HumanoidAMP: a pickled dictionary in a NumPy file, of which only data is unpickled.

    Raises:
        MotionError: the file is malformed, or holds anything but arrays, dictionaries and texts.
    """
    clip = _unpickled(file)
    try:
        skeleton = clip["skeleton_tree"]
        rotations = _array(clip["rotation"])
        if not clip["is_local"]:
            raise MotionError(f"{file}: key 'is_local' is false; only clips with local rotations are read.")
        return Motion(
            name=file.stem,
            fps=float(clip["fps"]),
            body_names=tuple(str(name) for name in skeleton["node_names"]),
            parents=tuple(int(parent) for parent in _array(skeleton["parent_indices"])),
            offsets=_array(skeleton["local_translation"]),
            root_pos=_array(clip["root_translation"]),
            rotations=np.roll(rotations, 1, axis=-1),
            source=f"IsaacGymEnvs clip {file.name}",
        )
    except KeyError as error:
        raise MotionError(f"{file} lacks the key {error.args[0]!r}.") from error
    except (TypeError, ValueError, IndexError) as error:
        raise MotionError(f"{file} is no clip of IsaacGymEnvs: {error}.") from error


def _array(entry: Mapping[str, Any]) -> Floats:
    """An array as these files have it, in the type that stands beside it."""
    return np.asarray(entry["arr"], dtype=entry["context"]["dtype"]).astype(np.float64)


def _unpickled(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read_header[version](stream)
            payload = stream.read()
        if dtype.kind != "O" or shape != ():
            raise MotionError(f"{file} is no clip of IsaacGymEnvs: it must hold one dictionary.")
        clip = _DataOnly(io.BytesIO(payload)).load().item()
    except OSError as error:
        raise MotionError(f"The motion {file} can't be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, EOFError, pickle.UnpicklingError, AttributeError, IndexError) as error:
        raise MotionError(f"{file} is no clip of IsaacGymEnvs: {error}.") from error
    if not isinstance(clip, Mapping):
        raise MotionError(f"{file} is no clip of IsaacGymEnvs: it must hold one dictionary.")
    return clip


class _DataOnly(pickle.Unpickler):
    """Unpickles arrays and ordered dictionaries; whatever else a file names is not looked up, far less called."""

    _ALLOWED = frozenset(
        {
            ("collections", "OrderedDict"),
            ("numpy", "dtype"),
            ("numpy", "ndarray"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "scalar"),
            ("numpy._core.numeric", "_frombuffer"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core.", "numpy._core.")  # what it was called before NumPy 2
        if (module, name) == ("_codecs", "encode"):  # how bytes are written by old protocols
            return _latin1
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no data")
        return super().find_class(module, name)


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it has bytes as {encoding}")
    return text.encode("latin1")


# DeepMimic.

_DEEPMIMIC = (  # body and width of what stands in a row, after its duration, the root's position and its rotation
    *(("torso", 4), ("head", 4)),
    *(("right_thigh", 4), ("right_shin", 1), ("right_foot", 4), ("right_upper_arm", 4), ("right_lower_arm", 1)),
    *(("left_thigh", 4), ("left_shin", 1), ("left_foot", 4), ("left_upper_arm", 4), ("left_lower_arm", 1)),
)
_ROW = 8 + sum(width for _, width in _DEEPMIMIC)


def read_deepmimic(file: Path) -> Motion:
    """A clip of DeepMimic's humanoid: JSON, its y axis up; knees and elbows turn about z.

    Frames that last unequally long are made even, of their median duration. A clip that says it wraps is read as one
    that does not loop: the ends of DeepMimic's are too far apart, and it leaps from one to the other.

    Raises:
        MotionError: the file is malformed; the message says in which line or frame.
    """
    try:
        clip = json.loads(file.read_text())
    except OSError as error:
        raise MotionError(f"The motion {file} can't be read: {error.strerror or error}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        where = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise MotionError(f"{file} is no JSON{where}: {getattr(error, 'msg', error)}.") from error
    if not isinstance(clip, dict) or not isinstance(clip.get("Frames"), list):
        raise MotionError(f"{file} lacks the key 'Frames', a list of rows.")
    frames = _rows(clip["Frames"], file)
    durations = frames[:-1, 0]  # the last frame's leads nowhere
    for number in np.flatnonzero(durations <= 0.0)[:1]:
        raise MotionError(f"{file}: frame {number} lasts {durations[number]:g} s; its first number must be positive.")
    rotations = np.zeros((len(frames), len(BODY_NAMES), 4))
    rotations[..., 0] = 1.0
    rotations[:, 0] = _z_up(_units(frames[:, 4:8], "pelvis", file))
    column = 8
    for body, width in _DEEPMIMIC:
        values = frames[:, column : column + width]
        about_y = quaternions.about("y", -values[:, 0])  # of DeepMimic's z axis, which points to the right
        rotations[:, BODY_NAMES.index(body)] = about_y if width == 1 else _z_up(_units(values, body, file))
        column += width
    x, y, z = frames[:, 1:4].T
    step = float(np.median(durations)) if len(durations) else 1.0
    root_pos, rotations = _evenly(np.stack([x, -z, y], axis=-1), rotations, durations, step=step)
    return Motion(
        name=file.stem,
        fps=1.0 / step,
        body_names=BODY_NAMES,
        parents=PARENTS,
        offsets=OFFSETS,
        root_pos=root_pos,
        rotations=rotations,
        source=f"DeepMimic clip {file.name}",
    )


def _rows(rows: Sequence[Any], file: Path) -> Floats:
    for number, row in enumerate(rows):
        is_row = isinstance(row, list) and len(row) == _ROW
        if not is_row or not all(isinstance(x, (int, float)) and math.isfinite(x) for x in row):
            raise MotionError(f"{file}: frame {number} must have {_ROW} numbers.")
    return np.array(rows, dtype=np.float64)


def _units(quats: Floats, body: str, file: Path) -> Floats:
    """Unit quaternions; DeepMimic's files have such that are off by some per cent, which it takes as what they mean."""
    lengths = np.linalg.norm(quats, axis=-1, keepdims=True)
    for frame in np.flatnonzero(lengths < 0.5)[:1]:
        raise MotionError(f"{file}: frame {frame} has no quaternion for {body!r}.")
    return quats / lengths


def _evenly(root_pos: Floats, rotations: Floats, durations: Floats, *, step: float) -> tuple[Floats, Floats]:
    """Frames a `step` apart [s], from such that last for `durations`."""
    if not len(durations) or np.abs(durations - step).max() < 0.01 * step:
        return root_pos, rotations
    times = np.concatenate([[0.0], np.cumsum(durations)])
    places = np.interp(np.arange(0.0, times[-1] + 0.5 * step, step), times, np.arange(len(times)))
    before = np.minimum(places.astype(int), len(times) - 2)
    share = torch.from_numpy(places - before)
    first, second = (torch.from_numpy(rotations[frame]) for frame in (before, before + 1))
    moved = root_pos[before] + share[:, None].numpy() * (root_pos[before + 1] - root_pos[before])
    return moved, slerp(first, second, share[:, None, None]).numpy()


def _z_up(quat: NDArray[np.float64]) -> Floats:
    """The rotation (w, x, y, z), of a world whose y axis points up, in one whose z axis does."""
    w, x, y, z = np.moveaxis(quat, -1, 0)
    return np.stack([w, x, -z, y], axis=-1)


# BVH.


def read_bvh(file: Path, *, scale: float = 1.0) -> Motion:
    """A BVH file, read by pybvh; joints become bodies, and an upright y axis is turned to z.

    Args:
        file: where it is.
        scale: metres of its unit of length.

    Raises:
        MotionError: pybvh is not installed, or the file is malformed; the message has the line.
    """
    try:
        import pybvh
    except ModuleNotFoundError as error:
        raise MotionError("Reading BVH takes pybvh: pip install 'igx-algo-amp[bvh]'.") from error
    try:
        clip: Any = pybvh.read_bvh_file(file)
        root_pos, rotations = clip.to_quat()
        joints = [node for node in clip.nodes if not node.is_end_site()]
        up = str(clip.world_up)
    except (ValueError, IndexError, OSError, UnicodeDecodeError) as error:
        raise MotionError(f"{file} is no BVH file: {' '.join(str(error).split())}.") from error
    rotations = np.array(rotations, dtype=np.float64)
    root_pos = np.array(root_pos, dtype=np.float64) * scale
    if up == "+y":
        upright = quaternions.about("x", np.array(math.pi / 2))
        root_pos = quaternions.rotate(upright, root_pos)
        rotations[:, 0] = quaternions.multiply(upright, rotations[:, 0])
    elif up != "+z":
        raise MotionError(f"{file} has {up} up; only +y and +z are read.")
    names = [node.name for node in joints]
    return Motion(
        name=file.stem,
        fps=float(clip.fps),
        body_names=tuple(names),
        parents=tuple(-1 if node.parent is None else names.index(node.parent.name) for node in joints),
        offsets=np.array([node.offset for node in joints], dtype=np.float64) * scale,
        root_pos=root_pos,
        rotations=rotations,
        source=f"BVH file {file.name}",
    )
