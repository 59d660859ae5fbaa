"""Which graphics library MuJoCo can draw with on this machine: found by drawing; imports nothing heavy."""

import os
import subprocess
import sys

from igx.errors import SimulatorError

ADVICE = "Install a GPU driver with EGL, or OSMesa (Debian, Ubuntu: apt install libosmesa6)"

_TRIAL_S = 60.0


def find_renderer() -> str | None:
    """The value of `MUJOCO_GL` with which MuJoCo can draw, None if there is none; one that the user has set stands."""
    return next((name for name in _candidates() if can_render(name)), None)


def require_renderer() -> str:
    """As `find_renderer`.

    Raises:
        SimulatorError: MuJoCo can't draw here.
    """
    found = find_renderer()
    if found is None:
        raise SimulatorError(
            f"MuJoCo can't draw here: {' or '.join(_candidates())} was tried. {ADVICE}; `igx doctor` tells what works."
        )
    return found


def can_render(name: str) -> bool:
    """Whether MuJoCo draws a small picture by the library `name`; in a process of its own, as broken drivers crash."""
    environment = {**os.environ, "MUJOCO_GL": name}
    command = [sys.executable, "-P", "-m", "igx.video.trial"]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_TRIAL_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _candidates() -> tuple[str, ...]:
    named = os.environ.get("MUJOCO_GL")
    if named:
        return (named,)
    has_display = sys.platform != "linux" or bool(os.environ.get("DISPLAY"))
    return ("egl", "osmesa", "glfw") if has_display else ("egl", "osmesa")
