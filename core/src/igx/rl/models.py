"""The policy's distribution, sampled without a wait for the device."""

from typing import Any

import torch

from igx.rl.rl_games import ModelA2CContinuousLogStd


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
