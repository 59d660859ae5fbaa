"""Says in one plain line which setting is wrong, who set it so, and what it may be."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from igx.config.base import Config
from igx.config.fields import dotted, field_at, inner_model, is_nullable, names_of, places_of
from igx.config.overrides import Said
from igx.config.run_config import RunConfig
from igx.config.yaml_text import Place, inline
from igx.errors import ConfigError, suggest

_ACCEPTED = {
    "greater_than": "greater than {}",
    "greater_than_equal": "at least {}",
    "less_than": "less than {}",
    "less_than_equal": "at most {}",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "dict_type": "a mapping",
    "too_long": "a list of at most {} entries",
}
_LISTS = ("list_type", "tuple_type")
_GROUPS = ("model_type", "model_attributes_type")
_SHORTHANDS = {"a number": 1.0, "true or false": True, "a name": "name"}
"""What may stand for a group of settings, each with an example."""


def unknown_setting(model: type[Config], key: str, *, way: Place, origin: str) -> ConfigError:
    """The error for `key`, which `model`, the settings at `way`, does not know."""
    asked = dotted((*way, key))
    if key in model.advice:
        return ConfigError(f"There is no {asked} ({origin}): {model.advice[key]}.")
    elsewhere = [] if way else [place for place in places_of(model) if place[-1] == key]
    if elsewhere:
        nearest = min(elsewhere, key=lambda place: (len(place), place))
        hint = f" Did you mean {dotted(nearest)!r}?"
    else:
        hint = suggest(key, names_of(model))
    return ConfigError(f"There is no {asked} ({origin}).{hint}")


def explain(
    error: ValidationError, *, model: type[RunConfig], values: Mapping[str, Any], said_at: Callable[[Place], Said]
) -> ConfigError:
    """`error`, which pydantic raised on `values`, as one line about the first wrong setting."""
    problems: defaultdict[Place, list[ErrorDetails]] = defaultdict(list)
    for details in error.errors():
        problems[_place(details, values)].append(details)
    (place, first), *others = problems.items()
    more = f" Also wrong: {', '.join(dotted(other) for other, _ in others)}." if others else ""
    return ConfigError(_complaint(place, first, model=model, values=values, said=said_at(place)) + more)


def _place(details: ErrorDetails, values: Mapping[str, Any]) -> Place:
    """Where `details` points to, as far as that stands in `values`; pydantic adds steps of its own."""
    place: Place = ()
    value: Any = values
    for step in details["loc"]:
        if isinstance(step, str) and isinstance(value, Mapping):
            if step in value or _is_missing(details):
                place = (*place, step)
            value = cast("Mapping[str, Any]", value).get(step)
    return place


def _is_missing(details: ErrorDetails) -> bool:
    return details["type"] == "missing" and isinstance(details["loc"][-1], str)


def _complaint(
    place: Place,
    problems: list[ErrorDetails],
    *,
    model: type[RunConfig],
    values: Mapping[str, Any],
    said: Said,
) -> str:
    field = field_at(model, place)
    if _is_missing(problems[0]):
        return f"{dotted(place)} is missing{_described(field)}."
    if problems[0]["type"] == "extra_forbidden":
        return f"There is no {dotted(place)} ({said.origin}).{problems[0].get('ctx', {}).get('hint', '')}"
    value = _value(values, place)
    reason = _own_words(problems[0])
    if reason and isinstance(value, Mapping):
        return f"{dotted(place)}: {reason}."
    shown = problems[0]["input"] if isinstance(value, Mapping) else value
    subject = f"{dotted(place)} is {inline(shown)} ({said.origin})"
    if reason:
        return f"{subject}; {reason}."
    first_entry = next((entry for details in problems if (entry := _entry(details))), None)
    told = [details for details in problems if _entry(details) in (None, first_entry)]
    accepted = " or ".join(dict.fromkeys(_accepted(details, field) for details in told))
    accepted += " or null" if field and is_nullable(field) else ""
    return f"{subject}; it must be {accepted}.{_otherwise(field, said.before)}"


def _own_words(details: ErrorDetails) -> str:
    """What a validator of ours said, which needs no rewording."""
    raised = details.get("ctx", {}).get("error")
    return str(raised).strip().removesuffix(".") if isinstance(raised, Exception) else ""


def _accepted(details: ErrorDetails, field: FieldInfo | None) -> str:
    """What pydantic would have taken, in words that follow "it must be"."""
    kind, context = details["type"], details.get("ctx", {})
    if kind in _GROUPS:
        return _group(inner_model(field))
    if kind in _LISTS:
        return f"a list, e.g. {_as_list(details['input'], field)}"
    words = _ACCEPTED.get(kind, details["msg"].removeprefix("Input should be "))
    bound = context.get("max_length", next(iter(context.values()), None))
    accepted = words.replace("{}", f"{bound:.12g}" if isinstance(bound, float) else str(bound))
    entry = _entry(details)
    if entry is None:
        return accepted
    return f"a list of at least {entry} entries" if kind == "missing" else f"a list whose entry {entry} is {accepted}"


def _entry(details: ErrorDetails) -> int | None:
    """The entry of a list that `details` is about, counted from 1."""
    return next((step + 1 for step in details["loc"] if isinstance(step, int)), None)


def _group(model: type[Config] | None) -> str:
    """What a group of settings may be given as."""
    short = [words for words, example in _SHORTHANDS.items() if model and model.expand_shorthand(example) != example]
    return " or ".join([*short, "a mapping of settings"])


def _as_list(value: object, field: FieldInfo | None) -> str:
    """`value` as the list that may have been meant; any list, where it could be no entry."""
    entries = [entry.strip() for entry in str(value).strip("()").split(",")]
    usual = field.default if field else None
    has_texts = isinstance(usual, (list, tuple)) and all(
        isinstance(entry, str) for entry in cast("list[object]", usual)
    )
    is_meant = isinstance(value, (str, int, float)) and all(
        entry and (has_texts or _is_number(entry)) for entry in entries
    )
    return f"[{', '.join(entries)}]" if is_meant else "[1, 2]"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value(values: Mapping[str, Any], place: Place) -> Any:
    value: Any = values
    for name in place:
        value = value[name]
    return value


def _described(field: FieldInfo | None) -> str:
    return f" ({field.description.rstrip('.')})" if field and field.description else ""


def _otherwise(field: FieldInfo | None, before: Said | None) -> str:
    """What the setting is where the wrong value isn't said."""
    if before is None or before.parts is not None:
        before = Said(value=field.default if field else PydanticUndefined, origin="default")
    if before.value is PydanticUndefined or isinstance(before.value, Config):
        return ""
    if before.origin == "default":
        return f" The default is {inline(before.value)}."
    return f" Without this it is {inline(before.value)} ({before.origin})."
