"""Loads plugins, each in isolation: one that fails is left out whole and reported, and takes nothing else down."""

import contextlib
import logging
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from typing import Any

import pluggy

from igx.errors import ConfigError, PluginError, PluginLoadError, UnknownNameError, suggest
from igx.plugins.discovery import CORE, Candidate, Choice, find_candidates, normalised
from igx.plugins.hookspecs import PROJECT, IgxSpecs
from igx.plugins.interface import HOOKS, import_plugin, offered
from igx.plugins.isolation import Failure, attempt
from igx.plugins.registry import Registry
from igx.plugins.specs import (
    AgentSpec,
    CheckSpec,
    CommandSpec,
    NetworkSpec,
    SimulatorSpec,
    Spec,
    TaskSpec,
    TermSpec,
    TrackerSpec,
)

logger = logging.getLogger(__name__)


class Status(StrEnum):
    """What became of a plugin."""

    LOADED = "loaded"
    BROKEN = "broken"
    BLOCKED = "blocked"


@dataclass(frozen=True, kw_only=True)
class PluginRecord:
    """One discovered entry point and what became of it.

    Attributes:
        provider: what stands before the colon in `provider:name`.
        entry_point: the entry point's name, and `target` the module or "module:object" behind it.
        reason: why it is broken, in one line; `traceback` says where.
        specs: what it offers.
        observes: the observer hooks that it has.
    """

    distribution: str
    version: str
    provider: str
    entry_point: str
    target: str
    status: Status
    reason: str = ""
    traceback: str = ""
    specs: tuple[Spec, ...] = ()
    observes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class _Loaded:
    manager: pluggy.PluginManager  # of this plugin alone, so that a refused one leaves nothing behind
    offers: dict[str, list[Spec]]


class Plugins:
    """What the installed plugins offer, by name, and what became of each of them.

    Attributes:
        records: one a discovered entry point, igx's own first.
    """

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.records: list[PluginRecord] = []
        self.tasks = Registry(TaskSpec, absent=self._absent)
        self.terms = Registry(TermSpec, absent=self._absent)
        self.networks = Registry(NetworkSpec, absent=self._absent)
        self.agents = Registry(AgentSpec, absent=self._absent)
        self.simulators = Registry(SimulatorSpec, absent=self._absent)
        self.trackers = Registry(TrackerSpec, absent=self._absent)
        self.commands = Registry(CommandSpec, absent=self._absent, owner=CORE)
        self.checks = Registry(CheckSpec, absent=self._absent)
        self._registries: dict[str, Registry[Any]] = {
            "igx_tasks": self.tasks,
            "igx_terms": self.terms,
            "igx_networks": self.networks,
            "igx_agents": self.agents,
            "igx_simulators": self.simulators,
            "igx_trackers": self.trackers,
            "igx_commands": self.commands,
            "igx_checks": self.checks,
        }
        self._observers: list[tuple[PluginRecord, pluggy.PluginManager]] = []

    @property
    def broken(self) -> list[PluginRecord]:
        """The plugins that failed to load."""
        return self._with_status(Status.BROKEN)

    def find(self, name: str) -> list[PluginRecord]:
        """Return the records of the provider, distribution or entry point called `name`.

        Raises:
            UnknownNameError: there is none.
        """
        wanted = normalised(name)
        found = [r for r in self.records if wanted in (r.provider, normalised(r.distribution), r.entry_point)]
        if not found:
            raise UnknownNameError(f"No plugin is called {name!r}.{suggest(name, {r.provider for r in self.records})}")
        return found

    def provided_by(self, record: PluginRecord) -> list[tuple[str, Spec]]:
        """What a plugin offers, each with the name to ask for it by."""
        registry_of = {registry.spec_type: registry for registry in self._registries.values()}
        return [(registry_of[type(spec)].display_name(record.provider, spec.name), spec) for spec in record.specs]

    def admit(self, candidate: Candidate) -> None:
        """Load one plugin and take in all that it offers, or nothing of it; record what became of it.

        Raises:
            PluginLoadError: in strict mode, if it fails.
        """
        if self.choice.leaves_out(candidate):
            self.records.append(_record(candidate, Status.BLOCKED))
            return
        loaded = attempt(partial(self._load, candidate))
        if isinstance(loaded, Failure):
            self._leave_out(candidate, loaded)
        else:
            self._take_in(candidate, loaded)

    def notify(self, hook: str, **arguments: object) -> None:
        """Call the observers of `hook`; one that raises is reported and not called again.

        Raises:
            PluginError: in strict mode, instead of the report.
        """
        for observer in tuple(self._observers):
            record, manager = observer
            failure = attempt(partial(getattr(manager.hook, hook), **arguments))
            if isinstance(failure, Failure):
                self._observers.remove(observer)
                complaint = f"{record.title} failed in {hook} ({failure.reason})"
                if self.choice.strict:
                    raise PluginError(f"{complaint}.") from failure.error
                logger.warning("%s; its observers are not called again", complaint)

    def _load(self, candidate: Candidate) -> _Loaded:
        if isinstance(candidate.entry, Failure):
            raise candidate.entry.error
        with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints must not mix with a command's output
            plugin = import_plugin(candidate.entry)
            manager = pluggy.PluginManager(PROJECT)
            manager.add_hookspecs(IgxSpecs)
            manager.register(plugin)
            offers = {hook: offered(manager, hook, one.spec_type) for hook, one in self._registries.items()}
        for hook, specs in offers.items():
            self._registries[hook].refuse_duplicates(candidate.provider, specs)
        return _Loaded(manager, offers)

    def _leave_out(self, candidate: Candidate, failure: Failure) -> None:
        record = _record(candidate, Status.BROKEN, reason=failure.reason, traceback=failure.traceback)
        self.records.append(record)
        complaint = f"{record.title} failed to load ({record.reason})"
        if self.choice.strict:
            raise PluginLoadError(f"{complaint}.") from failure.error
        logger.warning("%s; see `igx plugins %s`", complaint, record.provider)

    def _take_in(self, candidate: Candidate, loaded: _Loaded) -> None:
        for hook, specs in loaded.offers.items():
            for spec in specs:
                self._registries[hook].add(candidate.provider, spec)
        specs = tuple(spec for part in loaded.offers.values() for spec in part)
        observers = [hook for hook in HOOKS if hook not in self._registries]
        observes = tuple(hook for hook in observers if getattr(loaded.manager.hook, hook).get_hookimpls())
        record = _record(candidate, Status.LOADED, specs=specs, observes=observes)
        self.records.append(record)
        if observes:
            self._observers.append((record, loaded.manager))

    def _with_status(self, status: Status) -> list[PluginRecord]:
        return [record for record in self.records if record.status is status]

    def _absent(self) -> str:
        """What to add to the error about an unknown name."""
        notes = (
            ("A plugin that failed to load may provide it", self.broken),
            ("Left out by IGX_PLUGINS", self._with_status(Status.BLOCKED)),
        )
        return "".join(
            f" {note}: {', '.join(sorted({record.distribution for record in records}))}."
            for note, records in notes
            if records
        )


def discover(choice: Choice) -> Plugins:
    """Find the installed plugins and load those that `choice` leaves in.

    Raises:
        PluginLoadError: igx's own part is not installed; in strict mode, any plugin that fails.
        ConfigError: in strict mode, if `choice` names a plugin that is not installed.
    """
    plugins = Plugins(choice)
    candidates = find_candidates()
    if not any(candidate.provider == CORE for candidate in candidates):
        raise PluginLoadError("igx is not installed completely: its own entry point is missing. Run pip install igx.")
    for complaint in choice.complaints(candidates):
        if choice.strict:
            raise ConfigError(complaint)
        logger.warning("%s", complaint)
    for candidate in candidates:
        plugins.admit(candidate)
    return plugins


@cache
def load_plugins() -> Plugins:
    """Return this process's plugins: found once, as IGX_PLUGINS and IGX_STRICT_PLUGINS say.

    Raises:
        PluginLoadError: in strict mode, if a plugin fails.
        ConfigError: an environment variable has a wrong value.
    """
    return discover(Choice.from_environment(os.environ))


def _record(candidate: Candidate, status: Status, **details: Any) -> PluginRecord:
    entry = candidate.entry
    name, target = ("", "") if isinstance(entry, Failure) else (entry.name, entry.value)
    return PluginRecord(
        distribution=candidate.distribution,
        version=candidate.version,
        provider=candidate.provider,
        entry_point=name,
        target=target,
        status=status,
        **details,
    )
