"""Records videos of the policy while it trains: the trace of the environments, drawn by another process."""

import logging
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from igx.config.sections import RunSettings
from igx.env.filming import film_of
from igx.env.vec_env import VecEnv
from igx.rl.run_folder import RunFolder
from igx.video.job import HASTE, Job
from igx.video.scene import Shot

logger = logging.getLogger(__name__)

_SHARE_OF_GPU = 0.1  # of the time; drawing holds up who trains on the same GPU for no more than this


@dataclass(frozen=True)
class Video:
    """A video that is complete: of the policy after `epoch` epochs, `frames` environment steps."""

    path: Path
    epoch: int
    frames: int


@dataclass(frozen=True)
class _Drawing:
    """A video that is being drawn."""

    video: Video
    process: "subprocess.Popen[bytes]"
    log: TextIO


class VideoRecorder:
    """Keeps the environments' last steps as a video, now and then.

    The training process copies the states of a few environments, some milliseconds, and goes on; one process at a
    time draws them with the time that others leave. If that fails, training is told once, and nothing more is recorded.

    Args:
        settings: say how often, how long and how large.
        env: the environments, with a trace of them.
        folder: of the run.
        renderer: what MuJoCo draws with; see `igx.video.renderers`.
    """

    def __init__(self, settings: RunSettings, env: VecEnv, folder: RunFolder, *, renderer: str) -> None:
        self._settings, self._env, self._folder = settings, env, folder
        self._environment = {**os.environ, "MUJOCO_GL": renderer, "OMP_NUM_THREADS": "1"}
        self._has_gpu = env.device.type == "cuda"
        self._work = folder.videos / ".drawing"
        shutil.rmtree(self._work, ignore_errors=True)  # that of a run that was killed
        self._drawing: _Drawing | None = None
        self._periods, self._last_epoch = 0, 0
        self._is_over = self._has_failed = self._has_skipped = False

    def go_on_from(self, epoch: int, *, frames: int) -> None:
        """The run goes on from there: what was due until then was recorded then."""
        self._periods = self._periods_until(epoch, frames)

    def after_epoch(self, epoch: int, *, frames: int) -> list[Video]:
        """Begin a video if it is time for one; returns what has been completed meanwhile, at most one."""
        completed = self._completed()
        periods = self._periods_until(epoch, frames)
        if periods > self._periods:
            self.record(epoch, frames=frames)
        self._periods = periods
        return completed

    def record(self, epoch: int, *, frames: int) -> None:
        """Begin a video of the last steps before now, unless that of this epoch was begun, or another is in work."""
        if self._has_failed or epoch == self._last_epoch:
            return
        if self._drawing is not None:
            self._say_skipped(epoch, self._drawing.video.epoch)
            return
        self._last_epoch = epoch
        video = Video(self._folder.video(epoch), epoch, frames)
        try:
            self._drawing = self._begin(video)
        except OSError as error:
            self._say_failed(video, error.strerror or str(error))

    def finish(self, *, limit_s: float) -> list[Video]:
        """Wait for the video in work, if there is one; after `limit_s` it is given up. Training is over now."""
        self._is_over = True
        drawing = self._drawing
        if drawing is None:
            return []
        logger.info("waiting for the video of epoch %d", drawing.video.epoch)
        (self._work / HASTE).touch()
        try:
            drawing.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._kill(drawing)
            logger.warning("%s is given up: it was not complete after %g s more", drawing.video.path, limit_s)
        return self._completed()

    def close(self) -> None:
        """Give up what is not complete, and clear away."""
        if self._drawing is not None:
            self._kill(self._drawing)
        shutil.rmtree(self._work, ignore_errors=True)

    def _periods_until(self, epoch: int, frames: int) -> int:
        every_steps = self._settings.video_every_steps
        if every_steps is None:
            return epoch // self._settings.video_every
        return frames // self._env.num_envs // every_steps

    def _begin(self, video: Video) -> _Drawing:
        settings = self._settings
        self._work.mkdir(parents=True, exist_ok=True)
        job = Job(
            film=film_of(self._env, num_envs=settings.video_envs, num_steps=settings.video_steps),
            shot=Shot(size=settings.video_size, is_smooth=self._has_gpu),
            output=video.path.absolute(),
            share=_SHARE_OF_GPU if self._has_gpu else 1.0,
        )
        job.save(self._work)
        log = (self._work / "log").open("w+", encoding="utf-8", errors="replace")
        process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-P", "-m", "igx.video", str(self._work), *(() if self._is_over else ("--idle",))],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,  # Ctrl-C is for who trains; a session of its own would take as much time as this one
        )
        return _Drawing(video, process, log)

    def _completed(self) -> list[Video]:
        """The video in work, if it has come to its end and is well."""
        drawing = self._drawing
        if drawing is None or drawing.process.poll() is None:
            return []
        said = self._last_words(drawing)
        if drawing.process.returncode == 0:
            return [drawing.video]
        self._say_failed(drawing.video, said or f"exit code {drawing.process.returncode}")
        return []

    def _kill(self, drawing: _Drawing) -> None:
        os.killpg(drawing.process.pid, signal.SIGKILL)
        drawing.process.wait()
        self._last_words(drawing)

    def _last_words(self, drawing: _Drawing) -> str:
        """Close the log of a drawing that has ended; returns its last line."""
        self._drawing = None
        with drawing.log as log:
            log.seek(0)
            return (log.read().strip().splitlines() or [""])[-1]

    def _say_skipped(self, epoch: int, drawn: int) -> None:
        if not self._has_skipped:
            self._has_skipped = True
            logger.warning(
                "epoch %d: no video, as that of epoch %d is still being drawn; others may be left out likewise",
                epoch,
                drawn,
            )

    def _say_failed(self, video: Video, reason: str) -> None:
        self._has_failed = True
        logger.warning("%s can't be had (%s); no more videos are recorded", video.path, reason.rstrip("."))
