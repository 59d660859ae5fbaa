"""Shows a run while it trains: a panel on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from igx.cli import render
from igx.config.compose import Composed
from igx.config.sections import RunSettings
from igx.plugins import ObservedRun

if TYPE_CHECKING:  # it imports torch
    from igx.rl.supervisor import Display

_LINE_EVERY_S = 1.0
_DRAW_EVERY_S = 0.1
_PHASES = {"env_s": "environments", "inference_s": "policy", "update_s": "update"}
_TERMS = ("reward/", "metric/")


def make_display(composed: Composed) -> "Display":
    """What suits where the output goes."""
    return Panel(composed) if sys.stdout.isatty() else Lines(composed)


class Lines:
    """A line an epoch, but at most one a second.

    Args:
        composed: the settings of the run.
    """

    def __init__(self, composed: Composed) -> None:
        self._composed = composed
        self._pace = _Pace(composed.config.run)
        self._pending = ""
        self._printed_at = 0.0

    def begin(self, run: ObservedRun) -> None:
        """Say what is about to be trained, and where it goes."""
        announce(self._composed, run)
        self._pace = _Pace(run.config.run)  # a run that goes on may have another end

    def epoch(self, metrics: Mapping[str, float]) -> None:
        """Show an epoch, now or with the next one."""
        self._pace.epoch(metrics)
        self._pending = self._line(metrics)
        if time.monotonic() - self._printed_at >= _LINE_EVERY_S:
            self._print()

    def end(self) -> None:
        """Show the last epoch, if it was not."""
        if self._pending:
            self._print()

    def _print(self) -> None:
        render.text(self._pending)
        self._pending, self._printed_at = "", time.monotonic()

    def _line(self, metrics: Mapping[str, float]) -> str:
        words = [f"epoch {self._pace.count()}"]
        words += [f"{name} {metrics[name]:,.2f}" for name in ("return", "length") if name in metrics]
        words += [] if self._pace.evaluated is None else [f"evaluated {self._pace.evaluated:,.2f}"]
        words.append(f"{metrics.get('steps_per_s', 0.0):,.0f} steps/s")
        words.append(self._pace.left())
        if metrics.get("unstable"):
            words.append(f"{metrics['unstable']:,.0f} unstable")
        return "  ".join(words)


class Panel:
    """A panel that is redrawn in its place: progress, return, speed and its parts, every reward term.

    Args:
        composed: the settings of the run.
    """

    def __init__(self, composed: Composed) -> None:
        self._composed = composed
        self._pace = _Pace(composed.config.run)
        self._live = Live(console=Console(file=sys.stdout), auto_refresh=False)
        self._drawing: RenderableType = Text("building the environments …", style="dim")
        self._drawn_at = 0.0

    def begin(self, run: ObservedRun) -> None:
        """Say what is about to be trained, and where it goes; open the panel."""
        announce(self._composed, run)
        self._pace = _Pace(run.config.run)  # a run that goes on may have another end
        self._live.start()
        self._draw()

    def epoch(self, metrics: Mapping[str, float]) -> None:
        """Show an epoch, now or with the next one."""
        self._pace.epoch(metrics)
        self._drawing = Group(self._overview(metrics), _terms(metrics))
        if time.monotonic() - self._drawn_at >= _DRAW_EVERY_S:
            self._draw()

    def end(self) -> None:
        """Leave the last epoch standing."""
        self._draw()
        self._live.stop()

    def _draw(self) -> None:
        self._live.update(self._drawing, refresh=True)
        self._drawn_at = time.monotonic()

    def _overview(self, metrics: Mapping[str, float]) -> Table:
        share = self._pace.share()
        bar = "" if share is None else ProgressBar(total=1.0, completed=share, width=32)
        grid = Table.grid(padding=(0, 2))
        grid.add_row("[bold]epoch", self._pace.count(), bar, self._pace.left())
        evaluated = "" if self._pace.evaluated is None else f"evaluated {self._pace.evaluated:,.2f}"
        grid.add_row(
            "[bold]return", _number(metrics, "return"), f"episode length {_number(metrics, 'length')}", evaluated
        )
        grid.add_row("[bold]steps/s", f"{metrics.get('steps_per_s', 0.0):,.0f}", _split(metrics))
        return grid


class _Pace:
    """How far a run has come, and how long it will still take."""

    def __init__(self, settings: RunSettings) -> None:
        self._limits = {"epoch": settings.max_epochs, "frames": settings.max_frames}
        self._began = 0.0
        self._now: Mapping[str, float] = {}
        self.evaluated: float | None = None
        """The mean return of the last evaluation."""

    def epoch(self, metrics: Mapping[str, float]) -> None:
        if not self._now:
            self._began = time.monotonic() - metrics["time"]
        self._now = metrics
        self.evaluated = metrics.get("eval/return", self.evaluated)

    def count(self) -> str:
        limit = self._limits["epoch"]
        return f"{self._now['epoch']:,.0f}" + (f"/{limit:,}" if limit else "")

    def share(self) -> float | None:
        """How much is done, 0 ... 1; None if the run has no end."""
        shares = [self._now[name] / limit for name, limit in self._limits.items() if limit]
        return min(max(shares), 1.0) if shares else None

    def left(self) -> str:
        share, passed = self.share(), time.monotonic() - self._began
        return f"{duration(passed)} passed" if not share else f"{duration(passed * (1 - share) / share)} left"


def announce(composed: Composed, run: ObservedRun) -> None:
    """Say in two lines what is about to be trained, on what, and where it goes."""
    config = composed.config
    sim, settings = config.sim, config.run
    preset = f", preset {' '.join(composed.presets)}" if composed.presets else ""
    render.text(
        f"Training {settings.task} with {settings.agent}: {sim.num_envs:,} environments on {sim.simulator} "
        f"({sim.device}){preset}, seed {settings.seed}."
    )
    render.text(f"Writing to {run.folder}; Ctrl-C saves and ends.")


def duration(seconds: float) -> str:
    """`seconds` as people read them: 45s, 3:07, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest}s"


def _terms(metrics: Mapping[str, float]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name in metrics:
        if name.startswith(_TERMS):
            table.add_row(Text(f"  {name.partition('/')[2]}"), Text(_number(metrics, name), justify="right"))
    if metrics.get("unstable"):
        table.add_row(Text("  unstable", style="yellow"), Text(f"{metrics['unstable']:,.0f}", justify="right"))
    return table


def _number(metrics: Mapping[str, float], name: str) -> str:
    return f"{metrics[name]:,.2f}" if name in metrics else "–"


def _split(metrics: Mapping[str, float]) -> str:
    """Which share of an epoch each phase takes."""
    total = sum(metrics.get(name, 0.0) for name in _PHASES)
    if not total:
        return ""
    return " · ".join(f"{label} {metrics.get(name, 0.0) / total:.0%}" for name, label in _PHASES.items())
