"""Acts by a trained policy."""

from typing import Any

from torch import nn

from igx.rl.rl_games import ModelA2CContinuousTanh, PpoPlayerContinuous


class PpoPlayer(PpoPlayerContinuous):
    """rl_games' player; it also squashes the mean of a squashed distribution, which that one only clamps."""

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__(params)
        if isinstance(self.model, ModelA2CContinuousTanh.Network):
            self.model.register_forward_hook(_squash_mean)


def _squash_mean(_: nn.Module, _inputs: Any, output: dict[str, Any]) -> dict[str, Any]:
    return {**output, "mus": output["mus"].tanh()}
