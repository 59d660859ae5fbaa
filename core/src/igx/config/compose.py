"""Composes a run's settings: defaults < presets < config file < command line, the last word wins."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from igx.config.base import Config, TaskConfig
from igx.config.fields import dotted
from igx.config.layers import Settings
from igx.config.overrides import Assignment, Said, say, say_document
from igx.config.presets import preset_names, read_presets
from igx.config.run_config import RunConfig, plain, run_config_type
from igx.config.sections import BUILT_IN_NETWORK
from igx.config.settle import means_cuda, settle
from igx.config.yaml_text import Place, inline, read_document
from igx.errors import ConfigError, InvalidSpecError
from igx.plugins import AgentSpec, Plugins, TaskSpec

C = TypeVar("C", bound=Config)


@dataclass(frozen=True, kw_only=True)
class Composed:
    """The settings of a run, and how they came about.

    Attributes:
        config: the settings; nothing in them is left to be chosen automatically.
        origins: who determined each setting, by dotted path: 'default', 'preset ant.cpu:3', 'x.yaml:12', '--seed'.
        task_spec: the task.
        agent_spec: the agent.
        presets: the presets that were applied over the task's base, in their order.
    """

    config: RunConfig
    origins: dict[str, str]
    task_spec: TaskSpec
    agent_spec: AgentSpec
    presets: tuple[str, ...]


def compose(
    *,
    plugins: Plugins,
    task: str | None = None,
    presets: Sequence[str] = (),
    config_file: Path | None = None,
    overrides: Sequence[str | Assignment] = (),
    cuda_available: bool | Callable[[], bool],
    for_training: bool = True,
) -> Composed:
    """Compose the settings of a run.

    Args:
        plugins: where tasks, agents, simulators and trackers come from.
        task: the task's name; without one, `overrides` or the config file name it.
        presets: presets over the task's own base; without any, those in the config file, else `gpu` or `cpu` by device.
        config_file: a YAML file, such as the `config.yaml` of an earlier run.
        overrides: settings in the order in which they were given; text reads `a.b=value`.
        cuda_available: whether a run here could use a GPU; a function is asked only if it matters.
        for_training: whether an agent is going to use the settings; otherwise its own need not fit the others.

    Raises:
        ConfigError: a setting is unknown, malformed, out of range, or at odds with another one.
        PluginError: the task, agent, simulator or tracker is unknown, or can't be loaded.
    """
    has_gpu = cuda_available if callable(cuda_available) else lambda: cuda_available
    command_line = [say(setting) for setting in overrides]
    if task is not None:
        command_line.insert(0, say(Assignment("run.task", task, "command line")))
    heard = command_line if config_file is None else [_read_config(config_file), *command_line]
    task_spec = plugins.tasks.get(_task_name(heard))
    choice = _choose_presets(task_spec, presets, sources=heard, has_gpu=has_gpu)
    names = _names(choice)
    differences = [preset for name in (None, *names) for preset in read_presets(task_spec, name)]
    agent_spec = plugins.agents.get(str(_last([*differences, *heard], "run", "agent") or task_spec.agent))

    settings = Settings(run_config_type(_task_model(task_spec), agent_spec.section, _agent_model(agent_spec)))
    settings.add(say(Assignment("run.agent", task_spec.agent, "default")))
    others = {offer.spec.section for offer in plugins.agents.items()} - {agent_spec.section}
    for source in (*(_without(others, preset) for preset in differences), *_refuse(others, heard, agent_spec)):
        try:
            settings.add(source)
        except ConfigError as error:
            raise ConfigError(f"{error}{_belongs_elsewhere(source, _task_name(heard))}") from error
    settings.add(say(Assignment("run.presets", names, choice.origin)))

    config, settled = settle(
        settings.validate(),
        plugins=plugins,
        has_gpu=has_gpu,
        is_engine_asked=_last(command_line, "sim", "simulator") is not None,
        origin=settings.origin,
    )
    if for_training:
        _check(config, plugins)
    origins = {dotted(place): settled.get(place) or settings.origin(place) for place in _leaves(plain(config))}
    return Composed(config=config, origins=origins, task_spec=task_spec, agent_spec=agent_spec, presets=tuple(names))


def _read_config(path: Path) -> Said:
    return say_document(read_document(path, label=f"config file '{path}'"), label=str(path))


def _last(sources: Iterable[Said], *place: str) -> object:
    """The last word of `sources` on the setting at `place`; None if none speaks of it."""
    words = [word for source in sources if (word := source.get(*place)) is not None]
    return words[-1] if words else None


def _task_name(sources: Sequence[Said]) -> str:
    name = _last(sources, "run", "task")
    if name is None:
        raise ConfigError("No task is named. Say which, e.g. `igx train ant`; `igx list-tasks` shows those there are.")
    return str(name)


def _belongs_elsewhere(source: Said, task: str) -> str:
    """What explains an unknown setting in `source`: it is of another task, whose run may have written it."""
    own = source.part("run", "task")
    if own is None or own.plain() == task:
        return ""
    return f" These are settings of the task {own.plain()} ({own.origin}); the task asked for is {task}."


def _choose_presets(
    spec: TaskSpec, asked: Sequence[str], *, sources: Sequence[Said], has_gpu: Callable[[], bool]
) -> Said:
    """Names of the presets over the task's base: as asked, else as the sources say, else by device."""
    if asked:
        return Said(value=list(asked), origin="--preset")
    said = [part for source in sources if (part := source.part("run", "presets"))]
    if said:
        return said[-1]
    device = _last([*read_presets(spec), *sources], "sim", "device")
    name = "gpu" if means_cuda(device, has_gpu=has_gpu) else "cpu"
    return Said(value=[name] if name in preset_names(spec) else [], origin="auto")


def _names(choice: Said) -> list[str]:
    names = choice.plain()
    if not isinstance(names, list):
        raise ConfigError(f"run.presets is {inline(names)} ({choice.origin}); it must be a list, e.g. [cpu].")
    return [str(name) for name in cast("list[object]", names)]


def _task_model(spec: TaskSpec) -> type[TaskConfig]:
    task = spec.load()
    model = task.settings() if hasattr(task, "settings") else None
    return _require(model, TaskConfig, f"Task {spec.name!r} leads to {spec.target!r}, which is no igx.Task.")


def _agent_model(spec: AgentSpec) -> type[Config]:
    complaint = f"The settings of agent {spec.name!r} are {spec.config!r}, which is no igx.config.base.Config."
    return _require(spec.load_config(), Config, complaint)


def _require(model: object, base: type[C], complaint: str) -> type[C]:
    if isinstance(model, type) and issubclass(model, base):
        return model
    raise InvalidSpecError(complaint)


def _without(sections: Iterable[str], preset: Said) -> Said:
    """`preset` less the sections of other agents, which it may hold for those who choose them."""
    parts = {name: part for name, part in (preset.parts or {}).items() if name not in sections}
    return Said(parts=parts, origin=preset.origin)


def _refuse(sections: Iterable[str], sources: Sequence[Said], agent: AgentSpec) -> Sequence[Said]:
    """`sources`, none of which may speak of the sections of other agents."""
    for section, source in ((section, source) for section in sections for source in sources):
        part = source.part(section)
        if part is not None:
            raise ConfigError(
                f"There is no section {section} ({part.origin}): the settings of agent {agent.name!r} "
                f"are in {agent.section}."
            )
    return sources


def _check(config: RunConfig, plugins: Plugins) -> None:
    """Refuse what is sound by itself but not together, and names that no plugin offers."""
    for section in config.sections().values():
        section.check(config)
    for tracker in config.run.track:
        plugins.trackers.get(tracker)
    if config.network.name != BUILT_IN_NETWORK:
        plugins.networks.get(config.network.name, besides=(BUILT_IN_NETWORK,))


def _leaves(values: dict[str, Any], way: Place = ()) -> Iterator[Place]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(cast("dict[str, Any]", value), (*way, name))
        else:
            yield (*way, name)
