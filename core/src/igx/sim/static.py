"""A simulator whose time stands still: the state is what was written, derived state follows. For tests and listings."""

from typing import ClassVar

import torch

from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.simulator import Stage


class StaticSimulator(MujocoCpu):
    """`step` moves nothing; body poses, velocities and sensors are computed from the state that stands there."""

    name: ClassVar[str] = "static"

    def advance(self, derive: Stage) -> None:
        self.commit(torch.ones(self.num_envs, dtype=torch.bool))
        self.derive(derive)

    def fetch(self, derive: Stage) -> None:
        pass  # what was written stands
