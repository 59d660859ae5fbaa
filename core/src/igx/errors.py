"""Every error igx raises on purpose, and the hint that follows an unknown name.

Each is one plain line: what was asked, what is wrong, what would be right. The command line prints that line without a
traceback and ends with the error's `exit_code`; any other exception is a bug and keeps its traceback.

    IgxError                     2  what the user wrote cannot be done
    ├── ConfigError              2  a setting: unknown, of the wrong type, out of range, at odds with another one
    ├── PluginError              1  a plugin is at fault
    │   ├── InvalidSpecError     1  what it offers, or how it offers it, breaks the plugin interface
    │   ├── PluginLoadError      1  it, or something it offers, cannot be imported
    │   ├── UnknownNameError     2  no plugin offers this task, agent, simulator, ...
    │   └── AmbiguousNameError   2  several plugins do
    ├── ModelError               2  a robot model: missing, malformed, or without the joint, body or site asked for
    ├── SimulatorError           2  a simulator: not installed, without the device, or unable to do what is asked
    ├── TaskError                2  the declaration of a task or a term
    ├── CheckpointError          2  a checkpoint: missing, truncated, unsafe, or of another network
    ├── RunError                 2  a run folder: already there, missing, not writable
    └── RunFailure               1  training itself went wrong: the disk is full, the policy diverged
"""

import difflib
from collections.abc import Iterable
from typing import ClassVar

_MAX_KNOWN = 30  # more names than this in one line help nobody


class IgxError(Exception):
    """Base of every error igx raises on purpose; its message is one plain line."""

    exit_code: ClassVar[int] = 2


class ConfigError(IgxError):
    """A setting is unknown, of the wrong type, out of range, or contradicts another one."""


class PluginError(IgxError):
    """A plugin did something wrong."""

    exit_code = 1


class InvalidSpecError(PluginError):
    """What a plugin offers, or how it offers it, breaks the plugin interface."""


class PluginLoadError(PluginError):
    """A plugin, or something that it offers, cannot be imported."""


class UnknownNameError(PluginError):
    """No plugin offers what was asked for."""

    exit_code = 2


class AmbiguousNameError(PluginError):
    """Several plugins offer what was asked for; the message says how to name each."""

    exit_code = 2


class ModelError(IgxError):
    """A robot model is missing or malformed, or lacks a joint, body or site that was asked for."""


class SimulatorError(IgxError):
    """A simulator is not installed, lacks the device, or cannot do what is asked of it."""


class TaskError(IgxError):
    """A task or a term is declared wrongly."""


class CheckpointError(IgxError):
    """A checkpoint is missing, truncated, unsafe to load, or belongs to another network."""


class RunError(IgxError):
    """A run folder is already there, missing or not writable."""


class RunFailure(IgxError):  # noqa: N818  (it says that the run failed, not that the request was wrong)
    """A run went wrong although everything asked of it was right."""

    exit_code = 1


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the hint for an unknown `name`: the nearest of the `known` names, or else all of them.

    The hint starts with a space, so that it can follow the sentence that says what is unknown.
    """
    names = {candidate.casefold(): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.casefold(), names, n=1)
    if near:
        return f" Did you mean {names[near[0]]!r}?"
    return f" Known: {_enumerate(list(names.values()))}."


def _enumerate(names: list[str]) -> str:
    rest = len(names) - _MAX_KNOWN
    shown = ", ".join(names[:_MAX_KNOWN]) or "none"
    return f"{shown} and {rest} more" if rest > 0 else shown
