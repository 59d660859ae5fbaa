"""The words a task class is written in: reward, observation, termination, command, shared, metric, on_reset, ….

A term is a function of the task that gives one row per environment. Written in the class it is a decorated method;
where several tasks have it, it is a plain function wrapped like a property::

    height = observation(terms.root_height)

    @reward(weight=1.0)
    def progress(self) -> Tensor: ...

What follows the function are options of the declaration (`weight`, `scale`, …) and parameters of the function itself;
both may be a `setting`, both are checked when the class is created and can be overridden in a config.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, TypeVar, overload

from torch import Tensor

from igx.errors import TaskError, suggest
from igx.sim.simulator import write_rows

TermFunction = Callable[..., Any]
TermFunctionT = TypeVar("TermFunctionT", bound=TermFunction)
_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_RESERVED = ("term",)  # in a config it names a registered term
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "reward": {"weight": 1.0},
    "observation": {"scale": 1.0, "noise": None, "delay": 0, "group": "policy", "enabled": True},
    "termination": {"enabled": True},
    "shared": {},
    "remembered": {},
    "metric": {"at_end": False},
    "command": {"every_s": None},
    "start": {"writes": (), "enabled": True},
    "reset": {"writes": (), "enabled": True},
    "interval": {"writes": (), "enabled": True, "every_s": (10.0, 10.0)},
    "curriculum": {"enabled": True},
}
"""What each kind of term can be told beside the parameters of its function, with the defaults."""

REPEATED_EVENTS = ("reset", "interval")
EVENTS = ("start", *REPEATED_EVENTS)
"""The kinds of terms that change environments, and may vary their models."""


class Term:
    """One named quantity of a task: what it is for, how it is computed, with which options and parameters.

    Attributes:
        kind: a key of `OPTIONS`.
        name: the attribute of the task class that holds it; empty for a registered term.
        function: takes the task, then parameters by keyword.
        options: value of each option of the kind.
        params: values of the function's parameters that the declaration gives.

    Args:
        arguments: options and parameters by name.
        is_complete: whether parameters without a default have to be among them.
    """

    def __init__(
        self, kind: str, function: TermFunction, arguments: Mapping[str, Any], *, is_complete: bool = True
    ) -> None:
        if not inspect.isfunction(function):
            raise TaskError(f"The {kind} term must be a function of the task and its parameters, not {function!r}.")
        self.kind, self.function, self.name = kind, function, ""
        usual = {**OPTIONS[kind], **({"writes": getattr(function, "writes", ())} if kind in EVENTS else {})}
        self.options = {key: arguments.get(key, default) for key, default in usual.items()}
        self.params = {key: value for key, value in arguments.items() if key not in OPTIONS[kind]}
        self._check_function()
        self._check_parameters(is_complete=is_complete)

    def _check_function(self) -> None:
        kinds = [parameter.kind for parameter in inspect.signature(self.function).parameters.values()]
        if not kinds:
            raise self._error("must take the task")
        if any(kind not in _BY_KEYWORD for kind in kinds[1:]):
            raise self._error("must name its parameters, which are given by keyword: no *args, **kwargs or /")

    def _check_parameters(self, *, is_complete: bool) -> None:
        parameters = self.parameters()
        clash = parameters.keys() & {*self.options, *_RESERVED}
        if clash:
            raise self._error(f"takes a parameter {min(clash)!r}, which every such term is told; rename it")
        for name in self.params:
            if name not in parameters:
                raise self._error(f"has no parameter {name!r}", hint=suggest(name, [*parameters, *self.options]))
        for name, parameter in parameters.items():
            if is_complete and parameter.default is inspect.Parameter.empty and name not in self.params:
                raise self._error(f"needs its parameter {name!r}")

    def _error(self, complaint: str, *, hint: str = "") -> TaskError:
        return TaskError(f"{self!r} {complaint}.{hint}")

    def __repr__(self) -> str:
        return f"{self.kind} term {self.function.__name__!r}"

    def parameters(self) -> dict[str, inspect.Parameter]:
        """The function's parameters after the task."""
        return dict(list(inspect.signature(self.function).parameters.items())[1:])

    @property
    def summary(self) -> str:
        """First line of the function's documentation."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name  # a second name is refused by the task class

    @overload
    def __get__(self, task: None, owner: type) -> Self: ...
    @overload
    def __get__(self, task: object, owner: type) -> "BoundTerm": ...
    def __get__(self, task: Any, owner: type) -> Any:
        return self if task is None else task.term(self.kind, self.name)

    def __set__(self, task: object, value: object) -> None:
        raise TaskError(
            f"{type(task).__name__} calls its {self.kind} {self.name!r}; call what you keep by another name."
        )


class SharedTerm(Term):
    """A quantity that several terms need.

    In a task class it is a term like others. On a function by itself it leaves a function: of the task, then of the
    parameters in their order.

    Attributes:
        key: names the function.
    """

    def __init__(self, function: TermFunction, arguments: Mapping[str, Any]) -> None:
        super().__init__("shared", function, arguments)
        self.key = f"{function.__module__}.{function.__qualname__}"
        self._usual = tuple(self.params.get(name, param.default) for name, param in self.parameters().items())

    def __call__(self, task: Any, *arguments: Any) -> Any:
        return task.shared(self, (*arguments, *self._usual[len(arguments) :]))()


class BoundTerm:
    """A term of one task: call it for its value now.

    The value is computed once between two changes of state, however often it is asked for.

    Attributes:
        previous: of a remembered term, its value at the end of the last step; where an episode has just begun, the
            value that it began with.
    """

    def __init__(self, term: Term, task: Any, params: Mapping[str, Any]) -> None:
        self._name, self._is_remembered = term.name, term.kind == "remembered"
        self._function, self._task, self._params = term.function, task, dict(params)
        self._value: Tensor | None = None
        self._memory: Tensor | None = None

    def __call__(self) -> Tensor:
        if self._value is None:
            self._value = self._function(self._task, **self._params)
        return self._value  # pyright: ignore[reportReturnType]  # a term function that gives None is caught at build

    @property
    def previous(self) -> Tensor:
        if not self._is_remembered:
            raise TaskError(f"Term {self._name!r} is not remembered; decorate it with @remembered.")
        if self._memory is None:
            self._memory = self().clone()
        return self._memory

    def forget(self) -> None:
        """The state has changed: compute anew when asked next."""
        self._value = None

    def remember(self) -> None:
        """Keep the value of now for the next step."""
        self.previous.copy_(self())

    def begin(self, restarted: Tensor) -> None:
        """Let the value of now stand for the last step's in `restarted`, bool `[num_envs]`: those have had none."""
        write_rows(self.previous, self(), where=restarted)


class BoundCommand(BoundTerm):
    """A command of one task: call it for what is commanded now, shape `[num_envs, width]`, always in one buffer."""

    def __call__(self) -> Tensor:
        buffers: dict[str, Tensor] = self._task.buffers
        name = f"command/{self._name}"
        return buffers[name] if name in buffers else self._task.buffer(name, *self.sample().shape[1:])

    def sample(self) -> Tensor:
        """New commands for all environments.

        Raises:
            TaskError: they are not one row for each.
        """
        value = self._function(self._task, **self._params)
        if not isinstance(value, Tensor) or value.dim() != 2 or len(value) != self._task.num_envs:
            given = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise TaskError(f"Command {self._name!r} gives {given}; it must give [num_envs, width].")
        return value.float()

    def renew(self, where: Tensor) -> None:
        """Command anew in the environments of `where`, bool `[num_envs]`."""
        write_rows(self(), self.sample(), where=where)


class Group:
    """A named set of observations that is handed over as one tensor; see `group`."""

    def __init__(self, when: str) -> None:
        self.when, self.name = when, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name


def group(*, when: Literal["after_reset", "before_reset"] = "after_reset") -> Any:
    """Declare a group of observations beside `policy` and `critic`, which always exist.

    Args:
        when: whether environments that end in this step show their new episode's first state (as the policy needs it)
            or their last one (as discriminators and terminal values do).
    """
    return Group(when)


def _declarator(kind: str) -> Callable[..., Any]:
    def declare(function: TermFunction | None = None, /, **arguments: Any) -> Any:
        if function is None:
            return lambda method: Term(kind, method, arguments)
        return Term(kind, function, arguments)

    return declare


# `Any` in these signatures: a decorator's argument may be any term function, and what follows belongs to that function.
def reward(function: TermFunction | None = None, /, *, weight: Any = 1.0, **params: Any) -> Any:
    """Declare a summand of the reward: `weight` times the value, shape `[num_envs]`.

    Name quantities, not judgements: a cost is a positive quantity with a negative weight.
    """
    return _declarator("reward")(function, weight=weight, **params)


def observation(
    function: TermFunction | None = None,
    /,
    *,
    scale: Any = 1.0,
    noise: Any = None,
    delay: Any = 0,
    group: Any = "policy",
    enabled: Any = True,
    **params: Any,
) -> Any:
    """Declare what is observed, shape `[num_envs]` or `[num_envs, width]`; observations keep the order of the class.

    Args:
        function: the term.
        scale: factor, one for all columns or one each.
        noise: half-width of uniform noise, added before the factor; or a mapping, see `NoiseSettings`.
        delay: how many steps old the value is.
        group: the observation group it belongs to.
        enabled: whether it is there at all.
        params: parameters of the function.
    """
    options = {"scale": scale, "noise": noise, "delay": delay, "group": group, "enabled": enabled}
    return _declarator("observation")(function, **options, **params)


def termination(function: TermFunction | None = None, /, *, enabled: Any = True, **params: Any) -> Any:
    """Declare a reason to end the episode, bool `[num_envs]`."""
    return _declarator("termination")(function, enabled=enabled, **params)


def shared(function: TermFunction | None = None, /, **params: Any) -> Any:
    """Declare a quantity that several terms need; as of all terms, its value is computed once for each state.

    A function that is no task's stays one, which terms of all tasks can call; its parameters have defaults::

        @shared
        def root_axes(task: Task, robot: str = "robot") -> Tensor: ...

        root_axes(task, robot)
    """
    if function is None:
        return lambda method: SharedTerm(method, params)
    return SharedTerm(function, params)


def remembered(function: TermFunction | None = None, /, **params: Any) -> Any:
    """Declare a quantity whose value at the end of the last step stays available as `.previous`."""
    return _declarator("remembered")(function, **params)


def metric(function: TermFunction | None = None, /, *, at_end: bool = False, **params: Any) -> Any:
    """Declare a number worth logging, shape `[num_envs]`: its mean over each episode is, or its value in the last step.

    A metric called `success` tells whether an episode has gone well, 1 or 0, wherever a policy is judged::

        @metric(at_end=True)
        def success(self) -> Tensor:
            return self.distance() < self.config.tolerance

    Args:
        function: the term; what is true counts as 1.
        at_end: log its value in the step that ends the episode, instead of the mean over its steps.
        params: parameters of the function.
    """
    return _declarator("metric")(function, at_end=at_end, **params)


def command(function: TermFunction | None = None, /, *, every_s: Any = None, **params: Any) -> Any:
    """Declare what the policy is told to do: the function gives new commands, shape `[num_envs, width]`.

    They are drawn when an episode starts and whenever their time is over; called in between, the term gives those that
    hold.

    Args:
        function: the term.
        every_s: how long a command holds [s], one number or the bounds of a random one; None for the whole episode.
        params: parameters of the function.
    """
    return _declarator("command")(function, every_s=every_s, **params)


def on_start(function: TermFunction | None = None, /, *, writes: Any = None, enabled: Any = True, **params: Any) -> Any:
    """Declare something to be done once, when the environments are built; the arguments are those of `on_reset`."""
    return _event("start", function, writes=writes, enabled=enabled, **params)


def on_reset(function: TermFunction | None = None, /, *, writes: Any = None, enabled: Any = True, **params: Any) -> Any:
    """Declare something to be done when episodes start; runs for all environments, must change only `task.mask`.

    Args:
        function: the term; its return value is ignored.
        writes: `MjModel` fields that it writes through `task.simulator.model_field`, one name or several; None for
            those that the function was marked with, see `writes`.
        enabled: whether it is there at all.
        params: parameters of the function.
    """
    return _event("reset", function, writes=writes, enabled=enabled, **params)


def on_interval(
    function: TermFunction | None = None, /, *, every_s: Any, writes: Any = None, enabled: Any = True, **params: Any
) -> Any:
    """Declare something to be done now and then while an episode runs; must change only `task.mask`.

    It happens between two steps: after rewards, before observations. Each environment has a timer of its own, which an
    episode starts anew.

    Args:
        function: the term; its return value is ignored.
        every_s: time in between [s], one number or the bounds of a random one.
        writes: as for `on_reset`.
        enabled: whether it is there at all.
        params: parameters of the function.
    """
    return _event("interval", function, every_s=every_s, writes=writes, enabled=enabled, **params)


def curriculum(function: TermFunction | None = None, /, *, enabled: Any = True, **params: Any) -> Any:
    """Declare how the task grows with the policy: runs when episodes end, in view of their last state.

    It must change only `task.mask`, the environments whose episode ends; their state is reset right after.
    """
    return _declarator("curriculum")(function, enabled=enabled, **params)


def writes(*fields: str) -> Callable[[TermFunctionT], TermFunctionT]:
    """Mark a function as one that writes these `MjModel` fields wherever it serves as a term."""

    def mark(function: TermFunctionT) -> TermFunctionT:
        function.writes = fields  # pyright: ignore[reportFunctionMemberAccess]
        return function

    return mark


def _event(kind: str, function: TermFunction | None, /, *, writes: Any, **arguments: Any) -> Any:
    if writes is not None:
        arguments["writes"] = (writes,) if isinstance(writes, str) else tuple(writes)
    return _declarator(kind)(function, **arguments)
