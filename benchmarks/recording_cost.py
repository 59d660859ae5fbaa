"""What recording a run costs its training: time per call of each tracker, and epochs with and without what records.

    python benchmarks/recording_cost.py ant --epochs 200 --rounds 5 --device cuda:0

*log* is the time that a tracker holds up the training at the end of an epoch, by itself: the median over calls with the
numbers of a real epoch, at the pace of `--every`. *Epochs* are trained in turn with nothing but `metrics.jsonl`, with
TensorBoard, with all trackers, with videos, and with evaluation; an epoch's time is that between the reports of two
epochs, its first twenty are left out, and a slowdown is the median over rounds of the ratio within a round. W&B records
offline, MLflow in a database. Videos are drawn every hundred epochs.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch

from igx.config.compose import Composed, compose
from igx.plugins import load_plugins
from igx.rl.runner import train
from igx.rl.trackers import Run, Tracker

_BASE = "metrics.jsonl"
_TRACKERS = ["tensorboard", "csv", "wandb", "mlflow"]
_SETS: dict[str, dict[str, Any]] = {
    _BASE: {},
    "tensorboard": {"track": ["tensorboard"]},
    "all trackers": {"track": _TRACKERS},
    "video": {"capture_video": True},
    "evaluation": {"eval_envs": 64},
}
_WARM_UP = 20
_CALLS = 200


class Stopwatch:
    """A display that notes when each epoch is reported, and what is told of the last."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.metrics: Mapping[str, float] = {}

    def begin(self, run: Run) -> None: ...

    def epoch(self, metrics: Mapping[str, float]) -> None:
        """Note an epoch."""
        self.times.append(time.perf_counter())
        self.metrics = metrics

    def end(self) -> None: ...

    def per_epoch(self) -> float:
        """Mean time of an epoch [s]."""
        times = self.times[_WARM_UP:]
        return (times[-1] - times[0]) / (len(times) - 1)


@click.command()
@click.argument("task")
@click.option("--epochs", default=200, show_default=True, type=click.IntRange(_WARM_UP + 2), help="Epochs of a run.")
@click.option("--rounds", default=5, show_default=True, help="Runs of each kind.")
@click.option("--device", default="auto", show_default=True, help="Where it trains.")
@click.option("--every", default=0.05, show_default=True, help="Pause between two calls of a tracker [s].")
def main(*, task: str, epochs: int, rounds: int, device: str, every: float) -> None:
    """Train TASK with and without what records it, and call each tracker by itself."""
    os.environ["WANDB_MODE"] = "offline"
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = partial(_settings, task, epochs=epochs, device=device, folder=Path(folder))
        runs = [{name: _train(settings(more)) for name, more in _SETS.items()} for _ in range(rounds)]
        epoch = next(iter(runs[0].values())).metrics
        calls = {name: _time_calls(name, epoch, settings({}), every=every) for name in _TRACKERS}
    per_epoch = [{name: watch.per_epoch() for name, watch in each.items()} for each in runs]
    slowdowns = {n: statistics.median(each[n] / each[_BASE] - 1 for each in per_epoch) for n in _SETS if n != _BASE}
    report = {
        "task": task,
        "numbers an epoch": len(epoch),
        "log, ms": {name: round(1e3 * value, 3) for name, value in calls.items()},
        "epoch, ms": {n: [round(1e3 * each[n], 2) for each in per_epoch] for n in _SETS},
        "slowdown, %": {name: round(100 * value, 2) for name, value in slowdowns.items()},
    }
    click.echo(json.dumps(report, indent=2))


def _settings(task: str, more: Mapping[str, Any], *, epochs: int, device: str, folder: Path) -> Composed:
    values = {"max_epochs": epochs, "runs_dir": str(folder), "track": [], "save_every": 0, "eval_envs": 0, **more}
    overrides = [f"sim.device={device}", *(f"run.{name}={json.dumps(value)}" for name, value in values.items())]
    return compose(plugins=load_plugins(), task=task, overrides=overrides, cuda_available=torch.cuda.is_available)


def _train(composed: Composed) -> Stopwatch:
    watch = Stopwatch()
    train(composed, plugins=load_plugins(), display=watch)
    return watch


def _time_calls(name: str, epoch: Mapping[str, float], composed: Composed, *, every: float) -> float:
    """Median time of a tracker's `log` [s]."""
    folder = Path(tempfile.mkdtemp(dir=composed.config.run.runs_dir))
    tracker_type: type[Tracker] = load_plugins().trackers.get(name).load()
    tracker = tracker_type(Run(folder, composed.config))
    times: list[float] = []
    for number in range(1, _CALLS + 1):
        began = time.perf_counter()
        tracker.log({**epoch, "epoch": number, "frames": 65_536 * number})
        times.append(time.perf_counter() - began)
        time.sleep(every)
    tracker.close("finished")
    return statistics.median(times)


if __name__ == "__main__":
    main()
