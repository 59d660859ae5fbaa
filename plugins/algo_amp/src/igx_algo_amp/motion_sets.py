"""What YAML files say of motions: which ones there are, and how often each is drawn; which body is at a landmark.

For example::

    motions:
      - {file: walk, weight: 2.0}
      - {file: clips/jump.npy}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from igx_algo_amp.motion_formats import LIST_ENDINGS, read_motion, shipped
from igx_algo_amp.motions import Motion, MotionError


def read_motions(name_or_path: str) -> tuple[list[Motion], list[float]]:
    """The motions that a name, a file of one, or a list of such stands for, and their weights.

    Files of a list are found from where the list lies. A motion without a weight has 1.

    Raises:
        MotionError: one is missing or malformed, or the list is.
    """
    path = Path(name_or_path).expanduser()
    if path.suffix not in LIST_ENDINGS:
        return [read_motion(name_or_path)], [1.0]
    listed = _read(path, what="list of motions")
    entries = listed.get("motions") if isinstance(listed, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise MotionError(f"{path} must have a list under the key 'motions'.")
    motions: list[Motion] = []
    weights: list[float] = []
    for number, entry in enumerate(entries):
        file, weight = _entry(entry, where=f"{path}: motions[{number}]")
        motions.append(read_motion(file if file in shipped() else path.parent / file))
        weights.append(weight)
    return motions, weights


def read_landmarks(file: Path) -> dict[str, str]:
    """The body at each landmark, for retargeting: a mapping of names.

    Raises:
        MotionError: the file can't be read, or holds something else.
    """
    said = _read(file, what="landmarks")
    if not isinstance(said, Mapping) or not all(isinstance(body, str) for body in said.values()):
        raise MotionError(f"{file} must have lines that read 'right_knee: RightLeg', a landmark and a body.")
    return {str(landmark): body for landmark, body in said.items()}


def _read(file: Path, *, what: str) -> Any:
    try:
        return yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MotionError(f"The {what} {file} can't be read: {' '.join(str(error).split())}.") from error


def _entry(entry: Any, *, where: str) -> tuple[str, float]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("file"), str) or set(entry) - {"file", "weight"}:
        raise MotionError(f"{where} must read {{file: NAME, weight: NUMBER}}, the weight at will.")
    weight = entry.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0.0 <= weight < float("inf"):
        raise MotionError(f"{where} has the weight {weight!r}; it must be a number that is not negative.")
    return entry["file"], float(weight)
