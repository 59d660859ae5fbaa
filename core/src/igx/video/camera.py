"""A camera that draws a scene off screen by MuJoCo."""

import copy
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from igx.errors import SimulatorError
from igx.video.renderers import ADVICE

Picture = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
"""Height × width × 3."""

Point = NDArray[np.float64]
"""In the world [m], shape `[3]`."""

AZIMUTH, ELEVATION = 130.0, -20.0

_SHADOWS_REACH = 3.0  # times the camera's distance; less is sharper, and shows the noise at their edges
_SEEN, _UNSEEN = np.array([1, 1, 1, 1, 1, 0], np.uint8), 5  # groups of shapes


class Camera:
    """Looks at the first body of a scene that can move, from the side.

    Args:
        model: the scene.
        width, height: of the pictures [pixels].
        azimuth, elevation: direction of view [degrees].
        distance: from what it looks at [m]; by default so that the first body, with all that hangs on it, is in view.
        shadow_size: edge of the picture that shadows are taken from [pixels], by default the scene's, which is fine
            and slow without a GPU.
        samples: points of a pixel whose colours are averaged, by default the scene's; 0 for the pixel as it is.

    Attributes:
        model: a copy of the scene, whose values may be changed before a state is shown.
        default_distance: from what it looks at, by default [m].
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        width: int = 640,
        height: int = 480,
        azimuth: float = AZIMUTH,
        elevation: float = ELEVATION,
        distance: float | None = None,
        shadow_size: int | None = None,
        samples: int | None = None,
    ) -> None:
        self.model = copy.copy(model)
        self._data = mujoco.MjData(self.model)
        self._view = mujoco.MjvCamera()
        self._view.azimuth, self._view.elevation = azimuth, elevation
        moving = np.flatnonzero(model.body_weldid > 0)
        self._body = int(moving[0]) if len(moving) else 0
        self.show(np.asarray(model.qpos0))
        self.default_distance = 3.0 * self._size()
        self._view.distance = distance or self.default_distance
        self.model.vis.global_.offwidth, self.model.vis.global_.offheight = width, height
        if samples is not None:
            self.model.vis.quality.offsamples = samples
        if shadow_size is not None:
            self._draw_shadows_nearby(shadow_size)
        self._renderer = _renderer(self.model, width=width, height=height)

    def turn(self, *, elevation: float, distance: float) -> None:
        """Look from elsewhere from now on: direction of view [degrees], negative from above, and distance [m]."""
        self._view.elevation, self._view.distance = elevation, distance

    def show(self, qpos: NDArray[Any]) -> Point:
        """Put the scene into the state `qpos`, shape `[nq]`; returns where the body and all that hangs on it is."""
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self.model, self._data)
        mujoco.mj_comPos(self.model, self._data)
        mujoco.mj_camlight(self.model, self._data)
        return self._data.subtree_com[self._body].copy()

    def picture(self, look_at: Point) -> Picture:
        """The scene as it was shown last, with `look_at` in the middle."""
        self._view.lookat[:] = look_at
        self._renderer.update_scene(self._data, self._view)
        return self._renderer.render()

    def is_blocked(self, look_at: Point) -> bool:
        """Whether the ground, or what else belongs to the world, hides `look_at` from the camera."""
        azimuth, elevation = np.radians((self._view.azimuth, self._view.elevation))
        level = np.cos(elevation)
        to_camera = -np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])
        kept = self.model.geom_group.copy()
        self.model.geom_group[self.model.geom_bodyid > 0] = _UNSEEN
        reach = mujoco.mj_ray(self.model, self._data, look_at, to_camera, _SEEN, True, -1, None)  # noqa: FBT003
        self.model.geom_group[:] = kept
        return 0.0 <= reach < self._view.distance

    def close(self) -> None:
        """Release the renderer."""
        self._renderer.close()

    def _size(self) -> float:
        """How far the scene's geometry reaches from its middle [m], the ground aside."""
        middle = self._data.subtree_com[self._body]
        solid = self.model.body_weldid[self.model.geom_bodyid] > 0
        reach = np.linalg.norm(self._data.geom_xpos - middle, axis=1) + np.minimum(self.model.geom_rbound, 2.0)
        return float(reach[solid].max(initial=0.3))

    def _draw_shadows_nearby(self, shadow_size: int) -> None:
        self.model.vis.quality.shadowsize = shadow_size
        self.model.vis.map.shadowclip = _SHADOWS_REACH * self._view.distance / self.model.stat.extent


def _renderer(model: mujoco.MjModel, *, width: int, height: int) -> mujoco.Renderer:
    try:
        return mujoco.Renderer(model, height=height, width=width)
    except Exception as error:  # each GL library fails in a way of its own
        raise SimulatorError(f"MuJoCo can't draw here ({type(error).__name__}: {error}). {ADVICE}.") from error
