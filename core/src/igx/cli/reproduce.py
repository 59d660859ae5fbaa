"""`igx reproduce`: trains a run again from its stored settings, and compares the curves."""

import contextlib
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igx.cli import params, render
from igx.config.places import RUNS_DIR
from igx.plugins import load_plugins

if TYPE_CHECKING:  # they import torch
    from igx.rl.curves import Comparison
    from igx.rl.reproduction import Plan, Verdict
    from igx.rl.runner import TrainResult

_BY_SIGNAL = 128
_MOST_SHOWN = 6


@click.command("reproduce")
@click.argument("run", type=params.RUN)
@click.option("--epochs", type=click.IntRange(min=1), help="Train and compare so many epochs; by default all.")
@click.option("--device", help="Where to train; by default where the run was trained.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="How far apart mean returns may be on average, relative to the largest; by default as the simulator promises.",
)
@click.option(
    "--runs-dir",
    type=click.Path(path_type=Path),
    default=RUNS_DIR,
    show_default=True,
    help="The folder that holds the runs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    run: str,
    epochs: int | None,
    device: str | None,
    tolerance: float | None,
    runs_dir: Path,
    as_json: bool,
) -> None:
    """Train RUN, a folder or a name, again from its stored settings and seed, and compare the curves epoch by epoch.

    The new run stands beside the old one as RUN_reproduced. Exit code 0: the curves are the same to the last bit, or
    within what the simulator promises (docs/reproducibility.md) or --tolerance allows; 1: they are not.
    """
    import torch

    from igx.cli.progress import make_display
    from igx.rl.curves import compare, read_curve
    from igx.rl.reproduction import Until, judge, plan
    from igx.rl.runner import train
    from igx.rl.runs import find_run

    plugins, has_gpu = load_plugins(), torch.cuda.is_available
    folder = find_run(Path(run), runs_dir)
    planned = plan(folder, plugins=plugins, epochs=epochs, device=device, cuda_available=has_gpu)
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        _announce(planned)
        display = Until(make_display(planned.composed), planned.epochs)
        result = train(planned.composed, plugins=plugins, display=display)
    comparison = compare(planned.curve, read_curve(result.folder.metrics_file))
    verdict = judge(planned, comparison, plugins=plugins, tolerance=tolerance)
    if as_json:
        render.document(_as_json(planned, comparison, verdict, reproduced=result.folder.path))
    else:
        _print(planned, comparison, verdict, result)
    if result.signal is not None:
        ctx.exit(_BY_SIGNAL + result.signal)
    ctx.exit(0 if verdict.is_reproduced else 1)


def _announce(planned: "Plan") -> None:
    """Say what differs before anything is trained."""
    for name, (then, now) in planned.differences.items():
        render.message("warning", f"{name} was {_known(then)} then, and is {_known(now)} now")
    for note in planned.notes:
        render.message("warning", note)


def _known(value: object) -> str:
    return "unknown" if value is None else str(value)


def _as_json(planned: "Plan", comparison: "Comparison", verdict: "Verdict", *, reproduced: Path) -> dict[str, Any]:
    return {
        "run": str(planned.folder.path),
        "reproduced_in": str(reproduced),
        "is_reproduced": verdict.is_reproduced,
        "because": verdict.because,
        "is_identical": comparison.is_identical,
        **asdict(comparison),
        "largest": {name: _finite(size) for name, size in comparison.largest.items()},
        "differences": planned.differences,
        "notes": planned.notes,
    }


def _finite(size: float) -> float | None:
    """JSON knows no infinity."""
    return size if math.isfinite(size) else None


def _print(planned: "Plan", comparison: "Comparison", verdict: "Verdict", result: "TrainResult") -> None:
    name, epochs = planned.folder.path.name, f"{comparison.epochs} epoch{'' if comparison.epochs == 1 else 's'}"
    if comparison.parts_in is not None:
        first = ", ".join(comparison.differs_first[:_MOST_SHOWN])
        render.text(f"Of {epochs}, number {comparison.parts_in} is the first that differs: {first}.")
        rows = [[number, f"{size:.3g}"] for number, size in comparison.largest.items()]
        render.table(["number", "largest relative difference"], rows)
    how = "is reproduced" if verdict.is_reproduced else "is not reproduced"
    render.text(f"{name} {how} over {epochs}: {verdict.because}.")
    render.text(f"The new run is in {result.folder.path}; `igx runs diff {planned.folder.path} {result.folder.path}`.")
