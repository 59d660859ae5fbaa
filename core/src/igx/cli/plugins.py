"""`igx plugins`: the installed plugins, what each provides, and what became of it."""

from typing import Any

import click

from igx.cli import render
from igx.cli.params import PLUGIN
from igx.plugins import PluginRecord, Plugins, Status, load_plugins


@click.command("plugins")
@click.argument("name", type=PLUGIN, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, name: str | None, as_json: bool) -> None:
    """List the installed plugins, what each provides, and what became of it; or show the plugin NAME in full.

    IGX_PLUGINS=off leaves out all but igx itself, IGX_PLUGINS=-NAME,-NAME some; IGX_STRICT_PLUGINS=1 makes a plugin
    that fails an error.
    """
    plugins = load_plugins()
    records = plugins.find(name) if name else plugins.records
    if as_json:
        render.document([_as_json(plugins, record) for record in records])
    elif name:
        for record in records:
            _print_one(plugins, record)
    else:
        rows = [[r.distribution, r.version, r.status, _contents(plugins, r)] for r in records]
        render.table(["distribution", "version", "status", "provides"], rows, wrap=("provides",))


def _as_json(plugins: Plugins, record: PluginRecord) -> dict[str, Any]:
    return {
        "provider": record.provider,
        "distribution": record.distribution,
        "version": record.version,
        "entry_point": record.entry_point,
        "target": record.target,
        "status": record.status.value,
        "reason": record.reason,
        "traceback": record.traceback,
        "provides": _names(plugins, record),
        "observes": list(record.observes),
    }


def _names(plugins: Plugins, record: PluginRecord) -> dict[str, list[str]]:
    """Kind → names, e.g. `{"task": ["ant"]}`."""
    names: dict[str, list[str]] = {}
    for name, spec in plugins.provided_by(record):
        names.setdefault(spec.noun, []).append(name)
    return names


def _contents(plugins: Plugins, record: PluginRecord) -> str:
    """What the plugin adds, or why it adds nothing."""
    if record.status is Status.BROKEN:
        return record.reason
    if record.status is Status.BLOCKED:
        return "left out by IGX_PLUGINS"
    parts = [f"{noun}s: {', '.join(names)}" for noun, names in _names(plugins, record).items()]
    parts += [f"observes: {', '.join(record.observes)}"] if record.observes else []
    return "\n".join(parts)


def _print_one(plugins: Plugins, record: PluginRecord) -> None:
    render.heading(f"{record.title}: {record.status}")
    pairs = [
        ("provider", record.provider),
        ("entry point", f"{record.entry_point} = {record.target}"),
        ("reason", record.reason),
        ("observes", ", ".join(record.observes)),
    ]
    render.fields([(name, value) for name, value in pairs if value])
    if record.specs:
        render.text()
        rows = [[spec.noun, name, spec.summary] for name, spec in plugins.provided_by(record)]
        render.table(["kind", "name", "summary"], rows, wrap=("summary",))
    if record.traceback:
        render.text()
        render.text(record.traceback.rstrip())
    render.text()
