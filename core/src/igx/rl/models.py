"""The policy's distributions, sampled without a wait for the device."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from igx.rl.rl_games import ModelA2CContinuousLogStd, ModelA2CContinuousTanh, ModelSACContinuous


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
            with _unchecked():
                return super().forward(input_dict)


class SoftActorCritic(ModelSACContinuous):
    """rl_games' actor and twin critics of SAC, with its numbers, parameters and state-dict keys."""

    class Network(ModelSACContinuous.Network):
        """The networks with the normaliser of observations."""

        def draw(self, obs: Tensor) -> tuple[Tensor, Tensor]:
            """Draw an action for each row of normalised observations, in [-1, 1], and give its log-probability.

            That is the range of an environment's actions: nothing is scaled, so the probability needs no correction.
            Shapes `[n, num_actions]` and `[n, 1]`; gradients flow through both, in full precision.
            """
            with _unchecked():
                theirs = self.actor(obs)
                distribution = type(theirs)(theirs.loc.float(), theirs.scale.float())
                action = distribution.rsample()
                return action, distribution.log_prob(action).sum(-1, keepdim=True)


@contextmanager
def _unchecked() -> Generator[None]:
    """Make distributions without checking their arguments, which reads back from the device."""
    checks = Distribution._validate_args  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no public way to ask
    Distribution.set_default_validate_args(value=False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(value=checks)
