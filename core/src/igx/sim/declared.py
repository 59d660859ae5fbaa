"""What a task class declares and an instance has live: the mechanism that entities, actuators and sensors share."""

import copy
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

import mujoco

from igx.errors import TaskError, suggest
from igx.sim.simulator import Simulator

LiveT = TypeVar("LiveT")

PerJoint = float | Mapping[str, float]
"""One number for all joints, or numbers by regular expressions of joints, of which the last that matches counts."""


class Setting:
    """Stands in a declaration for a value of the task's config; see `setting`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"setting({self.name!r})"


def setting(name: str) -> Any:
    """Take an argument of a declaration from the task's config: ``Articulation(setting("robot"))``.

    Args:
        name: field of the task's config, dotted for nested ones.
    """
    return Setting(name)


def resolve_settings(value: Any, config: Any) -> Any:
    """Replace `Setting`s in `value`, a plain value or a mapping or sequence of such, by the values of `config`.

    Raises:
        TaskError: if `config` has no such field.
    """
    if isinstance(value, Setting):
        for part in value.name.split("."):
            if not hasattr(config, part):
                known = suggest(part, getattr(type(config), "model_fields", ()))
                raise TaskError(f"{value!r}: {type(config).__name__} has no field {part!r}.{known}")
            config = getattr(config, part)
        return config
    if isinstance(value, Mapping):
        return {key: resolve_settings(item, config) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(resolve_settings(item, config) for item in value)
    return value


class Declared(ABC, Generic[LiveT]):
    """Something a task class declares and an instance has live; knows its name and takes settings from the config.

    A live counterpart that has a `mask`, bool `[num_envs]`, is told there which environments it may write; one that has
    `buffers`, tensors by name, has them saved and restored with the simulation; one that has `begin_episodes()` has it
    called when episodes begin, before the task's reset terms, to change what `mask` says.
    """

    name: str = ""
    varied: Sequence[str] = ()
    """`MjModel` fields to which the live counterpart gives values of their own in each environment."""
    rank: ClassVar[int] = 0
    """Lower ranks are put into the scene first: bodies before what drives or senses them."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, task: None, owner: type) -> Self: ...
    @overload
    def __get__(self, task: object, owner: type) -> LiveT: ...
    def __get__(self, task: Any, owner: type) -> Any:
        return self if task is None else task.live(self.name)

    def resolved(self, config: Any) -> Self:
        """A copy whose settings are taken from `config`."""
        mine = copy.copy(self)
        for name, value in vars(self).items():
            if not isinstance(value, Declared):
                setattr(mine, name, resolve_settings(value, config))
        return mine

    @abstractmethod
    def add_to(self, spec: mujoco.MjSpec) -> None:
        """Put what is declared into the scene."""

    @abstractmethod
    def bind(self, simulator: Simulator) -> LiveT:
        """The live counterpart in a running simulation."""


def matching(pattern: str, names: Sequence[str], *, what: str) -> list[str]:
    """The `names` that match the regular expression `pattern` from end to end, in their order.

    Raises:
        TaskError: if the pattern is malformed or none matches.
    """
    try:
        found = [name for name in names if re.fullmatch(pattern, name)]
    except re.error as error:
        raise TaskError(f"{pattern!r} is no regular expression for a {what}: {error}.") from error
    if not found:
        raise TaskError(f"No {what} matches {pattern!r}.{suggest(pattern, names)}")
    return found


def per_joint(value: PerJoint, joints: Sequence[str], *, what: str) -> list[float]:
    """What `value` says for each of the `joints`; `what` it is, for messages.

    Raises:
        TaskError: if it says nothing of one of them, or of none by one of its patterns.
    """
    if not isinstance(value, Mapping):
        return [value] * len(joints)
    said: dict[str, float] = {}
    for pattern, number in value.items():
        said |= dict.fromkeys(matching(pattern, joints, what=f"joint ({what})"), number)
    missing = [joint for joint in joints if joint not in said]
    if missing:
        raise TaskError(f"{what} says nothing of the joint {missing[0]!r}.")
    return [said[joint] for joint in joints]
