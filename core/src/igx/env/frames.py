"""Pictures of environments: their states rendered off screen by MuJoCo."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from igx.env.filming import visible_fields
from igx.env.vec_env import VecEnv
from igx.errors import RunError
from igx.sim.simulator import Simulator
from igx.video.camera import Camera, Picture


def record(
    env: VecEnv, policy: Callable[[dict[str, Tensor]], Tensor], *, steps: int, camera: Camera
) -> Iterator[Picture]:
    """Run `policy` from a fresh start and picture the first environment before each step of its episode.

    Args:
        env: the environments; all are stepped.
        policy: from observations to actions.
        steps: how many at most.
        camera: made for the environments' model.
    """
    obs = env.reset()
    for _ in range(steps):
        take_model_values(camera, env.simulator, 0)
        yield camera.picture(camera.show(env.simulator.field("qpos")[0].to(torch.float64).cpu().numpy()))
        obs, _, terminated, truncated, _ = env.step(policy(obs))
        if terminated[0] or truncated[0]:
            return


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


def take_model_values(camera: Camera, simulator: Simulator, env: int) -> None:
    """Picture one environment's own model values from now on, where they differ between environments."""
    for name in visible_fields(simulator):
        getattr(camera.model, name)[...] = simulator.model_field(name)[env].to(torch.float64).cpu().numpy()
