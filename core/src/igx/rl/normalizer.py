"""Running mean and variance that a CUDA graph can update: rl_games' arithmetic and state-dict keys, in place."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

_CLIP = 5.0  # rl_games clips normalised numbers here; without it early epochs diverge


class RunningMeanStd(nn.Module):
    """Normalises rows by the mean and variance of all rows seen in training mode.

    Bit for bit what rl_games' scripted module computes. That one puts new tensors in place of its buffers; this one
    writes into them, so that whoever holds their addresses sees every update.

    Args:
        shape: shape of one row.
        epsilon: added to the variance before its root is taken.
    """

    running_mean: Tensor
    running_var: Tensor
    count: Tensor
    _mean: Tensor
    _std: Tensor

    def __init__(self, shape: Sequence[int], *, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.register_buffer("running_mean", torch.zeros(tuple(shape), dtype=torch.float64))
        self.register_buffer("running_var", torch.ones(tuple(shape), dtype=torch.float64))
        self.register_buffer("count", torch.ones((), dtype=torch.float64))
        self.register_buffer("_mean", torch.zeros(tuple(shape)), persistent=False)  # as rows are normalised by
        self.register_buffer("_std", torch.ones(tuple(shape)), persistent=False)
        self.register_load_state_dict_post_hook(RunningMeanStd._settle)
        self._settle()

    def forward(self, rows: Tensor, denorm: bool = False) -> Tensor:  # noqa: FBT001, FBT002 - rl_games' signature
        """Return `rows` normalised, after counting them in if in training mode; or, with `denorm`, the inverse."""
        if self.training:
            self.update(rows)
        if denorm:
            return self._std * torch.clamp(rows, min=-_CLIP, max=_CLIP) + self._mean
        return torch.clamp((rows - self._mean) / self._std, min=-_CLIP, max=_CLIP)

    @torch.no_grad()
    def update(self, rows: Tensor) -> None:
        """Count `rows` in; shape `[n, *shape]`."""
        new, seen = rows.size(0), self.count
        delta = rows.mean(0) - self.running_mean
        total = seen + new
        squares = self.running_var * seen + rows.var(0, unbiased=False) * new + delta**2 * seen * new / total
        self.running_mean.copy_(self.running_mean + delta * new / total)
        self.running_var.copy_(squares / total)
        self.count.copy_(total)
        self._settle()

    @torch.no_grad()
    def _settle(self, *_: object) -> None:
        self._mean.copy_(self.running_mean)
        torch.sqrt(self.running_var.float() + self.epsilon, out=self._std)


def in_place(theirs: Any) -> RunningMeanStd:
    """Our normaliser with what rl_games' has seen so far."""
    ours = RunningMeanStd(theirs.running_mean.shape, epsilon=theirs.epsilon).to(theirs.running_mean.device)
    ours.load_state_dict(theirs.state_dict())
    return ours
