"""Pictures of environments: their states rendered off screen by MuJoCo."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from igx.env.vec_env import VecEnv
from igx.errors import RunError, SimulatorError
from igx.sim.simulator import Simulator

Picture = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
"""Height × width × 3."""


class Camera:
    """Looks at the first body of a scene from the side and follows it.

    Args:
        model: the scene.
        width, height: of the pictures [pixels].
        azimuth, elevation: direction of view [degrees].
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        width: int = 640,
        height: int = 480,
        azimuth: float = 130.0,
        elevation: float = -20.0,
    ) -> None:
        self._model = copy.copy(model)
        self._data = mujoco.MjData(self._model)
        self._view = mujoco.MjvCamera()
        self._view.azimuth, self._view.elevation = azimuth, elevation
        self._body = min(1, model.nbody - 1)
        self._renderer = _renderer(self._model, width=width, height=height)
        self._show(np.asarray(model.qpos0))
        self._view.distance = 3.0 * self._size()

    def picture(self, qpos: "np.ndarray[tuple[int], np.dtype[Any]]") -> Picture:
        """The scene in the state `qpos`, shape `[nq]`."""
        self._show(qpos)
        self._view.lookat[:] = self._data.subtree_com[self._body]
        self._renderer.update_scene(self._data, self._view)
        return self._renderer.render()

    def take_model_values(self, simulator: Simulator, env: int) -> None:
        """Picture one environment's own model values from now on, where they differ between environments."""
        for name in simulator.varied:
            home = self._model.opt if name.startswith("opt.") else self._model
            values = getattr(home, name.removeprefix("opt."))
            values[...] = simulator.model_field(name)[env].to(torch.float64).cpu().numpy()

    def close(self) -> None:
        """Release the renderer."""
        self._renderer.close()

    def _show(self, qpos: "np.ndarray[tuple[int], np.dtype[Any]]") -> None:
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)

    def _size(self) -> float:
        """How far the scene's geometry reaches from its middle [m], the ground aside."""
        middle = self._data.subtree_com[self._body]
        solid = self._model.geom_bodyid > 0
        reach = np.linalg.norm(self._data.geom_xpos - middle, axis=1) + np.minimum(self._model.geom_rbound, 2.0)
        return float(reach[solid].max(initial=0.3))


def record(
    env: VecEnv, policy: Callable[[dict[str, Tensor]], Tensor], *, steps: int, camera: Camera
) -> Iterator[Picture]:
    """Run `policy` from a fresh start and picture the first environment after each step.

    Args:
        env: the environments; all are stepped.
        policy: from observations to actions.
        steps: how many.
        camera: made for the environments' model.
    """
    obs = env.reset()
    for _ in range(steps):
        obs, *_ = env.step(policy(obs))
        camera.take_model_values(env.simulator, 0)
        yield camera.picture(env.simulator.field("qpos")[0].to(torch.float64).cpu().numpy())


def save_frames(pictures: Iterator[Picture], folder: Path) -> list[Path]:
    """Write pictures as ``frame_0000.png`` and so on.

    Raises:
        RunError: if the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for index, picture in enumerate(pictures):
            written.append(folder / f"frame_{index:04d}.png")
            Image.fromarray(picture).save(written[-1])
    except OSError as error:
        raise RunError(f"Frames can't be written to {folder}: {error.strerror or error}.") from error
    return written


def _renderer(model: mujoco.MjModel, *, width: int, height: int) -> mujoco.Renderer:
    try:
        return mujoco.Renderer(model, height=height, width=width)
    except Exception as error:  # each GL library fails in a way of its own
        raise SimulatorError(
            f"MuJoCo can't render here ({type(error).__name__}: {error}). Without a display it needs EGL or OSMesa: "
            "install libegl1 or libosmesa6 and set MUJOCO_GL=egl or MUJOCO_GL=osmesa."
        ) from error
