"""`igx list-tasks`: the tasks of all installed plugins, from their specs alone unless `--widths` asks for more."""

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import click

from igx.cli import render
from igx.config.presets import preset_names
from igx.plugins import Offer, TaskSpec, load_plugins
from igx.plugins.isolation import Failure, attempt


@dataclass(kw_only=True)
class _Row:
    """One task as it is listed; widths stay empty unless it is built."""

    name: str
    provider: str
    summary: str
    agent: str
    presets: tuple[str, ...]
    observations: dict[str, int] = field(default_factory=dict[str, int])
    actions: int | None = None
    error: str = ""


@click.command("list-tasks")
@click.option("--widths", is_flag=True, help="Build each task and add the widths of its observations and actions.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, *, widths: bool, as_json: bool) -> None:
    """List the tasks of all installed plugins: name, provider, what it is, agent and presets."""
    rows = [_row(offer) for offer in load_plugins().tasks.items()]
    if widths:
        for row in rows:
            _measure(row)
    if as_json:
        render.document([_as_json(row, widths=widths) for row in rows])
    else:
        _print(rows, widths=widths)
    if any(row.error for row in rows):
        ctx.exit(1)


def _row(offer: Offer[TaskSpec]) -> _Row:
    spec = offer.spec
    presets = attempt(partial(preset_names, spec))
    failed = isinstance(presets, Failure)
    return _Row(
        name=offer.name,
        provider=offer.provider,
        summary=spec.summary,
        agent=spec.agent,
        presets=() if failed else presets,
        error=presets.reason if failed else "",
    )


def _measure(row: _Row) -> None:
    """Build the task without physics, one environment, on the CPU, and note its widths."""
    widths = attempt(partial(_widths, row.name))
    if isinstance(widths, Failure):
        row.error = widths.reason
    else:
        row.observations, row.actions = widths


def _widths(task: str) -> tuple[dict[str, int], int]:
    from igx.env.make import make

    env = make(task, num_envs=1, device="cpu", simulator="static")
    try:
        return dict(env.observation_widths), env.num_actions
    finally:
        env.close()


def _as_json(row: _Row, *, widths: bool) -> dict[str, Any]:
    left_out = () if widths else ("observations", "actions")
    return {name: value for name, value in asdict(row).items() if name not in left_out and (name != "error" or value)}


def _print(rows: list[_Row], *, widths: bool) -> None:
    columns = ["task", "provider", "summary", "agent", "presets"]
    cells = [[row.name, row.provider, row.summary, row.agent, " ".join(row.presets)] for row in rows]
    if widths:
        columns += ["observations", "actions"]
        for line, row in zip(cells, rows, strict=True):
            observations = " ".join(f"{group}:{width}" for group, width in row.observations.items())
            line += [observations, "" if row.actions is None else str(row.actions)]
    render.table(columns, cells, wrap=("summary",))
    for row in rows:
        if row.error:
            render.message("error", f"{row.name}: {row.error}")
