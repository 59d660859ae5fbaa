"""Which installed distributions have an entry point for igx, and which of them the user wants."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import NamedTuple

from igx.errors import ConfigError, suggest
from igx.plugins.isolation import Failure, attempt

GROUP = "igx"
CORE = "igx"
"""The provider that igx itself is."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One entry point of an installed distribution.

    Attributes:
        provider: the distribution's name without a leading `igx-`; the whole name where that would be another's.
        entry: the entry point, or why the distribution's entry points cannot be read.
    """

    distribution: str
    version: str
    provider: str
    entry: metadata.EntryPoint | Failure


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which plugins to use, and what to do about those that fail.

    Attributes:
        strict: raise when a plugin fails instead of going on without it.
        only_core: leave out every plugin but igx itself.
        without: providers or distributions to leave out.
    """

    strict: bool = False
    only_core: bool = False
    without: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Choice":
        """Read IGX_STRICT_PLUGINS (1 or 0) and IGX_PLUGINS ("off" or "-NAME,-NAME").

        Raises:
            ConfigError: one of them has another form.
        """
        strict = environment.get("IGX_STRICT_PLUGINS", "").strip()
        if strict not in ("", "0", "1"):
            raise ConfigError(f"IGX_STRICT_PLUGINS is {strict!r}; it must be 1 or 0.")
        wanted = environment.get("IGX_PLUGINS", "").strip()
        if wanted == "off":
            return cls(strict=strict == "1", only_core=True)
        parts = [part.strip() for part in wanted.split(",") if part.strip()]
        if not all(re.fullmatch(r"-\w[\w.-]*", part) for part in parts):
            raise ConfigError(
                f"IGX_PLUGINS is {wanted!r}; it must be 'off' or '-NAME[,-NAME]', e.g. IGX_PLUGINS=-tasks-locomotion."
            )
        without = frozenset(normalised(part[1:]) for part in parts)
        if CORE in without:
            raise ConfigError("IGX_PLUGINS cannot leave out igx itself.")
        return cls(strict=strict == "1", without=without)

    def leaves_out(self, candidate: Candidate) -> bool:
        """Whether `candidate` is not to be loaded."""
        if candidate.provider == CORE:
            return False
        return self.only_core or bool(self.without & {candidate.provider, normalised(candidate.distribution)})

    def complaints(self, candidates: Iterable[Candidate]) -> list[str]:
        """Say which names in `without` mean none of the `candidates`."""
        known = {candidate.provider for candidate in candidates}
        names = known | {normalised(candidate.distribution) for candidate in candidates}
        return [
            f"IGX_PLUGINS leaves out {name!r}, but no plugin is called that.{suggest(name, known - {CORE})}"
            for name in sorted(self.without - names)
        ]


def normalised(distribution: str) -> str:
    """A distribution's name in the one form that packaging tools compare."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def find_candidates() -> list[Candidate]:
    """Every entry point of the group `igx`, igx's own first, the others by provider and name."""
    installed = _installed()
    candidates = [
        Candidate(
            distribution=distribution.name,
            version=distribution.version,
            provider=_provider(name, others=installed.keys() - {name}),
            entry=entry,
        )
        for name, distribution in installed.items()
        for entry in distribution.entries
    ]
    return sorted(candidates, key=_order)


def _order(candidate: Candidate) -> tuple[bool, str, str]:
    entry = candidate.entry
    return candidate.provider != CORE, candidate.provider, "" if isinstance(entry, Failure) else entry.name


class _Installed(NamedTuple):
    name: str
    version: str
    entries: Sequence[metadata.EntryPoint | Failure]


def _installed() -> dict[str, _Installed]:
    """Distributions with entry points of ours, or unreadable ones, by normalised name; the first on the path counts."""
    found: dict[str, _Installed] = {}
    for distribution in metadata.distributions():
        entries = attempt(partial(_entries, distribution))
        if entries:
            name, version = _identity(distribution)
            shown = [entries] if isinstance(entries, Failure) else entries
            found.setdefault(normalised(name), _Installed(name, version, shown))
    return found


def _entries(distribution: metadata.Distribution) -> list[metadata.EntryPoint]:
    return [entry for entry in distribution.entry_points if entry.group == GROUP]


def _identity(distribution: metadata.Distribution) -> tuple[str, str]:
    """Name and version, also of a distribution whose metadata is damaged."""
    identity = attempt(lambda: (distribution.metadata["Name"], distribution.version))
    return ("unknown", "?") if isinstance(identity, Failure) or not all(identity) else identity


def _provider(name: str, *, others: Iterable[str]) -> str:
    short = name.removeprefix("igx-")
    taken = {form for other in others for form in (other, other.removeprefix("igx-"))}
    return name if short in taken else short
