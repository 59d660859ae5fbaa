"""Returns and lengths of episodes, summed on the device: nobody waits for it at a step."""

import torch
from torch import Tensor

from igx.rl.checkpoints import State


class EpisodeSums:
    """Sums up running episodes and, until they are drained, those that ended.

    Args:
        num_envs: environments.
        device: where rewards are.
    """

    def __init__(self, num_envs: int, device: torch.device | str) -> None:
        self.running = torch.zeros(3, num_envs, device=device)
        """Return, shaped return and length so far of the episode of each environment."""
        self.ended = torch.zeros(4, num_envs, device=device)
        """The same three, summed over the episodes that ended in each environment, and how many did."""

    def add(self, rewards: Tensor, shaped: Tensor, done: Tensor) -> None:
        """Count one step in; `rewards` and `shaped` are `[num_envs]`, `done` is bool `[num_envs]`."""
        self.running[0] += rewards
        self.running[1] += shaped
        self.running[2] += 1
        self.ended[:3] += torch.where(done, self.running, 0.0)
        self.ended[3] += done
        self.running.masked_fill_(done, 0.0)

    def drain(self) -> Tensor:
        """Sums over the episodes that ended since the last call: return, shaped return, length, count. Shape `[4]`."""
        sums = self.ended.sum(-1)
        self.ended.zero_()
        return sums

    def restart(self) -> None:
        """Forget the running episodes; all environments begin anew."""
        self.running.zero_()

    def state_dict(self) -> State:
        """What `load_state_dict` needs to go on."""
        return {"running": self.running, "ended": self.ended}

    def load_state_dict(self, state: State) -> None:
        """Go on from `state`."""
        self.running.copy_(state["running"])
        self.ended.copy_(state["ended"])
