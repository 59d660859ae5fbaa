"""The discriminator: tells demonstrations from what a policy does, and thereby what style is worth.

After Peng et al., AMP: Adversarial Motion Priors for Stylized Physics-Based Character Control (2021), in the form that
IsaacGymEnvs trains.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from igx.rl.normalizer import RunningMeanStd

_LEAST = 1e-4  # of 1 - D in the style reward, which is therefore at most -ln(1e-4)


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """Weights of what is added to the discriminator's loss.

    Attributes:
        gradient: of its squared gradient at demonstrations.
        logit: of the squared weights of its last layer.
        weights: of all squared weights.
    """

    gradient: float
    logit: float
    weights: float


class Discriminator(nn.Module):
    """A network whose logit is positive where it takes a motion for a demonstration.

    Args:
        width: of what it sees.
        units: of the hidden layers.
        activation: makes the activation after each of them.
        is_normalized: whether what it sees is normalised by a running mean and variance first.
    """

    def __init__(
        self, width: int, *, units: Sequence[int], activation: Callable[[], nn.Module], is_normalized: bool = True
    ) -> None:
        super().__init__()
        self.normalizer = RunningMeanStd((width,)) if is_normalized else None
        layers: list[nn.Module] = []
        for ins, outs in zip((width, *units[:-1]), units, strict=True):
            layers += [nn.Linear(ins, outs), activation()]
        self.trunk = nn.Sequential(*layers)
        self.logit = nn.Linear(units[-1], 1)
        nn.init.uniform_(self.logit.weight, -1.0, 1.0)
        for layer in self._linear_layers():
            nn.init.zeros_(layer.bias)

    def normalized(self, motions: Tensor) -> Tensor:
        """What the network itself sees of `motions`, shape `[n, width]`; counts them in while in training mode."""
        return motions if self.normalizer is None else self.normalizer(motions)

    def forward(self, normalized: Tensor) -> Tensor:
        """Logits of motions, shape `[n, 1]`."""
        return self.logit(self.trunk(normalized))

    @torch.no_grad()
    def style_reward(self, motions: Tensor) -> Tensor:
        """-ln(1 - D) of each of the `motions`, shape `[n, width]` → `[n, 1]`; D is the sigmoid of the logit."""
        probability = torch.sigmoid(self(self.normalized(motions)))
        return -torch.log((1.0 - probability).clamp(min=_LEAST))

    def loss(self, *, policy: Tensor, demonstrations: Tensor, penalties: Penalties) -> dict[str, Tensor]:
        """The loss and its parts, numbers by name; `loss` is the whole.

        The mean of two binary cross entropies, towards 0 for what the policy does and towards 1 for demonstrations, and
        the penalties.

        Args:
            policy: what the policy does and did, normalised, shape `[n, width]`.
            demonstrations: normalised, shape `[m, width]`.
            penalties: weights of the rest.
        """
        demonstrations = demonstrations.detach().requires_grad_()
        of_policy, of_demos = self(policy), self(demonstrations)
        prediction = 0.5 * (softplus(of_policy).mean() + softplus(-of_demos).mean())
        [slope] = torch.autograd.grad(of_demos.sum(), demonstrations, create_graph=True)
        gradient = slope.square().sum(-1).mean()
        logit = self.logit.weight.square().sum()
        weights = torch.stack([layer.weight.square().sum() for layer in self._linear_layers()]).sum()
        penalty = penalties.gradient * gradient + penalties.logit * logit + penalties.weights * weights
        return {
            "loss": prediction + penalty,
            "prediction": prediction.detach(),
            "gradient": gradient.detach(),
            "policy_accuracy": (of_policy < 0).float().mean(),
            "demo_accuracy": (of_demos > 0).float().mean(),
        }

    def _linear_layers(self) -> list[nn.Linear]:
        return [layer for layer in (*self.trunk, self.logit) if isinstance(layer, nn.Linear)]
