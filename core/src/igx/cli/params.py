"""Types of command-line arguments that name something: the shell completes them from the plugins' specs."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

from igx.config.places import RUNS_DIR
from igx.errors import IgxError
from igx.plugins import Registry, Spec, TaskSpec, load_plugins

S = TypeVar("S", bound=Spec)

Names = Iterable[tuple[str, str]]
"""Names, each with a line that says what it is."""


class Name(StringParamType):
    """A name that the shell completes; whether it is right is for the command to find out.

    Args:
        name: what usage lines call it.
        choices: the names to choose from, given the arguments before this one.
    """

    def __init__(self, name: str, choices: Callable[[click.Context], Names]) -> None:
        self.name = name
        self._choices = choices

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,
        incomplete: str,
    ) -> list[CompletionItem]:
        """The names that begin with `incomplete`."""
        choices = self._choices(ctx)
        return [CompletionItem(name, help=summary or None) for name, summary in choices if name.startswith(incomplete)]


def _parts(registry: Registry[S]) -> Names:
    return [(offer.name, offer.spec.summary) for offer in registry.items()]


def _presets(ctx: click.Context) -> Names:
    """The presets of the task in the same command, its parameter `task`; of all tasks while there is none."""
    from igx.config.presets import preset_names

    unread = next(iter(ctx.args), None)  # click reads no argument while an option, this one, lacks its value
    specs = _tasks(ctx.params.get("task") or unread)
    return [(name, "") for name in sorted({name for spec in specs for name in preset_names(spec)})]


def _tasks(name: str | None) -> list[TaskSpec]:
    tasks = load_plugins().tasks
    try:
        return [tasks.get(name)] if name else [offer.spec for offer in tasks.items()]
    except IgxError:  # no such task: nothing to complete
        return []


def _runs(ctx: click.Context) -> Names:
    """The runs in the folder that the same command names, its parameter `runs_dir`."""
    from igx.rl.runs import run_names

    return [(name, "") for name in run_names(ctx.params.get("runs_dir") or RUNS_DIR)]


DEVICE = Name("device", lambda _: [("cpu", ""), ("cuda", "")])
TASK = Name("task", lambda _: _parts(load_plugins().tasks))
AGENT = Name("agent", lambda _: _parts(load_plugins().agents))
SIMULATOR = Name("simulator", lambda _: _parts(load_plugins().simulators))
TRACKER = Name("tracker", lambda _: _parts(load_plugins().trackers))
PRESET = Name("preset", _presets)
PLUGIN = Name("plugin", lambda _: {record.provider: record.title for record in load_plugins().records}.items())
RUN = Name("run", _runs)
