"""Recurrent layers that clear their state where an episode ends, without asking the device where that is."""

from typing import Any

import torch
from torch import Tensor, nn

from igx.rl.rl_games import RnnWithDones


class StepByStep(RnnWithDones):
    """A recurrent layer that is run one step at a time, with its state cleared before each.

    rl_games' runs from one end of an episode to the next, for which it reads back from the device where those are; with
    thousands of environments there is one at nearly every step. Same parameters, same results.
    """

    def forward(self, input: Tensor, states: Any, done_masks: Tensor | None = None, bptt_len: int = 0) -> Any:  # noqa: A002 - rl_games' name
        """Run over `input`, `[steps, sequences, width]`, where `done_masks` tells which steps begin an episode."""
        if done_masks is None:
            return super().forward(input, states, None, bptt_len)
        goes_on = 1.0 - done_masks.float()
        outputs: list[Tensor] = []
        for step, alive in zip(input.split(1), goes_on.split(1), strict=True):
            states = states * alive if isinstance(states, Tensor) else tuple(state * alive for state in states)
            output, states = self.rnn(step, states)
            outputs.append(output)
        return torch.cat(outputs), states


def step_by_step(network: nn.Module) -> None:
    """Replace all of rl_games' recurrent layers within `network` by such that do not wait for the device."""
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, RnnWithDones):
                setattr(parent, name, StepByStep(layer.rnn))
