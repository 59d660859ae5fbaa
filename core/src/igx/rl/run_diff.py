"""What differs between two runs: settings, versions and hardware, and what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from igx.rl.curves import Epoch, at_frames, read_curve
from igx.rl.run_folder import RunFolder
from igx.rl.run_status import read_json
from igx.rl.runs import settings_of, summarise

Pair: TypeAlias = tuple[Any, Any]
"""What the one run has, and the other; None where it has nothing of the kind. `Any`: settings are of all types."""

_FIRST = ("run.task", "run.agent")
_WHERE = ("run.name", "run.runs_dir")  # where a run is written, which is what sets any two apart
_OF_THE_MOMENT = ("started", "command", "resumed")
_COMMIT = 12  # letters of a commit's name that tell it from any other
_MARKS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, kw_only=True)
class RunDiff:
    """What differs between two runs.

    Attributes:
        settings: the settings that differ, by dotted name, task and agent first; a group that only one of them has,
            such as the section of another agent, stands there as a whole.
        versions: the packages, the hardware and the commits that differ.
        outcomes: how they went, whether or not that differs.
        returns: their mean returns after the same numbers of environment steps, up to where the shorter one ends.
    """

    settings: dict[str, Pair]
    versions: dict[str, Pair]
    outcomes: dict[str, Pair]
    returns: dict[int, Pair]


def diff_runs(a: RunFolder, b: RunFolder) -> RunDiff:
    """Compare two runs.

    Raises:
        ConfigError: the config.yaml of one cannot be read.
    """
    return RunDiff(
        settings=_settings(settings_of(a), settings_of(b)),
        versions=diff_versions(read_json(a.environment_file), read_json(b.environment_file)),
        outcomes=_outcomes(a, b),
        returns=_returns(read_curve(a.metrics_file), read_curve(b.metrics_file)),
    )


def diff_versions(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Pair]:
    """What differs between two environments as `igx.rl.run_folder.environment` tells them, by short names."""
    return _differing(_short(a), _short(b))


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Pair]:
    found = {name: pair for name, pair in _differing(a, b).items() if name not in _WHERE}
    return {name: found[name] for name in (*_FIRST, *found) if name in found}


def _outcomes(a: RunFolder, b: RunFolder) -> dict[str, Pair]:
    one, other = summarise(a.path), summarise(b.path)
    return {
        "status": (one.status.name, other.status.name),
        "epochs": (one.epochs, other.epochs),
        "steps": (one.frames, other.frames),
        "seconds": (one.status.seconds, other.status.seconds),
        "steps/s": (one.steps_per_s, other.steps_per_s),
        "best return": (one.best_return, other.best_return),
        "last return": (one.last_return, other.last_return),
    }


def _returns(a: Sequence[Epoch], b: Sequence[Epoch]) -> dict[int, Pair]:
    """Returns of both at a few numbers of environment steps that both have reached."""
    if not a or not b:
        return {}
    most = min(int(a[-1].get("frames") or 0), int(b[-1].get("frames") or 0))
    marks = [round(mark * most) for mark in _MARKS]
    return {mark: (at_frames(a, "return", mark), at_frames(b, "return", mark)) for mark in marks}


def _short(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Versions and hardware by short names: those of packages without a prefix, the commit with a word on changes."""
    rest = {name: value for name, value in environment.items() if name not in (*_OF_THE_MOMENT, "packages", "git")}
    packages, git = _group(environment, "packages"), _group(environment, "git")
    changed = " with changes" if git.get("changed") else ""
    return {**packages, **rest, "commit": f"{git['commit']!s:.{_COMMIT}}{changed}" if "commit" in git else None}


def _group(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = values.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _differing(a: Mapping[str, Any], b: Mapping[str, Any], way: str = "") -> dict[str, Pair]:
    """What differs, by dotted name; a group of settings is looked into where both have it."""
    found: dict[str, Pair] = {}
    for name in {**a, **b}:
        one, other = a.get(name), b.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            found |= _differing(_group(a, name), _group(b, name), f"{way}{name}.")
        elif one != other:
            found[f"{way}{name}"] = (one, other)
    return found
