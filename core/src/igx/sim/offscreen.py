"""Which graphics library MuJoCo renders with; decided before mujoco is imported, so this module stays light."""

import os
import sys


def choose_renderer() -> None:
    """Have MuJoCo render through EGL where there is no display; only before mujoco is first imported.

    A `MUJOCO_GL` that the user set stands.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("MUJOCO_GL", "egl")
