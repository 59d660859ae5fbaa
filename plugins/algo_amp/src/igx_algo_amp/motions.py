"""A recorded motion: a tree of bodies, and how each of them is turned in every frame.

igx's own file of one is a NumPy archive, `.npz`, with these arrays; nothing in it is pickled:

| key | content |
|---|---|
| `format` | the text ``igx-motion`` |
| `version` | of this table: 1 |
| `name`, `source`, `licence` | texts: what it is called, where it comes from, under which terms it may be used |
| `fps` | frames a second |
| `loop` | whether the last frame is the first one again, further on |
| `body_names` | texts `[bodies]`; the root first, parents before their children |
| `parents` | int `[bodies]`: index of the parent, -1 for the root |
| `offsets` | `[bodies, 3]`: where a body's origin is in its parent [m]; of the root nothing is said |
| `root_pos` | `[frames, 3]`: of the root in the world, whose z axis points up [m] |
| `rotations` | `[frames, bodies, 4]`: of the root in the world, of the others in their parents, (w, x, y, z) |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from igx.errors import IgxError
from igx_algo_amp import quaternions

FORMAT, VERSION = "igx-motion", 1

Floats = NDArray[np.float64]


class MotionError(IgxError):
    """A recorded motion is missing or malformed, or does not fit the robot that is to move like it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """A recorded motion; see the module for what its fields hold.

    Raises:
        MotionError: something of it is malformed; the message names the field.
    """

    KEYS: ClassVar[tuple[str, ...]] = (
        *("name", "source", "licence", "fps", "loop", "body_names", "parents", "offsets", "root_pos", "rotations"),
    )

    name: str
    fps: float
    body_names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Floats
    root_pos: Floats
    rotations: Floats
    loop: bool = False
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        bodies, frames = len(self.body_names), len(self.root_pos)
        self._require(0.0 < self.fps < 10_000.0, "fps", f"is {self.fps:g}; it must be positive")
        self._require(frames >= 2, "root_pos", f"has {frames} frames; a motion has at least 2")
        self._require(len(set(self.body_names)) == bodies > 0, "body_names", "must name each body differently")
        is_tree = len(self.parents) == bodies and self.parents[0] == -1
        is_tree = is_tree and all(0 <= parent < body for body, parent in enumerate(self.parents[1:], start=1))
        self._require(is_tree, "parents", "must be -1 for the first body, and for each other one a body before it")
        shapes = {"offsets": (bodies, 3), "root_pos": (frames, 3), "rotations": (frames, bodies, 4)}
        for field, shape in shapes.items():
            array = getattr(self, field)
            self._require(array.shape == shape, field, f"has the shape {list(array.shape)}, not {list(shape)}")
            bad = np.argwhere(~np.isfinite(array))
            self._require(not len(bad), field, f"is not finite at {bad[0].tolist() if len(bad) else ''}")
        lengths = np.linalg.norm(self.rotations, axis=-1)
        bad = np.argwhere(np.abs(lengths - 1.0) > 1e-2)
        if len(bad):
            frame, body = bad[0]
            complaint = f"has no unit quaternion for {self.body_names[body]!r} in frame {frame}"
            self._require(False, "rotations", complaint)  # noqa: FBT003
        object.__setattr__(self, "rotations", self.rotations / lengths[..., None])
        if self.loop:
            turn = quaternions.angle_between(self.rotations[0], self.rotations[-1]).max()
            self._require(turn < 0.02, "loop", f"is set, but the last pose is {turn:.2f} rad from the first one")

    def _require(self, condition: Any, field: str, complaint: str) -> None:
        if not condition:
            raise MotionError(f"Motion {self.name!r}: {field} {complaint}.")

    @property
    def num_frames(self) -> int:
        """How many frames it has."""
        return len(self.root_pos)

    @property
    def duration(self) -> float:
        """Time from the first frame to the last one [s]."""
        return (self.num_frames - 1) / self.fps

    @property
    def travel(self) -> Floats:
        """How far the root gets from the first frame to the last one [m], shape `[3]`."""
        return self.root_pos[-1] - self.root_pos[0]

    def poses(self, offsets: Floats | None = None) -> tuple[Floats, Floats]:
        """Where the bodies are in the world, by forward kinematics.

        Args:
            offsets: of another robot with the same bodies; its own by default.

        Returns:
            Positions [m], shape `[frames, bodies, 3]`, and rotations, shape `[frames, bodies, 4]`.
        """
        offsets = self.offsets if offsets is None else offsets
        positions, rotations = [self.root_pos], [self.rotations[:, 0]]
        for body, parent in enumerate(self.parents[1:], start=1):
            positions.append(positions[parent] + quaternions.rotate(rotations[parent], offsets[body]))
            rotations.append(quaternions.multiply(rotations[parent], self.rotations[:, body]))
        return np.stack(positions, axis=1), np.stack(rotations, axis=1)


def save_motion(motion: Motion, file: Path) -> None:
    """Write igx's own file of a motion.

    Raises:
        MotionError: the file can't be written.
    """
    arrays: dict[str, Any] = {key: np.asarray(getattr(motion, key)) for key in Motion.KEYS}
    for key in ("offsets", "root_pos", "rotations"):
        arrays[key] = arrays[key].astype(np.float32)
    try:
        with file.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, format=FORMAT, version=VERSION, **arrays)
    except OSError as error:
        raise MotionError(f"The motion can't be written to {file}: {error.strerror or error}.") from error


def load_motion(file: Path) -> Motion:
    """Read igx's own file of a motion.

    Raises:
        MotionError: the file is missing, of another format or version, or malformed; the message names the key.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (ValueError, EOFError, BadZipFile) as error:
        raise MotionError(f"{file} is no motion: it must be a NumPy archive without pickled objects.") from error
    except OSError as error:
        raise MotionError(f"The motion {file} can't be read: {error.strerror or error}.") from error
    if str(arrays.get("format")) != FORMAT:
        raise MotionError(f"{file} is no motion: its key 'format' is not {FORMAT!r}.")
    if int(arrays.get("version", 0)) != VERSION:
        raise MotionError(f"{file} is of version {arrays.get('version')} of the format; this igx reads {VERSION}.")
    missing = [key for key in Motion.KEYS if key not in arrays]
    if missing:
        raise MotionError(f"{file} lacks the key {missing[0]!r}.")
    return _from_arrays(arrays, file)


def _from_arrays(arrays: Mapping[str, NDArray[Any]], file: Path) -> Motion:
    kinds = {"name": "U", "source": "U", "licence": "U", "body_names": "U", "parents": "iu", "loop": "b"}
    for key in Motion.KEYS:
        if arrays[key].dtype.kind not in kinds.get(key, "fiu"):
            raise MotionError(f"{file}: key {key!r} holds {arrays[key].dtype}, which it can't.")
    return Motion(
        name=str(arrays["name"]),
        source=str(arrays["source"]),
        licence=str(arrays["licence"]),
        fps=float(arrays["fps"]),
        loop=bool(arrays["loop"]),
        body_names=tuple(arrays["body_names"].tolist()),
        parents=tuple(arrays["parents"].tolist()),
        offsets=arrays["offsets"].astype(np.float64),
        root_pos=arrays["root_pos"].astype(np.float64),
        rotations=arrays["rotations"].astype(np.float64),
    )
