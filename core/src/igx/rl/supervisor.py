"""Watches an algorithm train: collects its numbers, saves its policy, tells who listens, and ends it when asked."""

import logging
import math
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from igx.env.vec_env import VecEnv
from igx.errors import IgxError, RunFailure
from igx.plugins import Plugins
from igx.plugins.isolation import Failure, attempt
from igx.rl import checkpoints
from igx.rl.blame import broken_terms
from igx.rl.checkpoints import State
from igx.rl.evaluator import Evaluator
from igx.rl.metrics import EpisodeMeans, Metrics, Scalars, first_not_finite
from igx.rl.origin import with_origin
from igx.rl.rl_games import AlgoObserver
from igx.rl.run_folder import RunFolder
from igx.rl.stopping import Stopped, StopSignals
from igx.rl.stopwatch import Stopwatch
from igx.rl.trackers import Run, Tracker
from igx.rl.video_recorder import Video, VideoRecorder

logger = logging.getLogger(__name__)

_KEPT = "igx_run"
_OF_THE_MOMENT = {"env_state", "igx_rollout"}  # large, and worth nothing to who plays the policy
_JUDGED = ("loss/", "kl", "return")  # what tells that a policy has diverged
_LAST_EVERY_S = 60.0  # at least so much of a run that is killed can be gone on with
_LAST_SHARE = 0.005  # of the time, which writing that may take
_BEST_EVERY_S = 5.0  # a policy that improves in every epoch is not written in every epoch
_LONG_WAIT_S, _SHORT_WAIT_S = 120.0, 10.0  # for a video at the end of a run; the short one where somebody waits
_LOUDER = 10  # times as many unstable environments as last warned of are worth another warning


class Display(Protocol):
    """Shows a person how a run goes."""

    def begin(self, run: Run) -> None:
        """The run has a folder; its environments are about to be built."""
        ...

    def epoch(self, metrics: Mapping[str, float]) -> None:
        """An epoch has ended; see `igx.rl.metrics.Metrics`."""
        ...

    def end(self) -> None:
        """No more epochs come."""
        ...


class Supervisor(AlgoObserver):
    """rl_games calls it at the end of every epoch of any algorithm; what a run does beside training happens there.

    Args:
        run: the run.
        env: its environments.
        plugins: whose observers are told.
        display: who shows them.
        signals: who knows whether the run should end.
        evaluator: who judges the policy.
        recorder: who records videos, if anybody does.
    """

    algo: Any  # rl_games' algorithms share no typed base

    def __init__(
        self,
        run: Run,
        *,
        env: VecEnv,
        plugins: Plugins,
        display: Display,
        signals: StopSignals,
        evaluator: Evaluator,
        recorder: VideoRecorder | None = None,
    ) -> None:
        self.run, self.settings = run, run.config.run
        self.folder = RunFolder(run.folder)
        self.scalars = Scalars()
        self.best_return: float | None = None
        self.epochs, self.frames, self.seconds = 0, 0, 0.0
        self.env, self._plugins = env, plugins
        self._trackers: list[Tracker] = []
        self._display, self._signals, self._evaluator = display, signals, evaluator
        self._recorder = recorder
        self._best: State | None = None
        self._best_written_at = self._last_due_at = -math.inf
        self._saves_last: bool | None = None  # as the algorithm was told, if it asked
        self._of_epoch: Metrics = {}
        self._episodes = EpisodeMeans(self.settings.games_to_track)
        self._warned_unstable = 0.0
        self._warned_overflows: set[str] = set()

    def begin(self, trackers: Iterable[type[Tracker]]) -> None:
        """Open the trackers and tell the observers that the run starts; a tracker that fails is left out."""
        for tracker in trackers:
            opened = attempt(partial(tracker, self.run))
            if isinstance(opened, Failure):
                _report(tracker, opened)
            else:
                self._trackers.append(opened)
        self._plugins.notify("igx_run_started", run=self.run)

    def after_init(self, algo: Any) -> None:
        """Remember the algorithm; rl_games calls this when it is built."""
        self.algo = algo

    def go_on_from(self, state: State) -> None:
        """Take up the run where a whole checkpoint left it; call it before training begins."""
        self.algo.set_full_state_weights(state)
        kept: State = state.get(_KEPT, {})
        self.best_return = kept.get("best_return")
        self._episodes.load_state_dict(kept.get("episodes", {}))
        if "evaluator" in kept:
            self._evaluator.load_state_dict(kept["evaluator"])
        if self._recorder is not None:
            self._recorder.go_on_from(int(self.algo.epoch_num), frames=int(self.algo.frame))

    def needs_whole_state(self) -> bool:
        """Whether everything is going to be saved as it is at the end of the current epoch, or ends with it."""
        self._saves_last = self._is_last_due()
        return self._is_periodic(int(self.algo.epoch_num)) or self._saves_last or self._signals.received is not None

    def _is_periodic(self, epoch: int) -> bool:
        return self.settings.save_every > 0 and epoch % self.settings.save_every == 0

    def _is_last_due(self) -> bool:
        return time.monotonic() >= self._last_due_at

    def after_print_stats(self, frame: int, epoch_num: int, total_time: float) -> None:
        """An epoch has ended.

        Raises:
            RunFailure: the policy diverged, or the disk is full.
            Stopped: the run has reached its aim, or was told to end.
        """
        self.epochs, self.frames, self.seconds = epoch_num, int(self.algo.frame), total_time
        metrics = self._collect()
        self._refuse_divergence(metrics)
        metrics |= self._evaluate(metrics)
        self._keep_best(metrics)
        self._keep_checkpoints()
        self._publish(metrics)
        self._film()
        self._warn(metrics)
        self._stop_if_due(metrics)

    def save(self) -> None:
        """Write the policy as it is now to `nn/last.pth`, and the best one if that is still to be written.

        Raises:
            RunFailure: it diverged, or the disk is full.
        """
        self._write_best()
        self._save(self.folder.last)

    def finish_videos(self) -> None:
        """Wait for the video in work and, unless the run is to end at once, for one of the policy as it is now."""
        if self._recorder is None:
            return
        if self._signals.received is not None:
            self._add_videos(self._recorder.finish(limit_s=_SHORT_WAIT_S))
        else:
            self._add_videos(self._recorder.finish(limit_s=_LONG_WAIT_S))
            self._recorder.record(self.epochs, frames=self.frames)
            self._add_videos(self._recorder.finish(limit_s=_LONG_WAIT_S))

    def close(self, outcome: str) -> None:
        """Write down how the run ended, and tell everybody."""
        self.folder.conclude(
            outcome,
            epochs=self.epochs,
            frames=self.frames,
            seconds=self.seconds,
            best_since=self.settings.save_best_after,
        )
        if self._recorder is not None:
            self._recorder.close()
        for tracker in tuple(self._trackers):
            self._ask(tracker, partial(tracker.close, outcome))
        self._plugins.notify("igx_run_ended", run=self.run, outcome=outcome)

    def _collect(self) -> Metrics:
        self._of_epoch = of_epoch = self.env.episode_metrics()
        self._episodes.add(of_epoch)
        counts = {name: of_epoch[name] for name in ("episodes", "unstable") if name in of_epoch}
        basics: Metrics = {"epoch": self.epochs, "frames": self.frames, "time": self.seconds}
        return {**basics, **self.scalars.drain(), **self._returns(), **counts, **self._episodes.means()}

    def _returns(self) -> Metrics:
        algo = self.algo
        if algo.game_rewards.current_size == 0:
            return {}
        return {
            "return": float(algo.game_rewards.get_mean()[0]),
            "shaped_return": float(algo.game_shaped_rewards.get_mean()[0]),
            "length": float(algo.game_lengths.get_mean()),
        }

    def _refuse_divergence(self, metrics: Metrics) -> None:
        broken = first_not_finite(metrics, among=_JUDGED)
        if broken is not None:
            raise self._diverged(f"{broken} is {metrics[broken]}")

    def _diverged(self, what: str) -> RunFailure:
        self._write_best()
        known = (self.folder.best, *reversed(self.folder.epochs()), self.folder.last)
        kept = [path for path in known if path.exists()]
        good = f"the last good checkpoint is {kept[0]}" if kept else "there is no good checkpoint yet"
        config = self.run.config
        rate = "lr" if hasattr(config.agent, "lr") else "critic_lr"
        advice = f"A lower {config.agent_section}.{rate} may help"
        terms = broken_terms(self.env, self.algo, self._of_epoch)
        if terms:
            what = f"{', '.join(terms)} of the task gave what is no number"
            advice = f"`igx check {self.settings.task}` may tell when"
        return RunFailure(f"Training diverged in epoch {self.epochs}: {what}; {good}. {advice}.")

    def _evaluate(self, metrics: Metrics) -> Metrics:
        """Evaluate the policy if its time has come and nobody waits for the run to end."""
        evaluator, is_last = self._evaluator, self._is_last(metrics)
        if self._signals.received is not None or not evaluator.is_due(metrics, is_last=is_last):
            return {}
        stopwatch: Stopwatch | None = getattr(self.algo, "stopwatch", None)
        if stopwatch is not None:
            stopwatch.enter("")  # on CUDA the rollout after this epoch has begun already
        evaluator.prepare()
        return evaluator.evaluate(self._policy_weights()) if evaluator.is_due(metrics, is_last=is_last) else {}

    def _keep_best(self, metrics: Metrics) -> None:
        """Keep the policy if it is better than the best one; once that was chosen by evaluation, only by evaluation."""
        evaluator, best = self._evaluator, float(self.algo.last_mean_rewards)
        is_evaluated = "eval/return" in metrics
        if is_evaluated and not evaluator.has_chosen:
            best = -math.inf
        elif evaluator.has_chosen and not is_evaluated:
            return
        reached = metrics.get("eval/return" if is_evaluated else "return", -math.inf)
        if self.epochs >= self.settings.save_best_after and reached > best:
            self.algo.last_mean_rewards = self.best_return = reached
            self._best = checkpoints.copied(self._policy_weights())
            evaluator.has_chosen = is_evaluated

    def _keep_checkpoints(self) -> None:
        if time.monotonic() - self._best_written_at >= _BEST_EVERY_S:
            self._write_best()
        if self._is_periodic(self.epochs):
            self._write_best()  # what is saved here goes on from a best policy that is on disk
            self._save(self.folder.epoch(self.epochs))
            self._prune()
        saves_last = self._is_last_due() if self._saves_last is None else self._saves_last
        if saves_last:
            began = time.monotonic()
            self.save()
            now = time.monotonic()
            self._last_due_at = now + max(_LAST_EVERY_S, (now - began) / _LAST_SHARE)

    def _policy_weights(self) -> State:
        """The policy as it is now, without the environments that it is acting in; its tensors are the algorithm's."""
        read = getattr(self.algo, "get_policy_weights", self.algo.get_full_state_weights)
        state = {name: value for name, value in read().items() if name not in _OF_THE_MOMENT}
        return with_origin(state, self.run.config, self.env)

    def _write_best(self) -> None:
        if self._best is not None and checkpoints.is_finite(self._best):
            checkpoints.save(self.folder.best, self._best)
            for tracker in tuple(self._trackers):
                self._ask(tracker, partial(tracker.add_checkpoint, self.folder.best, epoch=self._best["epoch"]))
            self._best, self._best_written_at = None, time.monotonic()

    def _prune(self) -> None:
        if self.settings.keep_checkpoints is not None:
            for path in self.folder.epochs()[: -self.settings.keep_checkpoints]:
                path.unlink(missing_ok=True)

    def _save(self, path: Path) -> None:
        state = self.algo.get_full_state_weights()
        if not checkpoints.is_finite(state):
            raise self._diverged("its weights are not finite")
        kept = {
            "best_return": self.best_return,
            "episodes": self._episodes.state_dict(),
            "evaluator": self._evaluator.state_dict(),
        }
        checkpoints.save(path, with_origin({**state, _KEPT: kept}, self.run.config, self.env))
        for tracker in tuple(self._trackers):
            self._ask(tracker, partial(tracker.add_checkpoint, path, epoch=self.epochs))

    def _publish(self, metrics: Metrics) -> None:
        for tracker in tuple(self._trackers):
            self._ask(tracker, partial(tracker.log, metrics))
        self._plugins.notify("igx_epoch_ended", run=self.run, metrics=metrics)
        self._display.epoch(metrics)

    def _film(self) -> None:
        if self._recorder is not None:
            self._add_videos(self._recorder.after_epoch(self.epochs, frames=self.frames))

    def _add_videos(self, videos: Iterable[Video]) -> None:
        for video in videos:
            for tracker in tuple(self._trackers):
                self._ask(tracker, partial(tracker.add_video, video.path, epoch=video.epoch, frames=video.frames))

    def _ask(self, tracker: Tracker, action: partial[None]) -> None:
        failure = attempt(action)
        if isinstance(failure, Failure):
            _report(type(tracker), failure)
            self._trackers.remove(tracker)

    def _warn(self, metrics: Metrics) -> None:
        unstable = metrics.get("unstable", 0.0)
        if unstable > _LOUDER * self._warned_unstable:
            self._warned_unstable = unstable
            logger.warning("epoch %d: %d environments became unstable and were started again", self.epochs, unstable)
        for setting, count in self.env.overflows().items():
            if setting not in self._warned_overflows:
                self._warned_overflows.add(setting)
                logger.warning("epoch %d: %s is too small in %d environments; raise it", self.epochs, setting, count)

    def _stop_if_due(self, metrics: Metrics) -> None:
        if self._signals.received is not None:
            raise Stopped(self._signals.received.name)
        if self._has_won(metrics):
            raise Stopped("score_to_win")

    def _is_last(self, metrics: Metrics) -> bool:
        """Whether the run ends with this epoch, as far as its settings tell."""
        limits = ((self.epochs, self.settings.max_epochs), (self.frames, self.settings.max_frames))
        return self._has_won(metrics) or any(limit is not None and count >= limit for count, limit in limits)

    def _has_won(self, metrics: Metrics) -> bool:
        aim = self.settings.score_to_win
        return aim is not None and metrics.get("return", -math.inf) > aim


def _report(tracker: type[Tracker], failure: Failure) -> None:
    """Say that a tracker is left out; what igx raises on purpose ends the run."""
    if isinstance(failure.error, IgxError):
        raise failure.error
    logger.warning("%s failed (%s); it gets no more metrics", tracker.__name__, failure.reason)
