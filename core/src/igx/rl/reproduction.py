"""Trains a run again from what its folder stores, and judges whether the curves are the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from igx.config.compose import Composed, compose
from igx.config.overrides import Assignment
from igx.errors import RunError
from igx.plugins import Plugins
from igx.rl.curves import Comparison, Epoch, read_curve
from igx.rl.run_diff import Pair, diff_versions
from igx.rl.run_folder import RunFolder, environment
from igx.rl.run_status import read_json
from igx.rl.stopping import Stopped
from igx.rl.supervisor import Display
from igx.rl.trackers import Run

_SAID_BY = "igx reproduce"
_MOST_AT_ONCE = 1000  # reproductions of one run


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a run is trained again.

    Attributes:
        folder: the run.
        curve: its epochs.
        epochs: how many of them, from the first one on, are to be reproduced.
        composed: the settings, with a folder of their own.
        differences: what differs in versions and hardware, then and now.
        notes: what else may make a difference, a sentence each.
    """

    folder: RunFolder
    curve: list[Epoch]
    epochs: int
    composed: Composed
    differences: dict[str, Pair]
    notes: list[str]


def plan(
    folder: RunFolder,
    *,
    plugins: Plugins,
    epochs: int | None,
    device: str | None,
    cuda_available: Callable[[], bool],
) -> Plan:
    """Find out how to train the run in `folder` again.

    Args:
        folder: the run.
        plugins: where its parts come from.
        epochs: how many epochs, at most those that it has; None for all of them.
        device: where; None for where it was trained.
        cuda_available: whether a run here could use a GPU.

    Raises:
        RunError: it has no epoch yet, or the checkpoint that it started from is gone.
        IgxError: its settings don't work here (any more).
    """
    curve = read_curve(folder.metrics_file)
    if not curve:
        raise RunError(f"{folder.path} has no epoch yet, so there is nothing to compare with.")
    changed = {"run.name": _free_name(folder.path), "run.runs_dir": str(folder.path.parent), "run.track": []}
    changed |= {} if device is None else {"sim.device": device}
    composed = compose(
        plugins=plugins,
        config_file=folder.config_file,
        overrides=[Assignment(path, value, _SAID_BY) for path, value in changed.items()],
        cuda_available=cuda_available,
    )
    start = composed.config.run.checkpoint
    if start is not None and not start.is_file():
        raise RunError(f"{folder.path.name} started from {start}, which is gone; without it nobody can repeat the run.")
    now = environment(composed.config.sim.device)
    return Plan(
        folder=folder,
        curve=curve,
        epochs=min(epochs or len(curve), len(curve)),
        composed=composed,
        differences=diff_versions(read_json(folder.environment_file), now),
        notes=_notes(folder, start),
    )


def _free_name(path: Path) -> str:
    """Name of a folder beside `path` that isn't there yet."""
    name = f"{path.name}_reproduced"
    names = [name, *(f"{name}_{number}" for number in range(2, _MOST_AT_ONCE))]
    return next((free for free in names if not path.with_name(free).exists()), name)


def _notes(folder: RunFolder, start: Path | None) -> list[str]:
    name, resumed = folder.path.name, folder.resumed_after()
    notes: list[str] = []
    if start is not None:
        notes.append(f"{name} started from {start}; nobody can tell whether the file has changed since.")
    if resumed:
        epochs = ", ".join(map(str, resumed))
        notes.append(f"{name} was resumed after epoch {epochs}; this one trains without a break.")
    if folder.is_claimed():
        notes.append(f"{name} is still running; what it has so far is compared.")
    return notes


class Until:
    """A display that ends a run after a number of epochs, whatever its settings say of later ones.

    The settings stay as they were: a schedule, for one, may depend on how many epochs were planned.

    Args:
        display: who shows the run.
        epochs: after how many epochs it ends.
    """

    def __init__(self, display: Display, epochs: int) -> None:
        self._display, self._epochs = display, epochs

    def begin(self, run: Run) -> None:
        self._display.begin(run)

    def epoch(self, metrics: Mapping[str, float]) -> None:
        """Show an epoch.

        Raises:
            Stopped: it was the last one wanted.
        """
        self._display.epoch(metrics)
        if metrics["epoch"] >= self._epochs:
            raise Stopped("all epochs are reproduced")

    def end(self) -> None:
        self._display.end()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a run was reproduced.

    Attributes:
        is_reproduced: whether the curves are the same, or as near as could be expected.
        because: why, in a sentence.
    """

    is_reproduced: bool
    because: str


def judge(plan: Plan, comparison: Comparison, *, plugins: Plugins, tolerance: float | None) -> Verdict:
    """Judge how far two curves are the same.

    Args:
        plan: what was to be reproduced.
        comparison: of its curve and the new one.
        plugins: whose simulators promise something.
        tolerance: how large `Comparison.distance` may be; None for what the simulator promises.
    """
    if comparison.epochs < plan.epochs:
        return Verdict(is_reproduced=False, because=f"it ended after {comparison.epochs} of {plan.epochs} epochs")
    if comparison.is_identical:
        return Verdict(is_reproduced=True, because="every number is the same to the last bit")
    simulator = plan.composed.config.sim.simulator
    promised = None if plan.differences else plugins.simulators.get(simulator).repeats_within
    allowed = promised if tolerance is None else tolerance
    if allowed == 0:
        return Verdict(is_reproduced=False, because=f"the same bits were expected of {simulator}")
    if comparison.distance is None:
        return Verdict(is_reproduced=False, because="without returns, since no episode has ended, nothing else counts")
    found = f"mean returns are {comparison.distance:.2%} apart on average"
    if allowed is None:
        differ = ", ".join(plan.differences)
        why = f"versions or hardware differ ({differ})" if differ else f"{simulator} promises nothing"
        return Verdict(is_reproduced=False, because=f"{found}, and as {why}, --tolerance must say what is near enough")
    source = f"{simulator} promises" if tolerance is None else "--tolerance allows"
    return Verdict(
        is_reproduced=comparison.distance <= allowed, because=f"{found}; {source} up to {100 * allowed:.3g}%"
    )
