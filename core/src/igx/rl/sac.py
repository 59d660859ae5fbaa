"""SAC as igx trains it: rl_games' agent with its faults mended and without a wait for the device inside an epoch.

Losses, networks and checkpoint keys are rl_games'. With `sac.bootstrap=previous`, `sac.normalizer_updates=sampled`,
`sac.min_alpha=0.01` and the same draws from the buffer it computes bit for bit what that one computes. What differs:

- A cut-off episode may be continued by its true last observation (`sac.bootstrap=terminal`); being cut off by time is
  never taken for an end, unless `sac.bootstrap=off` says so.
- Statistics of the observations are taken of each one once, the warm-up's included, instead of in every batch.
- A restored agent goes on as if it had never stopped: weight of entropy, replay buffer, best return, random numbers.
- A run ends at `max_epochs` or `max_frames` whether or not an episode has ended; the warm-up has as many epochs as
  asked for, not one less.
- Actions are in [-1, 1], which is the range of our environments: log-probabilities need no correction for a scale.
- Checkpoints are written atomically and read without running code.
- Losses and returns leave the device once an epoch.
- On CUDA, acting and updates are recorded as CUDA graphs (`sac.capture`).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from igx.env.capture import Recorded
from igx.rl import checkpoints, optimizers, reporting, resuming
from igx.rl.checkpoints import State
from igx.rl.episodes import EpisodeSums
from igx.rl.losses import LossMeans
from igx.rl.normalizer import in_place
from igx.rl.replay import ReplayBuffer
from igx.rl.rl_games import AverageMeter, SACAgent
from igx.rl.stopwatch import Stopwatch
from igx.sim.readout import Readout

_OPTIMIZERS = {"actor_optimizer": "actor_lr", "critic_optimizer": "critic_lr", "log_alpha_optimizer": "alpha_lr"}
"""Attribute and checkpoint key → its learning rate in rl_games' config."""


def transition_widths(*, observations: int, actions: int) -> dict[str, int]:
    """Columns of the replay buffer; `goes_on` is 1 where a value follows, 0 where the episode is over."""
    return {"obs": observations, "action": actions, "reward": 1, "next_obs": observations, "goes_on": 1}


class Sac(SACAgent):
    """rl_games' SAC agent, mended; registered in its factory, same networks, same checkpoint keys.

    On CUDA a step is a few CUDA graphs: one chooses actions and one takes in their results, around the environment's
    own, and one does all updates. What they read and write keeps its address for the agent's life.
    """

    def __init__(self, base_name: str, params: dict[str, Any]) -> None:
        super().__init__(base_name, params)
        self.torch_device = torch.device(self.device)
        self.records: bool = self.config["capture"] and self.torch_device.type == "cuda"
        self.in_bfloat16: bool = self.config["bfloat16"]
        self.counts_sampled: bool = self.config["normalizer_updates"] == "sampled"
        self.min_alpha: float = self.config["min_alpha"]
        self.bootstrap = self._choose_bootstrap(self.config["bootstrap"])
        self.saves_replay: bool = self.config["save_replay_buffer"]
        self.game_shaped_rewards = AverageMeter(1, self.games_to_track).to(self.torch_device)
        self.stopwatch = Stopwatch(self.torch_device)
        self.critic_losses, self.policy_losses = LossMeans(self.torch_device), LossMeans(self.torch_device)
        self.total_time = 0.0
        self._left_off: State = {}
        if self.normalize_input:
            self.model.running_mean_std = in_place(self.model.running_mean_std)
        for name, rate in _OPTIMIZERS.items():
            optimizers.learning_rate(getattr(self, name), self.config[rate])
        networks = self.model.sac_network
        self._actor, self._critic = [*networks.actor.parameters()], [*networks.critic.parameters()]
        self._targets = [*networks.critic_target.parameters()]
        self.algo_observer.after_init(self)

    # The epoch.

    def train(self) -> tuple[float, int]:
        """Train until `max_epochs` or `max_frames`; return the best mean return and the number of epochs."""
        self.init_tensors()
        self._begin()
        while not self._is_finished():
            self.train_epoch()
            self.epoch_num += 1
            self.frame += self.num_frames_per_epoch
            self._report()
        return self.last_mean_rewards, self.epoch_num

    def init_tensors(self) -> None:
        """Allocate what is acted by and learned from."""
        envs, device = self.num_actors, self.torch_device
        widths = transition_widths(observations=self.obs_shape[0], actions=self.actions_num)
        self.replay = ReplayBuffer(widths, capacity=self.config["buffer_size"], device=device)
        self.stored = 0
        """Transitions in it, as the host knows them."""
        self.episodes = EpisodeSums(envs, device)
        self.seen = torch.zeros(envs, self.obs_shape[0], device=device)
        """What the last actions were chosen by."""
        self.actions = torch.zeros(envs, self.actions_num, device=device)
        self._begin_recording()

    def train_epoch(self) -> None:
        """Act for `num_steps_per_episode` steps, and learn after each of them unless this is the warm-up."""
        explores = self.epoch_num < self.num_warmup_steps
        warmup = self.num_warmup_steps * self.num_frames_per_epoch
        for _ in range(self.num_steps_per_episode):
            self.play_step(explores=explores)
            if not explores and self.stored >= min(warmup, self.replay.capacity):
                self.learn()

    # Acting.

    @torch.no_grad()
    def play_step(self, *, explores: bool) -> None:
        """Act once everywhere, at random or by the policy, and keep what came of it."""
        self.set_eval()
        self.stopwatch.enter("inference")
        (self._recorded_exploration if explores else self._recorded_choice)()
        self.stopwatch.enter("env")
        obs, rewards, dones, infos = self.vec_env.step(self.actions)
        self.obs, self._results = self.obs_to_tensors(obs), (rewards, dones, infos)
        self.stopwatch.enter("inference")
        self._recorded_intake()
        self.stored = min(self.stored + self.num_actors, self.replay.capacity)

    def _explore(self) -> None:
        self._look()
        self.actions.copy_(2.0 * torch.rand_like(self.actions) - 1.0)

    def _choose(self) -> None:
        self._look()
        action, _ = self.model.draw(self.model.norm_obs(self.seen))
        self.actions.copy_(action)

    def _look(self) -> None:
        self.seen.copy_(self.obs["obs"])
        if self.normalize_input and not self.counts_sampled:
            self.model.running_mean_std.update(self.seen)

    def _take_in(self) -> None:
        rewards, dones, infos = self._results
        shaped = self.rewards_shaper(rewards)
        cut_off = torch.zeros_like(dones) if self.bootstrap == "off" else dones & infos["time_outs"]
        self.replay.add(
            {
                "obs": self.seen,
                "action": self.actions,
                "reward": shaped.unsqueeze(1),
                "next_obs": torch.where(cut_off.unsqueeze(1), self._last(infos), self.obs["obs"]),
                "goes_on": (cut_off | ~dones).float().unsqueeze(1),
            }
        )
        self.episodes.add(rewards, shaped, dones)

    def _last(self, infos: dict[str, Tensor]) -> Tensor:
        """What a cut-off episode is continued from."""
        return infos["terminal"] if self.bootstrap == "terminal" else self.seen

    def _choose_bootstrap(self, asked: str) -> str:
        """`asked`, or what `auto` means here: the true last observation where the task shows it as the policy's."""
        if asked != "auto":
            return asked
        widths = self.vec_env.env.observation_widths
        return "terminal" if widths.get("terminal") == widths["policy"] else "previous"

    # Learning.

    def learn(self) -> None:
        """All updates that follow a step of the environments."""
        self.set_train()
        self.stopwatch.enter("update")
        self._updates(self.update_counter % self.policy_frequency)()
        self.update_counter += self.num_updates_per_step

    def set_train(self) -> None:
        """Prepare the networks for gradients; statistics of observations are taken where that is said."""
        super().set_train()
        if self.normalize_input:
            self.model.running_mean_std.eval()

    def _learn(self, since_policy: int) -> None:
        """The updates of one step, `since_policy` updates after the last one of the policy."""
        for number in range(1, self.num_updates_per_step + 1):
            self._update(trains_policy=(since_policy + number) % self.policy_frequency == 0)

    def _update(self, *, trains_policy: bool) -> None:
        batch = self.replay.sample(self.batch_size)
        batch["obs"] = self._normalized(batch["obs"])
        batch["next_obs"] = self._normalized(batch["next_obs"])
        self.train_critics(batch)
        if trains_policy:
            self.train_policy(batch["obs"])
        for target, source in zip(self._targets, self._critic, strict=True):
            target.data.lerp_(source.data, self.critic_tau)

    def _normalized(self, obs: Tensor) -> Tensor:
        if self.normalize_input and self.counts_sampled:
            self.model.running_mean_std.update(obs)
        return self.model.norm_obs(obs)

    def train_critics(self, batch: dict[str, Tensor]) -> None:
        """One gradient step of both critics; observations in `batch` are normalised."""
        with self._precision():
            loss = self.critic_loss(batch)
        _clear(self._critic)
        loss.backward(inputs=self._critic)
        if self.critic_grad_clip > 0:
            torch.nn.utils.clip_grad_norm_(self._critic, self.critic_grad_clip)
        self.critic_optimizer.step()
        self.critic_losses.add({"losses/c_loss": loss.detach()})

    def train_policy(self, obs: Tensor) -> None:
        """One gradient step of the policy and, if it is learned, of the weight of entropy; `obs` are normalised."""
        with self._precision():
            loss, log_prob = self.policy_loss(obs)
        numbers = {
            "losses/a_loss": loss.detach(),
            "losses/entropy": -log_prob.detach().mean(),
            "info/alpha": self.alpha,
        }
        learned = self._actor
        if self.learnable_temperature:
            alpha_loss = self.alpha_loss(log_prob)
            numbers["losses/alpha_loss"] = alpha_loss.detach()
            loss, learned = loss + alpha_loss, [*self._actor, self.log_alpha]
        _clear(learned)
        loss.backward(inputs=learned)
        self.actor_optimizer.step()
        if self.learnable_temperature:
            self.log_alpha_optimizer.step()
        self.policy_losses.add(numbers)

    def critic_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Mean squared error of both critics, averaged, against the soft value of what followed."""
        with torch.no_grad():
            next_action, log_prob = self.model.draw(batch["next_obs"])
            next_value = torch.min(*self.model.critic_target(batch["next_obs"], next_action)) - self.alpha * log_prob
            wanted = batch["reward"] + batch["goes_on"] * self.gamma * next_value
        first, second = self.model.critic(batch["obs"], batch["action"])
        return 0.5 * (mse_loss(first.float(), wanted) + mse_loss(second.float(), wanted))

    def policy_loss(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Minus the soft value of the policy's actions, averaged; and the log-probabilities of those actions."""
        action, log_prob = self.model.draw(obs)
        value = torch.min(*self.model.critic(obs, action))
        alpha = self.alpha.detach().clamp(min=self.min_alpha)
        return (alpha * log_prob - value).mean(), log_prob

    def alpha_loss(self, log_prob: Tensor) -> Tensor:
        """What makes the weight of entropy grow while the entropy is below its target, and shrink while above."""
        return (self.alpha * (-log_prob - self.target_entropy).detach()).mean()

    def set_alpha(self, log_alpha: Tensor) -> None:
        """Go on with this logarithm of the weight of entropy."""
        self.log_alpha.data.copy_(log_alpha)

    def _precision(self) -> torch.amp.autocast:
        return torch.amp.autocast(self.torch_device.type, enabled=self.in_bfloat16, dtype=torch.bfloat16)

    # Recording.

    def _begin_recording(self) -> None:
        """Have everything recorded, or recorded anew after what recordings have fixed was changed."""
        self._recorded_exploration = self._recorded(self._explore, what="Exploration")
        self._recorded_choice = self._recorded(self._choose, what="Inference")
        self._recorded_intake = self._recorded(self._take_in, what="The end of a step")
        self._recorded_updates: dict[int, Callable[[], None]] = {}

    def _updates(self, since_policy: int) -> Callable[[], None]:
        """The updates of one step; there are a few kinds if the policy learns not in every one."""
        if since_policy not in self._recorded_updates:
            updates = partial(self._learn, since_policy)
            self._recorded_updates[since_policy] = self._recorded(updates, what="The update")
        return self._recorded_updates[since_policy]

    def _recorded(self, function: Callable[[], None], *, what: str) -> Callable[[], None]:
        return Recorded(function, what=what, device=self.torch_device) if self.records else function

    # What leaves the device at the end of an epoch.

    def _report(self) -> None:
        """Tell of the epoch that has ended; here the host waits for the device."""
        names = (*self.critic_losses.names, *self.policy_losses.names, *reporting.EPISODES)
        parts = (self.critic_losses.drain(), self.policy_losses.drain(), self.episodes.drain())
        self.vec_env.mark()
        readout, laps = Readout(names, torch.cat([part.double() for part in parts])), self.stopwatch.stop()
        numbers, seconds = readout.read(), laps.seconds()
        self.total_time += sum(seconds.values())
        reporting.count_episodes(self, **{name: numbers.pop(name) for name in reporting.EPISODES})
        for tag, value in {**numbers, **reporting.speeds(seconds, steps=self.num_frames_per_epoch)}.items():
            self.writer.add_scalar(tag, value, self.frame)
        self.algo_observer.after_print_stats(self.frame, self.epoch_num, self.total_time)

    # Checkpoints.

    def save(self, fn: str) -> None:
        """Write `<fn>.pth`; raises as `checkpoints.save` does."""
        checkpoints.save(Path(f"{fn}.pth"), self.get_full_state_weights())

    def restore(self, fn: str, set_epoch: bool = True) -> None:  # noqa: FBT001, FBT002 - rl_games' signature
        """Go on from a checkpoint of this agent or of rl_games'; raises as `checkpoints.load` does."""
        self.set_full_state_weights(checkpoints.load(Path(fn), device=self.torch_device), set_epoch=set_epoch)

    def get_full_state_weights(self) -> State:
        """rl_games' keys, and what it forgets: `igx`, `env_state`, and while training `igx_rollout`."""
        state = {**self.get_policy_weights(), "env_state": self.vec_env.get_env_state()}
        if self.obs is not None:
            replay = {"replay": self.replay.state_dict()} if self.saves_replay else {}
            state["igx_rollout"] = {"episodes": self.episodes.state_dict(), **replay}
        return state

    def get_policy_weights(self) -> State:
        """The same without the environments and what was seen in them, which is large."""
        rates = {name: self.config[rate] for name, rate in _OPTIMIZERS.items()}
        return {
            **self.get_weights(),
            **{name: optimizers.state_of(getattr(self, name), lr=rate) for name, rate in rates.items()},
            "epoch": self.epoch_num,
            "frame": self.frame,
            "last_mean_rewards": float(self.last_mean_rewards),
            "igx": {
                "log_alpha": self.log_alpha.detach(),
                "update_counter": self.update_counter,
                "total_time": self.total_time,
                "meters": resuming.meters(self),
                "random": resuming.random_state(self.torch_device),
            },
        }

    def set_full_state_weights(self, weights: State, set_epoch: bool = True) -> None:  # noqa: FBT001, FBT002
        """Go on from `get_full_state_weights` of this agent or of rl_games'; the optimisers' settings stay ours.

        rl_games' holds neither the weight of entropy nor transitions, so these begin anew.
        """
        with optimizers.settings_kept([getattr(self, name) for name in _OPTIMIZERS]):
            super().set_full_state_weights(weights, set_epoch)
        self._left_off = weights

    def _begin(self) -> None:
        """Begin the first epoch: where the restored agent left off, as far as its checkpoint tells, or anew."""
        state, self._left_off = self._left_off, {}
        rollout = state.get("igx_rollout", {})
        if rollout and state.get("env_state") is not None:
            self.obs = self.obs_to_tensors(self.vec_env.observations())
            self.episodes.load_state_dict(rollout["episodes"])
        else:
            self.obs = self.env_reset()
        if "replay" in rollout:
            self.replay.load_state_dict(rollout["replay"])
            self.stored = int(self.replay.count)
        if "igx" in state:
            self._take_progress(state["igx"])

    def _take_progress(self, progress: State) -> None:
        self.set_alpha(progress["log_alpha"])
        self.update_counter, self.total_time = progress["update_counter"], progress["total_time"]
        resuming.take_meters(self, progress["meters"])
        resuming.take_random_state(self.torch_device, progress["random"])

    def _is_finished(self) -> bool:
        if self.max_epochs != -1 and self.epoch_num >= self.max_epochs:
            return True
        return self.max_frames != -1 and self.frame >= self.max_frames


def _clear(parameters: list[Tensor]) -> None:
    for parameter in parameters:
        parameter.grad = None
