"""Acts by a trained policy."""

from typing import Any

from torch import nn

from igx.rl.checkpoints import State
from igx.rl.rl_games import ModelA2CContinuousTanh, PpoPlayerContinuous, SACPlayer


class PpoPlayer(PpoPlayerContinuous):
    """rl_games' player; it also squashes the mean of a squashed distribution, which that one only clamps."""

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__(params)
        if isinstance(self.model, ModelA2CContinuousTanh.Network):
            self.model.register_forward_hook(_squash_mean)


class SacPlayer(SACPlayer):
    """rl_games' player, which takes a checkpoint that was read already."""

    def set_weights(self, weights: State) -> None:
        """Take the networks and the normaliser out of a checkpoint."""
        for name in ("actor", "critic", "critic_target"):
            getattr(self.model.sac_network, name).load_state_dict(weights[name])
        if self.normalize_input:
            self.model.running_mean_std.load_state_dict(weights["running_mean_std"])


def _squash_mean(_: nn.Module, _inputs: Any, output: dict[str, Any]) -> dict[str, Any]:
    return {**output, "mus": output["mus"].tanh()}
