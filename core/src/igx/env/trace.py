"""The recent states of a few environments, written inside the step, so that pictures and reports can look back."""

import torch
from torch import Tensor

from igx.sim.simulator import Simulator


class Trace:
    """A ring of `qpos` of the first environments.

    Args:
        simulator: whose states are kept.
        num_envs: how many environments; fewer if the simulator has fewer.
        num_steps: how many steps.
    """

    def __init__(self, simulator: Simulator, *, num_envs: int, num_steps: int) -> None:
        self.num_envs, self.num_steps = min(num_envs, simulator.num_envs), num_steps
        self._qpos = simulator.field("qpos")
        self._ring = torch.zeros(num_steps, self.num_envs, self._qpos.shape[1], device=simulator.device)
        self._written = torch.zeros(1, dtype=torch.long, device=simulator.device)

    def write(self) -> None:
        """Keep the state of now."""
        self._ring.index_copy_(0, self._written % self.num_steps, self._qpos[None, : self.num_envs])
        self._written += 1

    def states(self) -> Tensor:
        """The kept states, oldest first, shape `[steps, num_envs, nq]`."""
        written = int(self._written)
        kept = min(written, self.num_steps)
        return self._ring.roll(-(written % self.num_steps), dims=0)[self.num_steps - kept :].clone()
