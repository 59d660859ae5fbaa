"""Draws a film: each environment in a tile of its own, seen by a camera that goes with it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igx.video.camera import AZIMUTH, ELEVATION, Camera, Picture, Point
from igx.video.film import Film

Points = NDArray[np.float64]
"""In the world [m], shape `[frames, 3]`."""

_SHADOW_SIZE = 1024  # fine enough for a tile; the scene's own is for pictures that are looked at longer
_SAMPLES = 4
_CALM_S = 0.25  # what is quicker than this, the camera does not follow
_CUT = 0.25  # of the camera's distance; what moves farther between two frames was put elsewhere
_STEEPER = (-35.0, -50.0, -65.0)  # degrees, where a hill would hide the robot
_HIDDEN = 0.1  # of the frames; more, and the camera looks more steeply
_GAP = 2  # pixels between tiles


@dataclass(frozen=True, kw_only=True)
class Shot:
    """How a film is drawn.

    Attributes:
        size: width and height of the video [pixels].
        grid: tiles beside and above each other; None for about as many of both.
        is_following: whether the camera goes along; otherwise it stands, and has the whole way in view.
        azimuth, elevation: direction of view [degrees]; elevation None is -20, and steeper among hills.
        distance: of the camera [m]; None suits the size of the robot.
        is_smooth: whether edges are, which takes a CPU twice the time.
        frames_per_s: about how many are drawn of a second.
    """

    size: tuple[int, int] = (640, 480)
    grid: tuple[int, int] | None = None
    is_following: bool = True
    azimuth: float = AZIMUTH
    elevation: float | None = None
    distance: float | None = None
    is_smooth: bool = True
    frames_per_s: float = 30.0

    def steps_of(self, film: Film) -> range:
        """The steps of a film of which there is a frame."""
        return range(0, film.num_steps, max(1, round(1.0 / (self.frames_per_s * film.step_dt))))

    def frame_rate(self, film: Film) -> float:
        """With which the video of a film runs as fast as the simulation did [1/s]."""
        return 1.0 / (self.steps_of(film).step * film.step_dt)


def grid_for(num_envs: int) -> tuple[int, int]:
    """Tiles beside and above each other that hold so many."""
    columns = math.ceil(math.sqrt(num_envs))
    return columns, math.ceil(num_envs / columns)


def draw(film: Film, shot: Shot) -> Iterator[Picture]:
    """The frames of a film, in order."""
    columns, rows = shot.grid or grid_for(film.num_envs)
    width, height = shot.size[0] // columns, shot.size[1] // rows
    camera = Camera(
        film.model,
        width=width - (_GAP if columns > 1 else 0),
        height=height - (_GAP if rows > 1 else 0),
        azimuth=shot.azimuth,
        distance=shot.distance,
        shadow_size=_SHADOW_SIZE,
        samples=_SAMPLES if shot.is_smooth else 0,
    )
    try:
        tiles = [_Tile(film, shot, camera, env) for env in range(film.num_envs)]
        for frame in range(len(shot.steps_of(film))):
            sheet = np.zeros((shot.size[1], shot.size[0], 3), np.uint8)
            for env, tile in enumerate(tiles):
                picture = tile.picture(frame)
                y, x = (env // columns) * height, (env % columns) * width
                sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
            yield sheet
    finally:
        camera.close()


class _Tile:
    """One environment of a film: where the camera stands, and what it looks at in each frame."""

    def __init__(self, film: Film, shot: Shot, camera: Camera, env: int) -> None:
        self._film, self._camera, self._env = film, camera, env
        self._steps = shot.steps_of(film)
        self._distance = shot.distance or camera.default_distance
        way = np.array([self._place(frame) for frame in range(len(self._steps))])
        if shot.is_following:
            self._path = calmed(way, frames=_CALM_S * shot.frame_rate(film), cut=_CUT * self._distance)
        else:
            low, high = way.min(axis=0), way.max(axis=0)
            self._path = np.broadcast_to((low + high) / 2, way.shape)
            if shot.distance is None:
                self._distance += 1.2 * float(np.linalg.norm(high - low))
        self._elevation = self._clear_elevation() if shot.elevation is None else shot.elevation

    def picture(self, frame: int) -> Picture:
        """The environment in that frame."""
        self._place(frame)
        self._camera.turn(elevation=self._elevation, distance=self._distance)
        return self._camera.picture(self._path[frame])

    def _place(self, frame: int) -> Point:
        """Put the scene into the state of that frame; returns where the robot is."""
        step = self._steps[frame]
        self._film.lay(self._camera.model, step=step, env=self._env)
        return self._camera.show(self._film.qpos[step, self._env])

    def _clear_elevation(self) -> float:
        """The least steep direction of view in which the ground hardly ever hides the robot."""
        return next((each for each in (ELEVATION, *_STEEPER[:-1]) if self._is_clear(each)), _STEEPER[-1])

    def _is_clear(self, elevation: float) -> bool:
        self._camera.turn(elevation=elevation, distance=self._distance)
        hidden = 0
        for frame, point in enumerate(self._path):
            self._place(frame)
            hidden += self._camera.is_blocked(point)
        return hidden <= _HIDDEN * len(self._path)


def calmed(path: Points, *, frames: float, cut: float) -> Points:
    """A path without its quick turns; where it jumps by more than `cut` [m], it begins anew.

    Args:
        path: the points.
        frames: the standard deviation of the mean that takes the place of each [frames].
        cut: from which distance on two points in a row do not belong together [m].
    """
    jumps = np.flatnonzero(np.linalg.norm(np.diff(path, axis=0), axis=1) > cut) + 1
    return np.concatenate([_averaged(part, frames) for part in np.split(path, jumps)])


def _averaged(path: Points, frames: float) -> Points:
    """A mean over neighbours; beyond its ends, the path is taken to go on as it came."""
    reach = math.ceil(3 * frames)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / frames) ** 2)
    padded = np.pad(path, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(column, weights / weights.sum(), mode="valid") for column in padded.T], axis=1)
