"""`igx show`: a task's terms, widths and spaces, and the settings that a run would have, each with its origin."""

from collections.abc import Iterator, Mapping
from typing import Any

import click
from pydantic_core import to_jsonable_python

from igx.cli import render
from igx.cli.options import RunCommand, RunRequest
from igx.config.compose import Composed
from igx.config.run_config import plain
from igx.config.yaml_text import inline


@click.command("show", cls=RunCommand)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of all settings instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, request: RunRequest, schema: bool, as_json: bool) -> None:
    """Show a task's terms and spaces, and the settings that `igx train` would use with the same arguments.

    TASK may be left out if --config names it. Settings are written SECTION.NAME=VALUE.
    """
    composed = request.compose()
    if schema:
        render.document(type(composed.config).model_json_schema())
    elif as_json:
        render.document(_as_json(composed))
    else:
        _print(composed)


def _as_json(composed: Composed) -> dict[str, Any]:
    run = composed.config.run
    return {
        "task": run.task,
        "summary": composed.task_spec.summary,
        "agent": run.agent,
        "presets": list(composed.presets),
        **_measure(composed),
        "config": plain(composed.config),
        "origins": composed.origins,
    }


def _measure(composed: Composed) -> dict[str, Any]:
    """Terms and widths: of one environment, built on the CPU without physics."""
    from igx.env.make import make_env

    config = composed.config
    sim = config.sim.model_copy(update={"simulator": "static", "device": "cpu", "num_envs": 1})
    env = make_env(config.model_copy(update={"sim": sim}))
    try:
        terms = [_term(info) for info in env.program.describe()]
        driven = {name: list(actuator.action_names) for name, actuator in env.task.actuators.items()}
        widths = dict(env.observation_widths)
        return {"terms": terms, "observations": widths, "actions": env.num_actions, "actuators": driven}
    finally:
        env.close()


def _term(info: Any) -> dict[str, Any]:
    shown = ("kind", "name", "width", "options", "params", "summary")
    return {name: to_jsonable_python(getattr(info, name), fallback=str) for name in shown}


def _print(composed: Composed) -> None:
    shown = _as_json(composed)
    render.heading(f"{shown['task']}: {shown['summary']}")
    render.text()
    render.table(
        ["kind", "term", "width", "options", "parameters"],
        [
            [term["kind"], term["name"], str(term["width"]), _pairs(_telling(term)), _pairs(term["params"])]
            for term in shown["terms"]
        ],
        wrap=("parameters",),
    )
    render.text()
    render.fields(
        [
            *((f"observation {group}", f"{width} numbers") for group, width in shown["observations"].items()),
            ("action", f"{shown['actions']} numbers from -1 to 1"),
            *((f"actuator {name}", ", ".join(actions)) for name, actions in shown["actuators"].items()),
        ]
    )
    render.text()
    render.table(["setting", "value", "origin"], list(_rows(shown["config"], composed.origins)), wrap=("value",))


def _telling(term: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a term that say something: its weight, and what differs from what its kind has by default."""
    from igx.task.declare import OPTIONS

    usual = to_jsonable_python(OPTIONS[term["kind"]])
    return {name: value for name, value in term["options"].items() if name == "weight" or value != usual.get(name)}


def _pairs(values: Mapping[str, Any]) -> str:
    return "  ".join(f"{name}={value if isinstance(value, str) else inline(value)}" for name, value in values.items())


def _rows(values: Mapping[str, Any], origins: Mapping[str, str], way: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """The settings as a tree: a name, its value and origin a line, indented below the group that it belongs to."""
    for name, value in values.items():
        place = (*way, name)
        label = f"{'  ' * len(way)}{name}"
        if isinstance(value, Mapping) and value:
            yield [label, "", ""]
            yield from _rows(value, origins, place)
        else:
            yield [label, value if isinstance(value, str) else inline(value), origins[".".join(place)]]
