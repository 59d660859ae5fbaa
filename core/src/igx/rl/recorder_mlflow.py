"""Records a run with MLflow: on the server that `MLFLOW_TRACKING_URI` names, else in a database beside the runs."""

import fcntl
import math
import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from igx.config.places import MLFLOW_DIR
from igx.rl.recorder import Policies, Record, Recorder, Say

_STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
_MOST_METRICS, _MOST_PARAMS = 1000, 100  # what a server takes at once
_LONGEST_VALUE = 500  # of a param, on all servers since version 2
_FLUSH_EVERY_S = 2.0


class MlflowRecorder(Recorder):
    """Curves over frames, settings as params, versions and git state as tags, files and policies as artifacts.

    MLflow's own variables count: `MLFLOW_TRACKING_URI`, `MLFLOW_EXPERIMENT_NAME` and those of its connection.
    """

    def __init__(self, record: Record, say: Say) -> None:
        super().__init__(record, say)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.tracking import MlflowClient

        uri = os.environ.get("MLFLOW_TRACKING_URI")
        self._artifacts: str | None = None  # where the server says
        if not uri:
            local = record.folder.parent / MLFLOW_DIR
            uri, self._artifacts = f"sqlite:///{local / 'mlflow.db'}", (local / "artifacts").as_uri()
            _make_database(local, uri)
        self._client: Any = MlflowClient(tracking_uri=uri)
        self._waiting: list[Any] = []
        self._flushed_at = 0.0
        self._policies = Policies()
        self._recorded = 0  # the last epoch that an earlier process recorded: MLflow can't take points back
        self._id = self._go_on() or self._create()
        self.say(f"MLflow records run {record.folder.name} in {uri}")

    def log(self, metrics: Mapping[str, float]) -> None:
        """Take in one epoch, to be sent with others; a number that isn't finite leaves a gap."""
        if metrics["epoch"] <= self._recorded:
            return
        from mlflow.entities import Metric

        now, step = int(1000 * time.time()), int(metrics["frames"])
        finite = {_name(name): value for name, value in metrics.items() if math.isfinite(value)}
        self._waiting += (Metric(name, value, now, step) for name, value in finite.items())

    def add_video(self, path: Path, *, epoch: int, frames: int) -> None:
        """Upload a video."""
        self._client.log_artifact(self._id, str(path), "videos")

    def add_checkpoint(self, path: Path, *, epoch: int) -> None:
        """Keep in mind a policy to upload."""
        self._policies.add(path, epoch=epoch)

    def flush(self) -> None:
        """Send the metrics of two seconds at once: each request takes a good part of one on a slow server."""
        if time.monotonic() - self._flushed_at >= _FLUSH_EVERY_S:
            self._send()
            self._upload(self._policies.due())
            self._flushed_at = time.monotonic()

    def close(self, outcome: str) -> None:
        """Send the rest."""
        self._send()
        self._upload(self._policies.due(at_once=True))
        self._client.set_tag(self._id, "outcome", outcome)
        self._client.set_terminated(self._id, _STATUS.get(outcome, "FAILED"))

    def _go_on(self) -> str | None:
        """The id of the run to go on with; None if there is none, or MLflow has lost it."""
        from mlflow.exceptions import MlflowException

        name = self.record.remembered_id()
        if self.record.resumed_at_epoch is None or name is None:
            return None
        try:
            run = self._client.get_run(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        self._client.update_run(name, status="RUNNING")
        self._recorded = int(run.data.metrics.get("epoch", 0))
        return name

    def _create(self) -> str:
        from mlflow.entities import Param

        record = self.record
        run = self._client.create_run(self._experiment(), run_name=record.folder.name, tags=dict(_tags(record)))
        params = [Param(name, text[:_LONGEST_VALUE]) for name, text in _flat(record.config)]
        for some in _batches(params, _MOST_PARAMS):
            self._client.log_batch(run.info.run_id, params=some)
        for name in ("config.yaml", "environment.json"):
            if (record.folder / name).exists():
                self._client.log_artifact(run.info.run_id, str(record.folder / name))
        record.remember_id(run.info.run_id)
        return run.info.run_id

    def _experiment(self) -> str:
        """The id of the experiment, which is made if it isn't there."""
        from mlflow.exceptions import MlflowException

        name = self.record.project or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "igx"
        try:
            return self._client.create_experiment(name, artifact_location=self._artifacts)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return self._client.get_experiment_by_name(name).experiment_id

    def _send(self) -> None:
        for some in _batches(self._waiting, _MOST_METRICS):
            self._client.log_batch(self._id, metrics=some)
        self._waiting.clear()

    def _upload(self, policies: list[tuple[Path, int]]) -> None:
        for path, _ in policies:
            self._client.log_artifact(self._id, str(path), "checkpoints")


def _make_database(folder: Path, uri: str) -> None:
    """Let MLflow make its tables, unless they are there; of two runs that begin at once, one waits."""
    from mlflow.tracking import MlflowClient

    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        MlflowClient(tracking_uri=uri)


def _batches(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))


def _name(metric: str) -> str:
    """A metric's name in the letters that MLflow allows."""
    return re.sub(r"[^\w\-. :/]", "_", metric)


def _flat(settings: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted path and text of each setting."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", str(value)


def _tags(record: Record) -> Iterator[tuple[str, str]]:
    """What a run is found by, under MLflow's own names where it has some."""
    environment = record.environment
    yield from {"task": record.task, "agent": record.agent}.items()
    yield from ((tag, "true") for tag in record.tags)
    if record.group is not None:
        yield "group", record.group
    if record.command:
        yield "mlflow.source.name", shlex.join(record.command)
        yield "mlflow.source.type", "LOCAL"
    git = environment.get("git")
    if git:
        yield "mlflow.source.git.commit", git["commit"]
        yield "git.changed", str(git["changed"]).lower()
    if environment.get("gpu"):
        yield "gpu", environment["gpu"]["name"]
    for name in ("python", "platform"):
        if name in environment:
            yield name, environment[name]
    for package, version in environment.get("packages", {}).items():
        yield f"version.{package}", version
