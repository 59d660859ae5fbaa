"""What a task author subclasses: a scene, actions and terms on the class, live tensors on the instance."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from igx.config.base import NoiseSettings, TaskConfig
from igx.errors import TaskError, suggest
from igx.sim.actuators import Actuator
from igx.sim.declared import Declared, resolve_settings
from igx.sim.entities import ArticulationState, GroundPlane
from igx.sim.simulator import Simulator, rows
from igx.task.declare import EVENTS, REPEATED_EVENTS, BoundCommand, BoundTerm, Group, SharedTerm, Term
from igx.task.randoms import RandomPool
from igx.task.settings import SECTIONS, Sections, registered_term, sections_of, settings_of, taken_from_config

ConstantT = TypeVar("ConstantT")

_POLICY, _CRITIC = Group("after_reset"), Group("after_reset")


class Task:
    """Declares what is in the scene, what the policy sees, what it is paid for, when an episode ends and how it starts.

    `Program` turns the declaration into one step. A subclass reads the live state through what it declared and through
    the attributes below; all tensors have one row per environment, and their addresses never change.

    Attributes:
        config: the task's settings.
        simulator: the physics; for terms that need more than the entities offer.
        num_envs, device, step_dt: of the simulation; seconds from one action to the next.
        action: what was last sent to the actuators, clipped, before noise and delay; 0 after a reset. Shape
            `[num_envs, actions]`.
        previous_action: the one before.
        recent_actions: both, shape `[2, num_envs, actions]`.
        episode_step: steps since the episode began, shape `[num_envs]`.
        terminated: whether the episode ends in this step other than by time, bool `[num_envs]`.
        rewritten: `MjModel` fields that terms may write in a step.
        mask: the environments that the running term is to change, bool `[num_envs]`; in a reset those whose episode
            starts anew.
    """

    config: Any  # a subclass says which: `config: AntConfig`; without it, `TaskConfig`
    simulator: Simulator
    num_envs: int
    device: torch.device
    step_dt: float
    action: Tensor
    previous_action: Tensor
    recent_actions: Tensor
    episode_step: Tensor
    terminated: Tensor
    mask: Tensor
    ground: ClassVar[Any] = GroundPlane()  # a subclass has another `Declared` in its place, or None
    capture: ClassVar[bool] = True
    """Whether the step may be captured as a CUDA graph; a task that can't says why in `capture_reason`."""
    capture_reason: ClassVar[str] = ""

    declared: ClassVar[Mapping[str, Declared[Any]]] = {}
    terms: ClassVar[Mapping[str, Mapping[str, Term]]] = {}
    groups: ClassVar[Mapping[str, Group]] = {"policy": _POLICY, "critic": _CRITIC}
    sections: ClassVar[Sections] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        attributes = _attributes(cls)
        _check_names(cls, attributes)
        cls.declared = {name: value for name, value in attributes.items() if isinstance(value, Declared)}
        cls.groups = {**Task.groups, **{name: value for name, value in attributes.items() if isinstance(value, Group)}}
        terms: dict[str, dict[str, Term]] = {}
        for name, value in attributes.items():
            if isinstance(value, Term):
                terms.setdefault(value.kind, {})[name] = value
        cls.terms, cls.sections = terms, sections_of(cls.__name__, terms)
        if not cls.capture and not cls.capture_reason:
            raise TaskError(f"Task {cls.__name__} says capture = False; say why in capture_reason.")

    @classmethod
    def settings(cls) -> type[TaskConfig]:
        """The model of the task's section of a config: its own fields, then its terms."""
        return _settings(cls)

    @classmethod
    def scene(cls, config: TaskConfig) -> list[Declared[Any]]:
        """What stands in an environment under `config`: bodies first, then what is attached to them."""
        parts = [part.resolved(config) for part in cls.declared.values()]
        return sorted(parts, key=lambda part: part.rank)

    @classmethod
    def varied_fields(cls, config: TaskConfig) -> tuple[str, ...]:
        """`MjModel` fields that the enabled start, reset and interval terms write, or what stands in the scene."""
        by_terms = _written(EVENTS, switched_on(configured_terms(cls, config)))
        return tuple(dict.fromkeys([*by_terms, *(field for part in cls.scene(config) for field in part.varied)]))

    def __init__(
        self, config: TaskConfig, *, scene: Sequence[Declared[Any]], simulator: Simulator, generator: torch.Generator
    ) -> None:
        self.config, self.simulator, self.generator = config, simulator, generator
        self.num_envs, self.device, self.step_dt = simulator.num_envs, simulator.device, simulator.step_dt
        self._live = {part.name: part.bind(simulator) for part in scene}
        self.actuators = {part.name: self._live[part.name] for part in scene if isinstance(part, Actuator)}
        configured = configured_terms(type(self), config)
        self.chosen = switched_on(configured)
        self._bound = {  # what is switched off too: a reward may go on using an observation that is not shown
            (kind, name): (BoundCommand if kind == "command" else BoundTerm)(term, self, params)
            for kind, terms in configured.items()
            for name, (term, _, params) in terms.items()
        }
        self.rewritten = _written(REPEATED_EVENTS, self.chosen)
        num_actions = sum(actuator.num_actions for actuator in self.actuators.values())
        self.recent_actions = torch.zeros(2, self.num_envs, num_actions, device=self.device)
        self.action, self.previous_action = self.recent_actions
        self.episode_step = self.zeros(dtype=torch.long)
        self.terminated = self.zeros(dtype=torch.bool)
        self.mask = self.zeros(dtype=torch.bool)
        self.buffers: dict[str, Tensor] = {}
        self._shared: dict[Any, BoundTerm] = {}
        self._constants: dict[Any, Any] = {}
        self._uniform = self._pool(lambda numbers: numbers.uniform_(generator=generator))
        self._normal = self._pool(lambda numbers: numbers.normal_(generator=generator))
        for entity in self._live.values():
            if hasattr(entity, "mask"):
                entity.mask = self.mask
        self.beginners = [part.begin_episodes for part in self._live.values() if hasattr(part, "begin_episodes")]
        for name, part in self._live.items():
            self.buffers |= {f"{name}/{own}": buffer for own, buffer in getattr(part, "buffers", {}).items()}
        self.setup()

    # For subclasses to write.

    def setup(self) -> None:
        """Make the tensors that terms need, once."""

    def update(self) -> None:
        """Bring the task's own buffers up to date, once a step: after the physics, before terminations and rewards."""

    def total_reward(self, weighted: Tensor) -> Tensor:
        """The step's reward, shape `[num_envs]`, from the weighted terms, shape `[num_envs, terms]`: their sum."""
        return weighted.sum(-1)

    # For subclasses to use.

    def tensor(self, values: Any) -> Tensor:
        """`values` as a float32 tensor on the task's device."""
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def zeros(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Zeros of shape `[num_envs, *shape]`."""
        return torch.zeros(self.num_envs, *shape, dtype=dtype, device=self.device)

    def buffer(self, name: str, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """State of the task's own, 0 at first, saved and restored with the simulation; write it in place.

        Shape `[num_envs, *shape]`.
        """
        if name in self.buffers:
            raise TaskError(f"Task {type(self).__name__} makes the buffer {name!r} twice.")
        self.buffers[name] = self.zeros(*shape, dtype=dtype)
        return self.buffers[name]

    def constant(self, key: Any, make: Callable[[], ConstantT]) -> ConstantT:
        """What `make` gives, made once and kept under `key`: for terms that need tensors of their own."""
        if key not in self._constants:
            self._constants[key] = make()
        return self._constants[key]

    def uniform(self, low: Any, high: Any, width: int) -> Tensor:
        """Random numbers in [low, high), shape `[num_envs, width]`; bounds are numbers or `[width]`."""
        numbers = self._uniform.take(width)
        if isinstance(low, Tensor) or isinstance(high, Tensor):
            return low + (high - low) * numbers
        return torch.rsub(numbers, low, alpha=low - high)  # the same in one operation

    def normal(self, mean: Any, std: Any, width: int) -> Tensor:
        """Gaussian random numbers, shape `[num_envs, width]`."""
        return mean + std * self._normal.take(width)

    def noise(self, settings: NoiseSettings, width: int) -> Tensor:
        """Noise as settings describe it, shape `[num_envs, width]`."""
        if settings.distribution == "gaussian":
            return self.normal(0.0, settings.scale, width)
        return self.uniform(-settings.scale, settings.scale, width)

    def write(self, buffer: Tensor, value: Any) -> None:
        """Write `value` into the rows of `buffer` that the running term is to change: those of `mask`."""
        where = rows(self.mask, like=buffer)
        if isinstance(value, Tensor):
            buffer.copy_(torch.where(where, value, buffer))  # which may be another part of the buffer
        else:
            buffer.masked_fill_(where, value)

    # For the machinery.

    def live(self, name: str) -> Any:
        """The live counterpart of a declared entity, actuator or sensor.

        Raises:
            TaskError: there is none of that name.
        """
        if name not in self._live:
            known = [name for name, live in self._live.items() if live is not None]
            raise TaskError(f"{type(self).__name__} has no entity {name!r}.{suggest(name, known)}")
        return self._live[name]

    def articulation(self, name: str) -> ArticulationState:
        """The live robot of that name.

        Raises:
            TaskError: there is none, or it is something else.
        """
        live = self.live(name)
        if not isinstance(live, ArticulationState):
            robots = [own for own, other in self._live.items() if isinstance(other, ArticulationState)]
            raise TaskError(f"{name!r} of {type(self).__name__} is no Articulation.{suggest(name, robots)}")
        return live

    def apply_action(self, action: Tensor) -> None:
        """Set the controls of all actuators from `action`, shape `[num_envs, actions]`."""
        start = 0
        for actuator in self.actuators.values():
            actuator.apply(action[:, start : start + actuator.num_actions])
            start += actuator.num_actions

    def begin_actuators(self) -> None:
        """Let the actuators start anew in the environments of `mask`, whose state the resets have written."""
        for actuator in self.actuators.values():
            actuator.begin()

    @property
    def has_own_total(self) -> bool:
        """Whether the reward may be something else than the sum of the weighted terms."""
        return type(self).total_reward is not Task.total_reward

    def term(self, kind: str, name: str) -> BoundTerm:
        """A term of this task, added ones included."""
        return self._bound[kind, name]

    def shared(self, term: SharedTerm, arguments: tuple[Any, ...]) -> BoundTerm:
        """A quantity that is declared in no task, of this task and with all its arguments."""
        key = (term.key, *arguments)
        if key not in self._shared:
            self._shared[key] = BoundTerm(term, self, dict(zip(term.parameters(), arguments, strict=True)))
        return self._shared[key]

    def forget(self) -> None:
        """The state has changed: terms compute anew when asked next."""
        for bound in self._bound.values():
            bound.forget()
        for bound in self._shared.values():
            bound.forget()

    @property
    def pools(self) -> tuple[RandomPool, RandomPool]:
        """Where the step's random numbers come from."""
        return self._uniform, self._normal

    def _pool(self, fill: Any) -> RandomPool:
        return RandomPool(fill, num_envs=self.num_envs, device=self.device)


ChosenTerm = tuple[Term, dict[str, Any], dict[str, Any]]
"""A term that is in use, its options and its parameters, as the config has them."""


def configured_terms(task: type[Task], config: TaskConfig) -> dict[str, dict[str, ChosenTerm]]:
    """All terms under `config`, by kind and name: the class's in its order, then those that the config adds."""
    configured: dict[str, dict[str, ChosenTerm]] = {}
    for kind in ("shared", "remembered", "metric"):
        own = task.terms.get(kind, {})
        configured[kind] = {
            name: (term, dict(term.options), resolve_settings(term.params, config)) for name, term in own.items()
        }
    for kind, section in SECTIONS.items():
        terms: dict[str, ChosenTerm] = {}
        for name, settings in getattr(config, section, ()):
            values = {field: getattr(settings, field) for field in type(settings).model_fields}
            registered = values.pop("term", None)
            term = registered_term(kind, registered) if registered else task.terms[kind][name]
            told = taken_from_config(term, config) | values
            options = {option: told.pop(option) for option in term.options}
            terms[name] = (term, options, told)
        configured[kind] = terms
    return configured


def switched_on(terms: Mapping[str, Mapping[str, ChosenTerm]]) -> dict[str, dict[str, ChosenTerm]]:
    """Those of the configured terms that are not switched off."""
    return {
        kind: {name: chosen for name, chosen in named.items() if chosen[1].get("enabled", True)}
        for kind, named in terms.items()
    }


def _written(kinds: Sequence[str], chosen: Mapping[str, Mapping[str, ChosenTerm]]) -> tuple[str, ...]:
    """`MjModel` fields that terms of these kinds write."""
    fields = (field for kind in kinds for _, options, _ in chosen[kind].values() for field in options["writes"])
    return tuple(dict.fromkeys(fields))


def _attributes(cls: type[Task]) -> dict[str, Any]:
    """Attributes of a class and its bases in order of declaration; what a subclass overrides keeps its place."""
    return {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}


def _check_names(cls: type[Task], attributes: Mapping[str, Any]) -> None:
    """Refuse declarations whose names are taken, or that stand under two names."""
    taken = ({*vars(Task), *inspect.get_annotations(Task)} - {"ground"}) | {"policy", "critic"}
    for name, value in attributes.items():
        if not isinstance(value, (Declared, Group, Term)):
            continue
        if name in taken:
            what = f"{value.kind} term" if isinstance(value, Term) else type(value).__name__
            raise TaskError(f"Task {cls.__name__} can't call its {what} {name!r}: every task has that.")
        if value.name != name:
            raise TaskError(
                f"Task {cls.__name__} has {name!r} under another name, too: {value.name!r}; declare it twice."
            )


@cache
def _settings(cls: type[Task]) -> type[TaskConfig]:
    return settings_of(cls.__name__, _config_class(cls), cls.sections)


def _config_class(cls: type[Task]) -> type[TaskConfig]:
    """The config that a task class annotates: ``config: AntConfig``."""
    owner = next(base for base in cls.__mro__ if "config" in inspect.get_annotations(base))
    annotation = TaskConfig if owner is Task else inspect.get_annotations(owner)["config"]
    if isinstance(annotation, str):
        annotation = vars(sys.modules[owner.__module__]).get(annotation, annotation)
    if not (isinstance(annotation, type) and issubclass(annotation, TaskConfig)):
        raise TaskError(f"Task {cls.__name__} says config: {annotation!r}; it must be a subclass of igx.TaskConfig.")
    return annotation
