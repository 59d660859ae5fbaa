"""Has everything compiled that a first training needs, so that it starts as quickly as any later one."""

import os
import sys
import time
from contextlib import closing

from igx.config.run_config import RunConfig
from igx.env import make_env
from igx.plugins import Plugins
from igx.rl.metrics import Metrics
from igx.rl.trial import train_on_trial

_EPOCHS = 2


def compiles(config: RunConfig) -> bool:
    """Whether a run with these settings compiles anything before it begins."""
    return _by_torch(config) or config.sim.simulator not in ("mujoco-cpu", "static")


def warm_up(config: RunConfig, *, plugins: Plugins) -> float:
    """Build the environments of a run and train a little; returns the seconds that this took.

    Raises:
        IgxError: something asked for can't be had.
    """
    began_at = time.perf_counter()
    left = _EPOCHS

    def goes_on(_metrics: Metrics, _frames: int) -> bool:
        nonlocal left
        left -= 1
        return left > 0

    with closing(make_env(config, plugins=plugins)) as env:
        train_on_trial(config, env, plugins=plugins, goes_on=goes_on)
    return time.perf_counter() - began_at


def caches(config: RunConfig) -> dict[str, str]:
    """Whose compiled code such a run found or left, and the folder that keeps it."""
    folders: dict[str, str] = {}
    if "warp" in sys.modules:
        folders["Warp"] = str(sys.modules["warp"].config.kernel_cache_dir)
    if _by_torch(config):
        folders["torch"] = os.environ["TORCHINDUCTOR_CACHE_DIR"]  # its compiler sets it when it begins to write
    return folders


def _by_torch(config: RunConfig) -> bool:
    return bool(config.sim.compile or getattr(config.agent, "compile", False))
