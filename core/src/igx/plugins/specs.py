"""What a plugin may offer: one frozen record for each kind of part, with the address of the part itself.

A record is cheap: its `target` ("package.module:Attribute") is imported by `load()`, when the part is used.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, ClassVar

from igx.errors import IgxError, InvalidSpecError, PluginLoadError
from igx.plugins.isolation import Failure, attempt

API_VERSION = 1
"""The version of the plugin interface; a plugin's module says `IGX_API = 1` if it was written for this one."""

TERM_KINDS = ("reward", "observation", "termination", "command", "start", "reset", "interval", "curriculum")
DEVICES = ("cpu", "cuda")
RESERVED_SECTIONS = ("task", "sim", "network", "run")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What all records share; plugins yield one of the subclasses.

    Attributes:
        name: what users type; lower-case letters, digits, '-' and '_'.
        target: the part itself, "package.module:Attribute".
        summary: one line for lists and help.

    Raises:
        InvalidSpecError: a field breaks the rules above.
    """

    noun: ClassVar[str] = "part"

    name: str
    target: str
    summary: str

    def __post_init__(self) -> None:
        if not _is_text(self.name) or not _NAME.fullmatch(self.name):
            raise InvalidSpecError(
                f"The {self.noun} name {self.name!r} must be lower-case letters, digits, '-' and '_', e.g. 'peg-hole'."
            )
        _check_address(self, "target", self.target)
        if not _is_text(self.summary) or not self.summary.strip() or "\n" in self.summary:
            raise self._invalid(f"the summary must be one line of text, not {self.summary!r}")

    def load(self) -> Any:
        """Import and return the target. `Any`, because only the layer that uses the part knows its type.

        Raises:
            PluginLoadError: the module or the attribute cannot be had.
        """
        return _load(self, self.target)

    def _invalid(self, complaint: str) -> InvalidSpecError:
        return InvalidSpecError(f"{type(self).__name__} {self.name!r}: {complaint}.")


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Spec):
    """A task; the target is a subclass of `igx.Task`.

    Attributes:
        preset: stem of the task's preset files in `<package>/presets/`, by default its name with '_' for '-'. Several
            stems are read in their order: first what tasks have in common, last what is this one's own.
        agent: the agent that trains it unless `--agent` says otherwise.
    """

    noun: ClassVar[str] = "task"

    preset: str | tuple[str, ...] = ""
    agent: str = "ppo"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.preset:
            object.__setattr__(self, "preset", self.name.replace("-", "_"))
        if not all(_is_text(stem) and _NAME.fullmatch(stem) for stem in self.stems):
            raise self._invalid(f"preset must be the stem of a file name, e.g. 'peg_insertion', not {self.preset!r}")
        if not _is_text(self.agent) or not self.agent:
            raise self._invalid(f"agent must be the name of an agent, e.g. 'ppo', not {self.agent!r}")

    @property
    def stems(self) -> tuple[str, ...]:
        """`preset` as a tuple."""
        return tuple(self.preset) if isinstance(self.preset, (tuple, list)) else (self.preset,)

    @property
    def package(self) -> str:
        """The top-level import package of the target; the presets lie beside it."""
        return self.target.partition(":")[0].partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class TermSpec(Spec):
    """A term that any task may use; the target is a function of the task giving one row per environment.

    Attributes:
        kind: what it may serve as, one of `TERM_KINDS` or a tuple of these, e.g. ("start", "reset", "interval").
    """

    noun: ClassVar[str] = "term"

    kind: str | tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choices(self, "kind", self.kinds, TERM_KINDS)

    @property
    def kinds(self) -> tuple[str, ...]:
        """`kind` as a tuple."""
        return (self.kind,) if isinstance(self.kind, str) else self.kind


@dataclass(frozen=True, kw_only=True)
class NetworkSpec(Spec):
    """A policy network; the target is an rl_games network builder class."""

    noun: ClassVar[str] = "network"


@dataclass(frozen=True, kw_only=True)
class AgentSpec(Spec):
    """A learning algorithm; the target is a subclass of `igx.rl.agents.Agent`.

    Attributes:
        section: the section of a config that holds its settings, e.g. "ppo".
        config: the pydantic model of that section, "package.module:Class".
    """

    noun: ClassVar[str] = "agent"

    section: str
    config: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_address(self, "config", self.config)
        if not _is_text(self.section) or not self.section.isidentifier():
            raise self._invalid(f"section must be a name such as 'ppo', not {self.section!r}")
        if self.section in RESERVED_SECTIONS:
            raise self._invalid(f"the config section {self.section!r} belongs to igx; choose another name")

    def load_config(self) -> Any:
        """Import and return the model of the agent's config section, a subclass of `igx.config.base.Config`.

        Raises:
            PluginLoadError: the module or the attribute cannot be had.
        """
        return _load(self, self.config)


@dataclass(frozen=True, kw_only=True)
class SimulatorSpec(Spec):
    """A physics engine; the target is a subclass of `igx.sim.simulator.Simulator`.

    Attributes:
        devices: where it runs: "cpu", "cuda" or both.
        repeats_within: how far apart the mean returns of two trainings from one seed are on average, relative to the
            largest, on the same versions and hardware; 0 promises the same bits with any number of its threads, None
            promises nothing. `igx reproduce` judges by it.
    """

    noun: ClassVar[str] = "simulator"

    devices: tuple[str, ...] = ("cpu",)
    repeats_within: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choices(self, "devices", self.devices, DEVICES)
        if self.repeats_within is not None and not 0 <= self.repeats_within < 1:
            raise self._invalid(f"repeats_within must be from 0 to below 1, or None, not {self.repeats_within!r}")


@dataclass(frozen=True, kw_only=True)
class TrackerSpec(Spec):
    """Something that records a run's metrics; the target is a subclass of `igx.rl.trackers.Tracker`."""

    noun: ClassVar[str] = "tracker"


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A command of the `igx` program; the target is a click command."""

    noun: ClassVar[str] = "command"


@dataclass(frozen=True, kw_only=True)
class CheckSpec(Spec):
    """A check of `igx doctor`; the target is a function without arguments that yields `CheckResult`s."""

    noun: ClassVar[str] = "check"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One line of `igx doctor`.

    Attributes:
        name: what was looked at.
        ok: True if it is fine, None if igx can do without, False if something needed is missing or broken.
        detail: what was found.
        advice: what to do about it.
    """

    name: str
    ok: bool | None
    detail: str
    advice: str = ""


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _check_address(spec: Spec, field: str, address: str) -> None:
    parts = address.split(":") if _is_text(address) else []
    if len(parts) != 2 or not all(name.isidentifier() for part in parts for name in part.split(".")):
        raise InvalidSpecError(
            f"{type(spec).__name__} {spec.name!r}: {field} must read 'package.module:Attribute', not {address!r}."
        )


def _check_choices(spec: Spec, field: str, values: Sequence[str], allowed: tuple[str, ...]) -> None:
    sound = isinstance(values, tuple) and values and all(value in allowed for value in values)
    if not sound:
        raise InvalidSpecError(
            f"{type(spec).__name__} {spec.name!r}: {field} must be one or more of {', '.join(allowed)}, not {values!r}."
        )


def _load(spec: Spec, address: str) -> Any:
    found = attempt(partial(_import, address))
    if not isinstance(found, Failure):
        return found
    if isinstance(found.error, IgxError):
        raise found.error
    place = found.place_in(address.partition(":")[0].partition(".")[0])
    raise PluginLoadError(
        f"The {spec.noun} {spec.name!r} cannot be loaded from {address!r} ({found.reason}{place}). "
        "IGX_STRICT_PLUGINS=1 shows the traceback."
    ) from found.error


def _import(address: str) -> object:
    module, _, path = address.partition(":")
    part: object = import_module(module)
    for name in path.split("."):
        part = getattr(part, name)
    return part
