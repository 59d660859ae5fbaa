"""Trains: from composed settings to a run folder with a policy in it, and on from there."""

import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from igx.config.compose import Composed
from igx.config.run_config import RunConfig
from igx.env import VecEnv, make_env
from igx.errors import IgxError, RunError, TaskError
from igx.plugins import Plugins
from igx.rl import checkpoints
from igx.rl.agents import Agent
from igx.rl.evaluator import Evaluator
from igx.rl.long_runs import sped_up, tell
from igx.rl.origin import refuse_foreign
from igx.rl.policy import make_agent
from igx.rl.resumption import Epochs, newest_whole, with_end
from igx.rl.rl_games import create_algo
from igx.rl.run_folder import RunFolder
from igx.rl.stopping import Stopped, StopSignals
from igx.rl.supervisor import Display, Supervisor
from igx.rl.trackers import JsonLines, Run, Tracker
from igx.rl.video_recorder import VideoRecorder
from igx.video.encode import require_encoder
from igx.video.renderers import require_renderer

EnvMaker = Callable[..., VecEnv]
"""Makes environments of `(config, plugins=...)`, as `igx.env.make_env` does."""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a run went.

    Attributes:
        folder: where everything is.
        outcome: "finished" (`run.max_epochs`, `run.max_frames` or `run.score_to_win` was reached) or "interrupted".
        signal: what interrupted it.
        epochs, frames, seconds: how much was trained.
        best_return: mean return of `nn/best.pth`; None if there is no such file.
        is_best_evaluated: whether that is the return in evaluation, and not in training.
    """

    folder: RunFolder
    outcome: str
    signal: signal.Signals | None
    epochs: int
    frames: int
    seconds: float
    best_return: float | None
    is_best_evaluated: bool


def train(composed: Composed, *, plugins: Plugins, display: Display, make_env: EnvMaker = make_env) -> TrainResult:
    """Train a policy until the run's end; a signal (see `StopSignals`) ends it well after the current epoch.

    Args:
        composed: the settings.
        plugins: where agent, network, trackers and observers come from.
        display: shows how it goes.
        make_env: makes the environments.

    Raises:
        IgxError: something asked for can't be had; nothing is left behind.
        RunFailure: the disk is full, or the policy diverged; the checkpoints written before are there.
    """
    config = sped_up(composed.config)
    tell(config, asked=composed.config)
    means = _Means.of(config, plugins=plugins, display=display, make_env=make_env)
    start = config.run.checkpoint
    state = checkpoints.load(start, device=config.sim.device) if start is not None else None

    def start_from(supervisor: Supervisor) -> None:
        if start is not None and state is not None:
            refuse_foreign(state, config, supervisor.env, path=start)
            means.agent.start_from(supervisor.algo, state, path=start)

    folder = RunFolder.create(composed.config)
    with folder.claimed():
        return _carry_out(Run(folder.path, config), means, prepare=start_from, undo=folder.discard)


def resume(
    composed: Composed,
    folder: RunFolder,
    *,
    plugins: Plugins,
    display: Display,
    epochs: Epochs | None = None,
    make_env: EnvMaker = make_env,
) -> TrainResult:
    """Go on with a run from its newest whole checkpoint, as if it had never stopped.

    Args:
        composed: the settings, read from the run's own config.yaml.
        folder: the run.
        plugins: where agent, network, trackers and observers come from.
        display: shows how it goes.
        epochs: how far to train; by default as far as the settings say.
        make_env: makes the environments.

    Raises:
        IgxError: it can't go on; the run is left as it was.
        RunFailure: as for `train`.
    """
    with folder.claimed():
        path, state = newest_whole(folder, device=composed.config.sim.device)
        settings = with_end(composed.config, epochs, reached=state, run=folder.path)
        config = sped_up(settings)
        tell(config, asked=settings)
        means = _Means.of(config, plugins=plugins, display=display, make_env=make_env)

        def go_on(supervisor: Supervisor) -> None:
            refuse_foreign(state, config, supervisor.env, path=path)
            supervisor.go_on_from(state)
            folder.note_resumption(settings, epoch=state["epoch"])

        run = Run(folder.path, config, resumed_at_epoch=state["epoch"])
        return _carry_out(run, means, prepare=go_on, undo=_nothing)


@dataclass(frozen=True, kw_only=True)
class _Means:
    """What a run is carried out with."""

    agent: Agent
    trackers: Sequence[type[Tracker]]
    plugins: Plugins
    display: Display
    make_env: EnvMaker
    renderer: str | None

    @classmethod
    def of(cls, config: RunConfig, *, plugins: Plugins, display: Display, make_env: EnvMaker) -> "_Means":
        return cls(
            agent=make_agent(config, plugins),
            trackers=[JsonLines, *(_tracker_class(name, plugins) for name in config.run.track)],
            plugins=plugins,
            display=display,
            make_env=make_env,
            renderer=_require_video() if config.run.capture_video else None,
        )

    def recorder(self, config: RunConfig, env: VecEnv, *, folder: Path) -> VideoRecorder | None:
        if self.renderer is None:
            return None
        return VideoRecorder(config.run, env, RunFolder(folder), renderer=self.renderer)

    def evaluator(self, config: RunConfig, *, made_in_s: float) -> Evaluator:
        return Evaluator(config, agent=self.agent, plugins=self.plugins, make_env=self.make_env, made_in_s=made_in_s)


def _carry_out(
    run: Run, means: _Means, *, prepare: Callable[[Supervisor], None], undo: Callable[[], None]
) -> TrainResult:
    """Build everything, `prepare` it, and train; `undo` what was done before if training can't begin."""
    config, agent = run.config, means.agent
    with _shown(means.display, run):
        with _undone_if_this_fails(undo):
            began = time.perf_counter()
            env = means.make_env(config, plugins=means.plugins)
            evaluator = means.evaluator(config, made_in_s=time.perf_counter() - began)
        with closing(env), closing(evaluator), StopSignals() as signals:
            with _undone_if_this_fails(undo):
                _refuse_untrainable(config.run.task, env)
                agent.require_memory(config, env)
                supervisor = Supervisor(
                    run,
                    env=env,
                    plugins=means.plugins,
                    display=means.display,
                    signals=signals,
                    evaluator=evaluator,
                    recorder=means.recorder(config, env, folder=run.folder),
                )
                create_algo(agent, config, env, folder=run.folder, observer=supervisor, writer=supervisor.scalars)
                prepare(supervisor)
            supervisor.begin(means.trackers)
            return _run(supervisor, signals=signals, evaluator=evaluator)


def _nothing() -> None:
    """A run that can't go on is left as it was."""


def _require_video() -> str:
    """What videos can be drawn with.

    Raises:
        IgxError: they can't be drawn, or not written.
    """
    require_encoder()
    return require_renderer()


def _refuse_untrainable(task: str, env: VecEnv) -> None:
    """Refuse a task that leaves a policy nothing to do, or nothing to learn."""
    if env.num_actions == 0:
        raise TaskError(f"{task} has no actions to train; declare an actuator, e.g. effort = JointEffort(robot).")
    if not env.is_rewarded:
        raise TaskError(f"{task} has no rewards to train by; declare one, e.g. alive = reward(terms.alive).")


def _run(supervisor: Supervisor, *, signals: StopSignals, evaluator: Evaluator) -> TrainResult:
    """Train, save, and say how it went."""
    outcome = "failed"
    try:
        with suppress(Stopped):
            supervisor.algo.train()
        supervisor.save()
        supervisor.finish_videos()
        outcome = "finished" if signals.received is None else "interrupted"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise
    except IgxError:
        raise
    except Exception:
        supervisor.save()  # whatever broke, the policy is that of the last update
        raise
    finally:
        supervisor.close(outcome)
    return TrainResult(
        folder=supervisor.folder,
        outcome=outcome,
        signal=signals.received,
        epochs=supervisor.epochs,
        frames=supervisor.frames,
        seconds=supervisor.seconds,
        best_return=supervisor.best_return,
        is_best_evaluated=evaluator.has_chosen,
    )


def _tracker_class(name: str, plugins: Plugins) -> type[Tracker]:
    tracker: object = plugins.trackers.get(name).load()
    if not (isinstance(tracker, type) and issubclass(tracker, Tracker)):
        raise RunError(f"Tracker {name!r} leads to {tracker!r}, which is no subclass of igx.rl.trackers.Tracker.")
    tracker.require()
    return tracker


@contextmanager
def _undone_if_this_fails(undo: Callable[[], None]) -> Generator[None]:
    try:
        yield
    except BaseException:
        undo()
        raise


@contextmanager
def _shown(display: Display, run: Run) -> Generator[None]:
    display.begin(run)
    try:
        yield
    finally:
        display.end()
