"""`igx bench`: how fast a task is, split into physics, environment step, inference and training."""

import contextlib
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from igx.cli import render
from igx.cli.options import RunCommand, RunRequest
from igx.cli.waiting import waiting
from igx.config.overrides import Assignment
from igx.config.yaml_text import parse_value
from igx.errors import ConfigError, RunError
from igx.plugins import load_plugins

if TYPE_CHECKING:  # they import torch
    from igx.config.run_config import RunConfig
    from igx.rl.bench import Measurement

_SWEPT = ("sim.num_envs", "run.agent")
_LINES = {"physics only": "physics", "env step": "env", "+ inference": "inference", "+ training": "training"}


@click.command("bench", cls=RunCommand)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=3.0,
    show_default=True,
    help="How long to look at physics, at the environment step, and at each agent's training.",
)
@click.option("--no-start", is_flag=True, help="Leave out the start of `igx train` in a process of its own.")
@click.option("--cold", is_flag=True, help="Let that start find empty caches, as on a new machine.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Also draw the speeds into this file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list with one object a measurement.")
def command(
    *, request: RunRequest, seconds: float, no_start: bool, cold: bool, plot: Path | None, as_json: bool
) -> None:
    """Measure how fast TASK is: physics only, environment step, with inference, with training, and the first start.

    --num-envs and --agent take several, with commas: --num-envs 1024,4096 --agent ppo,rl-games-ppo. Everything is
    measured in environment steps per second, where one action in one environment is a step. As for `igx train`, a long
    run is compiled; what that writes plays no role.
    """
    if no_start and cold:
        raise click.UsageError("--cold is about the start, which --no-start leaves out.")
    if plot:
        _require_plotting(plot)
    from igx.rl.long_runs import sped_up

    configs = [sped_up(request.compose().config) for request in _sweep(request)]
    measured: list[Measurement] = []
    try:
        with waiting() as watch, contextlib.redirect_stdout(sys.stderr):  # whatever prints must not spoil the JSON
            start_s = None if no_start else _start(configs[0], cold=cold, watch=watch)
            _measure(configs, into=measured, start_s=start_s, cold=cold, seconds=seconds, watch=watch)
    finally:  # what has been measured before something went wrong is worth showing
        if as_json and measured:
            render.document([asdict(measurement) for measurement in measured])
        elif measured:
            _print(measured)
    if plot:
        _plot(measured, plot)
        render.message("", f"The plot is in {plot}.")


def _sweep(request: RunRequest) -> list[RunRequest]:
    """A request for each combination of what was listed, by number of environments first."""
    kept = [assignment for assignment in request.overrides if assignment.path not in _SWEPT]
    choices = [_choices(path, request.overrides) for path in _SWEPT]
    return [replace(request, overrides=(*kept, *(a for a in chosen if a))) for chosen in product(*choices)]


def _choices(path: str, overrides: Sequence[Assignment]) -> list[Assignment | None]:
    """What was listed for the setting at `path`, each once and in its order; None alone if it was left open."""
    listed: list[Assignment | None] = []
    for assignment in overrides:
        if assignment.path == path:
            found = [replace(assignment, value=value) for value in _listed(assignment.value)]
            listed += [one for index, one in enumerate(found) if one not in (*listed, *found[:index])]
    return listed or [None]


def _listed(value: object) -> list[object]:
    if isinstance(value, str):
        return [parse_value(part.strip()) for part in value.split(",")]
    return cast("list[object]", value) if value and isinstance(value, list) else [value]


def _start(config: "RunConfig", *, cold: bool, watch: Callable[[str], None]) -> float:
    from igx.cli.start_up import seconds_to_first_epoch

    watch(f"{config.run.task}, {config.sim.num_envs:,} environments: start of `igx train`, to its first epoch")
    return seconds_to_first_epoch(config, has_empty_caches=cold)


def _measure(
    configs: "Sequence[RunConfig]",
    *,
    into: "list[Measurement]",
    start_s: float | None,
    cold: bool,
    seconds: float,
    watch: Callable[[str], None],
) -> None:
    from igx.rl.bench import bench

    for measurement in bench(configs, plugins=load_plugins(), seconds=seconds, watch=watch):
        is_first = start_s is not None and not into
        caches = ("empty" if cold else "kept") if is_first else None
        into.append(replace(measurement, cold_start_s=start_s, cold_start_caches=caches) if is_first else measurement)


# What is shown.


def _print(measured: "Sequence[Measurement]") -> None:
    render.fields(_what_was_measured(measured[0]))
    render.text()
    columns, rows = _table(measured)
    if render.fits(columns, rows):
        render.table(columns, rows)
    else:
        _print_blocks(columns, rows)


def _what_was_measured(first: "Measurement") -> list[tuple[str, str]]:
    substeps = f"{first.decimation} × {1e3 * first.physics_dt:.3g} ms {first.integrator}"
    made_quicker = f"{', compiled' if first.compiled else ''}{', bfloat16' if first.mixed_precision else ''}"
    solver = f"{first.solver} {first.iterations}/{first.ls_iterations} iterations, {first.cone} cones"
    shown = [
        ("task", f"{first.task} on {first.device_name} ({first.device}), {first.simulator}"),
        ("step", f"{substeps}, {solver}{made_quicker}; horizon {first.horizon}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in first.versions.items() if version)),
    ]
    if first.cold_start_s is not None:
        caches = f"caches {first.cold_start_caches}"
        shown.append(("start", f"{first.cold_start_s:.1f} s from `igx train` to the end of its first epoch ({caches})"))
    return [*shown, ("table", "environment steps per second; share is physics of env step, ms/step that of training")]


def _table(measured: "Sequence[Measurement]") -> tuple[list[str], list[list[str]]]:
    rows = [_row(measurement) for measurement in measured]
    agents = {measurement.agent for measurement in measured}
    columns = [name for name in rows[0] if name != "agent" or len(agents) > 1]
    return columns, [[row[name] for name in columns] for row in rows]


def _row(measurement: "Measurement") -> dict[str, str]:
    physics, step = measurement.physics_steps_per_s, measurement.env_steps_per_s
    return {
        "num_envs": f"{measurement.num_envs:,}",
        "agent": measurement.agent,
        "physics": _speed(physics),
        "env step": _speed(step),
        "share": f"{step / physics:.0%}" if physics else "–",
        "+ inference": _speed(measurement.inference_steps_per_s),
        "+ training": _speed(measurement.training_steps_per_s),
        "ms/step": f"{measurement.training_ms:.3g}",
        "memory": _size(measurement.peak_memory_bytes),
    }


def _print_blocks(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The same for a narrow terminal: what would be a row stands below each other."""
    for number, row in enumerate(rows):
        if number:
            render.text()
        render.fields(list(zip(columns, row, strict=True)))


def _speed(steps_per_s: float | None) -> str:
    return "–" if steps_per_s is None else render.short(steps_per_s)


def _size(number: int) -> str:
    return f"{number / 2**30:.2f} GiB"


# What is drawn.


def _require_plotting(file: Path) -> None:
    """Refuse a plot that could not be written, before anything is measured.

    Raises:
        ConfigError: matplotlib isn't there, or doesn't know the kind of file.
        RunError: the folder isn't there.
    """
    kinds = _new_figure().canvas.get_supported_filetypes()
    if file.suffix.removeprefix(".") not in kinds:
        raise ConfigError(f"--plot is {file}; its name must end in .{', .'.join(sorted(kinds))}.")
    if not file.parent.is_dir():
        raise RunError(f"--plot is {file}, but there is no folder {file.parent}.")


def _new_figure() -> Any:  # matplotlib need not be there, so neither need its types
    try:
        return importlib.import_module("matplotlib.figure").Figure(figsize=(7, 4.5), layout="constrained")
    except ModuleNotFoundError as error:
        raise ConfigError("--plot needs matplotlib: pip install 'igx[plot]'.") from error


def _plot(measured: "Sequence[Measurement]", file: Path) -> None:
    figure = _new_figure()
    axes = figure.add_subplot()
    for agent in dict.fromkeys(measurement.agent for measurement in measured):
        own = sorted((m for m in measured if m.agent == agent), key=lambda measurement: measurement.num_envs)
        for label, quantity in _LINES.items():
            is_agents = label.startswith("+")
            speeds = [getattr(measurement, f"{quantity}_steps_per_s") for measurement in own]
            if is_agents or agent == measured[0].agent:
                name = f"{label}, {agent}" if is_agents else label
                axes.plot([m.num_envs for m in own], [speed or float("nan") for speed in speeds], "o-", label=name)
    axes.set(xscale="log", yscale="log", xlabel="environments", ylabel="environment steps per second")
    counts = sorted({measurement.num_envs for measurement in measured})
    axes.set_xticks(counts, labels=[f"{count:,}" for count in counts])
    axes.minorticks_off()
    ticker = importlib.import_module("matplotlib.ticker")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.EngFormatter(sep=" "))
    axes.set_title(f"{measured[0].task} on {measured[0].device_name}")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=150)
