"""Draw every model of igx-assets in its standing pose, as docs/models.md shows them: `python docs/draw_models.py`."""

from pathlib import Path

import numpy as np
from PIL import Image

import igx_assets
from igx.sim.offscreen import choose_renderer

FOLDER = Path(__file__).parent / "models"


def main() -> None:
    """Write one picture a model."""
    choose_renderer()
    for name in igx_assets.names():
        draw(name, FOLDER / f"{name}.png")


def draw(name: str, file: Path) -> None:
    """Write a picture of the model called `name` on the ground; few colours keep it small."""
    from igx import Articulation, GroundPlane
    from igx.config.sections import SimConfig
    from igx.sim.scene import build_scene
    from igx.video.camera import Camera

    parts = {"ground": GroundPlane(), "robot": Articulation(name)}
    for part_name, part in parts.items():
        part.name = part_name
    model = build_scene(parts.values(), sim=SimConfig())
    camera = Camera(model, width=600, height=450, azimuth=150.0, elevation=-15.0)
    stand = np.asarray(model.key_qpos[0] if model.nkey else model.qpos0)
    middle = camera.picture(camera.show(stand))[45:405, 60:540]
    Image.fromarray(middle).quantize(128, dither=Image.Dither.NONE).save(file, optimize=True)
    camera.close()


if __name__ == "__main__":
    main()
