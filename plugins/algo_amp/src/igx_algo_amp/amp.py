"""AMP: PPO that is paid for moving like demonstrations, of which a discriminator is the judge.

What a task has to have for it, beside what PPO asks:

- observations of a group `amp`, taken before the reset: what the discriminator sees of one step;
- observations of a group `terminal`, taken before the reset: the policy's own, by which cut-off episodes are continued;
- a method `demonstrate(count)` that draws as many demonstrations, shape `[count, width of amp]`.
"""

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from igx.rl import optimizers
from igx.rl.checkpoints import State
from igx.rl.losses import LossMeans
from igx.rl.ppo import Ppo
from igx.rl.replay import ReplayBuffer
from igx_algo_amp.discriminator import Discriminator, Penalties

_EPS = 1e-8  # of Adam, as the reference has it
MOTIONS = "amp"
"""The group of observations that the discriminator sees."""
KEPT = "igx_amp"
"""What a checkpoint calls what AMP adds to it."""
_DRAWN_AT_ONCE = 4096  # demonstrations


class Demonstrating(Protocol):
    """A task that knows how it should be done."""

    def demonstrate(self, count: int) -> Tensor:
        """Draw `count` demonstrations, shape `[count, width]`."""
        ...


class Amp(Ppo):
    """Our PPO with a discriminator beside it; registered in rl_games' factory, same parameters and `amp` in its config.

    After each rollout the discriminator says what its motions are worth. With each gradient step of the policy it takes
    one of its own, on motions of that rollout, of earlier ones, and demonstrations.
    """

    def __init__(self, base_name: str, params: dict[str, Any]) -> None:
        super().__init__(base_name, params)
        settings: dict[str, Any] = self.config["amp"]
        self.demonstrator: Demonstrating = self.vec_env.env.task
        self.motion_width: int = self.vec_env.env.observation_widths[MOTIONS]
        self.style_weight: float = settings["style_weight"]
        self.disc_batch_size: int = settings["batch_size"]
        self.demos_per_epoch: int = settings["demos_per_epoch"]
        self.kept_share: float = settings["kept_share"]
        self.capacities: dict[str, int] = settings["capacities"]
        self.penalties = Penalties(**settings["penalties"])
        activations = self.model.a2c_network.activations_factory
        self.discriminator = Discriminator(
            self.motion_width,
            units=settings["units"],
            activation=lambda: activations.create(settings["activation"]),
            is_normalized=settings["is_normalized"],
        ).to(self.torch_device)
        self.judged = [*self.discriminator.parameters()]
        self.discriminator_optimizer = torch.optim.Adam(self.judged, lr=self.last_lr, eps=_EPS)
        self.discriminator_lr = optimizers.learning_rate(self.discriminator_optimizer, self.last_lr)
        self.log_std_min: float = settings["log_std_min"]
        self.log_std: Tensor | nn.Linear = self.model.a2c_network.sigma
        self.log_std.requires_grad_(settings["learns_sigma"])
        self.styles, self.judgements = LossMeans(self.torch_device), LossMeans(self.torch_device)
        self.tallies += [self.styles, self.judgements]
        self.stored = 0
        """Motions that were put into the replay buffer so far."""

    # The epoch.

    def init_tensors(self) -> None:
        """Allocate what a rollout writes into, and the two buffers that the discriminator learns from."""
        super().init_tensors()
        motions = torch.zeros(self.horizon_length, self.num_actors, self.motion_width, device=self.torch_device)
        self.experience_buffer.tensor_dict[MOTIONS] = motions
        self.motions = motions.view(-1, self.motion_width)
        """Those of the last rollout, one row per step of an environment."""
        self.demos, self.replay = (
            ReplayBuffer({MOTIONS: self.motion_width}, capacity=self.capacities[name], device=self.torch_device)
            for name in ("demos", "replay")
        )

    def update(self) -> None:
        """Learn from the last rollout, and keep its motions."""
        self._take_demonstrations(self.demos_per_epoch)
        is_first = self.stored == 0
        if is_first:  # there are no earlier ones
            self._store()
        super().update()
        if not is_first:
            self._store()

    def _take_demonstrations(self, count: int) -> None:
        self.demos.add({MOTIONS: self.demonstrator.demonstrate(count)})

    def _store(self) -> None:
        """Keep the motions of the last rollout; once there is no more room, a share of them."""
        is_full = self.stored > self.replay.capacity
        count = max(1, round(self.kept_share * len(self.motions))) if is_full else len(self.motions)
        count = min(count, self.replay.capacity)
        kept = self.motions if count == len(self.motions) else self._drawn(count)
        self.replay.add({MOTIONS: kept})
        self.stored += count

    def _drawn(self, count: int) -> Tensor:
        """So many motions of the last rollout, each as likely as any other."""
        rows = torch.randint(len(self.motions), (count,), device=self.torch_device)
        return self.motions.index_select(0, rows)

    # The rollout.

    def _take_in_results(self) -> None:
        self._write(MOTIONS, self._results[2][MOTIONS])
        super()._take_in_results()

    def _rollout(self) -> dict[str, Any]:
        self.discriminator.eval()
        style = self.discriminator.style_reward(self.motions)
        rewards = self.experience_buffer.tensor_dict["rewards"]
        rewards.add_(self.style_weight * style.view_as(rewards))
        self.styles.add({"amp/style_reward": style.mean()})
        return super()._rollout()

    # The update.

    def _train_minibatch(self, index: int) -> Tensor:
        divergence = super()._train_minibatch(index)
        if isinstance(self.log_std, Tensor) and self.log_std.requires_grad:
            self.log_std.detach().clamp_(min=self.log_std_min)
        self._train_discriminator()
        return divergence

    def _train_discriminator(self) -> None:
        """One gradient step; statistics of what it sees are taken as it is seen."""
        judge, size = self.discriminator.train(), self.disc_batch_size
        seen = self._drawn(size), self.replay.sample(size)[MOTIONS], self.demos.sample(size)[MOTIONS]
        now, before, demonstrations = (judge.normalized(motions) for motions in seen)
        parts = judge.loss(policy=torch.cat([now, before]), demonstrations=demonstrations, penalties=self.penalties)
        for parameter in self.judged:
            parameter.grad = None
        parts["loss"].backward(inputs=self.judged)
        if self.truncate_grads:
            torch.nn.utils.clip_grad_norm_(self.judged, self.grad_norm)
        self.discriminator_lr.copy_(self.lr)
        self.discriminator_optimizer.step()
        self.judgements.add({f"amp/{name}": part.detach() for name, part in parts.items()})

    # Checkpoints.

    def get_policy_weights(self) -> State:
        """Those of PPO, and the discriminator."""
        optimizer = optimizers.state_of(self.discriminator_optimizer, lr=self.last_lr)
        judge = {"discriminator": self.discriminator.state_dict(), "optimizer": optimizer}
        return {**super().get_policy_weights(), KEPT: judge}

    def get_full_state_weights(self) -> State:
        """Those of PPO, the discriminator and, while training, both buffers."""
        state = super().get_full_state_weights()
        if "igx_rollout" in state:
            buffers = {"demos": self.demos.state_dict(), "replay": self.replay.state_dict(), "stored": self.stored}
            state["igx_rollout"] = {**state["igx_rollout"], KEPT: buffers}
        return state

    def set_full_state_weights(self, weights: State, set_epoch: bool = True) -> None:  # noqa: FBT001, FBT002
        """Go on from `get_full_state_weights` of this agent."""
        super().set_full_state_weights(weights, set_epoch)
        self.take_discriminator(weights)
        with optimizers.settings_kept([self.discriminator_optimizer]):
            self.discriminator_optimizer.load_state_dict(weights[KEPT]["optimizer"])

    def take_discriminator(self, weights: State) -> None:
        """Take only the discriminator, with its statistics, out of a checkpoint."""
        self.discriminator.load_state_dict(weights[KEPT]["discriminator"])

    def _begin(self) -> None:
        buffers = self._left_off.get("igx_rollout", {}).get(KEPT)
        if buffers is not None:
            self.demos.load_state_dict(buffers["demos"])
            self.replay.load_state_dict(buffers["replay"])
            self.stored = buffers["stored"]
        super()._begin()
        if buffers is None:
            for first in range(0, self.demos.capacity, _DRAWN_AT_ONCE):
                self._take_demonstrations(min(_DRAWN_AT_ONCE, self.demos.capacity - first))
