"""The policy's distributions, sampled without a wait for the device."""

from typing import Any

import torch
from torch.distributions import Distribution

from igx.rl.rl_games import ModelA2CContinuousLogStd, ModelA2CContinuousTanh


class Gaussian(ModelA2CContinuousLogStd):
    """rl_games' Gaussian policy with its numbers, parameters and state-dict keys.

    That one samples by `torch.normal`, which reads back from the device whether all deviations are positive.
    """

    class Network(ModelA2CContinuousLogStd.Network):
        """The network with its normalisers."""

        def forward(self, input_dict: dict[str, Any]) -> dict[str, Any]:
            """Judge given actions if `is_train`, else draw some; see rl_games' models for what goes in and out."""
            if input_dict.get("is_train", True):
                return super().forward(input_dict)
            input_dict["obs"] = self.norm_obs(input_dict["obs"])
            mu, logstd, value, states = self.a2c_network(input_dict)
            sigma = torch.exp(logstd)
            actions = torch.randn_like(mu) * sigma + mu
            return {
                "neglogpacs": torch.squeeze(self.neglogp(actions, mu, sigma, logstd)),
                "values": self.denorm_value(value),
                "actions": actions,
                "rnn_states": states,
                "mus": mu,
                "sigmas": sigma,
            }


class SquashedGaussian(ModelA2CContinuousTanh):
    """rl_games' Gaussian policy squashed into [-1, 1], with its numbers, parameters and state-dict keys.

    That one has torch check the arguments of every distribution, which reads back from the device.
    """

    class Network(ModelA2CContinuousTanh.Network):
        """The network with its normalisers."""

        def forward(self, input_dict: dict[str, Any]) -> dict[str, Any]:
            """Judge given actions if `is_train`, else draw some; see rl_games' models for what goes in and out."""
            checks = Distribution._validate_args  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no public way to ask
            Distribution.set_default_validate_args(value=False)
            try:
                return super().forward(input_dict)
            finally:
                Distribution.set_default_validate_args(value=checks)
