"""PPO as igx trains it: rl_games' agent with its faults mended and without a wait for the device inside an epoch.

With `ppo.normalizer_updates=every` and `ppo.bootstrap=previous` it computes bit for bit what rl_games' agent computes,
and either loads the other's checkpoints. What differs otherwise:

- Statistics of the observations are taken once per rollout, before the update, instead of in every mini-epoch.
- A cut-off episode may be continued by the value of its true last observation (`ppo.bootstrap=terminal`).
- The learning rate is a tensor moved on the device; a linear one may follow frames; `set_param` sets it for good.
- The state of a recurrent central value network is not moved on by the value that ends a rollout.
- A restored agent goes on as if it had never stopped: best return, learning rate, random numbers, running episodes.
- Checkpoints are written atomically and read without running code.
- Losses and returns leave the device once an epoch.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from igx.rl import checkpoints, ppo_state
from igx.rl.checkpoints import State
from igx.rl.episodes import EpisodeSums
from igx.rl.normalizer import RunningMeanStd
from igx.rl.rl_games import A2CAgent, swap_and_flatten01
from igx.rl.stopwatch import Stopwatch

_NORMALIZERS = ("running_mean_std", "value_mean_std")
_STEP = 1.5  # factor of one move of an adaptive learning rate


class Ppo(A2CAgent):
    """rl_games' continuous PPO agent, mended; registered in its factory, same parameters, same checkpoint keys."""

    def __init__(self, base_name: str, params: dict[str, Any]) -> None:
        super().__init__(base_name, params)
        self.torch_device = torch.device(self.ppo_device)
        self.updates_once: bool = self.config.get("normalizer_updates") == "once"
        self.bootstraps_terminal: bool = self.config.get("bootstrap") == "terminal"
        self.min_lr: float = self.config.get("min_lr", 1e-6)
        self.max_lr: float = self.config.get("max_lr", 1e-2)
        self.scaler = torch.amp.GradScaler("cuda", enabled=False)  # bfloat16 needs no scaling of the loss
        self.stopwatch = Stopwatch(self.torch_device)
        self.statistics: defaultdict[str, list[Tensor]] = defaultdict(list)
        """Numbers of the current epoch by their tag in rl_games' plots; each a tensor without dimensions."""
        self.total_time = 0.0
        self._left_off: State = {}
        self._own_normalizers()
        self._own_learning_rate()

    # The epoch.

    def train(self) -> tuple[float, int]:
        """Train until `max_epochs` or `max_frames`; return the best mean return and the number of epochs."""
        self.init_tensors()
        self._begin()
        while not self._is_finished():
            self.update_epoch()
            self.vec_env.set_train_info(self.frame, self)
            self.train_epoch()
            self.frame += self.curr_frames
            self._report()
        return self.last_mean_rewards, self.epoch_num

    def train_epoch(self) -> None:
        """One rollout, one update."""
        self.set_eval()
        rollout = self.play_steps()
        self.stopwatch.enter("update")
        self.set_train()
        self.curr_frames = rollout.pop("played_frames")
        self.prepare_dataset(rollout)
        self.algo_observer.after_steps()
        if self.has_central_value:
            self.train_central_value()
        self.train_policy()
        self.dataset.update_values_dict(None)

    def init_tensors(self) -> None:
        """Allocate what a rollout writes into."""
        self.episodes = EpisodeSums(self.num_actors, self.torch_device)
        super().init_tensors()

    def init_current_rewards(self, batch_size: int, current_rewards_shape: tuple[int, ...]) -> None:
        """Begin all episodes anew."""
        super().init_current_rewards(batch_size, current_rewards_shape)
        self.episodes.restart()

    # The rollout.

    @torch.no_grad()
    def play_steps(self) -> dict[str, Any]:
        """Act for `horizon_length` steps; return what was seen, done and paid, one row per step of an environment."""
        for step in range(self.horizon_length):
            self.stopwatch.enter("inference")
            self._keep_rnn_states(step)
            result = self.get_action_values(self.obs)
            self.rnn_states = result["rnn_states"]
            self._write_before(step, result)
            self.stopwatch.enter("env")
            self.obs, rewards, self.dones, infos = self.env_step(result["actions"])
            self.stopwatch.enter("inference")
            self._write_after(step, rewards, result["values"], infos)
            self._clear_rnn_states()
        return self._rollout()

    def get_values(self, obs: dict[str, Tensor]) -> Tensor:
        """Value of `obs`, `[num_envs, 1]`; moves no recurrent state on."""
        if not self.has_central_value:
            return super().get_values(obs)
        states = self.central_value_net.rnn_states
        values = super().get_values(obs)
        self.central_value_net.rnn_states = states
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

    def _write_before(self, step: int, result: dict[str, Tensor]) -> None:
        write = self.experience_buffer.update_data
        write("obses", step, self.obs["obs"])
        write("dones", step, self.dones)
        for name in self.update_list:
            write(name, step, result[name])
        if self.has_central_value:
            write("states", step, self.obs["states"])

    def _write_after(self, step: int, rewards: Tensor, values: Tensor, infos: dict[str, Tensor]) -> None:
        shaped = self.rewards_shaper(rewards)
        if self.value_bootstrap:
            shaped.add_(self.gamma * self._continuation(values, infos) * infos["time_outs"].unsqueeze(1).float())
        self.experience_buffer.update_data("rewards", step, shaped)
        self.episodes.add(rewards[:, 0], shaped[:, 0], self.dones)

    def _continuation(self, values: Tensor, infos: dict[str, Tensor]) -> Tensor:
        """What a cut-off episode would have gone on to earn."""
        if not self.bootstraps_terminal:
            return values
        return self.get_values({"obs": infos["terminal"], "states": infos["terminal"]})

    def _rollout(self) -> dict[str, Any]:
        buffer = self.experience_buffer.tensor_dict
        last_values = self.get_values(self.obs)
        advantages = self.discount_values(
            self.dones.float(), last_values, buffer["dones"].float(), buffer["values"], buffer["rewards"]
        )
        rollout = self.experience_buffer.get_transformed_list(swap_and_flatten01, self.tensor_list)
        rollout["returns"] = swap_and_flatten01(advantages + buffer["values"])
        rollout["played_frames"] = self.batch_size
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
        if self.updates_once and self.normalize_input:
            self.model.running_mean_std.update(self.dataset.values_dict["obs"])
        for mini_epoch in range(self.mini_epochs_num):
            divergences = [self._train_minibatch(index) for index in range(len(self.dataset))]
            if self.schedule_type == "standard":
                self._move_learning_rate(torch.stack(divergences).mean())
            self.diagnostics.mini_epoch(self, mini_epoch)

    def train_central_value(self) -> None:
        """All mini-epochs of a value network of its own over one rollout."""
        net = self.central_value_net
        if not net.config["freeze_critic"]:
            self._fit(net)
        net.epoch_num += 1
        net.lr, _ = net.scheduler.update(net.lr, 0, net.epoch_num, 0, 0)
        net.update_lr(net.lr)
        net.frame += net.batch_size

    def set_train(self) -> None:
        """Prepare the model for gradients."""
        super().set_train()
        if self.updates_once and self.normalize_input:
            self.model.running_mean_std.eval()

    def train_actor_critic(self, input_dict: dict[str, Any]) -> tuple[Any, ...]:
        """One gradient step; `input_dict` is one minibatch."""
        self.set_train()
        self.calc_gradients(input_dict)
        return self.train_result

    def _train_minibatch(self, index: int) -> Tensor:
        """One gradient step on minibatch `index`; returns its KL divergence."""
        actor, critic, entropy, divergence, _, _, mu, sigma, bounds = self.train_actor_critic(self.dataset[index])
        self.dataset.update_mu_sigma(mu, sigma)
        losses = {"a_loss": actor, "c_loss": critic, "entropy": entropy, "bounds_loss": bounds}
        extra = {name: values[-1] for name, values in self.aux_loss_dict.items()}
        for name, loss in (losses | extra).items():
            self.statistics[f"losses/{name}"].append(loss.detach())
        self.statistics["info/kl"].append(divergence)
        if self.schedule_type == "legacy":
            self._move_learning_rate(divergence)
        return divergence

    def _fit(self, net: Any) -> None:
        takes_once = self.updates_once and net.normalize_input
        if takes_once:
            net.model.running_mean_std.update(net.dataset.values_dict["obs"])
        for _ in range(net.mini_epoch):
            for index in range(len(net.dataset)):
                net.train()
                if takes_once:
                    net.model.running_mean_std.eval()
                self.statistics["losses/cval_loss"].append(net.calc_gradients(net.dataset[index]).detach())

    def _move_learning_rate(self, divergence: Tensor) -> None:
        if self.is_adaptive_lr:
            kl = divergence.double()  # compared as the Python numbers that rl_games compares
            lower = (self.lr / _STEP).clamp(min=self.min_lr)
            higher = (self.lr * _STEP).clamp(max=self.max_lr)
            unhurried = torch.where(kl < 0.5 * self.kl_threshold, higher, self.lr)
            self.lr.copy_(torch.where(kl > 2.0 * self.kl_threshold, lower, unhurried))
            return
        lr, self.entropy_coef = self.scheduler.update(self.last_lr, self.entropy_coef, self.epoch_num, self.frame, None)
        if lr != self.last_lr:
            self._set_learning_rate(lr)

    # Settings that change while training.

    def set_param(self, param_name: str, param_value: float) -> None:
        """Change a setting from the next minibatch on; a schedule goes on from a learning rate set here."""
        if param_name != "learning_rate":
            super().set_param(param_name, param_value)
            return
        self._set_learning_rate(param_value)
        if self.linear_lr:
            self.scheduler.start_lr = param_value

    def _set_learning_rate(self, lr: float) -> None:
        self.last_lr = lr
        self.lr.fill_(lr)

    def _own_learning_rate(self) -> None:
        """Make the learning rate a tensor, as precise as a Python number where the optimiser takes that."""
        precision = torch.float32 if self.torch_device.type == "cuda" else torch.float64
        self.lr = torch.tensor(self.last_lr, dtype=precision, device=self.torch_device)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr

    def _own_normalizers(self) -> None:
        models = [self.model, self.central_value_net.model] if self.has_central_value else [self.model]
        for model in models:
            for name in _NORMALIZERS:
                if hasattr(model, name):
                    setattr(model, name, _in_place(getattr(model, name)))
        if self.normalize_value:
            self.value_mean_std = models[-1].value_mean_std

    # What leaves the device at the end of an epoch.

    def _report(self) -> None:
        seconds = self.stopwatch.read()
        numbers = {name: torch.stack(values).mean() for name, values in self.statistics.items()}
        self.statistics.clear()
        read = torch.stack([number.double() for number in (*numbers.values(), self.lr, *self.episodes.drain())])
        *losses, self.last_lr, returns, shaped, lengths, count = read.tolist()
        self._count_episodes(returns, shaped, lengths, count=int(count))
        self._write_scalars({**dict(zip(numbers, losses, strict=True)), **self._speeds(seconds)})
        self.diagnostics.epoch(self, current_epoch=self.epoch_num)
        self.diagnostics.send_info(self.writer)
        self.algo_observer.after_print_stats(self.frame, self.epoch_num, self.total_time)

    def _speeds(self, seconds: dict[str, float]) -> dict[str, float]:
        rollout, total = seconds["env"] + seconds["inference"], sum(seconds.values())
        self.total_time += total
        return {
            "performance/step_inference_rl_update_fps": self.curr_frames / total,
            "performance/step_inference_fps": self.curr_frames / rollout,
            "performance/step_fps": self.curr_frames / seconds["env"],
            "performance/rl_update_time": seconds["update"],
            "performance/step_inference_time": rollout,
            "performance/step_time": seconds["env"],
            "info/last_lr": self.last_lr,
            "info/e_clip": self.e_clip,
        }

    def _count_episodes(self, returns: float, shaped: float, lengths: float, *, count: int) -> None:
        """Take the episodes of this epoch into rl_games' means over the last `games_to_track` ones."""
        if count == 0:
            return
        self._take_in(self.game_rewards, returns / count, count, shape=(1, 1))
        self._take_in(self.game_shaped_rewards, shaped / count, count, shape=(1, 1))
        self._take_in(self.game_lengths, lengths / count, count, shape=(1,))

    @staticmethod
    def _take_in(meter: Any, mean: float, count: int, *, shape: tuple[int, ...]) -> None:
        new = min(count, meter.max_size)
        old = min(meter.max_size - new, meter.current_size)
        meter.mean = ((meter.mean * old + mean * new) / (old + new)).reshape(shape)
        meter.current_size = old + new

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
        state = super().get_full_state_weights()
        state.pop("scaler", None)
        state["last_mean_rewards"] = float(self.last_mean_rewards)
        for group in state["optimizer"]["param_groups"]:
            group["lr"] = self.last_lr
        state["igx"] = ppo_state.progress(self)
        if self.obs is not None:
            state["igx_rollout"] = ppo_state.rollout(self)
        return state

    def set_full_state_weights(self, weights: State, set_epoch: bool = True) -> None:  # noqa: FBT001, FBT002
        """Go on from `get_full_state_weights` of this agent or of rl_games'; the optimisers' settings stay ours."""
        optimizers = [self.optimizer, *([self.central_value_net.optimizer] if self.has_central_value else [])]
        ours = [_settings(group) for optimizer in optimizers for group in optimizer.param_groups]
        super().set_full_state_weights({**weights, "scaler": {}}, set_epoch)
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self._set_learning_rate(float(groups[0]["lr"]))
        for group, settings in zip(groups, ours, strict=True):
            group.update(settings)
        groups[0]["lr"] = self.lr
        self._left_off = weights

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


def _in_place(theirs: Any) -> RunningMeanStd:
    """Our normaliser with what rl_games' has seen so far."""
    ours = RunningMeanStd(theirs.running_mean.shape, epsilon=theirs.epsilon).to(theirs.running_mean.device)
    ours.load_state_dict(theirs.state_dict())
    return ours


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name not in {"params", "lr"}}
