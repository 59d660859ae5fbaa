"""The recent states of a few environments, written inside the step, so that pictures and reports can look back."""

import torch
from torch import Tensor

from igx.sim.simulator import Simulator


class Trace:
    """A ring of `qpos` of the first environments, and of which rows of its model tables each of them had.

    Args:
        simulator: whose states are kept.
        num_envs: how many environments; fewer if the simulator has fewer.
        num_steps: how many steps.
    """

    def __init__(self, simulator: Simulator, *, num_envs: int, num_steps: int) -> None:
        self.num_envs, self.num_steps = min(num_envs, simulator.num_envs), num_steps
        self._qpos = simulator.field("qpos")
        self._ring = torch.zeros(num_steps, self.num_envs, self._qpos.shape[1], device=simulator.device)
        self._tables = simulator.tables
        self._rows = torch.zeros(num_steps, len(self._tables), self.num_envs, dtype=torch.long, device=simulator.device)
        self._written = torch.zeros(1, dtype=torch.long, device=simulator.device)

    def write(self) -> None:
        """Keep the state of now."""
        at = self._written % self.num_steps
        self._ring.index_copy_(0, at, self._qpos[None, : self.num_envs])
        for number, table in enumerate(self._tables):
            self._rows[:, number].index_copy_(0, at, table.row[None, : self.num_envs])
        self._written.add_(1)

    def states(self) -> Tensor:
        """The kept states, oldest first, shape `[steps, num_envs, nq]`."""
        return self._in_order(self._ring)

    def rows(self) -> Tensor:
        """Which row of each of `Simulator.tables` was an environment's then, shape `[steps, tables, num_envs]`."""
        return self._in_order(self._rows)

    def _in_order(self, ring: Tensor) -> Tensor:
        written = int(self._written)
        kept = min(written, self.num_steps)
        return ring.roll(-(written % self.num_steps), dims=0)[self.num_steps - kept :].clone()
