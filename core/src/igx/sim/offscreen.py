"""Which graphics library MuJoCo renders with; decided before mujoco is imported, so this module stays light."""

import os
import sys
from ctypes.util import find_library


def choose_renderer() -> None:
    """Have MuJoCo render through EGL where there is no display; only before mujoco is first imported.

    A `MUJOCO_GL` that the user set stands, and without EGL nothing is chosen: MuJoCo would refuse to be imported.
    """
    is_headless = sys.platform == "linux" and not os.environ.get("DISPLAY")
    if is_headless and find_library("EGL"):
        os.environ.setdefault("MUJOCO_GL", "egl")
