"""Trackers whose library is too slow to be called between two rollouts: each works in a process of its own."""

import json
import logging
import os
import select
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, ClassVar

from igx.config.run_config import plain
from igx.errors import RunError
from igx.rl.trackers import Run, Tracker

logger = logging.getLogger(__name__)

_MOST_WAITING = 64 << 20  # bytes that a process may lag behind, hours of metrics
_LONGEST_REASON = 160  # characters; the log has the rest
_LAST_WORDS_S = 5.0  # what a process that is done may still take


class RecorderStopped(RuntimeError):  # noqa: N818  (it tells what happened)
    """The process of a tracker has ended, or is given up."""


class ProcessTracker(Tracker):
    """Hands everything to an `igx.rl.recorder.Recorder` in another process, and never waits for it before the end.

    A subclass says which recorder. The process ends by itself when the training is gone, whatever ended that.

    Attributes:
        name: what the tracker is called, and its folder in the run's.
        recorder: address of the recorder, "package.module:Class"; its module should be quick to import.
        package: what it needs to import; the extra of igx called `name` installs it.
        patience_s: how long the end of a run waits for it [s].

    Raises:
        OSError: the process can't be started, or the run's folder is not writable.
    """

    name: ClassVar[str]
    recorder: ClassVar[str]
    package: ClassVar[str]
    patience_s: ClassVar[float] = 30.0

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._folder = run.folder / self.name
        self._folder.mkdir(exist_ok=True)
        self._log = self._folder / "recorder.log"
        self._process = self._start()
        self._to, self._from = _pipe(self._process.stdin), _pipe(self._process.stdout)
        self._waiting, self._heard = bytearray(), bytearray()
        self._tell("begin", **self._record())

    @classmethod
    def require(cls) -> None:
        """Refuse to begin without the library.

        Raises:
            RunError: it isn't installed.
        """
        found = find_spec(cls.package)
        if found is None or found.origin is None:  # a mere folder of that name, as W&B leaves them, is no library
            raise RunError(f"The tracker {cls.name} needs {cls.package}: pip install 'igx[{cls.name}]'.")

    def log(self, metrics: Mapping[str, float]) -> None:
        """Pass one epoch on.

        Raises:
            RecorderStopped: the process is gone.
        """
        self._tell("log", metrics=metrics)

    def add_video(self, path: Path, *, epoch: int, frames: int) -> None:
        """Pass a video on; raises as `log` does."""
        self._tell("add_video", path=str(path.absolute()), epoch=epoch, frames=frames)

    def add_checkpoint(self, path: Path, *, epoch: int) -> None:
        """Pass a checkpoint on; raises as `log` does."""
        self._tell("add_checkpoint", path=str(path.absolute()), epoch=epoch)

    def close(self, outcome: str) -> None:
        """Wait until all is recorded, or for `patience_s`; an upload that takes longer goes on by itself.

        Raises:
            RecorderStopped: the process gave up.
        """
        self._queue("close", outcome=outcome)
        deadline = time.monotonic() + self.patience_s
        while self._exchange():
            left = deadline - time.monotonic()
            if left <= 0:
                slow = "%s is not done after %.0f s; its process %d goes on by itself"
                logger.warning(slow, self.name, self.patience_s, self._process.pid)
                return
            select.select([self._from], [self._to] if self._waiting else [], [], left)
        code = self._release()
        if code != 0:
            self._give_up(f"its process ended with code {code}")

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-m", "igx.rl.recorder_main", self.recorder]
        pipe = subprocess.PIPE
        with self._log.open("ab") as log:  # a session of its own, since Ctrl-C is for the training
            return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, bufsize=0, start_new_session=True)  # noqa: S603

    def _record(self) -> dict[str, Any]:
        """What `igx.rl.recorder.Record` holds, for JSON."""
        run, settings = self.run, self.run.config.run
        return {
            "folder": str(run.folder.absolute()),
            "own_folder": str(self._folder.absolute()),
            "task": settings.task,
            "agent": settings.agent,
            "project": settings.project,
            "group": settings.group,
            "tags": settings.tags,
            "config": plain(run.config),
            "environment": run.environment(),
            "resumed_at_epoch": run.resumed_at_epoch,
        }

    def _queue(self, action: str, **arguments: Any) -> None:
        self._waiting += json.dumps({"do": action, **arguments}).encode() + b"\n"

    def _tell(self, action: str, **arguments: Any) -> None:
        self._queue(action, **arguments)
        if not self._exchange():
            self._give_up(f"its process ended with code {self._release()}")
        if len(self._waiting) > _MOST_WAITING:
            self._process.kill()
            self._give_up("it does not keep up")

    def _exchange(self) -> bool:
        """Write what the process takes without waiting, and hear what it says; whether it is still there."""
        with suppress(BlockingIOError, BrokenPipeError):  # if it is gone, reading tells
            while self._waiting:
                del self._waiting[: os.write(self._to, self._waiting)]
        is_there = True
        with suppress(BlockingIOError):
            while is_there:
                part = os.read(self._from, 1 << 16)
                self._heard += part
                is_there = bool(part)
        *lines, rest = self._heard.split(b"\n")
        self._heard = bytearray(rest)
        for line in lines:
            self._hear(json.loads(line))
        return is_there

    def _hear(self, message: Mapping[str, str]) -> None:
        if "failed" in message:
            self._give_up(message["failed"])
        logger.info("%s", message["say"])

    def _give_up(self, reason: str) -> None:
        self._release()
        raise RecorderStopped(f"{textwrap.shorten(reason, _LONGEST_REASON, placeholder=' …')}; see {self._log}")

    def _release(self) -> int:
        """Let go of the process, which has ended or is about to; returns its exit code."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            return self._process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _pipe(stream: IO[bytes] | None) -> int:
    """Descriptor of an end of a pipe, from now on one that nobody waits at."""
    assert stream is not None  # noqa: S101  (both ends were asked for)
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


class WandbTracker(ProcessTracker):
    """Weights & Biases, online or off; see `igx.rl.recorder_wandb`."""

    name = package = "wandb"
    recorder = "igx.rl.recorder_wandb:WandbRecorder"


class MlflowTracker(ProcessTracker):
    """MLflow, on a server or in a database beside the runs; see `igx.rl.recorder_mlflow`."""

    name = package = "mlflow"
    recorder = "igx.rl.recorder_mlflow:MlflowRecorder"
