"""Recorders that talk or go wrong, for the tests of the processes that they run in; imports nothing heavy."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from igx.rl.recorder import Record, Recorder, Say


class Hangs(Recorder):
    """Is stuck in its first epoch, as with a network that swallows everything."""

    def log(self, metrics: Mapping[str, float]) -> None:
        (self.record.own_folder / "stuck").touch()
        time.sleep(600.0)


class Vanishes(Recorder):
    """Its process is ended from outside in the second epoch."""

    def log(self, metrics: Mapping[str, float]) -> None:
        if metrics["epoch"] == 2:
            os._exit(9)


class Talks(Recorder):
    """Prints, as libraries do, and tells what it is and what it hears."""

    def __init__(self, record: Record, say: Say) -> None:
        super().__init__(record, say)
        sys.stdout.write("a library's banner\n")
        self.say(f"{record.task} without torch: {'torch' not in sys.modules}")

    def log(self, metrics: Mapping[str, float]) -> None:
        self.say(f"epoch {metrics['epoch']}, return {metrics['return']}")

    def add_video(self, path: Path, *, epoch: int, frames: int) -> None:
        self.say(f"video {path.name} of epoch {epoch}, {frames} steps")

    def add_checkpoint(self, path: Path, *, epoch: int) -> None:
        self.say(f"checkpoint {path.name} of epoch {epoch}")

    def close(self, outcome: str) -> None:
        self.say(f"ended: {outcome}")
        (self.record.own_folder / "outcome").write_text(outcome)
