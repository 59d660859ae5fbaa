"""What a settings model looks like from outside: its names and aliases, and the models inside it."""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from igx.config.base import Config
from igx.config.yaml_text import Place


def names_of(model: type[Config]) -> dict[str, str]:
    """Every name that `model` understands, and the field that each stands for."""
    names = {alias: name for name, field in model.model_fields.items() for alias in _aliases(field)}
    return names | {name: name for name in model.model_fields}


def allows_more(model: type[Config]) -> bool:
    """Whether `model` takes names beside its fields."""
    return model.model_config.get("extra") == "allow"


def inner_model(field: FieldInfo | None) -> type[Config] | None:
    """The one settings model that `field` may hold, if there is one."""
    kinds = list(_kinds(field.annotation)) if field else []
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Config)]
    return models[0] if len(models) == 1 else None


def is_nullable(field: FieldInfo) -> bool:
    """Whether `field` may be null."""
    return any(kind is None or kind is NoneType for kind in _kinds(field.annotation))


def field_at(model: type[Config], place: Place) -> FieldInfo | None:
    """The field that `place` names within `model`; None where its models say nothing about it."""
    *way, last = place
    for name in way:
        inner = inner_model(model.model_fields.get(name))
        if inner is None:
            return None
        model = inner
    return model.model_fields.get(last)


def places_of(model: type[Config], way: Place = ()) -> Iterator[Place]:
    """Every name of `model` and of the models inside it, aliases too."""
    for name, field_name in names_of(model).items():
        yield (*way, name)
        inner = inner_model(model.model_fields[field_name])
        if inner is not None:
            yield from places_of(inner, (*way, name))


def dotted(place: Place) -> str:
    """`place` as people write it: `ppo.lr`."""
    return ".".join(place)


def _aliases(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [choice for choice in choices if isinstance(choice, str)]


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that `annotation` is a choice of."""
    if get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for choice in get_args(annotation):
            yield from _kinds(choice)
    else:
        yield annotation
