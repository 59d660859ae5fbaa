"""Where a run's metrics are recorded: trackers, TensorBoard's, and the file of JSON lines that every run has."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any, ClassVar

from igx.config.run_config import RunConfig, dump
from igx.errors import RunFailure
from igx.rl.cutting import cut_events, cut_json_lines
from igx.rl.metrics import NAMES


@dataclass(frozen=True)
class Run:
    """The run that trackers and observers watch.

    Attributes:
        folder: where it writes; see `igx.rl.run_folder.RunFolder`.
        config: its settings.
        resumed_at_epoch: the epoch whose checkpoint it goes on from, and is done again after; None for a new run.
    """

    folder: Path
    config: RunConfig
    resumed_at_epoch: int | None = None

    def environment(self) -> dict[str, Any]:
        """What `environment.json` says of versions, hardware, git state and command; `Any`, as JSON is."""
        file = self.folder / "environment.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


class Tracker:
    """Records the metrics of one run somewhere; a plugin's tracker subclasses this.

    What it raises, here or later, leaves it out with a warning, and the run goes on. What it does takes place between
    two rollouts, so it must be quick; `igx.rl.tracker_process` is for libraries that are not.

    Args:
        run: the run; its folder exists. If `run.resumed_at_epoch` is given, the same curve goes on: what was recorded
            of later epochs no longer counts.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @classmethod
    def require(cls) -> None:
        """Refuse, by an `IgxError`, to begin without something that is needed; asked before a run has a folder."""

    def log(self, metrics: Mapping[str, float]) -> None:
        """Record one epoch; see `igx.rl.metrics.Metrics`. A number may be infinite or not a number."""
        raise NotImplementedError

    def add_video(self, path: Path, *, epoch: int, frames: int) -> None:
        """Take in a video of the policy after `epoch` epochs, `frames` environment steps; leave it where it is."""

    def add_checkpoint(self, path: Path, *, epoch: int) -> None:
        """Take in a checkpoint that was just written; it may be replaced later. Leave it where it is."""

    def close(self, outcome: str) -> None:
        """The run has ended: "finished", "interrupted" or "failed"."""


class JsonLines(Tracker):
    """Writes `metrics.jsonl`: one object an epoch, there to be read at once; `null` where a number is not finite."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._path = run.folder / "metrics.jsonl"
        if run.resumed_at_epoch is not None:
            cut_json_lines(self._path, after_epoch=run.resumed_at_epoch)
        self._file = self._path.open("a", encoding="utf-8")

    def log(self, metrics: Mapping[str, float]) -> None:
        """Write one line.

        Raises:
            RunFailure: the disk is full, or gone.
        """
        values = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
        try:
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()
        except OSError as error:
            raise RunFailure(f"{self._path} cannot be written: {error.strerror or error}.") from error

    def close(self, outcome: str) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError:  # the disk is full; the line that didn't fit has been reported
            return


class TensorBoardTracker(Tracker):
    """Writes `summaries/` under rl_games' tags, so that its users find what they know; ours where it has none.

    The texts `config` and `environment` stand beside the curves. TensorBoard shows neither videos nor checkpoints.
    """

    _BY_THREE_AXES: ClassVar[Mapping[str, str]] = {
        "return": "rewards",
        "shaped_return": "shaped_rewards",
        "length": "episode_lengths",
    }
    _TAGS: ClassVar[Mapping[str, str]] = {ours: theirs for theirs, ours in NAMES.items()}
    _AXES = ("epoch", "frames", "time")

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        from torch.utils.tensorboard import FileWriter

        folder, frames = run.folder / "summaries", None
        if run.resumed_at_epoch is not None:
            frames = cut_events(folder, after_epoch=run.resumed_at_epoch)
        self._writer = FileWriter(str(folder), flush_secs=5)
        if frames is None:
            self._describe()
        else:
            self._purge(frames + 1)

    def log(self, metrics: Mapping[str, float]) -> None:
        """Write one point of each curve over frames, the returns' over epochs and seconds as well."""
        returns = {tag: metrics[name] for name, tag in self._BY_THREE_AXES.items() if name in metrics}
        others = {n: value for n, value in metrics.items() if n not in self._BY_THREE_AXES and n not in self._AXES}
        over_frames = {self._TAGS.get(name, name): value for name, value in others.items()}
        over_frames |= {f"{tag}/step": value for tag, value in returns.items()} | {"info/epochs": metrics["epoch"]}
        self._write(over_frames, step=metrics["frames"])
        self._write({f"{tag}/iter": value for tag, value in returns.items()}, step=metrics["epoch"])
        self._write({f"{tag}/time": value for tag, value in returns.items()}, step=metrics["time"])

    def close(self, outcome: str) -> None:
        """Write what is left."""
        self._writer.close()

    def _describe(self) -> None:
        """Write the settings, and where the run was made, as texts."""
        from torch.utils.tensorboard.summary import text

        described = {"config": dump(self.run.config), "environment": json.dumps(self.run.environment(), indent=2)}
        for tag, content in described.items():
            self._writer.add_summary(text(tag, indent(content, " " * 4)), 0)  # four spaces are code in Markdown

    def _purge(self, step: int) -> None:
        """Make a TensorBoard that is open forget what it has read from `step` on."""
        from tensorboard.compat.proto import event_pb2

        event: Any = event_pb2  # what protobuf makes has no types

        start = event.SessionLog(status=event.SessionLog.START)
        self._writer.add_event(event.Event(session_log=start), step)

    def _write(self, values: Mapping[str, float], *, step: float) -> None:
        """Write the points of one step as one record: thirty of them take milliseconds, at every epoch."""
        from tensorboard.compat.proto import summary_pb2

        summary: Any = summary_pb2  # what protobuf makes has no types

        points = [summary.Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._writer.add_summary(summary.Summary(value=points), int(step))
