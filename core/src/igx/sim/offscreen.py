"""Which graphics library MuJoCo renders with; decided before mujoco is imported, so this module stays light."""

import os
import sys
from ctypes.util import find_library

_LIBRARIES = {"EGL": "egl", "OSMesa": "osmesa"}


def choose_renderer() -> None:
    """Have MuJoCo render through EGL, or else OSMesa, where there is no display; before mujoco is first imported.

    A `MUJOCO_GL` that the user set stands, and without both nothing is chosen: MuJoCo would refuse to be imported.
    `igx.video.renderers` tries whether a library works, too, which takes a second.
    """
    is_headless = sys.platform == "linux" and not os.environ.get("DISPLAY")
    found = next((name for library, name in _LIBRARIES.items() if find_library(library)), None)
    if is_headless and found:
        os.environ.setdefault("MUJOCO_GL", found)
