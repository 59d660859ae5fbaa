"""Trains: from composed settings to a run folder with a policy in it."""

import signal
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from igx.config.compose import Composed
from igx.env import VecEnv, make_env
from igx.errors import IgxError, RunError, TaskError
from igx.plugins import Plugins
from igx.rl import checkpoints
from igx.rl.compiling import with_compilation_decided
from igx.rl.policy import make_agent
from igx.rl.recorder import Recorder
from igx.rl.rl_games import create_algo
from igx.rl.run_folder import RunFolder
from igx.rl.stopping import Stopped, StopSignals
from igx.rl.supervisor import Display, Supervisor
from igx.rl.trackers import JsonLines, Run, Tracker
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
    """

    folder: RunFolder
    outcome: str
    signal: signal.Signals | None
    epochs: int
    frames: int
    seconds: float
    best_return: float | None


def train(composed: Composed, *, plugins: Plugins, display: Display, make_env: EnvMaker = make_env) -> TrainResult:
    """Train a policy until the run's end; SIGINT and SIGTERM end it well after the current epoch.

    Args:
        composed: the settings.
        plugins: where agent, network, trackers and observers come from.
        display: shows how it goes.
        make_env: makes the environments.

    Raises:
        IgxError: something asked for can't be had; nothing is left behind.
        RunFailure: the disk is full, or the policy diverged; the checkpoints written before are there.
    """
    config = with_compilation_decided(composed.config)
    agent = make_agent(config, plugins)
    trackers = [JsonLines, *(_tracker_class(name, plugins) for name in config.run.track)]
    renderer = _require_video() if config.run.capture_video else None
    start = config.run.checkpoint
    state = checkpoints.load(start, device=config.sim.device) if start is not None else None
    folder = RunFolder.create(composed.config)
    run = Run(folder.path, config)
    with _shown(display, run):
        with _discarded_if_this_fails(folder):
            env = make_env(config, plugins=plugins)
        with closing(env), StopSignals() as signals:
            with _discarded_if_this_fails(folder):
                _refuse_untrainable(config.run.task, env)
                agent.require_memory(config, env)
                recorder = Recorder(config.run, env, folder, renderer=renderer) if renderer else None
                supervisor = Supervisor(
                    run, env=env, plugins=plugins, display=display, signals=signals, recorder=recorder
                )
                algo = create_algo(
                    agent, config, env, folder=folder.path, observer=supervisor, writer=supervisor.scalars
                )
                if start is not None and state is not None:
                    agent.start_from(algo, state, path=start)
            supervisor.begin(trackers)
            return _run(supervisor, signals=signals)


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


def _run(supervisor: Supervisor, *, signals: StopSignals) -> TrainResult:
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
    )


def _tracker_class(name: str, plugins: Plugins) -> type[Tracker]:
    tracker: object = plugins.trackers.get(name).load()
    if not (isinstance(tracker, type) and issubclass(tracker, Tracker)):
        raise RunError(f"Tracker {name!r} leads to {tracker!r}, which is no subclass of igx.rl.trackers.Tracker.")
    return tracker


@contextmanager
def _discarded_if_this_fails(folder: RunFolder) -> Generator[None]:
    """Leave no folder of a run that never began."""
    try:
        yield
    except BaseException:
        folder.discard()
        raise


@contextmanager
def _shown(display: Display, run: Run) -> Generator[None]:
    display.begin(run)
    try:
        yield
    finally:
        display.end()
