"""`igx runs`: the runs with their results; `igx runs diff`: what differs between two of them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igx.cli import params, render
from igx.config.places import RUNS_DIR
from igx.config.yaml_text import inline
from igx.errors import suggest
from igx.rl.run_status import STATUSES
from igx.rl.runs import ORDERS, Listing, RunSummary, chosen, find_run, list_runs, moment

if TYPE_CHECKING:
    from igx.rl.run_diff import Pair, RunDiff

_NONE = "–"
_WHOLE_GROUP = 40  # letters that are enough of a group of settings which only one run has

_runs_dir = click.option(
    "--runs-dir",
    type=click.Path(path_type=Path),
    default=RUNS_DIR,
    show_default=True,
    help="The folder that holds the runs.",
)


@click.group("runs", invoke_without_command=True)
@_runs_dir
@click.option("--task", type=params.TASK, help="Only runs of this task.")
@click.option("--agent", type=params.AGENT, help="Only runs of this agent.")
@click.option("--status", "statuses", type=click.Choice(STATUSES), multiple=True, help="Only such runs. Repeatable.")
@click.option("--since", metavar="TIME", help="Only runs started since then: 30m, 12h, 2d, 1w, or a date.")
@click.option(
    "--sort",
    type=click.Choice(list(ORDERS)),
    default="date",
    show_default=True,
    help="The newest, best, ... first. return is the best mean return, last that of the last epoch.",
)
@click.option("--limit", type=click.IntRange(min=1), help="List so many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    runs_dir: Path,
    since: str | None,
    sort: str,
    as_json: bool,
    task: str | None,
    agent: str | None,
    **rest: Any,  # statuses and limit, as `chosen` takes them
) -> None:
    """List runs: what they trained, how it went, what became of them.

    Returns are mean returns of epochs; the best one counts from run.save_best_after on if the run got that far. A run
    whose process is gone without a word has died.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options_of_the_list(ctx)
        return
    started_after = None if since is None else moment(since)
    listing = list_runs(runs_dir)
    runs = chosen(listing.runs, task=task, agent=agent, since=started_after, order=sort, **rest)
    if as_json:
        render.document([_as_json(run) for run in runs])
    elif runs:
        _print(runs)
    elif listing.runs:
        hint = _hint(task, {run.task for run in listing.runs}) or _hint(agent, {run.agent for run in listing.runs})
        render.text(f"None of the {len(listing.runs)} runs in {runs_dir} is like that.{hint}")
    else:
        render.text(f"There are no runs in {runs_dir}.")
    _name_others(listing, runs_dir)


@command.command("diff")
@click.argument("a", type=params.RUN)
@click.argument("b", type=params.RUN)
@_runs_dir
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(*, a: str, b: str, runs_dir: Path, as_json: bool) -> None:
    """Show what differs between runs A and B: settings, versions, results.

    A and B are folders, or names in --runs-dir. Where one of them has null, or no such setting, stands a dash.
    """
    from igx.rl.run_diff import diff_runs

    folders = [find_run(Path(run), runs_dir) for run in (a, b)]
    found = diff_runs(*folders)
    names = [folder.path.name for folder in folders]
    if as_json:
        render.document({"a": str(folders[0].path), "b": str(folders[1].path), **asdict(found)})
    else:
        _print_diff(found, names)


def _refuse_options_of_the_list(ctx: click.Context) -> None:
    for option in command.params:
        if ctx.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE:
            where = f"`igx runs {ctx.invoked_subcommand}` takes its own options after its name"
            raise click.UsageError(f"{where}; {option.opts[0]} stands before it.", ctx)


# The list.


def _as_json(run: RunSummary) -> dict[str, Any]:
    return {
        "name": run.name,
        "folder": str(run.folder),
        "task": run.task,
        "agent": run.agent,
        "device": run.device,
        "seed": run.seed,
        "status": run.status.name,
        "host": run.status.host,
        "started": run.started and run.started.isoformat(timespec="seconds"),
        "resumed_after": run.resumed_after,
        "ended": run.status.ended,
        "seconds": run.status.seconds,
        "epochs": run.epochs,
        "frames": run.frames,
        "best_return": run.best_return,
        "last_return": run.last_return,
        "steps_per_s": run.steps_per_s,
    }


_COLUMNS: dict[str, Callable[[RunSummary], str]] = {
    "name": lambda run: run.name,
    "task": lambda run: run.task,
    "agent": lambda run: run.agent,
    "status": lambda run: run.status.name,
    "epochs": lambda run: f"{run.epochs:,}",
    "steps": lambda run: render.short(run.frames),
    "best return": lambda run: _number(run.best_return),
    "last return": lambda run: _number(run.last_return),
    "steps/s": lambda run: _NONE if run.steps_per_s is None else render.short(run.steps_per_s),
    "started": lambda run: f"{run.started:%Y-%m-%d %H:%M}" if run.started else _NONE,
    "device": lambda run: run.device,
}
_LEAST_MISSED = ("device", "agent", "steps", "started", "steps/s", "epochs", "last return")
"""What is left out on a narrow terminal, in this order."""


def _hint(name: str | None, known: set[str]) -> str:
    """What could have been meant by a name that no run has."""
    return "" if name is None or name in known else suggest(name, known)


def _print(runs: Sequence[RunSummary]) -> None:
    rows = [[shown(run) for shown in _COLUMNS.values()] for run in runs]
    render.table(list(_COLUMNS), rows, wrap=("name",), least_missed=_LEAST_MISSED)


def _name_others(listing: Listing, runs_dir: Path) -> None:
    if listing.others:
        named = "; ".join(f"{name} ({reason})" for name, reason in listing.others.items())
        render.message("warning", f"{runs_dir} also holds what is no run: {named}.")


# The difference.


def _print_diff(found: "RunDiff", names: Sequence[str]) -> None:
    _print_part("setting", _cells(found.settings, _setting), names, same="The settings are the same.")
    _print_part("version", _cells(found.versions, _setting), names, same="Versions and hardware are the same.")
    _print_part("outcome", _cells(found.outcomes, _result), names, same="")
    returns = {f"return after {render.short(frames)} steps": pair for frames, pair in found.returns.items()}
    _print_part("at equal steps", _cells(returns, _result), names, same="One of them has no epoch yet.")


def _cells(pairs: "dict[str, Pair]", shown: Callable[[object], str]) -> list[list[str]]:
    return [[name, shown(a), shown(b)] for name, (a, b) in pairs.items()]


def _print_part(title: str, rows: Sequence[Sequence[str]], names: Sequence[str], *, same: str) -> None:
    if rows:
        render.table([title, *names], rows)
    else:
        render.text(same)
    render.text()


def _setting(value: object) -> str:
    """A setting to its last digit, but only the beginning of a whole group of them."""
    if value is None:
        return _NONE
    return value if isinstance(value, str) else inline(value, limit=_WHOLE_GROUP)


def _result(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return _number(value) if isinstance(value, float) else _setting(value)


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4g}"
