"""A task's settings, derived from its declaration: one field for each term's options and parameters."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from igx.config.base import Config, NoiseSettings, TaskConfig
from igx.config.ranges import Duration
from igx.errors import TaskError, suggest
from igx.plugins import load_plugins
from igx.sim.declared import Setting, resolve_settings
from igx.task.declare import Term

SECTIONS = {
    "reward": "rewards",
    "observation": "observations",
    "termination": "terminations",
    "command": "commands",
    "start": "starts",
    "reset": "resets",
    "interval": "intervals",
    "curriculum": "curricula",
}
"""The field of the settings that holds each kind of term."""


class TermSettings(Config):
    """Base of one term's settings: the options of its kind, then the parameters of its function."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: object) -> object:
        return cls.expand_shorthand(value)


class RewardSettings(TermSettings):
    """A reward term; a bare number is its weight."""

    @classmethod
    def expand_shorthand(cls, value: object) -> object:
        return {"weight": value} if _is_number(value) else value


class SwitchedSettings(TermSettings):
    """A term that can be left out; a bare true or false says whether it is there."""

    @classmethod
    def expand_shorthand(cls, value: object) -> object:
        return {"enabled": value} if isinstance(value, bool) else value


_BASES: Mapping[str, type[TermSettings]] = {
    "reward": RewardSettings,
    "observation": SwitchedSettings,
    "termination": SwitchedSettings,
    "command": TermSettings,
    "start": SwitchedSettings,
    "reset": SwitchedSettings,
    "interval": SwitchedSettings,
    "curriculum": SwitchedSettings,
}
_ENABLED = Annotated[bool, Field(description="Whether the term is there.")]
_OPTION_TYPES: Mapping[str, Mapping[str, Any]] = {
    "reward": {"weight": Annotated[float, Field(description="Factor of the term in the reward.")]},
    "observation": {
        "enabled": _ENABLED,
        "scale": Annotated[float | tuple[float, ...], Field(description="Factor, one for all columns or one each.")],
        "noise": Annotated[NoiseSettings | None, Field(description="Noise added before the factor; null for none.")],
        "delay": Annotated[int, Field(ge=0, le=1000, description="How old the value is [steps].")],
        "group": Annotated[str, Field(description="Observation group that it belongs to.")],
    },
    "termination": {"enabled": _ENABLED},
    "command": {
        "every_s": Annotated[
            Duration | None, Field(description="How long a command holds [s]; null for the whole episode.")
        ]
    },
    "start": {"enabled": _ENABLED},
    "reset": {"enabled": _ENABLED},
    "interval": {"enabled": _ENABLED, "every_s": Annotated[Duration, Field(description="Time in between [s].")]},
    "curriculum": {"enabled": _ENABLED},
}
"""Those of a term's `OPTIONS` that a config may say, with their types."""


class Terms(Config):
    """All terms of one kind: the task's own as fields, and others by `term: registered-name`."""

    model_config = ConfigDict(extra="allow")
    kind: ClassVar[str] = ""
    owner: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _validate_added(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {n: v if n in cls.model_fields else cls._added(str(n), v) for n, v in value.items()}

    @classmethod
    def _added(cls, name: str, value: object) -> TermSettings:
        """`value` as the settings of a term that the task does not have; errors are located at `name`."""
        located = TypeAdapter(dict[str, Annotated[Any, BeforeValidator(lambda given: cls._registered(name, given))]])
        return located.validate_python({name: value})[name]

    @classmethod
    def _registered(cls, name: str, value: object) -> TermSettings:
        if isinstance(value, TermSettings):
            return value
        if not isinstance(value, Mapping) or "term" not in value:
            raise ValueError(
                f"task {cls.owner} has no {cls.kind} {name!r}.{suggest(name, cls.model_fields)} "
                f"A new one is a mapping with its registered term, e.g. {{term: {_example(cls.kind)}}}"
            )
        registered = str(value["term"])
        model = _term_model(registered_term(cls.kind, registered), name, registered=registered)
        known = model.model_fields
        unknown = [_unknown_setting(str(key), known, given) for key, given in value.items() if key not in known]
        if unknown:
            raise ValidationError.from_exception_data(model.__name__, unknown)
        return model.model_validate(value)


def _unknown_setting(name: str, known: Iterable[str], given: object) -> InitErrorDetails:
    """The error about a `name` that isn't `known`, with the hint at the nearest."""
    error = PydanticCustomError("extra_forbidden", "There is no such setting.{hint}", {"hint": suggest(name, known)})
    return InitErrorDetails(type=error, loc=(name,), input=given)


def registered_term(kind: str, name: str) -> Term:
    """The term that a plugin registered under `name`.

    Raises:
        UnknownNameError: if none did.
        ValueError: if it serves for something else.
        TaskError: if it is no term.
    """
    spec = load_plugins().terms.get(name)
    if kind not in spec.kinds:
        raise ValueError(f"term {name!r} serves as {' or '.join(spec.kinds)}, not as {kind}")
    return Term(kind, spec.load(), {}, is_complete=False)


def taken_from_config(term: Term, config: TaskConfig) -> dict[str, Any]:
    """Options and parameters as a declaration has them, with what it takes from the config in their own types.

    Raises:
        TaskError: the config's value is none of that type.
    """
    declared = {**term.options, **term.params}
    told = resolve_settings(declared, config)
    types: dict[str, Any] = {name: parameter.annotation for name, parameter in term.parameters().items()}
    types.update(_OPTION_TYPES[term.kind])
    for name, value in declared.items():
        kind = types.get(name, inspect.Parameter.empty)
        if isinstance(value, Setting) and kind is not inspect.Parameter.empty and not isinstance(kind, str):
            try:
                told[name] = TypeAdapter(kind).validate_python(told[name])
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                raise TaskError(
                    f"The {term.kind} {term.name!r} takes {name} from {value!r}: {told[name]!r}. {reason}."
                ) from error
    return told


Sections = dict[str, Any]
"""The sections of a task's settings, one for each kind of term, as `create_model` takes fields."""


def sections_of(owner: str, terms: Mapping[str, Mapping[str, Term]]) -> Sections:
    """The sections that a task's settings have for its terms.

    Args:
        owner: name of the task class.
        terms: terms by kind, then name.

    Raises:
        TaskError: if a term is told something that its options or parameters can't be.
    """
    return {section: _section(owner, kind, terms.get(kind, {})) for kind, section in SECTIONS.items()}


def settings_of(owner: str, base: type[TaskConfig], sections: Sections) -> type[TaskConfig]:
    """The settings model of a task: `base`, the config that it declares, with `sections`.

    Raises:
        TaskError: if `base` has a field of its own where a section goes.
    """
    for name in sections:
        if name in base.model_fields:
            raise TaskError(f"{base.__name__} can't have a field {name!r}: that is where the terms of {owner} stand.")
    return create_model(f"{owner}Settings", __base__=base, __doc__=base.__doc__, **sections)


def _section(owner: str, kind: str, terms: Mapping[str, Term]) -> Any:
    fields: dict[str, Any] = {}
    for name, term in terms.items():
        if hasattr(Terms, name):
            raise TaskError(f"The {kind} {name!r} of {owner} needs another name: every part of a config has that.")
        model = _own_model(owner, name, term)
        fields[name] = (model, Field(default=model(), description=term.summary or None))
    title = SECTIONS[kind].capitalize()
    container = create_model(f"{owner}{title}", __base__=Terms, __doc__=f"The {title.lower()} of {owner}.", **fields)
    container.kind, container.owner, container.added = kind, owner, _BASES[kind]
    return container, Field(default=container(), description=f"{title} by name.")


def _own_model(owner: str, name: str, term: Term) -> type[TermSettings]:
    """The settings of a term that the class declares, of which every field has a default."""
    try:
        model = _term_model(term, name)
        model()
    except ValidationError as error:
        first = error.errors()[0]
        place, reason = ".".join(str(step) for step in first["loc"]), first["msg"]
        raise TaskError(f"The {term.kind} {name!r} of {owner}: {place} is {first['input']!r}. {reason}.") from error
    except (PydanticUserError, NameError) as error:
        raise TaskError(
            f"The {term.kind} {name!r} of {owner} has a parameter that no config can hold: {_first_line(error)}"
        ) from error
    return model


def _term_model(term: Term, name: str, *, registered: str | None = None) -> type[TermSettings]:
    """Options and parameters of a term as a model; what the declaration takes from the config is no field here."""
    fields: dict[str, Any] = {}
    for option, annotation in _OPTION_TYPES[term.kind].items():
        if not isinstance(term.options[option], Setting):
            fields[option] = (annotation, term.options[option])
    for parameter in term.parameters().values():
        default = term.params.get(parameter.name, parameter.default)
        if not isinstance(default, Setting):
            annotation = Any if parameter.annotation is inspect.Parameter.empty else parameter.annotation
            fields[parameter.name] = (annotation, ... if default is inspect.Parameter.empty else default)
    if registered is not None:
        fields["term"] = (Literal[registered], Field(registered, description="The registered term."))
    # annotations may be text, which pydantic reads as the function's module does
    base, module = _BASES[term.kind], term.function.__module__
    return create_model(f"{name}_{term.kind}", __base__=base, __doc__=term.summary or None, __module__=module, **fields)


def _example(kind: str) -> str:
    """A registered term of this kind, for an error message."""
    return next((name for name, _, spec in load_plugins().terms.items() if kind in spec.kinds), "NAME")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
