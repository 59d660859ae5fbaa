"""What the tests of videos share."""

from collections.abc import Callable, Sequence
from typing import Any

import mujoco
import numpy as np
import pytest

from igx.video.film import Film

ROLLING = """
<mujoco>
  <visual><headlight ambient="1 1 1" diffuse="0 0 0"/></visual>
  <worldbody>
    <geom type="plane" size="0 0 1" rgba="0.2 0.2 0.2 1"/>
    <geom name="hill" type="box" size="0.1 0.1 0.1" pos="0 0 -5" rgba="0 1 0 1"/>
    <body pos="0 0 0.2"><freejoint/><geom type="sphere" size="0.2" rgba="1 0 0 1"/></body>
  </worldbody>
</mujoco>
"""


@pytest.fixture(scope="session")
def rolling() -> mujoco.MjModel:
    """A red ball on grey ground, and a green box below it that may become a hill."""
    return mujoco.MjModel.from_xml_string(ROLLING)


@pytest.fixture(scope="session")
def film_along(rolling: mujoco.MjModel) -> Callable[..., Film]:
    """Makes films of balls, given the x of each environment in each step [m]."""

    def make(*xs: Sequence[float], **more: Any) -> Film:
        qpos = np.zeros((len(xs[0]), len(xs), 7), np.float32)
        qpos[..., 0], qpos[..., 2], qpos[..., 3] = np.array(xs).T, 0.2, 1.0
        return Film(model=rolling, step_dt=1 / 60, qpos=qpos, **more)

    return make
