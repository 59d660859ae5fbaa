"""PPO as igx trains it: rl_games' agent with its faults mended and without a wait for the device inside an epoch.

With `ppo.normalizer_updates=every` and `ppo.bootstrap=previous` it computes bit for bit what rl_games' agent computes,
and either loads the other's checkpoints. What differs otherwise:

- Statistics of the observations are taken once per rollout, before the update, instead of in every mini-epoch.
- A cut-off episode may be continued by the value of its true last observation (`ppo.bootstrap=terminal`).
- The learning rate is a tensor moved on the device; a linear one may follow frames; `set_param` sets it for good.
- The state of a recurrent central value network is not moved on by the value that ends a rollout.
- A restored agent goes on as if it had never stopped: best return, learning rate, random numbers, running episodes.
- Checkpoints are written atomically and read without running code.
- Losses and returns leave the device once an epoch, and are read while it plays the next rollout.
- On CUDA, rollout and update are recorded as CUDA graphs (`ppo.capture`), and may be compiled (`ppo.compile`).
"""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from igx.env.capture import Recorded, Unguarded
from igx.rl import checkpoints, optimizers, ppo_state, reporting
from igx.rl.checkpoints import State
from igx.rl.episodes import EpisodeSums
from igx.rl.losses import LossMeans
from igx.rl.normalizer import in_place
from igx.rl.recurrent import step_by_step
from igx.rl.rl_games import A2CAgent, policy_kl, swap_and_flatten01
from igx.rl.stopwatch import Laps, Stopwatch
from igx.sim.readout import Readout
from igx.task.compiled import CompiledInPlace, compiled

_NORMALIZERS = ("running_mean_std", "value_mean_std")
_STEP = 1.5  # factor of one move of an adaptive learning rate
_COMPILER = {"fallback_random": True}  # the random numbers are the same, compiled or not
_RECORDED_TOGETHER = 16  # minibatches: a graph of more takes long to make, and gains nothing


class Ppo(A2CAgent):
    """rl_games' continuous PPO agent, mended; registered in its factory, same parameters, same checkpoint keys.

    On CUDA an epoch is a few CUDA graphs: one chooses actions and one takes in their results, around the environment's
    own; one makes a dataset of the rollout; and one trains on its minibatches. What they read and write keeps its
    address for the agent's life.
    """

    def __init__(self, base_name: str, params: dict[str, Any]) -> None:
        super().__init__(base_name, params)
        self.torch_device = torch.device(self.ppo_device)
        self.records: bool = self.config.get("capture", True) and self.torch_device.type == "cuda"
        if self.config.get("bfloat16", False):
            network = self.model.a2c_network
            network.forward = _in_bfloat16(network.forward, device=self.torch_device)
        self.updates_once: bool = self.config.get("normalizer_updates") == "once"
        self.bootstraps_terminal: bool = self.config.get("bootstrap") == "terminal"
        self.min_lr: float = self.config.get("min_lr", 1e-6)
        self.max_lr: float = self.config.get("max_lr", 1e-2)
        self.scaler = torch.amp.GradScaler("cuda", enabled=False)  # bfloat16 needs no scaling of the loss
        self.stopwatch = Stopwatch(self.torch_device)
        self._divergence = policy_kl
        self.losses, self.central_losses = LossMeans(self.torch_device), LossMeans(self.torch_device)
        self.tallies = [self.central_losses, self.losses]
        """Whose means leave the device at the end of an epoch; a subclass adds its own."""
        self.total_time = 0.0
        self._collected: tuple[Readout, Laps] | None = None
        self._left_off: State = {}
        self._datasets: list[dict[str, Any]] = []
        if self.torch_device.type == "cuda":
            step_by_step(self.model)
            if self.has_central_value:
                step_by_step(self.central_value_net)
        self._own_normalizers()
        self._own_schedules()
        self.is_compiled: bool = self.config.get("compile", False)
        if self.is_compiled:
            self._compile()

    # The epoch.

    def train(self) -> tuple[float, int]:
        """Train until `max_epochs` or `max_frames`; return the best mean return and the number of epochs."""
        self.init_tensors()
        self._begin()
        while not self._is_finished():
            try:
                self.play()
            except Exception:
                self._report()
                raise
            self._report()  # of the epoch before, while the device plays
            self.update_epoch()
            self.update()
            self.frame += self.curr_frames
            self._collect()
            if not self._may_report_later():
                self._report()
        self._report()
        return self.last_mean_rewards, self.epoch_num

    def train_epoch(self) -> None:
        """One rollout, one update."""
        self.play()
        self.update()

    def play(self) -> None:
        """The rollout of the coming epoch, which may begin all episodes anew."""
        self.vec_env.set_train_info(self.frame, self)
        self.set_eval()
        if self.epochs_between_resets and (self.epoch_num + 1) % self.epochs_between_resets == 0:
            self.reset_envs()
            self.init_current_rewards(self.num_actors, ())
        self.play_steps()

    def update(self) -> None:
        """Learn from the last rollout."""
        self.stopwatch.enter("update")
        self.curr_frames = self.batch_size
        self.make_dataset()
        self.set_train()
        self.algo_observer.after_steps()
        if self.has_central_value:
            self.train_central_value()
        self.train_policy()

    def set_eval(self) -> None:
        """Prepare the model for acting."""
        self.model.eval()

    def init_tensors(self) -> None:
        """Allocate what a rollout writes into."""
        envs, device = self.num_actors, self.torch_device
        self.episodes = EpisodeSums(envs, device)
        self.dones = torch.ones(envs, dtype=torch.bool, device=device)
        self.actions = torch.zeros(envs, self.actions_num, device=device)
        self.values = torch.zeros(envs, self.value_size, device=device)
        self.step = torch.zeros(1, dtype=torch.long, device=device)
        """Step of the rollout, on the device."""
        super().init_tensors()
        self._begin_recording()

    def init_current_rewards(self, batch_size: int, current_rewards_shape: tuple[int, ...]) -> None:
        """Begin all episodes anew."""
        del batch_size, current_rewards_shape  # of sums that `episodes` keeps instead
        self.dones.fill_(1)
        self.episodes.restart()

    def reset_envs(self) -> None:
        """Start a new episode everywhere."""
        for states in self.rnn_states if self.is_rnn else ():
            states.zero_()
        self.obs = self.env_reset()

    # The rollout.

    @torch.no_grad()
    def play_steps(self) -> None:
        """Act for `horizon_length` steps; what was seen, done and paid is in the experience buffer afterwards."""
        self.step.zero_()
        for step in range(self.horizon_length):
            self.stopwatch.enter("inference")
            self._keep_rnn_states(step)
            self._recorded_choice()
            self.stopwatch.enter("env")
            obs, rewards, dones, infos = self.vec_env.step(self.actions)
            self.obs, self._results = self.obs_to_tensors(obs), (rewards, dones, infos)
            self.stopwatch.enter("inference")
            self._recorded_intake()

    @torch.no_grad()
    def make_dataset(self) -> None:
        """Make a dataset of the last rollout, and take its statistics."""
        self._recorded_dataset()

    def get_central_value(self, obs_dict: dict[str, Any]) -> Tensor:
        """Value by a network of its own, `[num_envs, 1]`; moves its recurrent state on."""
        net = self.central_value_net
        states = net.rnn_states
        value = net.get_value(obs_dict)
        if states is not None:
            _copy_all(net.rnn_states, into=states)
            net.rnn_states = states
        return value

    def get_values(self, obs: dict[str, Tensor]) -> Tensor:
        """Value of `obs`, `[num_envs, 1]`; moves no recurrent state on."""
        if not self.has_central_value:
            return super().get_values(obs)
        net = self.central_value_net
        states = net.rnn_states
        values = net.get_value({"is_train": False, "states": obs["states"]})
        net.rnn_states = states
        return values

    def discount_values(
        self,
        fdones: Tensor,
        last_extrinsic_values: Tensor,
        mb_fdones: Tensor,
        mb_extrinsic_values: Tensor,
        mb_rewards: Tensor,
    ) -> Tensor:
        """Generalised advantages, `[horizon, num_envs, 1]`; the same sums as rl_games', most of them in one go."""
        next_values = torch.cat([mb_extrinsic_values[1:], last_extrinsic_values[None]])
        goes_on = 1.0 - torch.cat([mb_fdones[1:], fdones[None]]).unsqueeze(-1)
        delta = mb_rewards + self.gamma * next_values * goes_on - mb_extrinsic_values
        decay = self.gamma * self.tau * goes_on
        advantages = torch.zeros_like(mb_rewards)
        advantage = torch.zeros_like(last_extrinsic_values)
        for step in reversed(range(self.horizon_length)):
            advantage = delta[step] + decay[step] * advantage
            advantages[step] = advantage
        return advantages

    def _choose_actions(self) -> None:
        result = self.get_action_values(self.obs)
        if self.is_rnn:
            _copy_all(result["rnn_states"], into=self.rnn_states)
        self.actions.copy_(result["actions"])
        if self.clip_actions:
            self.actions.clamp_(-1.0, 1.0)  # which is the range of an environment's actions
        self.values.copy_(result["values"])
        self._write("obses", self.obs["obs"])
        self._write("dones", self.dones)
        for name in self.update_list:
            self._write(name, result[name])
        if self.has_central_value:
            self._write("states", self.obs["states"])

    def _take_in_results(self) -> None:
        rewards, dones, infos = self._results
        rewards = rewards.unsqueeze(1)
        shaped = self.rewards_shaper(rewards)
        if self.value_bootstrap:
            shaped.add_(self.gamma * self._continuation(infos) * infos["time_outs"].unsqueeze(1).float())
        self._write("rewards", shaped)
        self.dones.copy_(dones)
        self.episodes.add(rewards[:, 0], shaped[:, 0], self.dones)
        self._clear_rnn_states()
        self.step.add_(1)

    def _continuation(self, infos: dict[str, Tensor]) -> Tensor:
        """What a cut-off episode would have gone on to earn."""
        if not self.bootstraps_terminal:
            return self.values
        return self.get_values({"obs": infos["terminal"], "states": infos["terminal"]})

    def _write(self, name: str, values: Tensor) -> None:
        """Write one step of the rollout."""
        rows = self.experience_buffer.tensor_dict[name]
        rows.index_copy_(0, self.step, values.to(rows.dtype)[None])

    def _make_dataset(self) -> None:
        self.prepare_dataset(self._rollout())
        models = [(self.model, self.dataset, self.normalize_input)]
        if self.has_central_value:
            net = self.central_value_net
            models.append((net.model, net.dataset, net.normalize_input))
        for model, dataset, is_normalized in models:
            if self.updates_once and is_normalized:
                model.running_mean_std.update(dataset.values_dict["obs"])
        if self.records:
            self._keep_addresses([dataset for _, dataset, _ in models])

    def _keep_addresses(self, datasets: Sequence[Any]) -> None:
        """Put a rollout where the first one was: recordings of the update look there."""
        if not self._datasets:
            self._datasets = [dataset.values_dict for dataset in datasets]
        for dataset, kept in zip(datasets, self._datasets, strict=True):
            for name, values in dataset.values_dict.items():
                if values is not None:
                    _copy_all(_as_list(values), into=_as_list(kept[name]))
            dataset.update_values_dict(kept)

    def _rollout(self) -> dict[str, Any]:
        """The experience buffer, one row per step of an environment, with returns."""
        buffer = self.experience_buffer.tensor_dict
        last_values = self.get_values(self.obs)
        advantages = self.discount_values(
            self.dones.float(), last_values, buffer["dones"].float(), buffer["values"], buffer["rewards"]
        )
        rollout = self.experience_buffer.get_transformed_list(swap_and_flatten01, self.tensor_list)
        rollout["returns"] = swap_and_flatten01(advantages + buffer["values"])
        if self.is_rnn:
            rollout["rnn_states"] = [
                states.permute(1, 2, 0, 3).reshape(states.size(1), -1, states.size(3)) for states in self.mb_rnn_states
            ]
        return rollout

    def _keep_rnn_states(self, step: int) -> None:
        if self.is_rnn and step % self.seq_length == 0:
            for kept, states in zip(self.mb_rnn_states, self.rnn_states, strict=True):
                kept[step // self.seq_length] = states
        if self.has_central_value:
            self.central_value_net.pre_step_rnn(step)

    def _clear_rnn_states(self) -> None:
        if not self.zero_rnn_on_done:
            return
        theirs = self.central_value_net.rnn_states if self.has_central_value else None
        for states in (*(self.rnn_states or ()), *(theirs or ())):
            states.masked_fill_(self.dones[None, :, None], 0.0)

    # The update.

    def train_policy(self) -> None:
        """All mini-epochs over one rollout."""
        self._look_up_schedule()
        for mini_epoch in range(self.mini_epochs_num):
            for train in self._recorded_updates:
                train()
            self.diagnostics.mini_epoch(self, mini_epoch)

    def train_central_value(self) -> None:
        """All mini-epochs of a value network of its own over one rollout."""
        net = self.central_value_net
        if not net.config["freeze_critic"]:
            for _ in range(net.mini_epoch):
                for train in self._recorded_central_updates:
                    train()
        net.epoch_num += 1
        net.lr, _ = net.scheduler.update(net.lr, 0, net.epoch_num, 0, 0)
        self.central_lr.fill_(net.lr)
        net.frame += net.batch_size

    def set_train(self) -> None:
        """Prepare the model for gradients."""
        super().set_train()
        if self.updates_once and self.normalize_input:
            self.model.running_mean_std.eval()

    def train_actor_critic(self, input_dict: dict[str, Any]) -> tuple[Any, ...]:
        """One gradient step; `input_dict` is one minibatch."""
        self.calc_gradients(input_dict)
        return self.train_result

    def calc_gradients(self, input_dict: dict[str, Any]) -> None:
        """One gradient step; its losses, divergence, means and deviations are in `train_result`."""
        loss, (actor, critic, entropy, bounds), mu, sigma = self._losses(input_dict)
        loss, self.aux_loss_dict = self._with_auxiliary(loss)
        for parameter in self.model.parameters():
            parameter.grad = None
        loss.backward()
        if self.truncate_grads:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.grad_norm)
        self.optimizer.step()
        mu, sigma = mu.detach(), sigma.detach()
        with torch.no_grad():
            divergence = self._divergence(mu, sigma, input_dict["mu"], input_dict["sigma"])
        self.train_result = actor, critic, entropy, divergence, self.last_lr, 1.0, mu, sigma, bounds

    def _losses(self, batch: dict[str, Any]) -> tuple[Tensor, tuple[Tensor, ...], Tensor, Tensor]:
        """The loss, its parts, and the policy's means and deviations."""
        inputs = {"is_train": True, "prev_actions": batch["actions"], "obs": batch["obs"]}
        if self.is_rnn:
            inputs |= {"rnn_states": batch["rnn_states"], "seq_length": self.seq_length}
            inputs |= {"dones": batch["dones"]} if self.zero_rnn_on_done else {}
        result = self.model(inputs)
        loss, *parts, _ = self.calc_losses(
            self.actor_loss_func,
            batch["old_logp_actions"],
            result["prev_neglogp"],
            batch["advantages"],
            self.e_clip,
            batch["old_values"],
            result["values"],
            batch["returns"],
            result["mus"],
            result["entropy"],
            None,
        )
        self.diagnostics.mini_batch(
            self,
            {
                "values": batch["old_values"],
                "returns": batch["returns"],
                "new_neglogp": result["prev_neglogp"],
                "old_neglogp": batch["old_logp_actions"],
                "masks": None,
            },
            self.e_clip,
            0,
        )
        return loss, tuple(parts), result["mus"], result["sigmas"]

    def _with_auxiliary(self, loss: Tensor) -> tuple[Tensor, dict[str, list[Tensor]]]:
        """Add what the network itself wants to lose, if it says so."""
        extra = self.model.get_aux_loss() or {}
        for part in extra.values():
            loss = loss + part
        return loss, {name: [part.detach()] for name, part in extra.items()}

    def _compile(self) -> None:
        """Have torch compile what consists of many small operations."""
        for module in self.model.modules():
            if isinstance(module, nn.ELU):
                module.inplace = True  # its gradient then comes from its value, without another exponential
        for_this = partial(compiled, dynamic=False, options=_COMPILER)
        self._losses, self._divergence = for_this(self._losses), for_this(self._divergence)
        self.model.forward = for_this(self.model.forward)

    def _train_minibatches(self, first: int, last: int) -> None:
        """A gradient step on each of the minibatches from `first` to before `last`, which may end a mini-epoch."""
        for index in range(first, last):
            self.divergences[index] = self._train_minibatch(index)
        if self.schedule_type == "standard" and last == len(self.dataset):
            self._move_learning_rate(self.divergences.mean())

    def _train_minibatch(self, index: int) -> Tensor:
        """One gradient step on minibatch `index`; returns its KL divergence."""
        actor, critic, entropy, divergence, _, _, mu, sigma, bounds = self.train_actor_critic(self.dataset[index])
        self.dataset.update_mu_sigma(mu, sigma)
        losses = {"a_loss": actor, "c_loss": critic, "entropy": entropy, "bounds_loss": bounds}
        extra = {name: values[-1] for name, values in self.aux_loss_dict.items()}
        named = {f"losses/{name}": loss for name, loss in (losses | extra).items()}
        self.losses.add({**named, "info/kl": divergence})
        if self.schedule_type == "legacy":
            self._move_learning_rate(divergence)
        return divergence

    def _train_central_minibatches(self, first: int, last: int) -> None:
        net = self.central_value_net
        for index in range(first, last):
            net.train()
            if self.updates_once and net.normalize_input:
                net.model.running_mean_std.eval()
            self.central_losses.add({"losses/cval_loss": net.calc_gradients(net.dataset[index])})

    def _look_up_schedule(self) -> None:
        """Bring what a schedule by epochs or frames says to the device, where gradient steps take it."""
        if self.is_adaptive_lr:
            return
        lr, entropy_coef = self.scheduler.update(self.last_lr, self.last_entropy_coef, self.epoch_num, self.frame, None)
        self.last_entropy_coef = entropy_coef
        self.scheduled_lr.fill_(lr)
        self.scheduled_entropy_coef.fill_(entropy_coef)

    def _move_learning_rate(self, divergence: Tensor) -> None:
        if self.is_adaptive_lr:
            kl = divergence.double()  # compared as the Python numbers that rl_games compares
            lower = (self.lr / _STEP).clamp(min=self.min_lr)
            higher = (self.lr * _STEP).clamp(max=self.max_lr)
            unhurried = torch.where(kl < 0.5 * self.kl_threshold, higher, self.lr)
            self.lr.copy_(torch.where(kl > 2.0 * self.kl_threshold, lower, unhurried))
        else:
            self.lr.copy_(self.scheduled_lr)
            self.entropy_coef.copy_(self.scheduled_entropy_coef)

    # Recording.

    def _begin_recording(self) -> None:
        """Have everything recorded, or recorded anew after what recordings have fixed was changed."""
        self._recorded_choice = self._recorded(self._choose_actions, what="Inference", is_whole=True)
        self._recorded_intake = self._recorded(self._take_in_results, what="The end of a step", is_whole=True)
        self._recorded_dataset = self._recorded(self._make_dataset, what="The end of a rollout")
        self._recorded_updates = self._recorded_parts(self._train_minibatches, self.dataset, what="The update")
        if self.has_central_value:
            self._recorded_central_updates = self._recorded_parts(
                self._train_central_minibatches, self.central_value_net.dataset, what="The central value's update"
            )

    def _recorded(self, function: Callable[[], None], *, what: str, is_whole: bool = False) -> Callable[[], None]:
        """`function` as it runs quickest; one that learns nothing may be compiled as a whole."""
        if self.records:
            return Recorded(function, what=what, device=self.torch_device)
        if not self.is_compiled:
            return function
        if is_whole and not self.is_rnn:  # torch calls libraries for recurrent layers
            return CompiledInPlace(function, what=what, options=_COMPILER, otherwise=Unguarded(function))
        return Unguarded(function)

    def _recorded_parts(
        self, function: Callable[[int, int], None], dataset: Any, *, what: str
    ) -> list[Callable[[], None]]:
        """A mini-epoch over `dataset` in parts that are recorded each."""
        ends = [*range(0, len(dataset), _RECORDED_TOGETHER), len(dataset)]
        return [self._recorded(partial(function, *part), what=what) for part in itertools.pairwise(ends)]

    # Settings that change while training.

    def get_param(self, param_name: str) -> float:
        """A setting as it is now."""
        return self.last_entropy_coef if param_name == "entropy_coef" else super().get_param(param_name)

    def set_param(self, param_name: str, param_value: float) -> None:
        """Change a setting from the next epoch on; a schedule goes on from a learning rate set here."""
        if param_name == "learning_rate":
            self.set_learning_rate(param_value)
            if self.linear_lr:
                self.scheduler.start_lr = param_value
        elif param_name == "entropy_coef":
            self.set_entropy_coef(param_value)
        else:
            super().set_param(param_name, param_value)
            self._begin_recording()

    def set_learning_rate(self, lr: float) -> None:
        """Go on with this learning rate, until a schedule changes it."""
        self.last_lr = lr
        self.lr.fill_(lr)

    def set_entropy_coef(self, entropy_coef: float) -> None:
        """Go on with this weight of the entropy bonus, until a schedule changes it."""
        self.last_entropy_coef = entropy_coef
        self.entropy_coef.fill_(entropy_coef)

    def _own_schedules(self) -> None:
        """Keep on the device what changes while training: a recording sees it there."""
        self.last_entropy_coef = float(self.entropy_coef)
        self.entropy_coef = torch.tensor(self.last_entropy_coef, device=self.torch_device)
        self.scheduled_entropy_coef = self.entropy_coef.clone()
        self.lr = optimizers.learning_rate(self.optimizer, self.last_lr)
        self.scheduled_lr = self.lr.clone()
        self.divergences = torch.zeros(len(self.dataset), device=self.torch_device)
        if self.has_central_value:
            self.central_lr = optimizers.learning_rate(self.central_value_net.optimizer, self.central_value_net.lr)

    def _own_normalizers(self) -> None:
        models = [self.model, self.central_value_net.model] if self.has_central_value else [self.model]
        for model in models:
            for name in _NORMALIZERS:
                if hasattr(model, name):
                    setattr(model, name, in_place(getattr(model, name)))
        if self.normalize_value:
            self.value_mean_std = models[-1].value_mean_std

    # What leaves the device at the end of an epoch.

    def _may_report_later(self) -> bool:
        """Whether to wait with the report until the device has its next rollout to do.

        Not where a whole checkpoint is due, or a signal ends the run: that holds the environments as they are at the
        end of an epoch. A run that ends by `run.score_to_win` saves them as they are after that next rollout.
        """
        needs_whole_state: Callable[[], bool] = getattr(self.algo_observer, "needs_whole_state", bool)
        return not needs_whole_state() and self.records

    def _collect(self) -> None:
        """Have the numbers of this epoch sent to the host."""
        names = (*(name for tally in self.tallies for name in tally.names), "lr", *reporting.EPISODES)
        numbers = (*(tally.drain() for tally in self.tallies), self.lr[None], self.episodes.drain())
        self.vec_env.mark()
        self._collected = Readout(names, torch.cat([part.double() for part in numbers])), self.stopwatch.stop()

    def _report(self) -> None:
        """Tell of the last epoch, if that wasn't done yet."""
        if self._collected is None:
            return
        (readout, laps), self._collected = self._collected, None
        numbers = readout.read()
        self.last_lr = numbers.pop("lr")
        reporting.count_episodes(self, **{name: numbers.pop(name) for name in reporting.EPISODES})
        self._write_scalars({**numbers, **self._speeds(laps.seconds())})
        self.diagnostics.epoch(self, current_epoch=self.epoch_num)
        self.diagnostics.send_info(self.writer)
        self.algo_observer.after_print_stats(self.frame, self.epoch_num, self.total_time)

    def _speeds(self, seconds: dict[str, float]) -> dict[str, float]:
        self.total_time += sum(seconds.values())
        settings = {"info/last_lr": self.last_lr, "info/e_clip": self.e_clip}
        return {**reporting.speeds(seconds, steps=self.curr_frames), **settings}

    def _write_scalars(self, scalars: dict[str, float]) -> None:
        for tag, value in scalars.items():
            self.writer.add_scalar(tag, value, self.frame)

    # Checkpoints.

    def save(self, fn: str) -> None:
        """Write `<fn>.pth`; raises as `checkpoints.save` does."""
        checkpoints.save(Path(f"{fn}.pth"), self.get_full_state_weights())

    def restore(self, fn: str, set_epoch: bool = True) -> None:  # noqa: FBT001, FBT002 - rl_games' signature
        """Go on from a checkpoint of this agent or of rl_games'; raises as `checkpoints.load` does."""
        self.set_full_state_weights(checkpoints.load(Path(fn), device=self.torch_device), set_epoch=set_epoch)

    def restore_central_value_function(self, fn: str) -> None:
        """Take only the central value network from a checkpoint."""
        self.set_central_value_function_weights(checkpoints.load(Path(fn), device=self.torch_device))

    def get_full_state_weights(self) -> State:
        """rl_games' keys, with plain numbers, and what it forgets: `igx`, and while training `igx_rollout`."""
        state = {**self.get_policy_weights(), "env_state": self.vec_env.get_env_state()}
        if self.obs is not None:
            state["igx_rollout"] = ppo_state.rollout(self)
        return state

    def get_policy_weights(self) -> State:
        """The same without the environments and what is going on in them, which is large."""
        state = {
            **self.get_weights(),
            "epoch": self.epoch_num,
            "frame": self.frame,
            "optimizer": optimizers.state_of(self.optimizer, lr=self.last_lr),
            "last_mean_rewards": float(self.last_mean_rewards),
            "igx": ppo_state.progress(self),
        }
        state.pop("scaler", None)
        if self.has_central_value:
            net = self.central_value_net
            state["assymetric_vf_nets"] = net.state_dict()
            state["assymetric_vf_optimizer"] = optimizers.state_of(net.optimizer, lr=net.lr)
        return state

    def set_full_state_weights(self, weights: State, set_epoch: bool = True) -> None:  # noqa: FBT001, FBT002
        """Go on from `get_full_state_weights` of this agent or of rl_games'; the optimisers' settings stay ours."""
        trained = [self.optimizer, *([self.central_value_net.optimizer] if self.has_central_value else [])]
        with optimizers.settings_kept(trained) as rates:
            super().set_full_state_weights({**weights, "scaler": {}}, set_epoch)
        self.set_learning_rate(rates[0])
        if self.has_central_value:
            self.central_lr.fill_(rates[-1])
        self._left_off = weights
        self._begin_recording()

    def _begin(self) -> None:
        """Begin the first epoch: where the restored agent left off, as far as its checkpoint tells, or anew."""
        state, self._left_off = self._left_off, {}
        if "igx" in state:
            ppo_state.take_progress(self, state["igx"])
        if "igx_rollout" in state and state.get("env_state") is not None:
            ppo_state.take_rollout(self, state["igx_rollout"])
        else:
            self.obs = self.env_reset()

    def _is_finished(self) -> bool:
        if self.max_epochs != -1 and self.epoch_num >= self.max_epochs:
            return True
        return self.max_frames != -1 and self.frame >= self.max_frames


def _in_bfloat16(function: Callable[..., Any], *, device: torch.device) -> Callable[..., Any]:
    """`function`, computed in bfloat16 where that is safe; what it gives are float32 again.

    A network acts so, and is judged so in the update: if it acted in float32, it would seem to have changed before it
    has learned anything, the more so the less it explores.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        with torch.amp.autocast(device.type, dtype=torch.bfloat16):
            return _as_float32(function(*args, **kwargs))

    return run


def _as_float32(values: Any) -> Any:
    if isinstance(values, (tuple, list)):
        return tuple(_as_float32(value) for value in values)
    return values.float() if isinstance(values, Tensor) else values


def _as_list(values: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    return [values] if isinstance(values, Tensor) else values


def _copy_all(tensors: Sequence[Tensor], *, into: Sequence[Tensor]) -> None:
    for tensor, kept in zip(tensors, into, strict=True):
        kept.copy_(tensor)
