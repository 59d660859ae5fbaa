"""A policy as a function of plain tensors, from what the task shows to what the actuators are told; for export."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from igx.env.vec_env import VecEnv
from igx.rl.normalizer import in_place

LAST_CONTROLS = "last_controls"

_TRIALS, _ROWS = 3, 64  # how often, and with how many random rows, a state is tried for having any influence


@dataclass(frozen=True)
class Port:
    """A tensor that goes into or comes out of an exported policy.

    Attributes:
        name: its name.
        shape: size of each axis; None stands for the rows, of which there may be any number.
    """

    name: str
    shape: tuple[int | None, ...]

    @property
    def rows_axis(self) -> int:
        """The axis along which one row follows another."""
        return self.shape.index(None)

    def zeros(self, rows: int) -> Tensor:
        """Zeros for that many rows."""
        return torch.zeros([rows if size is None else size for size in self.shape])


@dataclass(frozen=True)
class Signature:
    """What goes into an exported policy and what comes out, in order.

    Attributes:
        fed_back: input → the output that it takes from the step before; at the start of an episode there is none, and
            recurrent states are 0.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    fed_back: dict[str, str]


class ExportedPolicy(nn.Module):
    """The mean action of a policy with all that stands between observations and actuators, without hidden state.

    Observations are clipped and normalised, actions clipped, and turned into the controls of the task's actuators.
    Recurrent states and, where actions change controls instead of being them, the last controls go in and come out.

    Args:
        player: rl_games' player with the trained weights; from now on it is this module's.
        env: the environment that the policy acts in, on the CPU.
    """

    def __init__(self, player: Any, env: VecEnv) -> None:
        super().__init__()
        _replace_scripted(player.model)
        player.reset()
        self.model = player.model.eval()  # registers its parameters
        self._player, self._config = player, env.task.config
        self._actuators = list(env.task.actuators.values())
        self._state_sizes = [(len(state), state.shape[2]) for state in player.states or ()]
        self._influential = list(range(len(self._state_sizes)))
        widths = (env.observation_widths["policy"], env.num_actions)
        self.signature = self._sign(*widths)
        self._influential = [index for index in self._influential if self._matters(index)]
        self.signature = self._sign(*widths)

    def forward(self, obs: Tensor, *fed_back: Tensor) -> tuple[Tensor, ...]:
        """Actions and controls for observations, then the next recurrent states; `signature` has names and shapes."""
        count = len(self._influential)
        action = self._act(clipped(obs, self._config.clip_observations), fed_back[:count])
        action = clipped(action, self._config.clip_actions)
        last = fed_back[count] if fed_back[count:] else torch.zeros_like(action)
        states: Sequence[Tensor] = self._player.states or ()
        return action, self._controls(action, last), *(states[index] for index in self._influential)

    def example(self, rows: int) -> tuple[Tensor, ...]:
        """Inputs of the right shapes."""
        return tuple(port.zeros(rows) for port in self.signature.inputs)

    def _act(self, obs: Tensor, states: Sequence[Tensor]) -> Tensor:
        given = dict(zip(self._influential, states, strict=True))
        everything = [
            given[index] if index in given else obs.new_zeros(layers, obs.shape[0], units)
            for index, (layers, units) in enumerate(self._state_sizes)
        ]
        self._player.states = tuple(everything) or None
        return self._player.get_action(obs, True)  # noqa: FBT003 - rl_games' signature

    def _controls(self, action: Tensor, last: Tensor) -> Tensor:
        widths = [actuator.num_actions for actuator in self._actuators]
        shares = zip(self._actuators, action.split(widths, dim=1), last.split(widths, dim=1), strict=True)
        return torch.cat([actuator.controls(*share) for actuator, *share in shares], dim=1)

    def _sign(self, observations: int, actions: int) -> Signature:
        states = [(index, *self._state_sizes[index]) for index in self._influential]
        before = [Port(f"state_{index}", (layers, None, units)) for index, layers, units in states]
        after = [Port(f"next_state_{index}", (layers, None, units)) for index, layers, units in states]
        fed_back = {one.name: other.name for one, other in zip(before, after, strict=True)}
        if any(actuator.is_integrated for actuator in self._actuators):
            before.append(Port(LAST_CONTROLS, (None, actions)))
            fed_back[LAST_CONTROLS] = "controls"
        ends = (Port("actions", (None, actions)), Port("controls", (None, actions)))
        return Signature((Port("obs", (None, observations)), *before), (*ends, *after), fed_back)

    @torch.no_grad()
    def _matters(self, index: int) -> bool:
        """Whether a recurrent state has any influence on actions; that of a value network's layer has none."""
        random = torch.Generator().manual_seed(0)
        plain, changed = list(self.example(_ROWS)), list(self.example(_ROWS))
        changed[1 + index] = torch.ones_like(changed[1 + index])
        for _ in range(_TRIALS):
            plain[0] = changed[0] = torch.randn(plain[0].shape, generator=random)
            one, other = self(*plain), self(*changed)
            if not torch.equal(one[0], other[0]):
                return True
            count = len(self._influential)
            plain[1 : 1 + count], changed[1 : 1 + count] = one[2:], other[2:]
        return False


def clipped(values: Tensor, limit: float | None) -> Tensor:
    """`values` moved to between minus and plus `limit`; None stands for no limit."""
    return values if limit is None else values.clamp(-limit, limit)


def _replace_scripted(model: nn.Module) -> None:
    """Put our normalisers in place of rl_games', which are TorchScript already and can't be traced once more."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if getattr(child, "original_name", "") == "RunningMeanStd":
                setattr(parent, name, in_place(child))
