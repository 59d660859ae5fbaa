"""The runs in a folder: what each trained, how it went, what became of it. Reads files only, and needs no torch."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, cast

from igx.config.places import MLFLOW_DIR
from igx.config.yaml_text import read_document, read_sections
from igx.errors import ConfigError, RunError
from igx.rl.curves import best_return, last_epoch
from igx.rl.run_folder import RunFolder
from igx.rl.run_status import Status, read_json

Settings: TypeAlias = dict[str, Any]
"""Settings as a file says them; `Any`, because whoever wrote the file decides."""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A run on one line; what its folder doesn't tell is None.

    Attributes:
        folder: where it is.
        task, agent, device, seed: what it trains, by what, where.
        status: what has become of it.
        epochs, frames: how much has been trained.
        best_return: the highest mean return of an epoch, from `run.save_best_after` on if it got so far.
        last_return: the mean return of the last epoch.
        steps_per_s: speed of the last epoch, everything included [environment steps/s].
        started: when.
        resumed_after: the epochs after which it was resumed.
    """

    folder: Path
    task: str
    agent: str
    device: str
    seed: int | None
    status: Status
    epochs: int
    frames: int
    best_return: float | None
    last_return: float | None
    steps_per_s: float | None
    started: datetime | None
    resumed_after: list[int]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is in a folder of runs.

    Attributes:
        runs: the runs.
        others: folders that are no runs, each with the reason; not what MLflow's tracker keeps there.
    """

    runs: list[RunSummary]
    others: dict[str, str]


def list_runs(runs_dir: Path) -> Listing:
    """The runs in `runs_dir`, by name.

    Raises:
        RunError: there is no such folder.
    """
    if not runs_dir.is_dir():
        raise RunError(f"There is no folder {runs_dir}; say where the runs are with --runs-dir.")
    listing = Listing(runs=[], others={})
    for folder in sorted(path for path in runs_dir.glob("[!.]*") if path.is_dir()):
        try:
            listing.runs.append(summarise(folder))
        except ConfigError as error:
            if folder.name != MLFLOW_DIR:
                listing.others[folder.name] = str(error).removesuffix(".")
    return listing


def summarise(folder: Path) -> RunSummary:
    """What the run in `folder` is, and how far it is.

    Raises:
        ConfigError: no sound config.yaml says so.
    """
    files = RunFolder(folder)
    settings = read_sections(files.config_file, ("sim", "run"), label="its config.yaml")
    sim, run = (_mapping(settings, name) for name in ("sim", "run"))
    status, last = files.status(), last_epoch(files.metrics_file)
    best = status.best_return
    if status.ended is None:
        best = best_return(files.metrics_file, since=_whole(run.get("save_best_after")) or 0)
    return RunSummary(
        folder=folder,
        task=str(run.get("task", "?")),
        agent=str(run.get("agent", "?")),
        device=str(sim.get("device", "?")),
        seed=_whole(run.get("seed")),
        status=status,
        epochs=status.epochs or int(last.get("epoch") or 0),
        frames=status.frames or int(last.get("frames") or 0),
        best_return=best,
        last_return=last.get("return"),
        steps_per_s=last.get("steps_per_s"),
        started=_moment(read_json(files.environment_file).get("started")),
        resumed_after=files.resumed_after(),
    )


def find_run(run: Path, runs_dir: Path) -> RunFolder:
    """The folder that `run` means: a path or, if there is nothing there, a name in `runs_dir`.

    Raises:
        RunError: there is no such run.
    """
    for folder in (run, runs_dir / run):
        if RunFolder(folder).config_file.is_file():
            return RunFolder(folder)
    return RunFolder.existing(run if run.is_dir() or len(run.parts) > 1 else runs_dir / run)


def run_names(runs_dir: Path) -> list[str]:
    """Names of the folders in `runs_dir` that look like runs."""
    if not runs_dir.is_dir():
        return []
    return sorted(path.name for path in runs_dir.iterdir() if RunFolder(path).config_file.is_file())


def settings_of(folder: RunFolder) -> Settings:
    """Every setting of a run, by section.

    Raises:
        ConfigError: its config.yaml cannot be read.
    """
    return read_document(folder.config_file, label=str(folder.config_file)).values


ORDERS: dict[str, Callable[[RunSummary], float | str | None]] = {
    "date": lambda run: run.started.timestamp() if run.started else None,
    "return": lambda run: run.best_return,
    "last": lambda run: run.last_return,
    "steps": lambda run: run.frames,
    "speed": lambda run: run.steps_per_s,
}
"""What runs may be sorted by, largest first."""


def chosen(
    runs: Iterable[RunSummary],
    *,
    task: str | None = None,
    agent: str | None = None,
    statuses: Sequence[str] = (),
    since: float | None = None,
    order: str = "date",
    limit: int | None = None,
) -> list[RunSummary]:
    """Some of `runs`, in order.

    Args:
        runs: all of them.
        task: only runs of this task.
        agent: only runs of this agent.
        statuses: only runs that became one of these; any if empty.
        since: only runs that were started after this moment [s since 1970].
        order: what they are sorted by, one of `ORDERS`; those that have no such value come last.
        limit: at most so many, the first ones.
    """
    kept = [
        run
        for run in runs
        if task in (None, run.task)
        and agent in (None, run.agent)
        and (not statuses or run.status.name in statuses)
        and (since is None or (run.started is not None and run.started.timestamp() >= since))
    ]
    value = ORDERS[order]
    known = sorted((run for run in kept if value(run) is not None), key=lambda run: cast("float", value(run)))
    return [*reversed(known), *(run for run in kept if value(run) is None)][:limit]


_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(text: str) -> float:
    """The moment that `text` means [s since 1970]: a date as ISO 8601 has it, or how long ago, such as 2d or 12h.

    Raises:
        ConfigError: it means neither.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS_S and number.replace(".", "", 1).isdecimal():
        return time.time() - float(number) * _UNITS_S[unit]
    found = _moment(text)
    if found is None:
        raise ConfigError(f"{text!r} is no time; write e.g. 30m, 12h, 2d, 1w, or a date such as 2026-11-20.")
    return found.timestamp()


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone()
    except ValueError:
        return None


def _mapping(values: Settings, name: str) -> Settings:
    value = values.get(name)
    if not isinstance(value, dict):
        raise ConfigError(f"its config.yaml holds no settings in section {name}.")
    return cast("Settings", value)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
