"""What runs in a tracker's own process: takes in what the training tells, and hands it to a library that is slow.

Nothing here imports torch: the process starts in a moment and stays small.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Say = Callable[[str], None]
"""Shows a line to whoever watches the training."""

_POLICY_EVERY_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a recorder is told of its run. `Any`: settings and versions are whatever JSON holds.

    Attributes:
        folder: where the run writes.
        own_folder: what the recorder leaves there belongs in here.
        task, agent: what is trained, and by what.
        project, group, tags: how the run is sorted among others; see `run.project` and its neighbours.
        config: all settings by section, as in `config.yaml`.
        environment: versions, hardware, git commit and command, as in `environment.json`.
        resumed_at_epoch: the epoch whose checkpoint the run goes on from; None for a new run.
    """

    folder: Path
    own_folder: Path
    task: str
    agent: str
    project: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    environment: Mapping[str, Any] = field(default_factory=dict[str, Any])
    resumed_at_epoch: int | None = None

    @property
    def command(self) -> list[str]:
        """The command line that started the run; empty if nobody wrote it down."""
        return [str(word) for word in self.environment.get("command", [])]

    def remembered_id(self) -> str | None:
        """The id that an earlier process of this run was given by `remember_id`."""
        file = self.own_folder / "id"
        return file.read_text(encoding="utf-8").strip() if file.exists() else None

    def remember_id(self, name: str) -> None:
        """Write down what the library calls this run, so that a resumed one goes on with it."""
        (self.own_folder / "id").write_text(name + "\n", encoding="utf-8")


class Recorder:
    """Records one run with a library; a plugin's recorder subclasses this. Whatever it raises ends only itself.

    Args:
        record: the run.
        say: shows a line, such as where the run can be looked at.
    """

    def __init__(self, record: Record, say: Say) -> None:
        self.record, self.say = record, say

    def log(self, metrics: Mapping[str, float]) -> None:
        """Record one epoch, as `Tracker.log`."""
        raise NotImplementedError

    def add_video(self, path: Path, *, epoch: int, frames: int) -> None:
        """Take in a video, as `Tracker.add_video`."""

    def add_checkpoint(self, path: Path, *, epoch: int) -> None:
        """Take in a checkpoint, as `Tracker.add_checkpoint`."""

    def flush(self) -> None:
        """Write what waits to be written, if it is time; called after news, and every second without."""

    def close(self, outcome: str) -> None:
        """The run has ended, as `Tracker.close`; "failed", too, if the training vanished without a word."""


class Policies:
    """Picks the checkpoints that are worth an upload: the best and the last, now and then and at the end.

    The periodic ones stay in the run's folder: hundreds of copies of a policy help nobody.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Path, int]] = {}
        self._picked_at = time.monotonic()

    def add(self, path: Path, *, epoch: int) -> None:
        """A checkpoint was written; it takes the place of an earlier one of its name."""
        if path.stem in {"best", "last"}:
            self._waiting[path.stem] = (path, epoch)

    def due(self, *, at_once: bool = False) -> list[tuple[Path, int]]:
        """The checkpoints to upload now, each with its epoch: what came in ten minutes, or all that waits."""
        if not at_once and time.monotonic() - self._picked_at < _POLICY_EVERY_S:
            return []
        picked, self._waiting, self._picked_at = list(self._waiting.values()), {}, time.monotonic()
        return [(path, epoch) for path, epoch in picked if path.exists()]
